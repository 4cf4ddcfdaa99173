"""The one clock. Everything that needs "now" asks here, so a run can be repeated with INFERLEDGER_NOW."""

import os
from datetime import UTC, datetime

NOW_VARIABLE = "INFERLEDGER_NOW"


def now() -> datetime:
    """The present moment in UTC, or what INFERLEDGER_NOW says (ISO 8601; without a zone it means UTC)."""
    text = os.environ.get(NOW_VARIABLE)
    if not text:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{NOW_VARIABLE}={text!r}: expected an ISO 8601 time such as 2026-11-18T06:00:00Z") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
