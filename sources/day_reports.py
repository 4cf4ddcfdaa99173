"""Reports by day whose files' names say which days were asked for: `2026-08-10_2026-08-16__retrieved-<when>.json`.

A day without a record is a row of zeros: the day took nothing, and what an older file said of it is out of use.
"""

import re
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from sources.feed import LandedFile, ReadContext, ReadResult
from sources.mapped import Layout, judge, start_judging, write_judged

_NAMED_DAYS = re.compile(r"(\d{4}-\d\d-\d\d)_(\d{4}-\d\d-\d\d)__")


def read_day_report(
    layout: Layout, file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path
) -> ReadResult:
    """One landed report to lake Parquet, with the rows of days that have no record."""
    start_judging(layout, file, context)
    rejects, unknown = judge(layout, file, context)
    empty_days = _empty_days(layout, file, context)
    _add(layout, empty_days, context)
    result = write_judged(layout, context.connection, out_parquet, out_rejects, rejects, unknown)
    return replace(result, days=dict(result.days) | dict.fromkeys(empty_days, 0))


def _empty_days(layout: Layout, file: LandedFile, context: ReadContext) -> list[date]:
    """The days of the file's name, up to its retrieval, of which it has no record."""
    named = _NAMED_DAYS.match(file.name)
    if named is None or file.account_id is None or file.retrieved_at is None:
        return []
    first, last = (date.fromisoformat(day) for day in named.groups())
    last = min(last, file.retrieved_at.date())
    said = context.connection.execute(f"select distinct cast({layout.time_column} as date) from judged").fetchall()
    days = {day for (day,) in said}
    if None in days:
        return []  # a record that is set aside for its day may be of any
    return [day for n in range((last - first).days + 1) if (day := first + timedelta(days=n)) not in days]


def _add(layout: Layout, days: list[date], context: ReadContext) -> None:
    connection = context.connection
    # fmt: off
    known = {
        layout.time_column: "day", "account_id": "getvariable('mapped_account_id')", "row_number": "last_row + place",
        "retrieved_at": "getvariable('mapped_retrieved_at')", "file_hash": "getvariable('mapped_file_hash')",
    }
    # fmt: on
    nothing = {name: "0" if kind.startswith(("DECIMAL", "BIGINT")) else "null" for name, kind in layout.columns.items()}
    values = ", ".join((nothing | known)[name] for name in layout.columns)
    frame = pl.DataFrame({"day": days, "place": range(1, len(days) + 1)}, schema={"day": pl.Date, "place": pl.Int64})
    connection.register("empty_days", frame.to_arrow())
    connection.execute(f"""
        insert into judged
        select {values}, null, null, null
        from empty_days, (select coalesce(max(row_number), 0) as last_row from judged)""")
    connection.unregister("empty_days")
