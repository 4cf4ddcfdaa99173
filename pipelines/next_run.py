"""What the next run will do to a home, and why: told by what has landed and is set now, without doing any of it."""

import os
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from assets import ingest, warehouse
from assets.accounting.snapshots import LAKE_GROUP, LAKE_TABLE, POSTINGS, snapshots
from assets.publish import current_manifest
from assets.touched import read_files
from sources.home import Home, HomeError
from sources.lake import CURRENT_NAME, ledger_path
from sources.ledger import FileLedger
from sources.pricing import versions
from sources.settings import Settings, compile_settings, load_settings


@dataclass(frozen=True)
class NextRun:
    """`landed_files` are read first; the days they touch are known then. `read_files` are read and wait to be built.

    `days` are those of `read_files`; of `gone_files`, which are other or no longer there, only the build knows them.
    """

    landed_files: int = 0
    read_files: int = 0
    gone_files: int = 0
    days: list[date] = field(default_factory=list)
    builds: bool = False
    is_full: bool = False
    publishes: bool = False
    # Why everything is built, and what else than files is other than in the last build.
    reasons: list[str] = field(default_factory=list)
    # Why a run would end at once: settings that cannot be, an engine that is not there.
    refused: str | None = None


def next_run(home: Home) -> NextRun | None:
    """None when it cannot be told, of a ledger this process may not open."""
    if not os.access(home.lake, os.W_OK):
        return None
    try:
        landed = len(ingest.pending(home))
        settings = load_settings(home)
        inputs = _inputs(home, settings)
    except HomeError as error:
        return NextRun(refused=str(error))
    manifest, closed = current_manifest(home), _closed_since(home)
    book, used = versions.current(home, settings).version, versions.used_version(home)
    # Else something is in the lake only when the run has made it again.
    if not landed and not closed and book == used:
        if manifest and warehouse.applied_inputs(home) == inputs and manifest.version_id == inputs.version_id:
            return NextRun()
        if warehouse.built_inputs(home) == inputs:
            return NextRun(publishes=True)
    plan, read = warehouse.next_build(home, inputs), read_files(home)
    waiting = set(plan.files) & set(read)
    # What the ledger knows of files, and which prices they need, follows from the files.
    changed = [name for name in plan.changed if not name.startswith(("meta/", "pricing/"))]
    changed += [f"closed month {period}" for period in closed]
    if book != (manifest.price_book if manifest else used):
        changed.append("prices")
    return NextRun(
        landed_files=landed,
        read_files=len(waiting),
        gone_files=len(set(plan.files) - waiting),
        days=_days(home, waiting),
        builds=True,
        is_full=plan.is_full,
        publishes=True,
        reasons=[*plan.reasons, *changed],
    )


def _inputs(home: Home, settings: Settings) -> warehouse.Inputs:
    """Those of the lake, with the settings of now."""
    with TemporaryDirectory() as scratch:
        compiled = Home(Path(scratch))
        compile_settings(compiled, settings)
        now = warehouse.read_inputs(home)
        return warehouse.Inputs(dict(now.parts) | dict(warehouse.state_of(compiled.lake)))


def _closed_since(home: Home) -> list[str]:
    """Closed months whose postings the lake does not have yet."""
    path = home.lake / LAKE_GROUP / LAKE_TABLE / CURRENT_NAME
    known = set(pl.read_parquet(path, columns=["posting_period"])["posting_period"]) if path.is_file() else set()
    closed = (one.period for one in snapshots(home) if one.manifest["files"][POSTINGS]["rows"])
    return [period for period in closed if period not in known]


def _days(home: Home, identities: set[str]) -> list[date]:
    if not identities:
        return []
    with FileLedger(ledger_path(home.root)) as ledger:
        return sorted({day for _, _, identity, day, _ in ledger.days() if identity in identities})
