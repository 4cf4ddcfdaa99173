"""What the readers of all feeds do alike: count what they kept, refuse files that hold nothing to keep, quote SQL."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb

from sources.feed import ReadResult, UnreadableFileError
from sources.quarantine import Reject, write_rejects

PARQUET = "(format parquet, compression zstd)"


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


def finish(
    connection: duckdb.DuckDBPyConnection,
    out_parquet: Path,
    out_rejects: Path,
    rejects: Sequence[Reject],
    *,
    time_column: str,
    unknown_fields: Mapping[str, int] | None = None,
) -> ReadResult:
    """Write the rejects and count the rows of `out_parquet`, in all and per UTC day of `time_column`.

    A file of which nothing can be kept raises UnreadableFileError, naming the commonest field.
    """
    days = connection.execute(f"""
        select cast({time_column} as date) as day, count(*), min({time_column}), max({time_column})
        from read_parquet({literal(out_parquet)}) group by day order by day""").fetchall()
    kept = sum(day[1] for day in days)
    if kept == 0:
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
        f"no row of {len(rows)} can be kept; line {first.line_number}: {first.reason}{notes}", field
    )
