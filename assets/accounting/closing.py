"""Closing a posting period: its checklist, and its snapshot, written from the published marts in one rename.

Nothing here changes a mart: the next run reads the snapshot and posts whatever comes later as corrections.
"""

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from assets.accounting.checklist import Check, run_checklist
from assets.accounting.snapshots import (
    MANIFEST,
    POSTINGS,
    PeriodError,
    exports_folder,
    first_day,
    month_after,
    period_of,
    previous_of,
    remove_unfinished,
    require_unchanged,
    sha256,
)
from assets.exports import EXPORTS, ExportError, write_export
from assets.ingest import pending
from assets.marts import open_marts, rows
from assets.publish import DATABASE, Manifest
from assets.version import code_version
from assets.warehouse import applied_inputs, read_inputs
from sources import clock
from sources.home import Home
from sources.reading import literal
from sources.settings import Settings

# What of a period is kept, in an order that is total.
_TABLES = {
    POSTINGS: ("fct_allocations", "allocation_id"),
    "chargeback_lines.parquet": ("chargeback_lines", "chargeback_line_id"),
    "fct_charges.parquet": ("fct_charges", "charge_id"),
    "journal_lines.parquet": ("journal_lines", "journal_id, line_no"),
}
NO_REOPEN = "a closed period is never opened again; what comes later is posted as corrections in the next one"


@dataclass(frozen=True)
class Closing:
    """What closing a period found and did; `folder` is None where it was blocked or only tried."""

    period: str
    checks: list[Check]
    postings: int
    amount_usd: Any
    folder: Path | None = None

    @property
    def blocked_by(self) -> list[Check]:
        return [check for check in self.checks if check.blocks]


def close_period(
    home: Home,
    settings: Settings,
    published: Manifest,
    period: str,
    *,
    preparer: str,
    approver: str,
    overrides: Mapping[str, str],
    is_dry_run: bool = False,
) -> Closing:
    """Close one month of postings. The caller holds the home's lock."""
    remove_unfinished(home)
    closed = require_unchanged(home)
    _require_closable(home, published, period_of(period), [snapshot.period for snapshot in closed])
    marts = home.published / DATABASE
    checks = run_checklist(marts, period, settings.limits, preparer, approver, overrides)
    (total,) = _totals(marts, period, "")
    closing = Closing(period, checks, total["rows"], total["amount_usd"])
    if closing.blocked_by or is_dry_run:
        return closing
    facts = {
        "period": period,
        "closed_at": clock.now().isoformat(),
        "preparer": preparer,
        "approver": approver,
        "checklist": [asdict(check) for check in checks],
        "materiality_usd": settings.limits.materiality_usd,
        "control_totals": total | {"by_status": _totals(marts, period, "status")},
        "published_version": published.version_id,
        "code_version": code_version(),
        "price_book_version": published.price_book,
        # Hashes of the prices, the settings (rules and maps among them), the files and the business rules.
        "inputs": dict(read_inputs(home).parts),
        "previous": previous_of(closed[-1] if closed else None),
    }
    return Closing(period, checks, total["rows"], total["amount_usd"], _write(home, published, period, facts))


def _require_closable(home: Home, published: Manifest, period: str, closed: list[str]) -> None:
    if period in closed:
        raise PeriodError(f"{period} is closed already: {home.closed / period / MANIFEST} says by whom; {NO_REOPEN}")
    if clock.now().date() < first_day(month_after(period)):
        raise PeriodError(f"{period} has not ended: it can be closed from {first_day(month_after(period))} on (UTC)")
    still_open = sorted(set(published.months) - set(closed))
    if period not in still_open:
        raise PeriodError(f"{period}: nothing is posted in it; open are {', '.join(still_open) or 'none'}")
    if still_open[0] != period:
        raise PeriodError(f"{period}: periods close in order, and {still_open[0]} is still open; close it first")
    before, now = applied_inputs(home), read_inputs(home)
    if before is None or before.version_id != published.version_id or before != now:
        changed = ", ".join(now.changes_since(before))
        raise PeriodError(f"the marts are not of today's data ({changed} changed): `inferledger run` first")
    if waiting := pending(home):
        raise PeriodError(f"{len(waiting)} landed files were not taken in yet: `inferledger run` first")


def _totals(marts: Path, period: str, by: str) -> list[dict[str, Any]]:
    keys = f"{by}, " if by else ""
    with open_marts(marts) as connection:
        return rows(
            connection,
            f"""
            select {keys}count(*) as rows, coalesce(sum(amount_usd), 0) as amount_usd,
                coalesce(sum(effective_amount_usd), 0) as effective_amount_usd
            from fct_allocations
            where posting_period = $period
            {f"group by {by} order by {by}" if by else ""}
            """,
            {"period": period},
        )


def _write(home: Home, published: Manifest, period: str, facts: dict[str, Any]) -> Path:
    """The whole snapshot under another name, on disk, then renamed: a kill leaves nothing or all of it."""
    folder = home.closed / f".{period}.tmp"
    folder.mkdir(parents=True)
    marts = home.published / DATABASE
    with open_marts(marts) as connection:
        connection.execute("set threads = 1")
        counts = {name: _write_table(connection, folder / name, *table, period) for name, table in _TABLES.items()}
    # The checklist names a journal that lacks accounts; once it has them, it is written from the same postings.
    not_written = {}
    for name, kind in EXPORTS.items():
        if not kind.is_kept:
            continue
        for dialect in kind.dialects or (None,):
            target = exports_folder(folder, name, dialect)
            try:
                write_export(name, marts, target, period, dialect, published.version_id, is_closing=True)
            except ExportError as error:
                not_written[f"{name} {dialect or ''}".strip()] = str(error)
    files = {
        str(path.relative_to(folder)): {"sha256": sha256(path), "bytes": path.stat().st_size}
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    for name, count in counts.items():
        files[name]["rows"] = count
    manifest = json.dumps({**facts, "exports_not_written": not_written, "files": files}, default=str, indent=1) + "\n"
    (folder / MANIFEST).write_text(manifest)
    for path in folder.rglob("*"):
        if path.is_file():
            path.chmod(0o444)
        _sync(path)
    _sync(folder)
    final = home.closed / period
    folder.rename(final)
    _sync(home.closed)
    return final


def _write_table(connection: duckdb.DuckDBPyConnection, path: Path, table: str, order: str, period: str) -> int:
    rows_of = f"from {table} where posting_period = {literal(period)}"
    connection.execute(
        f"copy (select * {rows_of} order by {order}) to {literal(path)} (format parquet, compression zstd)"
    )
    (found,) = rows(connection, f"select count(*) as rows {rows_of}")
    return int(found["rows"])


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
