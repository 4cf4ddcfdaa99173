"""What the next run will do to a home, and why: told by what has landed and is set now, without doing any of it."""

import os
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from assets import ingest, warehouse
from sources.home import Home, HomeError
from sources.settings import compile_settings, load_settings


@dataclass(frozen=True)
class NextRun:
    """`landed_files` are read first; the days they touch are known then. `read_files` wait to be built."""

    landed_files: int
    read_files: int
    is_full: bool
    # Why everything is built, or what else than files is other than in the last build.
    reasons: list[str]

    @property
    def is_nothing(self) -> bool:
        return not (self.landed_files or self.read_files or self.is_full or self.reasons)


def next_run(home: Home) -> NextRun | None:
    """None when it cannot be told: settings that a run would refuse, or a ledger this process may not open."""
    if not os.access(home.lake, os.W_OK):
        return None
    try:
        landed = ingest.pending(home)
        settings = load_settings(home)
    except HomeError:
        return None
    with TemporaryDirectory() as scratch:
        compiled = Home(Path(scratch))
        compile_settings(compiled, settings)
        now = warehouse.read_inputs(home)
        inputs = warehouse.Inputs(dict(now.parts) | dict(warehouse.state_of(compiled.lake)))
    plan = warehouse.next_build(home, inputs)
    changed = inputs.changes_since(warehouse.built_inputs(home))
    reasons = list(plan.reasons) or [name for name in changed if not name.startswith("meta/")]
    return NextRun(len(landed), len(plan.files), plan.is_full, reasons)
