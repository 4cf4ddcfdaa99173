"""What dbt says while it works, without what only tells how it goes about it. Imported late: dbt costs two seconds."""

from typing import Any

from dbt_common.events.base_types import BaseEvent, EventLevel
from dbt_common.events.event_manager import EventManager


class WithoutDebug(EventManager):
    """dbt's own. Twenty events of a model or test are for debugging: messages of them, unread, take CPU seconds."""

    def fire_event(
        self,
        e: BaseEvent,
        level: EventLevel | None = None,
        node: Any = None,
        force_warn_or_error_handling: bool = False,
    ) -> None:
        if (level or e.level_tag()) != EventLevel.DEBUG:
            super().fire_event(e, level, node, force_warn_or_error_handling)
