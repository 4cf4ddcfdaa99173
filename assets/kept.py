"""Samples of GPUs and engines that are old enough go, whole months at a time, when what they say is kept in the lake.

What is kept is what the last build made of them, so a later build ends with the same rows. The ledger's word is the
commit: the tables are written, then the ledger says from which day on there are samples, then lake files go.
"""

import hashlib
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from assets.touched import is_whole
from assets.warehouse import PROJECT, built_inputs, folder_hash, keeps_parsed
from sources import clock
from sources.home import Home, HomeError
from sources.ingest import lake_connection
from sources.kept import KEPT, KEPT_FOLDER, kept_name
from sources.lake import SCHEMA_NAME, lake_file, ledger_path, put, table_folder, unfinished
from sources.ledger import Content, FileLedger, LedgerRow
from sources.memory import memory_of
from sources.meta import export_samples_from
from sources.reading import PARQUET, literal
from sources.registry import FEEDS
from sources.settings import Settings


@dataclass(frozen=True)
class SamplesGone:
    """The first day of which there are samples still, and the lake files that went."""

    samples_from: date
    lake_files: int


def let_samples_go(home: Home, settings: Settings) -> SamplesGone | None:
    """Keep what old samples say and remove them; None where there are none, or the last build is not of all of them.

    The caller holds the home's lock, and has read nothing new since that build.
    """
    retention = settings.general.retention
    if retention.samples_days is None or built_inputs(home) is None or not is_whole(home, folder_hash(PROJECT)):
        return None
    memory = memory_of(home.root, settings.limits)
    with (
        FileLedger(ledger_path(home.root)) as ledger,
        closing(lake_connection(home.root, memory)) as connection,
    ):
        connection.execute(f"attach {literal(home.warehouse / 'work.duckdb')} as work (read_only)")
        kept = ledger.kept_samples()
        since = max(kept, default=date.min)
        samples_from = first_day_that_stays(connection, since, retention.samples_days, retention.gpu_5m_days)
        if samples_from is None or samples_from <= since:
            return None
        written = _write(home, connection, kept, samples_from)
        gone = _older(home, ledger, samples_from)
        ledger.keep_samples(samples_from, written, [(_size(path), rows) for path, rows in gone.items()])
        # Before they go: a build that follows at once, without a run's other steps, reads this.
        export_samples_from(home.root, ledger)
    for path in gone:
        path.unlink(missing_ok=True)
    return SamplesGone(samples_from, len(gone))


def why_samples_stay(settings: Settings) -> str | None:
    """Why none go although the settings have them go; None where they do, or are not to."""
    if settings.general.retention.samples_days is None or keeps_parsed():
        return None
    return (
        f"retention.samples_days: no samples go, since {PROJECT} cannot be written: without what dbt has read"
        " of it, kept there, no build is known to be whole. Run inferledger as a user who may write it"
    )


def require_kept(home: Home) -> None:
    """HomeError when a file is not what the ledger says was kept in it of samples that have gone."""
    with FileLedger(ledger_path(home.root)) as ledger:
        days, noted = ledger.kept_samples(), ledger.kept_files()
    wrong = []
    for day in days:
        for table in KEPT:
            path = table_folder(home.root, KEPT_FOLDER, table) / kept_name(day)
            if not path.is_file():
                wrong.append(f"{path}: not there")
            elif (day, table) not in noted:
                wrong.append(f"{path}: the ledger does not know what is in it")
            elif _content(path) != noted[day, table]:
                wrong.append(f"{path}: not the bytes that were kept")
    if wrong:
        raise HomeError(
            f"{'; '.join(wrong)}. Nothing was built, as samples of those days have gone and this is all that was"
            " kept of them. Bring it back from a backup"
        )


def first_day_that_stays(
    connection: duckdb.DuckDBPyConnection, since: date, samples_days: int, gpu_5m_days: int
) -> date | None:
    """The first of the month so many days before the newest sample; one whose clock runs ahead is not believed.

    `gpu_metrics_5m` is made of samples alone, which are there from `since` on, and counts its days from the newest of
    GPUs: what it holds stays, though engines have later samples.
    """
    first, newest, newest_gpu = connection.execute(f"""
        select min(sampled_date), max(sampled_date),
            max(sampled_date) filter (is_gpu and sampled_date >= {literal(str(since))}::date)
        from (
            select sampled_date, true as is_gpu from work.main.int_gpu_metrics_measured
            union all
            select sampled_date, false from work.main.int_engine_seen_days
        )""").fetchall()[0]
    if newest is None:
        return None
    last = min(newest, clock.now().date()) - timedelta(days=samples_days)
    if newest_gpu is not None:
        last = min(last, newest_gpu - timedelta(days=gpu_5m_days))
    samples_from = last.replace(day=1)
    return samples_from if first < samples_from else None


def _write(
    home: Home, connection: duckdb.DuckDBPyConnection, kept: list[date], samples_from: date
) -> dict[str, Content]:
    """The days of each table that go now, and what its file holds.

    Files of an earlier attempt that the ledger does not name are replaced.
    """
    written = {}
    since = max(kept, default=date.min)
    named = {SCHEMA_NAME, *(kept_name(day) for day in kept)}
    for table, columns in KEPT.items():
        folder = table_folder(home.root, KEPT_FOLDER, table)
        for path in folder.iterdir():
            if path.name not in named:
                path.unlink()
        target = folder / kept_name(samples_from)
        typed = ", ".join(f"{name}::{kind} as {name}" for name, kind in columns.items())
        going = f"sampled_date >= {literal(str(since))}::date and sampled_date < {literal(str(samples_from))}::date"
        rows = f"select {typed} from work.main.int_{table} where {going} order by all"
        connection.execute(f"copy ({rows}) to {literal(unfinished(target))} {PARQUET}")
        put(unfinished(target), target)
        written[table] = _content(target)
    return written


def _content(path: Path) -> Content:
    content = path.read_bytes()
    return len(content), hashlib.sha256(content).hexdigest()


def _older(home: Home, ledger: FileLedger, samples_from: date) -> dict[Path, list[LedgerRow]]:
    """Lake files with samples of days before only; one that has later ones too stays, and is read for those alone."""
    found: dict[Path, list[LedgerRow]] = {}
    for table in FEEDS:
        if table.is_samples:
            for row in ledger.rows(
                "status = 'committed' and feed = :feed and table_name = :table", feed=table.feed, table=table.table
            ):
                if not row.is_expired:
                    found.setdefault(lake_file(home.root, row), []).append(row)
    return {
        path: rows
        for path, rows in found.items()
        if all(row.last_event_at is not None and row.last_event_at.date() < samples_from for row in rows)
    }


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
