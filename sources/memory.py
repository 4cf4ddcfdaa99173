"""How much memory DuckDB may use, and where it puts what does not fit: for every stage that works on much data."""

import hashlib
import shutil
from dataclasses import dataclass
from pathlib import Path

from sources.settings.models import Limits


@dataclass(frozen=True)
class Memory:
    """`spill` is a folder of this home alone: DuckDB gives what it spills the same names in every process."""

    limit: str
    spill: Path

    def config(self) -> dict[str, str | bool | int | float | list[str]]:
        """What a connection is opened with."""
        return {"memory_limit": self.limit, "temp_directory": str(self.spill)}

    def emptied(self) -> "Memory":
        """The same, without what a killed run left in its folder. The caller holds the home."""
        shutil.rmtree(self.spill, ignore_errors=True)
        return self


def memory_of(home: Path, limits: Limits) -> Memory:
    """By the settings of a home: its warehouse's disk takes what does not fit, unless they name a folder."""
    if limits.spill_folder is None:
        return Memory(limits.memory, home / "warehouse" / "spill")
    name = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
    return Memory(limits.memory, Path(limits.spill_folder).expanduser() / f"inferledger-{name}")
