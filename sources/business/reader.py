"""Reading the business's CSV files: comma-separated, a header, one row a line, UTF-8.

The lines are split in Python, which can tell where a row stands; DuckDB types the texts and names what does not fit.
`row_number` is the line in the file, as an editor shows it (the header is line 1).
"""

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

import duckdb
import polars as pl

from sources.feed import PROVENANCE_COLUMNS, LandedFile, ReadContext, ReadResult, UnreadableFileError
from sources.lines import TextFile
from sources.quarantine import Reject
from sources.reading import PARQUET, finish, literal
from sources.sql_checks import day, found, moment, money, one_of, reject
from sources.user_keys import set_hash_key, user_key_sql

Kind = Literal["text", "moment", "moment_or_date", "date", "money", "currency", "user", "word"]

_TYPES: Mapping[Kind, str] = {
    "text": "VARCHAR",
    "word": "VARCHAR",
    "currency": "VARCHAR",
    "user": "VARCHAR",
    "moment": "TIMESTAMP",
    "moment_or_date": "TIMESTAMP",
    "date": "DATE",
    "money": "DECIMAL(26,12)",
}
_EXAMPLES: Mapping[Kind, str] = {
    "moment": "a time such as 2026-08-10T09:20:46Z",
    "moment_or_date": "a time such as 2026-08-10T09:20:46Z, or a date",
    "date": "a date such as 2026-08-10",
    "money": "a number such as 1234.50, at most 12 decimals",
}


@dataclass(frozen=True)
class Field:
    """A column of the file: its kind, whether it may be empty, the words it may hold, whether it may lie ahead."""

    kind: Kind = "text"
    is_optional: bool = False
    words: tuple[str, ...] = ()
    is_past: bool = False


@dataclass(frozen=True)
class Sheet:
    """One CSV table. `orders` are pairs of columns of which the first must not come after the second."""

    fields: Mapping[str, Field]
    time_column: str
    orders: tuple[tuple[str, str], ...] = ()

    @property
    def columns(self) -> dict[str, str]:
        """Lake columns. A user is stored as a keyed hash, and its column says so."""
        own = {_lake_name(name, field): _TYPES[field.kind] for name, field in self.fields.items()}
        return {**own, **PROVENANCE_COLUMNS}


def _lake_name(name: str, field: Field) -> str:
    return "user_key" if field.kind == "user" else name


def read_sheet(
    sheet: Sheet, file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path
) -> ReadResult:
    connection = context.connection
    connection.execute("set timezone = 'UTC'")
    set_hash_key(connection, context.hash_key)
    connection.execute("set variable business_file_hash = $value", {"value": file.identity})
    latest = (context.now + timedelta(days=1)).replace(tzinfo=None)
    connection.execute("set variable business_latest = cast($value as timestamp)", {"value": latest})
    try:
        rows, rejects, unknown = _split(file.path, sheet, connection)
        connection.execute(f"create or replace temp table judged_rows as {_judge_sql(sheet, context.currencies)}")
    finally:
        connection.execute("drop table if exists sheet_rows")
    names = ", ".join(f'"{name}"' for name in sheet.columns)
    connection.execute(f"""
        copy (select {names} from judged_rows where problem is null order by row_number)
        to {literal(out_parquet)} {PARQUET}""")
    for line, offset, problem in connection.execute("""
        select row_number, byte_offset, problem from judged_rows where problem is not null""").fetchall():
        rejects.append(Reject(line, offset, *problem.split("\t", 1)))
    connection.execute("drop table judged_rows")
    return finish(
        connection,
        out_parquet,
        out_rejects,
        rejects,
        time_column=sheet.time_column,
        may_be_empty=True,
        unknown_fields=dict.fromkeys(unknown, rows),
    )


def _split(path: Path, sheet: Sheet, connection: duckdb.DuckDBPyConnection) -> tuple[int, list[Reject], list[str]]:
    """Put the file's rows as texts into sheet_rows: how many, the lines that are no rows, the columns nobody knows."""
    text = TextFile(path)
    columns = ", ".join(f'"{name}" varchar' for name in sheet.fields)
    connection.execute(f"create or replace temp table sheet_rows (line bigint, byte_offset bigint, {columns})")
    header: list[str] = []
    count, rejects = 0, list[Reject]()
    for batch in text.batches():
        rows: list[tuple[int, int, list[str]]] = []
        for line, offset, content, problem in _lines(batch):
            cells, problem = (None, problem) if content is None else _cells(content)
            if not header:
                header = _header(cells, line, problem, sheet)
            elif cells is None:
                rejects.append(Reject(line, offset, "line", problem or ""))
            elif len(cells) != len(header):
                rejects.append(Reject(line, offset, "line", f"has {len(cells)} fields; the header has {len(header)}"))
            else:
                rows.append((line, offset, cells))
        if rows:
            _insert(connection, sheet, header, rows)
            count += len(rows)
    if not header:
        raise UnreadableFileError(f"file is empty; expected a header {','.join(sheet.fields)}", "file")
    rejects += [Reject(None, None, "file", note) for note in text.notes]
    return count, rejects, [name for name in header if name not in sheet.fields]


def _insert(
    connection: duckdb.DuckDBPyConnection, sheet: Sheet, header: list[str], rows: list[tuple[int, int, list[str]]]
) -> None:
    frame = pl.DataFrame(
        {
            "line": [line for line, _, _ in rows],
            "byte_offset": [offset for _, offset, _ in rows],
            **{
                name: [cells[at].strip() or None for _, _, cells in rows]
                for name, at in ((name, header.index(name)) for name in sheet.fields)
            },
        },
        schema={"line": pl.Int64, "byte_offset": pl.Int64, **dict.fromkeys(sheet.fields, pl.String)},
    )
    connection.register("split_rows", frame.to_arrow())
    connection.execute("insert into sheet_rows select * from split_rows")
    connection.unregister("split_rows")


def _lines(batch: pl.DataFrame) -> Iterator[tuple[int, int, str | None, str | None]]:
    return batch.select("line_number", "byte_offset", "text", "problem").iter_rows()


def _cells(line: str) -> tuple[list[str] | None, str | None]:
    try:
        return next(csv.reader((line,), strict=True)), None
    except csv.Error as error:
        return None, f"not a row of comma-separated values ({error}); a row is one line"


def _header(cells: list[str] | None, line: int, problem: str | None, sheet: Sheet) -> list[str]:
    if cells is None:
        raise UnreadableFileError(f"line {line}: {problem}", "header", line)
    names = [cell.strip() for cell in cells]
    needed = ", ".join(sheet.fields)
    if missing := [name for name in sheet.fields if name not in names]:
        reason = f"missing in the header (line {line}); the columns are {needed}"
        raise UnreadableFileError(reason, ", ".join(missing), line)
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UnreadableFileError(f"stands twice in the header (line {line})", ", ".join(twice), line)
    return names


def _judge_sql(sheet: Sheet, currencies: frozenset[str]) -> str:
    typed = [f"{_typed(name, field)} as v_{name}" for name, field in sheet.fields.items()]
    problems = [problem for name, field in sheet.fields.items() for problem in _problems(name, field, currencies)]
    problems += [
        reject(
            f"v_{last} < v_{first}", last, f"{_shown(f'v_{last}')} || ' is before {first} ' || {_shown(f'v_{first}')}"
        )
        for first, last in sheet.orders
    ]
    lake = [f'v_{name} as "{_lake_name(name, field)}"' for name, field in sheet.fields.items()]
    return f"""
        with typed as (select *, {", ".join(typed)} from sheet_rows)
        select
            {", ".join(lake)},
            getvariable('business_file_hash') as file_hash, line as row_number, byte_offset,
            case {" ".join(problems)} end as problem
        from typed"""


def _typed(name: str, field: Field) -> str:
    match field.kind:
        case "moment":
            return moment(name)
        case "moment_or_date":
            return f"coalesce({moment(name)}, cast({day(name)} as timestamp))"
        case "date":
            return day(name)
        case "money":
            return money(name)
        case "user":
            return user_key_sql(name)
        case "currency":
            return f"upper({name})"
        case _:
            return name


def _problems(name: str, field: Field, currencies: frozenset[str]) -> list[str]:
    problems = []
    expected = _EXAMPLES.get(field.kind, "a value")
    if field.words:
        expected = "one of " + ", ".join(field.words)
    if not field.is_optional:
        problems.append(reject(f"{name} is null", name, literal(f"missing; expected {expected}")))
    if field.words:
        problems.append(reject(f"{name} not in {one_of(field.words)}", name, found(name, expected)))
    if field.kind in _EXAMPLES:
        problems.append(reject(f"{name} is not null and v_{name} is null", name, found(name, expected)))
    if field.kind == "currency":
        reason = f"'currency ''' || left({name}, 3) || ''' has no rate in config/fx_rates.csv'"
        problems.append(reject(f"v_{name} not in {one_of(sorted(currencies | {'USD'}))}", name, reason))
    if field.is_past:
        problems.append(
            reject(
                f"v_{name} > getvariable('business_latest')", name, f"'date in the future: ' || {_shown(f'v_{name}')}"
            )
        )
    return problems


def _shown(column: str) -> str:
    return f"cast({column} as varchar)"
