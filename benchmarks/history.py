"""A home with months of calls, cheap to make: the product reads one day, the days before it are its lake file shifted.

Every day is one committed lake file with ids of its own, as if its landed file had been deleted since. What arrives
later lands as logs: calls of the next day, and calls of the days before that are sent again.
"""

import hashlib
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb
import numpy as np
import polars as pl

from assets.ingest import take_in
from benchmarks.rows import log_rows, values_of, write_settings
from sources.home import Home
from sources.lake import ledger_path
from sources.ledger import FileLedger, LedgerRow
from sources.reading import PARQUET, literal
from sources.settings import load_settings

# The last day of the history; a run takes place in the morning after it.
LAST_DAY = date(2026, 11, 16)
RESENT_DAYS = 30
_TIMES = ("started_at", "ended_at", "completion_started_at")
_IDS = ("request_id", "litellm_call_id", "session_id", "tag_task_id")


def write_history(home: Path, calls: int, days: int) -> int:
    """A home whose lake holds about `calls` calls of `days` days; how many it holds."""
    write_settings(home / "config")
    in_day = calls // days
    _land(home, LAST_DAY, log_rows(values_of(LAST_DAY, 0, in_day, in_day)))
    place = Home(home)
    take_in(place, load_settings(place), lambda done, total, name: None)
    with FileLedger(ledger_path(home)) as ledger, duckdb.connect() as connection:
        [model] = ledger.rows("status = 'committed'")
        folder = home / "lake" / model.feed / model.table_name
        for back in range(1, days):
            _commit_day(ledger, connection, folder, model, back)
    return in_day * days


def land_next_day(home: Path, number: int, calls: int, in_history_day: int, resent: float) -> int:
    """Land a day after the history: `calls` lines, of which `resent` are calls of the history's last days, sent again.

    The tasks of one day go on in the next.
    """
    again = int(calls * resent)
    day = LAST_DAY + timedelta(days=number)
    frames = [log_rows(values_of(day, 0, calls - again, calls - again))]
    for back in range(1, RESENT_DAYS + 1):
        count = again // RESENT_DAYS + (back <= again % RESENT_DAYS)
        before = values_of(LAST_DAY, 0, in_history_day, in_history_day)
        chosen = np.random.default_rng(back).choice(in_history_day, min(count, in_history_day), replace=False)
        frames.append(log_rows(_shifted(before[np.sort(chosen)], back)))
    return _land(home, day, pl.concat(frames))


def _shifted(values: pl.DataFrame, back: int) -> pl.DataFrame:
    """The calls as `_commit_day` makes them."""
    return values.with_columns(
        pl.col("started") - back * 86_400_000,
        *(pl.format("{}-{}", name, pl.lit(back)).alias(name) for name in ("response", "call", "trace", "task")),
    )


def _land(home: Path, day: date, rows: pl.DataFrame) -> int:
    folder = home / "landing" / "litellm" / "spend_logs"
    folder.mkdir(parents=True, exist_ok=True)
    rows.write_ndjson(folder / f"spend_logs_{day}.ndjson")
    return rows.height


def _commit_day(
    ledger: FileLedger, connection: duckdb.DuckDBPyConnection, folder: Path, model: LedgerRow, back: int
) -> None:
    day = LAST_DAY - timedelta(days=back)
    identity = hashlib.sha256(f"history {back}".encode()).hexdigest()
    row = LedgerRow(
        feed=model.feed, table_name=model.table_name, identity=identity, path=f"{model.path}.{back}",
        reader_version=model.reader_version, file_name=f"spend_logs_{day}.ndjson", slot=f"history {back}",
        content_sha256=identity, size_bytes=model.size_bytes, status="committed", rows_read=model.rows_read,
        rows_kept=model.rows_kept, first_event_at=datetime.combine(day, datetime.min.time(), UTC).replace(tzinfo=None),
        last_event_at=datetime.combine(day, datetime.max.time(), UTC).replace(tzinfo=None),
        settings_key=model.settings_key,
    )  # fmt: skip
    replaced = [f"{name} - interval {back} day as {name}" for name in _TIMES]
    replaced += [f"{name} || '-{back}' as {name}" for name in _IDS]
    connection.execute(
        f"copy (select * replace ({', '.join(replaced)}, '{identity}' as file_hash) "
        f"from read_parquet({literal(folder / model.lake_name)})) to {literal(folder / row.lake_name)} {PARQUET}"
    )
    ledger.commit(row, "", {day: model.rows_kept})
