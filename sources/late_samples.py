"""Samples of days that are closed, since older ones have gone: their rows are set aside, the others come in."""

from datetime import date
from pathlib import Path

from sources.feed import LandedFile, ReadContext, ReadResult, UnreadableFileError
from sources.lines import TextFile, byte_offsets
from sources.quarantine import Reject, read_rejects
from sources.reading import PARQUET, finish, literal

# A stray clock makes few. Each is held as a Python tuple and a reject until it is written, half a kilobyte in all: an
# export of closed days would fill memory, and the quarantine, whose share blocks reports.
LATE_SAMPLES_AT_MOST = 10_000


def set_late_aside(
    landed: LandedFile, context: ReadContext, day: date, parquet: Path, rejects: Path, result: ReadResult
) -> ReadResult:
    """What was read, without samples before `day`. One without others, or with too many, is unreadable."""
    connection = context.connection
    is_late = f"sampled_at < {literal(str(day))}::date"
    counts = connection.execute(f"""
        select count(*) filter ({is_late}), count(*), min(sampled_at) filter ({is_late})
        from read_parquet({literal(parquet)})""").fetchall()
    [(late, samples, first)] = counts
    closed = f"days before {day} are closed, since older samples have gone (retention.samples_days)"
    if not late:
        return result
    if late == samples:
        raise UnreadableFileError(f"all of its {late} samples are too late, the first of {first}: {closed}", "time")
    if late > LATE_SAMPLES_AT_MOST:
        raise UnreadableFileError(
            f"{late} of its {samples} samples are too late, the first of {first}, and of a file at most"
            f" {LATE_SAMPLES_AT_MOST} are set aside: {closed}. Land it without them",
            "time",
        )
    is_json = landed.name.removesuffix(".gz").endswith(".json")
    rows = connection.execute(f"""
        select row_number, metric, sampled_at from read_parquet({literal(parquet)})
        where {is_late} order by row_number""").fetchall()
    # JSON has no lines: its rejects name their sample.
    offsets = {} if is_json else byte_offsets(TextFile(landed.path), {number for number, _, _ in rows})
    found = [
        Reject(
            number,
            offsets.get(number),
            "time",
            f'found "{moment}"; {closed}' + (f"; sample of {metric} at {moment}" if is_json else ""),
        )
        for number, metric, moment in rows
    ]
    others = context.work_dir / "others.parquet"
    connection.execute(
        f"copy (select * from read_parquet({literal(parquet)}) where not ({is_late})) to {literal(others)} {PARQUET}"
    )
    others.replace(parquet)
    found += read_rejects(rejects)
    return finish(connection, parquet, rejects, found, time_column="sampled_at", unknown_fields=result.unknown_fields)
