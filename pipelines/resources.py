"""What steps are given in Dagster: the home, held under the same lock as runs of the command line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from pipelines.lock import home_lock
from sources.home import Home
from sources.settings import Settings, load_settings


class HomeResource(dg.ConfigurableResource):  # type: ignore[type-arg]  # generic only for resources that give a value
    """One company's home; INFERLEDGER_HOME when `path` is left out."""

    path: str | None = None

    def find(self) -> Home:
        """The home, not held: for reading what is published and what has landed."""
        return Home.find(Path(self.path) if self.path else None)

    @contextmanager
    def hold(self, step: str) -> Iterator[tuple[Home, Settings]]:
        """The home and its settings, held until the step ends; waits for other runs as long as the settings say."""
        home = self.find()
        settings = load_settings(home)
        with home_lock(home.root, f"dagster run {step}", settings.limits.lock_wait_seconds):
            yield home, settings


RESOURCES = {"home": HomeResource()}
