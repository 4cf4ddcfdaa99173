"""The pandera contracts of the lake tables, made from the rules each feed declares, and holding the lake against them.

What a reader checks row by row is not repeated here: this finds a lake that is not what its readers wrote.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import pandera.polars as pa
import polars as pl
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaErrors
from polars.exceptions import PolarsError

from sources.feed import FeedTable, Rule
from sources.lake import lake_file, ledger_path
from sources.ledger import FileLedger, LedgerRow

# A failure is shown with this many rows; a column that is wrong throughout would fill the memory.
MAX_ROWS_SHOWN = 5
# Enough that pandera's own cost does not count.
ROWS_AT_ONCE = 1_000_000

_POLARS: dict[str, pl.DataType] = {
    "VARCHAR": pl.String(),
    "BIGINT": pl.Int64(),
    "INTEGER": pl.Int32(),
    "DOUBLE": pl.Float64(),
    "BOOLEAN": pl.Boolean(),
    "TIMESTAMP": pl.Datetime("us"),
    "DATE": pl.Date(),
}


@dataclass(frozen=True)
class ContractFailure:
    """A lake file that is not what the contract says: which column, which rule, in how many rows, the first of them."""

    table: str
    file_name: str
    lake_file: str
    column: str
    rule: str
    count: int | None = None
    row_numbers: tuple[int, ...] = ()

    def __str__(self) -> str:
        place = ""
        if self.count is not None:
            place = f" in {self.count} rows, the first in row {', '.join(map(str, self.row_numbers))}"
        return f"{self.table}: {self.lake_file} (from {self.file_name}): {self.column}: expected {self.rule}{place}"


def contract(table: FeedTable) -> pa.DataFrameSchema:
    """The pandera schema of a lake table: exactly its columns, their types, nulls, ranges and closed lists."""
    columns = {
        name: _column(polars_type(kind), table.contract.get(name, Rule())) for name, kind in table.columns.items()
    }
    return pa.DataFrameSchema(columns, strict=True, ordered=True, name=table.name)


def _column(kind: pl.DataType, rule: Rule) -> pa.Column:
    checks = []
    if rule.minimum is not None:
        checks.append(pa.Check.ge(rule.minimum, n_failure_cases=MAX_ROWS_SHOWN))
    if rule.allowed is not None:
        checks.append(pa.Check.isin(sorted(rule.allowed), n_failure_cases=MAX_ROWS_SHOWN))
    return pa.Column(kind, checks=checks, nullable=not rule.is_required)


def polars_type(duckdb_type: str) -> pl.DataType:
    if duckdb_type.startswith("DECIMAL("):
        precision, scale = duckdb_type.removeprefix("DECIMAL(").removesuffix(")").split(",")
        return pl.Decimal(int(precision), int(scale))
    return _POLARS[duckdb_type]


def validate_lake_table(home: Path, table: FeedTable, held: Collection[str] = ()) -> list[ContractFailure]:
    """Hold every committed file of a table against its contract and its ledger row; empty when all is well.

    Files whose stamps are in `held` have been held against them before.
    """
    failures, sound = [], []
    merged: dict[Path, dict[str, int]] = {}
    for row, stamp in _stamped(home, table):
        if stamp in held:
            continue
        if failure := _wrong_file(home, table, row, merged):
            failures.append(failure)
        else:
            sound.append(row)
    for rows in _batches(sound):
        if not all(_holds(table, part) for part in _parts(sorted({lake_file(home, row) for row in rows}))):
            located = [failure for row in rows for failure in _broken_rules(home, table, row)]
            failures += located or [_failure(table, row, lake_file(home, row), "file", "the contract") for row in rows]
    return failures


def _batches(rows: Iterable[LedgerRow]) -> Iterator[list[LedgerRow]]:
    """Files to be held at once: as many as ROWS_AT_ONCE takes, or one lake file of more."""
    batch: list[LedgerRow] = []
    held = 0
    for _, group in groupby(sorted(rows, key=lambda row: (row.lake_name, row.identity)), key=lambda row: row.lake_name):
        members = list(group)
        more = sum(row.rows_kept for row in members)
        if batch and held + more > ROWS_AT_ONCE:
            yield batch
            batch, held = [], 0
        batch += members
        held += more
    if batch:
        yield batch


def _parts(paths: list[Path]) -> Iterator[pl.LazyFrame]:
    """The rows of the files, so many at once: pandera collects what it checks."""
    frame = pl.scan_parquet(paths)
    count = int(frame.select(pl.len()).collect().item())
    for start in range(0, max(count, 1), ROWS_AT_ONCE):
        yield frame.slice(start, ROWS_AT_ONCE)


def stamps(home: Path, table: FeedTable) -> set[str]:
    """Of each committed file, a text that is another when its bytes, its ledger row or its contract may be others."""
    return {stamp for _, stamp in _stamped(home, table)}


def _stamped(home: Path, table: FeedTable) -> Iterator[tuple[LedgerRow, str]]:
    with FileLedger(ledger_path(home)) as ledger:
        rows = ledger.rows(
            "status = 'committed' and feed = :feed and table_name = :table", feed=table.feed, table=table.table
        )
    rules = {
        name: (rule.is_required, rule.minimum, sorted(rule.allowed or ())) for name, rule in table.contract.items()
    }
    expected = hashlib.sha256(repr((table.columns, rules)).encode()).hexdigest()[:16]
    for row in rows:
        if row.is_expired:
            continue
        path = lake_file(home, row)
        bytes_now = (path.stat().st_size, path.stat().st_mtime_ns) if path.is_file() else None
        name = f"{row.own_name} in {row.merged_into}" if row.merged_into else row.own_name
        yield row, f"{table.name}/{name} {bytes_now} {row.rows_kept} {expected}"


def _wrong_file(
    home: Path, table: FeedTable, row: LedgerRow, merged: dict[Path, dict[str, int]]
) -> ContractFailure | None:
    """`merged` keeps what was counted of files that hold several: by path, the rows of each."""
    path = lake_file(home, row)
    try:
        schema = dict(pl.read_parquet_schema(path))
        if row.merged_into is None:
            count = int(pl.scan_parquet(path).select(pl.len()).collect().item())
        else:
            if path not in merged:
                merged[path] = dict(pl.scan_parquet(path).group_by("file_hash").len().collect().iter_rows())
            count = merged[path].get(row.identity, 0)
    except (OSError, PolarsError):
        return _failure(table, row, path, "file", "a Parquet file that can be read")
    expected = {name: polars_type(kind) for name, kind in table.columns.items()}
    if list(schema.items()) != list(expected.items()):
        names = [name for name in {**expected, **schema} if schema.get(name) != expected.get(name)]
        return _failure(table, row, path, ", ".join(names) or "columns", "the columns of the table, in order")
    if count != row.rows_kept:
        return _failure(table, row, path, "file", f"the {row.rows_kept} rows that were committed, found {count}")
    return None


def _holds(table: FeedTable, frame: pl.LazyFrame) -> bool:
    # On a LazyFrame pandera looks at the schema alone unless it is told to look at the data.
    with config_context(validation_enabled=True, validation_depth=ValidationDepth.SCHEMA_AND_DATA):
        try:
            contract(table).validate(frame, lazy=True)
        except SchemaErrors:
            return False
    return True


def _broken_rules(home: Path, table: FeedTable, row: LedgerRow) -> Iterator[ContractFailure]:
    """Where in a file the rules do not hold: pandera's cases name neither the file nor the landed row."""
    path = lake_file(home, row)
    frame = pl.scan_parquet(path)
    if row.merged_into:
        frame = frame.filter(pl.col("file_hash") == row.identity)
    for column, rule in table.contract.items():
        for text, broken in _conditions(column, rule):
            numbers = frame.filter(broken).select("row_number").collect()["row_number"]
            if numbers.len():
                yield _failure(table, row, path, column, text, numbers.len(), tuple(numbers.head(MAX_ROWS_SHOWN)))


def _conditions(column: str, rule: Rule) -> Iterator[tuple[str, pl.Expr]]:
    if rule.is_required:
        yield "a value", pl.col(column).is_null()
    if rule.minimum is not None:
        yield f"at least {rule.minimum}", pl.col(column) < rule.minimum
    if rule.allowed is not None:
        allowed = sorted(rule.allowed)
        yield f"one of {', '.join(allowed)}", ~pl.col(column).is_in(allowed)


def _failure(
    table: FeedTable,
    row: LedgerRow,
    path: Path,
    column: str,
    rule: str,
    count: int | None = None,
    row_numbers: tuple[int, ...] = (),
) -> ContractFailure:
    return ContractFailure(table.name, row.file_name, path.name, column, rule, count, row_numbers)
