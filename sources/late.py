"""Rows of days that are closed, since older samples or calls have gone: they are set aside, the others come in."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from sources.feed import FeedTable, LandedFile, ReadContext, ReadResult, UnreadableFileError
from sources.lines import TextFile, byte_offsets
from sources.quarantine import Reject, read_rejects
from sources.reading import PARQUET, finish, literal

# A stray clock makes few. Each is held as a Python tuple and a reject until it is written, half a kilobyte in all: an
# export of closed days would fill memory, and the quarantine, whose share blocks reports.
LATE_ROWS_AT_MOST = 10_000


@dataclass(frozen=True)
class Late:
    """What is too late: its column of time, and how it is named. `field` is what the reader's own rejects call it."""

    rows: str
    time_column: str
    field: str
    why: str

    def closed(self, day: date) -> str:
        return f"days before {day} are closed, since {self.why}"


_SAMPLES = Late("samples", "sampled_at", "time", "older samples have gone (retention.samples_days)")
_CALLS = Late("calls", "started_at", "started_at", "their calls have gone (retention.calls_days)")


def late_of(table: FeedTable) -> Late:
    return _SAMPLES if table.is_samples else _CALLS


def set_late_aside(
    landed: LandedFile, late: Late, context: ReadContext, day: date, parquet: Path, rejects: Path, result: ReadResult
) -> ReadResult:
    """What was read, without rows before `day`. One without others, or with too many, is unreadable."""
    connection = context.connection
    is_late = f"{late.time_column} < {literal(str(day))}::date"
    counts = connection.execute(f"""
        select count(*) filter ({is_late}), count(*), min({late.time_column}) filter ({is_late})
        from read_parquet({literal(parquet)})""").fetchall()
    [(found_late, found, first)] = counts
    if not found_late:
        return result
    if found_late == found:
        reason = f"all of its {found} {late.rows} are too late, the first of {first}: {late.closed(day)}"
        raise UnreadableFileError(reason, late.field)
    if found_late > LATE_ROWS_AT_MOST:
        raise UnreadableFileError(
            f"{found_late} of its {found} {late.rows} are too late, the first of {first}, and of a file at most"
            f" {LATE_ROWS_AT_MOST} are set aside: {late.closed(day)}. Land it without them",
            late.field,
        )
    what = "metric" if late is _SAMPLES else "null"
    rows = connection.execute(f"""
        select row_number, {late.time_column}, {what} from read_parquet({literal(parquet)})
        where {is_late} order by row_number""").fetchall()
    places = _places(landed, late, {number for number, _, _ in rows})
    set_aside = []
    for number, moment, metric in rows:
        line, offset = places.get(number, (number, None))
        # Without a line, as in JSON, the reject itself names the row.
        row = f"sample of {metric} at {moment}" if metric else f"call {number} of the file"
        named = f"; {row}" if offset is None else ""
        set_aside.append(Reject(line, offset, late.field, f'found "{moment}"; {late.closed(day)}{named}'))
    others = context.work_dir / "others.parquet"
    connection.execute(
        f"copy (select * from read_parquet({literal(parquet)}) where not ({is_late})) to {literal(others)} {PARQUET}"
    )
    others.replace(parquet)
    return finish(
        connection,
        parquet,
        rejects,
        set_aside + read_rejects(rejects),
        time_column=late.time_column,
        unknown_fields=result.unknown_fields,
    )


def _places(landed: LandedFile, late: Late, rows: set[int]) -> dict[int, tuple[int, int]]:
    """Line and byte offset of rows, where a line is a row. Samples are numbered by their line."""
    name = landed.name.removesuffix(".gz")
    if late is _SAMPLES:
        offsets = {} if name.endswith(".json") else byte_offsets(TextFile(landed.path), rows)
        return {number: (number, offset) for number, offset in offsets.items()}
    # A line of traces has many calls, and one of a CSV file may be a part of a row.
    if landed.feed == "otel" or not name.endswith((".ndjson", ".jsonl")):
        return {}
    return {
        number: (line, offset)
        for batch in TextFile(landed.path).batches()
        for number, line, offset in batch.select("row_number", "line_number", "byte_offset").iter_rows()
        if number in rows
    }
