"""What the ledger tells the rest: the meta tables of the lake, and the rejected lines for people to look at.

The tables depend on the landed files alone, not on when they were read: two homes with the same landing are equal.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

import polars as pl

from sources.feed import UnreadableFileError
from sources.lake import ledger_path, rejects_file, write_current
from sources.ledger import FileLedger, LedgerRow
from sources.lines import TextFile
from sources.quarantine import Reject, read_rejects

# (feed, table, expected date, file name, last day it covers); the name may hold * where only the sender knows the rest.
ExpectedFile = tuple[str, str, date, str, date]
Schema = Mapping[str, pl.DataType | type[pl.DataType]]

_FILES: Schema = {
    "feed": pl.String,
    "table_name": pl.String,
    "file_name": pl.String,
    "identity": pl.String,
    "path": pl.String,
    "size_bytes": pl.Int64,
    "status": pl.String,
    "rows_read": pl.Int64,
    "rows_kept": pl.Int64,
    "rows_quarantined": pl.Int64,
    "first_event_at": pl.Datetime("us"),
    "last_event_at": pl.Datetime("us"),
    "retrieved_at": pl.Datetime("us"),
    "reader_version": pl.Int64,
    "reason": pl.String,
}
_QUARANTINE: Schema = {
    "feed": pl.String,
    "table_name": pl.String,
    "file_name": pl.String,
    "line_number": pl.Int64,
    "byte_offset": pl.Int64,
    "field": pl.String,
    "reason": pl.String,
}
_EXPECTED: Schema = {
    "feed": pl.String,
    "table_name": pl.String,
    "expected_date": pl.Date,
    "file_name": pl.String,
    "has_arrived": pl.Boolean,
    "last_date": pl.Date,
}
# From which day on samples of GPUs and engines, and calls, are read; of those before, what is kept.
_FIRST_DAYS: Schema = {"samples_from": pl.Date, "calls_from": pl.Date}
_NONE_WENT = date(1970, 1, 1)
_DAYS: Schema = {
    "feed": pl.String,
    "table_name": pl.String,
    "file_name": pl.String,
    "usage_date": pl.Date,
    "rows_kept": pl.Int64,
    "identity": pl.String,
}


# What the ledger knows of a file from its path alone.
_NAMING = ("path", "file_name", "slot", "retrieved_at", "account_id")


@dataclass(frozen=True)
class ShownReject:
    """A reject with the text it is about, read from landing now; None where there is none to show."""

    row: LedgerRow
    reject: Reject
    text: str | None


def export_meta(home: Path, expected_files: Iterable[ExpectedFile]) -> None:
    """Write lake/meta/{files,quarantine,expected_files,file_days,first_days}; unchanged tables keep their bytes."""
    expected = _Expected(expected_files)
    with FileLedger(ledger_path(home)) as ledger:
        rows = _as_if_at_once(ledger.rows(), expected)
        days = list(ledger.days())
        export_kept_days(home, ledger)
    committed = {(row.feed, row.table_name, row.identity): row for row in rows if row.status == "committed"}
    write_current(home, "meta", "files", pl.DataFrame([{c: getattr(r, c) for c in _FILES} for r in rows], _FILES))
    write_current(home, "meta", "quarantine", _frame(_rejects(home, rows), _QUARANTINE))
    write_current(home, "meta", "expected_files", _frame(_arrivals(expected, rows), _EXPECTED))
    named = [
        (feed, table, committed[feed, table, identity].file_name, day, count, identity)
        for feed, table, identity, day, count in days
    ]
    write_current(home, "meta", "file_days", _frame(sorted(named), _DAYS))


def calls_from(home: Path) -> date | None:
    """The first day with single calls, where older ones have gone (retention.calls_days); else None."""
    path = home / "lake" / "meta" / "first_days" / "current.parquet"
    if not path.is_file():
        return None
    day: date = pl.read_parquet(path, columns=["calls_from"]).item()
    return None if day == _NONE_WENT else day


def export_kept_days(home: Path, ledger: FileLedger) -> None:
    """Write lake/meta/first_days, by which a build tells what is kept from the samples and calls that are left."""
    samples_from = max(ledger.kept_samples(), default=_NONE_WENT)
    first_call_day, _ = max(ledger.kept_calls(), default=(_NONE_WENT, _NONE_WENT))
    write_current(home, "meta", "first_days", _frame([[samples_from, first_call_day]], _FIRST_DAYS))


class _Expected:
    """The files that should come, and whether a name is one of theirs."""

    def __init__(self, files: Iterable[ExpectedFile]) -> None:
        self.files = list(files)

    def has(self, feed: str, table: str, name: str) -> bool:
        return any((feed, table) == of[:2] and fnmatchcase(name, of[3]) for of in self.files)


def _as_if_at_once(rows: Iterable[LedgerRow], expected: _Expected) -> list[LedgerRow]:
    """Of files with the same bytes one is the file and the others are copies, whichever came first.

    It is the one with the name that was expected, since that says its day, else the first by path.
    """
    same: dict[tuple[str, str, str], list[LedgerRow]] = {}
    settled = []
    for row in rows:
        if row.status == "superseded":
            settled.append(row)
        else:
            same.setdefault((row.feed, row.table_name, row.identity), []).append(row)
    for copies in same.values():
        if len(copies) > 1:
            copies.sort(key=lambda row: (not expected.has(row.feed, row.table_name, row.file_name), row.path))
        settled += _named_by_first(copies)
    return sorted(settled, key=lambda row: (row.feed, row.table_name, row.path, row.identity, row.reader_version))


def _named_by_first(copies: list[LedgerRow]) -> Iterator[LedgerRow]:
    """Rows of the same bytes, with what became of them told by the first."""
    standing = next((row for row in copies if row.status != "duplicate"), None)
    if standing is None:
        yield from copies
        return
    first, *others = copies
    yield replace(standing, **{name: getattr(first, name) for name in _NAMING})
    for other in others:
        known = {"reader_version": standing.reader_version, "reason": f"same content as {first.path}"}
        yield replace(first if other is standing else other, **{name: getattr(other, name) for name in _NAMING} | known)


def _frame(rows: Iterable[Sequence[object]], schema: Schema) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema=schema, orient="row")


def _rejects(home: Path, rows: Iterable[LedgerRow]) -> Iterator[tuple[object, ...]]:
    for row in rows:
        for reject in _rejects_of(home, row) if row.status in ("committed", "failed") else ():
            place = (reject.line_number, reject.byte_offset)
            yield (row.feed, row.table_name, row.file_name, *place, reject.field, reject.reason)


def _rejects_of(home: Path, row: LedgerRow) -> list[Reject]:
    path = rejects_file(home, row)
    return read_rejects(path) if path.is_file() else []


def _arrivals(expected: _Expected, rows: Sequence[LedgerRow]) -> Iterator[tuple[object, ...]]:
    """A file that came and could not be read has arrived; what is wrong with it is told elsewhere."""
    names: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        names.setdefault((row.feed, row.table_name), set()).add(row.file_name)
    for feed, table, day, pattern, last_day in expected.files:
        there = names.get((feed, table), set())
        has_arrived = pattern in there or any(fnmatchcase(name, pattern) for name in there)
        yield feed, table, day, pattern, has_arrived, last_day


def show_quarantine(home: Path, *, table: str | None = None, file: str | None = None) -> Iterator[ShownReject]:
    """Rejects with their lines, and files that could not be read. `table` is feed.table, `file` a name or path."""
    with FileLedger(ledger_path(home)) as ledger:
        rows = ledger.rows("status in ('committed', 'failed')")
    for row in rows:
        is_wanted = table in (None, f"{row.feed}.{row.table_name}") and file in (None, row.file_name, row.path)
        if is_wanted and (rejects := _rejects_of(home, row)):
            lines = {reject.line_number for reject in rejects if reject.byte_offset is not None}
            texts = _landed_lines(home / "landing" / row.path, lines - {None})
            for reject in rejects:
                yield ShownReject(row, reject, texts.get(reject.line_number))


def _landed_lines(path: Path, numbers: set[int | None]) -> dict[int | None, str]:
    if not numbers or not path.is_file():
        return {}
    found: dict[int | None, str] = {}
    try:
        for batch in TextFile(path).batches():
            wanted = batch.filter(pl.col("line_number").is_in(numbers) & pl.col("text").is_not_null())
            found |= dict(wanted.select("line_number", "text").iter_rows())
    except UnreadableFileError:
        pass  # changed since it was read: what was found until here is shown
    return found
