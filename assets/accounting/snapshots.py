"""Snapshots of closed periods: <home>/closed/2026-10/ with the postings, the exports and a manifest of their hashes.

A snapshot is written whole or not at all and never changes. Every run holds each against its manifest, and gives the
warehouse their postings as they are. What a period must fulfil to be closed is assets.accounting.closing.
"""

import hashlib
import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from assets.version import ROOT
from sources.home import Home
from sources.lake import CURRENT_NAME, write_current
from sources.memory import connect
from sources.reading import literal

MANIFEST = "manifest.json"
POSTINGS = "fct_allocations.parquet"
LAKE_GROUP, LAKE_TABLE = "accounting", "closed_allocations"
# Lake table: the mart it is kept from, and its order.
LEDGERS = {
    LAKE_TABLE: ("fct_allocations", "posting_period, allocation_id"),
    "closed_journal_lines": ("journal_lines", "journal_id, line_no"),
}
_MARTS = ROOT / "dbt_project/models/marts"


class PeriodError(Exception):
    """The period cannot be closed, or be asked about, as it was named."""


class SnapshotError(Exception):
    """A snapshot is not what it was when its period was closed."""


@dataclass(frozen=True)
class Snapshot:
    """A closed period."""

    period: str
    folder: Path
    manifest: dict[str, Any]

    @property
    def closed_at(self) -> str:
        return str(self.manifest["closed_at"])


def period_of(text: str) -> str:
    """A posting period as it is typed, such as 2026-10."""
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", text):
        raise PeriodError(f"period: found {text!r}, allowed is a month such as 2026-10")
    return text


def month_after(period: str) -> str:
    year, month = map(int, period.split("-"))
    return f"{year + month // 12}-{month % 12 + 1:02}"


def month_before(period: str) -> str:
    year, month = map(int, period.split("-"))
    return f"{year - (month == 1)}-{(month + 10) % 12 + 1:02}"


def first_day(period: str) -> date:
    return date.fromisoformat(f"{period}-01")


def exports_folder(snapshot: Path, name: str, dialect: str | None) -> Path:
    """Where a snapshot has the files of an export, as they were when the period was closed."""
    return snapshot / "exports" / name / (dialect or "")


def snapshots(home: Home) -> list[Snapshot]:
    """Every closed period, in order, as its manifest tells; nothing is held against hashes."""
    return [
        Snapshot(path.parent.name, path.parent, json.loads(path.read_text()))
        for path in sorted(home.closed.glob(f"[0-9]*/{MANIFEST}"))
    ]


def snapshot_of(home: Home, period: str) -> Snapshot | None:
    """The snapshot of a closed period, held against its hashes; None while the period is not closed."""
    found = next((snapshot for snapshot in snapshots(home) if snapshot.period == period), None)
    if found:
        _require_unchanged([found])
    return found


def require_unchanged(home: Home) -> list[Snapshot]:
    """Every snapshot, in order. SnapshotError names each file that is not as it was when its period was closed."""
    found = snapshots(home)
    there = {snapshot.period for snapshot in found}
    lost = {path.name for path in home.closed.glob("[0-9]*")} | _periods_posted(home)
    if lost - there:
        raise SnapshotError(f"{home.closed}: the snapshot of {', '.join(sorted(lost - there))} is missing; {_REMEDY}")
    _require_unchanged(found)
    for before, after in zip([None, *found], found, strict=False):
        if after.manifest["previous"] != previous_of(before):
            named = after.manifest["previous"] or {"period": "no period"}
            raise SnapshotError(f"{after.folder}: follows another snapshot of {named['period']}; {_REMEDY}")
    return found


def previous_of(snapshot: Snapshot | None) -> dict[str, str] | None:
    """How the manifest of the next period names this one, so that no manifest can change unseen."""
    return {"period": snapshot.period, "sha256": sha256(snapshot.folder / MANIFEST)} if snapshot else None


def _periods_posted(home: Home) -> set[str]:
    """Closed periods of which the warehouse has the postings already."""
    path = home.lake / LAKE_GROUP / LAKE_TABLE / CURRENT_NAME
    return set(pl.read_parquet(path, columns=["posting_period"])["posting_period"]) if path.is_file() else set()


_REMEDY = "restore it from a backup: a closed period is never changed"


def _require_unchanged(found: Iterable[Snapshot]) -> None:
    wrong = []
    for snapshot in found:
        for name, file in snapshot.manifest["files"].items():
            path = snapshot.folder / name
            if not path.is_file():
                wrong.append(f"{path}: is missing")
            elif (digest := sha256(path)) != file["sha256"]:
                wrong.append(f"{path}: found SHA-256 {digest}, was {file['sha256']} when {snapshot.period} was closed")
    if wrong:
        raise SnapshotError("\n  ".join([f"{len(wrong)} files of closed periods changed; {_REMEDY}", *wrong]))


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remove_unfinished(home: Home) -> None:
    """What a killed close left; nobody reads it."""
    for path in home.closed.glob(".*.tmp"):
        shutil.rmtree(path)


def write_closed_ledger(home: Home) -> list[Snapshot]:
    """Give dbt the postings and journals of all closed periods, as they are; no rows while none is closed."""
    found = require_unchanged(home)
    for table, (mart, order) in LEDGERS.items():
        columns = mart_columns(mart)
        with connect() as connection:
            connection.execute(f"create table kept ({', '.join(' '.join(column) for column in columns.items())})")
            for snapshot in found:
                rows = f"select * from read_parquet({literal(snapshot.folder / f'{mart}.parquet')})"
                known = ", ".join(name for name in connection.sql(rows).columns if name in columns)
                connection.execute(f"insert into kept by name select {known} from ({rows})")
            frame = connection.sql(f"select * from kept order by {order}").pl()
        write_current(home.root, LAKE_GROUP, table, frame)
    return found


def mart_columns(mart: str) -> dict[str, str]:
    """Names and types of a mart, from its contract."""
    for path in _MARTS.glob("*/_*__models.yml"):
        if f"- name: {mart}\n" in (text := path.read_text()):
            (model,) = (model for model in yaml.load(text, yaml.CSafeLoader)["models"] if model["name"] == mart)
            return {column["name"]: column["data_type"] for column in model["columns"]}
    raise LookupError(f"{_MARTS} has no contract of {mart}")
