"""Samples of GPUs and engines, and calls, go when they are old enough and what is made of them is kept in the lake.

They go by whole months. What is kept is what the last build made of them, so a later build ends with the same rows. The
ledger's word is the commit: the tables are written, then the ledger says from which day on there are samples or calls,
then lake files go.
"""

import hashlib
from collections.abc import Callable, Collection
from contextlib import closing
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb

from assets.accounting.snapshots import first_day, month_after, snapshots
from assets.touched import is_whole, kept_of_calls
from assets.warehouse import PROJECT, built_inputs, folder_hash, keeps_parsed
from sources import clock
from sources.feed import FeedTable
from sources.home import Home, HomeError
from sources.ingest import lake_connection
from sources.kept import KEPT, KEPT_FOLDER, kept_name
from sources.lake import SCHEMA_NAME, lake_file, ledger_path, put, table_folder, unfinished
from sources.ledger import Content, FileLedger, LedgerRow
from sources.memory import memory_of
from sources.meta import export_kept_days
from sources.reading import PARQUET, literal
from sources.registry import FEEDS
from sources.settings import Settings


@dataclass(frozen=True)
class SamplesGone:
    """The first day of which there are samples still, and the lake files that went."""

    samples_from: date
    lake_files: int


@dataclass(frozen=True)
class CallsGone:
    """The first day with calls still, the first month that is made of them alone, and the lake files that went."""

    calls_from: date
    months_from: date
    lake_files: int


_CALLS = frozenset((table.feed, table.table) for table in FEEDS if table.is_calls)


def let_samples_go(home: Home, settings: Settings) -> SamplesGone | None:
    """Keep what old samples say and remove them; None where there are none, or the last build is not of all of them.

    The caller holds the home's lock, and has read nothing new since that build.
    """
    retention = settings.general.retention
    if retention.samples_days is None or not _is_built(home):
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
        gone = _older(home, ledger, samples_from, lambda table: table.is_samples)
        ledger.keep_samples(samples_from, written, [(_size(path), rows) for path, rows in gone.items()])
        # Before they go: a build that follows at once, without a run's other steps, reads this.
        export_kept_days(home.root, ledger)
    for path in gone:
        path.unlink(missing_ok=True)
    return SamplesGone(samples_from, len(gone))


def let_calls_go(home: Home, settings: Settings) -> CallsGone | None:
    """Keep what old calls were made into and remove them; None where none go, or the last build is not of all of them.

    The caller holds the home's lock, and has read nothing new since that build.
    """
    days, tables = settings.general.retention.calls_days, kept_of_calls(home)
    if days is None or not tables or not _is_built(home):
        return None
    memory = memory_of(home.root, settings.limits)
    with (
        FileLedger(ledger_path(home.root)) as ledger,
        closing(lake_connection(home.root, memory)) as connection,
    ):
        kept = ledger.kept_calls()
        since = max(kept, default=(date.min, date.min))
        months_from = min(_month_by_age(ledger, days), _first_open_month(home))
        calls_from = months_from - timedelta(days=months_from.weekday())
        if not any(since[0] <= day < calls_from for day in _days_of_calls(ledger)):
            return None
        for name in ("build", "work"):
            connection.execute(f"attach {literal(home.warehouse / f'{name}.duckdb')} as {name} (read_only)")
        names = frozenset(kept_name(day) for day, _ in kept)
        written = {}
        for table, column in tables.items():
            begin, end = (since[1], months_from) if column == "month_start" else (since[0], calls_from)
            going = f"{column} >= {literal(str(begin))}::date and {column} < {literal(str(end))}::date"
            rows = f"select * from {_place(connection, table)} where {going} order by all"
            written[table] = _put(home, connection, table, names, kept_name(calls_from), rows)
        linked = _linked(connection, calls_from)
        gone = _older(home, ledger, calls_from, lambda table: table.is_calls, linked)
        ledger.keep_calls(calls_from, months_from, written, [(_size(path), rows) for path, rows in gone.items()])
        export_kept_days(home.root, ledger)
    for path in gone:
        path.unlink(missing_ok=True)
    return CallsGone(calls_from, months_from, len(gone))


def _is_built(home: Home) -> bool:
    return built_inputs(home) is not None and is_whole(home, folder_hash(PROJECT))


def _days_of_calls(ledger: FileLedger) -> set[date]:
    """Days with calls, those that went too."""
    return {day for feed, table, day in ledger.table_days() if (feed, table) in _CALLS}


def _month_by_age(ledger: FileLedger, calls_days: int) -> date:
    """The first of the month so many days before the newest call; one whose clock runs ahead is not believed."""
    today = clock.now().date()
    newest = min(max(_days_of_calls(ledger), default=today), today)
    return (newest - timedelta(days=calls_days)).replace(day=1)


def _first_open_month(home: Home) -> date:
    """Periods close in order: the month after the last one, since what comes late to it is posted from there on."""
    closed = snapshots(home)
    return first_day(month_after(closed[-1].period)) if closed else date.min


def _place(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    """Marts are in the build's file, models that they are made of in another."""
    query = "select table_catalog from information_schema.tables where table_name = $name and table_schema = 'main'"
    [(catalog,)] = connection.execute(query, {"name": table}).fetchall()
    return f"{catalog}.main.{table}"


def _linked(connection: duckdb.DuckDBPyConnection, calls_from: date) -> set[date]:
    """Days that go of which lines decide about calls that stay: the same call, or another attempt of its ask."""
    day = f"{literal(str(calls_from))}::date"
    found = connection.execute(f"""
        select usage_date from work.main.int_usage_linked_days where usage_date < {day} and linked_date >= {day}
        union
        select linked_date from work.main.int_usage_linked_days where linked_date < {day} and usage_date >= {day}
        """).fetchall()
    return {linked for (linked,) in found}


def why_calls_stay(home: Home, settings: Settings) -> str | None:
    """Why old calls stay although the settings have them go; None where they do not, or are not to."""
    days = settings.general.retention.calls_days
    if days is None:
        return None
    if not keeps_parsed():
        return f"retention.calls_days: no calls go, since {_NOT_KEPT}"
    with FileLedger(ledger_path(home.root)) as ledger:
        by_age, first_open = _month_by_age(ledger, days), _first_open_month(home)
        waiting = min((day for day in _days_of_calls(ledger) if first_open <= day < by_age), default=None)
    if waiting is None:
        return None
    return (
        f"retention.calls_days: calls before {by_age} are old enough to go, but only those of closed months do:"
        f" {waiting:%Y-%m} is not closed (inferledger close)"
    )


def why_samples_stay(settings: Settings) -> str | None:
    """Why none go although the settings have them go; None where they do, or are not to."""
    if settings.general.retention.samples_days is None or keeps_parsed():
        return None
    return f"retention.samples_days: no samples go, since {_NOT_KEPT}"


_NOT_KEPT = (
    f"{PROJECT} cannot be written: without what dbt has read of it, kept there, no build is known to be whole. Run"
    " inferledger as a user who may write it"
)


def require_kept(home: Home) -> None:
    """HomeError when a file is not what the ledger says was kept in it of samples or calls that have gone."""
    with FileLedger(ledger_path(home.root)) as ledger:
        days, noted = ledger.kept_samples(), ledger.kept_files()
    wrong = []
    for day, table in sorted({(day, table) for day in days for table in KEPT} | noted.keys()):
        path = table_folder(home.root, KEPT_FOLDER, table) / kept_name(day)
        if not path.is_file():
            wrong.append(f"{path}: not there")
        elif (day, table) not in noted:
            wrong.append(f"{path}: the ledger does not know what is in it")
        elif _content(path) != noted[day, table]:
            wrong.append(f"{path}: not the bytes that were kept")
    if wrong:
        raise HomeError(
            f"{'; '.join(wrong)}. Nothing was built, as samples or calls of those days have gone and this is all that"
            " was kept of them. Bring it back from a backup"
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
    """The days of each table that go now, and what its file holds."""
    written = {}
    since = max(kept, default=date.min)
    names = frozenset(kept_name(day) for day in kept)
    for table, columns in KEPT.items():
        typed = ", ".join(f"{name}::{kind} as {name}" for name, kind in columns.items())
        going = f"sampled_date >= {literal(str(since))}::date and sampled_date < {literal(str(samples_from))}::date"
        rows = f"select {typed} from work.main.int_{table} where {going} order by all"
        written[table] = _put(home, connection, table, names, kept_name(samples_from), rows)
    return written


def _put(
    home: Home, connection: duckdb.DuckDBPyConnection, table: str, named: Collection[str], name: str, rows: str
) -> Content:
    """Rows to the file of that name, beside those the ledger has named; others, of an earlier attempt, go."""
    folder = table_folder(home.root, KEPT_FOLDER, table)
    for path in folder.iterdir() if folder.is_dir() else ():
        if path.name != SCHEMA_NAME and path.name not in named:
            path.unlink()
    target = folder / name
    connection.execute(f"copy ({rows}) to {literal(unfinished(target))} {PARQUET}")
    put(unfinished(target), target)
    return _content(target)


def _content(path: Path) -> Content:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _older(
    home: Home,
    ledger: FileLedger,
    before: date,
    goes: Callable[[FeedTable], bool],
    linked: Collection[date] = (),
) -> dict[Path, list[LedgerRow]]:
    """Lake files of days before only; one that has later ones too, or one of those linked, stays whole."""
    found: dict[Path, list[LedgerRow]] = {}
    days = ledger.days() if linked else ()
    stay = {(feed, table, identity) for feed, table, identity, day, _ in days if day in linked}
    for table in FEEDS:
        if goes(table):
            for row in ledger.rows(
                "status = 'committed' and feed = :feed and table_name = :table", feed=table.feed, table=table.table
            ):
                if not row.is_expired:
                    found.setdefault(lake_file(home.root, row), []).append(row)
    return {
        path: rows
        for path, rows in found.items()
        if all(
            row.last_event_at is not None
            and row.last_event_at.date() < before
            and (row.feed, row.table_name, row.identity) not in stay
            for row in rows
        )
    }


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() else 0
