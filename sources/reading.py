"""What the readers of all feeds do alike: count what they kept, refuse files that hold nothing to keep, quote SQL."""

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from sources.feed import ReadResult, UnreadableFileError
from sources.quarantine import Reject, write_rejects

_POLARS: Mapping[str, pl.DataType] = {
    "VARCHAR": pl.String(),
    "BIGINT": pl.Int64(),
    "BOOLEAN": pl.Boolean(),
    "TIMESTAMP": pl.Datetime("us"),
    "DATE": pl.Date(),
    "DOUBLE": pl.Float64(),
    "DECIMAL": pl.String(),
}
# Most texts are ids that never repeat: small dictionaries and no bloom filters save a quarter of the CPU of writing.
PARQUET = (
    "(format parquet, compression zstd, compression_level 1, dictionary_size_limit 5000, write_bloom_filter false)"
)


def literal(value: str | Path) -> str:
    """A SQL text literal, for statements that take no parameters."""
    return "'" + str(value).replace("'", "''") + "'"


def columns_sql(columns: Mapping[str, str]) -> str:
    return ", ".join(f'"{name}" {kind}' for name, kind in columns.items())


def one(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    """The single value of a query that has one."""
    row = connection.execute(query).fetchone()
    if row is None:
        raise LookupError(f"no row from: {query}")
    return row[0]


def write_rows(
    connection: duckdb.DuckDBPyConnection,
    rows: Sequence[Mapping[str, Any]],
    columns: Mapping[str, str],
    out_parquet: Path,
) -> None:
    """Python rows to Parquet with exactly these columns. Decimals travel as text: no digit is lost on the way."""
    frame = pl.DataFrame(
        {name: [_plain(row[name]) for row in rows] for name in columns},
        schema={name: _POLARS[kind.partition("(")[0]] for name, kind in columns.items()},
    )
    connection.register("rows_to_write", frame.to_arrow())
    casts = ", ".join(f'cast("{name}" as {kind}) as "{name}"' for name, kind in columns.items())
    connection.execute(f"copy (select {casts} from rows_to_write) to {literal(out_parquet)} {PARQUET}")
    connection.unregister("rows_to_write")


def _plain(value: Any) -> Any:
    return format(value, "f") if isinstance(value, Decimal) else value


def copy_good_rows(connection: duckdb.DuckDBPyConnection, rows: str, problem: str, out_parquet: Path) -> int:
    """COPY the rows of a select that has no where, in their order, but those of which `problem` is not null.

    Gives the number of those, counted on the way: rows are read once and none waits in memory.
    """
    connection.execute("create or replace temp sequence bad_rows")
    # Numbering the rows makes the scan serial: a second thread would only wait, at 5 % more CPU.
    connection.execute("set threads = 1")
    connection.execute(
        f"copy ({rows} where {problem} is null or nextval('bad_rows') < 0) to {literal(out_parquet)} {PARQUET}"
    )
    connection.execute("reset threads")
    return int(one(connection, "select nextval('bad_rows')")) - 1


def finish(
    connection: duckdb.DuckDBPyConnection,
    out_parquet: Path,
    out_rejects: Path,
    rejects: Sequence[Reject],
    *,
    time_column: str,
    may_be_empty: bool = False,
    unknown_fields: Mapping[str, int] | None = None,
) -> ReadResult:
    """Write the rejects and count the rows of `out_parquet`, in all and per UTC day of `time_column`.

    A file of which nothing can be kept raises UnreadableFileError, naming the commonest field.
    """
    days = connection.execute(f"""
        select cast(moment as date) as day, count(*), min(moment), max(moment)
        from (select cast({time_column} as timestamp) as moment from read_parquet({literal(out_parquet)}))
        group by day order by day""").fetchall()
    kept = sum(day[1] for day in days)
    if kept == 0 and (rejects or not may_be_empty):
        _refuse(rejects)
    quarantined = write_rejects(out_rejects, rejects)
    return ReadResult(
        rows_read=kept + quarantined,
        rows_kept=kept,
        rows_quarantined=quarantined,
        first_event_at=min((day[2] for day in days), default=None),
        last_event_at=max((day[3] for day in days), default=None),
        days={day[0]: day[1] for day in days},
        unknown_fields=unknown_fields or {},
    )


def _refuse(rejects: Sequence[Reject]) -> None:
    rows = [reject for reject in rejects if reject.line_number is not None]
    notes = "".join(f"; {reject.reason}" for reject in rejects if reject.line_number is None)
    if not rows:
        raise UnreadableFileError(f"file holds no rows{notes}", "file")
    [(field, _)] = Counter(reject.field for reject in rows).most_common(1)
    first = next(reject for reject in rows if reject.field == field)
    raise UnreadableFileError(
        f"no row of {len(rows)} can be kept; line {first.line_number}: {first.reason}{notes}", field, first.line_number
    )
