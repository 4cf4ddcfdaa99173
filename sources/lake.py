"""The lake: typed Parquet, one file per landed file or of many small ones, and small tables that are rewritten whole.

Paths, atomic writes and tidying up. Which files are committed is the ledger's word.
"""

import io
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import duckdb
import polars as pl

from sources.feed import FeedTable
from sources.kept import KEPT, KEPT_FOLDER
from sources.ledger import FileLedger, LedgerRow
from sources.reading import PARQUET, columns_sql, literal

LEDGER_NAME = "ledger.sqlite"
# Without an underscore before it: Spark does not see such files.
SCHEMA_NAME = "schema.parquet"
CURRENT_NAME = "current.parquet"
QUARANTINE_FOLDER = "quarantine"
_SUPERSEDED_FOLDER = "_superseded"
_WORK_FOLDER = "_work"
# Not .parquet: nothing that reads a folder's Parquet may see it.
_UNFINISHED_SUFFIX = ".unfinished"
_FILES_WITHOUT_ROWS: dict[str, bytes] = {}


def lake_folder(home: Path) -> Path:
    return home / "lake"


def ledger_path(home: Path) -> Path:
    return lake_folder(home) / LEDGER_NAME


def table_folder(home: Path, feed: str, table: str) -> Path:
    return lake_folder(home) / feed / table


def lake_file(home: Path, row: LedgerRow) -> Path:
    return table_folder(home, row.feed, row.table_name) / row.lake_name


def rejects_file(home: Path, row: LedgerRow) -> Path:
    return lake_folder(home) / QUARANTINE_FOLDER / row.feed / row.table_name / row.own_name


def unfinished(target: Path) -> Path:
    """Where to write a file before it is renamed to `target`: the same folder, a name nothing reads."""
    target.parent.mkdir(parents=True, exist_ok=True)
    return target.with_name(target.name + _UNFINISHED_SUFFIX)


def put(source: Path, target: Path) -> None:
    """Rename a finished file into place, its bytes on disk first: a committed row must survive a power cut."""
    with source.open("rb") as file:
        os.fsync(file.fileno())
    source.replace(target)


def write_current(home: Path, group: str, table: str, frame: pl.DataFrame) -> bool:
    """Replace lake/<group>/<table>/current.parquet in one rename; False when it held the same bytes already."""
    target = lake_folder(home) / group / table / CURRENT_NAME
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd")
    if target.is_file() and target.read_bytes() == buffer.getvalue():
        return False
    temporary = unfinished(target)
    temporary.write_bytes(buffer.getvalue())
    put(temporary, target)
    return True


def write_schemas(home: Path, feeds: Iterable[FeedTable], connection: duckdb.DuckDBPyConnection) -> None:
    """A Parquet without rows for every table, so that one no file has come for is an empty table."""
    tables = {(table.feed, table.table): table.columns for table in feeds}
    tables |= {(KEPT_FOLDER, name): columns for name, columns in KEPT.items()}
    for (feed, name), columns in tables.items():
        target = table_folder(home, feed, name) / SCHEMA_NAME
        content = _file_without_rows(columns_sql(columns), unfinished(target), connection)
        if not target.is_file() or target.read_bytes() != content:
            unfinished(target).write_bytes(content)
            put(unfinished(target), target)


def _file_without_rows(columns: str, temporary: Path, connection: duckdb.DuckDBPyConnection) -> bytes:
    """The bytes of a Parquet with these columns, written once: many tables have the same, and so has every home."""
    if columns not in _FILES_WITHOUT_ROWS:
        connection.execute(f"create or replace temp table no_rows ({columns})")
        connection.execute(f"copy no_rows to {literal(temporary)} {PARQUET}")
        connection.execute("drop table no_rows")
        _FILES_WITHOUT_ROWS[columns] = temporary.read_bytes()
        temporary.unlink()
    return _FILES_WITHOUT_ROWS[columns]


def sweep(home: Path, ledger: FileLedger, feeds: Iterable[FeedTable]) -> None:
    """Put the folders in order after a run that did not end: unfinished files go, superseded ones are moved aside."""
    standing = ledger.rows("status = 'committed'")
    committed = {(row.feed, row.table_name, row.lake_name) for row in standing if not row.is_expired}
    with_rejects = {(row.feed, row.table_name, row.own_name) for row in (*standing, *ledger.rows("status = 'failed'"))}
    superseded = {(row.feed, row.table_name, row.lake_name) for row in ledger.rows("status = 'superseded'")}
    for table in feeds:
        for base in (lake_folder(home), lake_folder(home) / QUARANTINE_FOLDER):
            folder = base / table.feed / table.table
            for path in sorted(folder.iterdir()) if folder.is_dir() else ():
                key = (table.feed, table.table, path.name)
                if path.name == SCHEMA_NAME or path.is_dir():
                    continue
                if key in (committed if base == lake_folder(home) else with_rejects):
                    continue
                if key in superseded and base == lake_folder(home):
                    _set_aside(home, path, table)
                else:
                    path.unlink()


def superseded_folder(home: Path) -> Path:
    """Where lake files are that a newer reading replaced."""
    return lake_folder(home) / _SUPERSEDED_FOLDER


def _set_aside(home: Path, path: Path, table: FeedTable) -> None:
    target = superseded_folder(home) / table.feed / table.table / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    path.replace(target)


def work_folder(home: Path) -> Path:
    """An empty scratch folder on the lake's disk; what a killed run left in it is gone."""
    folder = lake_folder(home) / _WORK_FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
