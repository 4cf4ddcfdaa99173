"""Compaction: small lake files of a table become one, and that one small files again where one of them is to go.

A reader opens every file of a table, which costs more than the rows of a small one. Every row names the landed file it
came from, so nothing is lost. The ledger's word is the commit: a file is written under its name, then the ledger says
that it holds these rows, then the files it replaces go. A kill in between leaves files the ledger does not name, which
the next run sweeps away before anything is read.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from sources.feed import FeedTable
from sources.lake import lake_file, put, table_folder, unfinished
from sources.ledger import FileLedger, LedgerRow
from sources.reading import PARQUET, literal

# Measured: to open a file costs as much as to read 3,000 rows of it.
SMALL_ROWS = 10_000
# What a day needs of a merged file is found by its filters, so it may be large; it is made anew when a part of it goes.
MERGED_ROWS = 1_000_000
# A run merges when so many small files have come together in a table and month; fewer cost less than the rewriting.
MANY_FILES = 100


@dataclass(frozen=True)
class Compacted:
    """What was merged of one table, and what could not be, in words."""

    table: str
    files_before: int
    files_after: int
    problems: tuple[str, ...] = ()


class CompactionError(Exception):
    """Lake files that are not what the ledger says; they stay as they are, and their contract names them."""


@dataclass(frozen=True)
class _LakeFile:
    """A lake file with the landed files it holds, in order."""

    rows: tuple[LedgerRow, ...]

    @property
    def name(self) -> str:
        return self.rows[0].lake_name

    @property
    def rows_kept(self) -> int:
        return sum(row.rows_kept for row in self.rows)

    @property
    def place(self) -> tuple[str, str]:
        return _moment(self.rows[0]), self.name

    @property
    def group(self) -> tuple[int, str]:
        """What is merged with each other: read by the same reader, begun in the same month."""
        return self.rows[0].reader_version, _moment(self.rows[0])[:7]


def _moment(row: LedgerRow) -> str:
    return row.first_event_at.isoformat() if row.first_event_at else ""


def compact(
    home: Path,
    ledger: FileLedger,
    feeds: Iterable[FeedTable],
    connection: duckdb.DuckDBPyConnection,
    at_least: int = MANY_FILES,
) -> list[Compacted]:
    """Merge the small files of each table and month that has `at_least` so many. The caller holds the home's lock."""
    small = ledger.small_files(SMALL_ROWS)
    done = []
    for table in feeds:
        if small.get((table.feed, table.table), 0) < at_least:
            continue
        merged, problems = [], []
        for batch in _batches(_files(ledger, table), at_least):
            try:
                _merge(home, ledger, connection, batch)
            except CompactionError as error:
                problems.append(str(error))
            else:
                merged.append(len(batch))
        if merged or problems:
            done.append(Compacted(table.name, sum(merged), len(merged), tuple(problems)))
    return done


def take_apart(home: Path, ledger: FileLedger, connection: duckdb.DuckDBPyConnection, row: LedgerRow) -> None:
    """Give every landed file of the merged file this row lies in a lake file of its own again."""
    source = lake_file(home, row)
    parts = ledger.rows(
        "feed = :feed and table_name = :table and merged_into = :name",
        feed=row.feed,
        table=row.table_name,
        name=row.merged_into,
    )
    # One that somebody removed holds nothing to keep: each part is read again from its landed file.
    for part in parts if source.is_file() else ():
        target = source.with_name(part.own_name)
        rows = f"select * from read_parquet({literal(source)}) where file_hash = {literal(part.identity)}"
        try:
            connection.execute(f"copy ({rows}) to {literal(unfinished(target))} {PARQUET}")
        except duckdb.InvalidInputException as error:
            raise CompactionError(f"{source}: {len(parts)} files lie in it, and it cannot be read: {error}") from error
        put(unfinished(target), target)
    ledger.move_rows(parts, None)
    source.unlink(missing_ok=True)


def _files(ledger: FileLedger, table: FeedTable) -> list[_LakeFile]:
    found: dict[str, list[LedgerRow]] = {}
    for row in ledger.rows(
        "status = 'committed' and feed = :feed and table_name = :table", feed=table.feed, table=table.table
    ):
        if not row.is_expired:
            found.setdefault(row.lake_name, []).append(row)
    return [_LakeFile(tuple(sorted(rows, key=lambda row: (_moment(row), row.identity)))) for rows in found.values()]


def _batches(files: Iterable[_LakeFile], at_least: int) -> Iterator[list[_LakeFile]]:
    groups: dict[tuple[int, str], list[_LakeFile]] = {}
    for file in files:
        if file.rows_kept < SMALL_ROWS:
            groups.setdefault(file.group, []).append(file)
    for _, group in sorted(groups.items()):
        if len(group) < at_least:
            continue
        batch: list[_LakeFile] = []
        rows = 0
        for file in sorted(group, key=lambda file: file.place):
            if rows + file.rows_kept > MERGED_ROWS:
                yield batch
                batch, rows = [], 0
            batch.append(file)
            rows += file.rows_kept
        if len(batch) > 1:
            yield batch


def _merge(home: Path, ledger: FileLedger, connection: duckdb.DuckDBPyConnection, files: Sequence[_LakeFile]) -> None:
    rows = [row for file in files for row in file.rows]
    folder = table_folder(home, rows[0].feed, rows[0].table_name)
    held = hashlib.sha256("".join(sorted(row.identity for row in rows)).encode()).hexdigest()
    target = folder / f"merged-{held[:32]}-v{rows[0].reader_version}.parquet"
    sources = ", ".join(literal(folder / file.name) for file in files)
    copy = f"copy (select * from read_parquet([{sources}])) to {literal(unfinished(target))} {PARQUET}"
    count = f"select file_hash, count(*) from read_parquet({literal(unfinished(target))}) group by file_hash"
    try:
        connection.execute(copy)
        found = dict(connection.execute(count).fetchall())
    except duckdb.Error as error:
        raise CompactionError(f"{folder}: {len(files)} small files could not be merged: {error}") from error
    if found != {row.identity: row.rows_kept for row in rows if row.rows_kept}:
        raise CompactionError(f"{folder}: {len(files)} small files were not merged: their rows are not those committed")
    put(unfinished(target), target)
    ledger.move_rows(rows, target.name)
    for file in files:
        (folder / file.name).unlink()
