"""Pages of provider usage and cost reports: one JSON object with buckets, each with results.

OpenAI and Anthropic differ in names and in how they write time and money; their packages say how. Numbers keep every
digit they were written with: money is parsed as text and becomes a decimal, never a float.
"""

import itertools
import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

from sources.feed import LandedFile, ReadContext, ReadResult, UnreadableFileError
from sources.lines import TextFile
from sources.mapped import counts_tokens
from sources.quarantine import Reject
from sources.reading import finish, write_rows

Row = dict[str, Any]


class RowError(Exception):
    """A result that cannot be kept: which field, and why."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(f"{field}: {reason}")
        self.field = field
        self.reason = reason


@dataclass(frozen=True)
class Page:
    """How one endpoint's pages are read: a bucket's times, a result's columns, the fields a result may have."""

    columns: Mapping[str, str]
    read_bucket: Callable[[Row], tuple[datetime, datetime]]
    read_result: Callable[[Row, ReadContext], Row]
    known_fields: frozenset[str]
    # What the row of a bucket without results holds besides counts of 0, by the file and all results of its page.
    empty: Callable[[LandedFile, list[Any]], Row]


# Every page table starts with these.
ORIGIN_COLUMNS: Mapping[str, str] = {
    "account_id": "VARCHAR",
    "retrieved_at": "TIMESTAMP",
    "bucket_start": "TIMESTAMP",
    "bucket_end": "TIMESTAMP",
    # True of the only row of a bucket that has no results: older results of the bucket are out of use.
    "is_empty": "BOOLEAN",
}


def read_page(page: Page, file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path) -> ReadResult:
    """Results in file order; row_number counts them from 1, good, bad and the rows of empty buckets alike."""
    if file.account_id is None:
        raise UnreadableFileError(
            f"unknown; put the file into landing/{file.feed}/{file.table}/<account>/ or name it in the sidecar "
            f"{file.name}.meta.json",
            "account_id",
        )
    rows: list[Row] = []
    rejects: list[Reject] = []
    unknown: Counter[str] = Counter()
    empty_days = {}
    numbers = itertools.count(1)
    buckets = list(_buckets(_load(file.path)))
    all_results = [result for _, bucket in buckets for result in bucket.get("results") or ()]
    for path, bucket in buckets:
        span = _span(page, bucket, context)
        results = bucket.get("results")
        if not isinstance(results, list):
            raise UnreadableFileError("missing; expected a list", f"{path}.results")
        origin = {"account_id": file.account_id, "retrieved_at": file.retrieved_at, "is_empty": not results}
        if not results and not isinstance(span, RowError):
            empty_days[span[0].date()] = 0
            counts = {name: 0 if kind == "BIGINT" else None for name, kind in page.columns.items()}
            row = {"bucket_start": span[0], "bucket_end": span[1]} | page.empty(file, all_results)
            rows.append(counts | origin | row | {"file_hash": file.identity, "row_number": next(numbers)})
        for result, number in zip(results, numbers, strict=False):
            try:
                row = _row(page, span, result, context)
            except RowError as error:
                rejects.append(Reject(number, None, error.field, error.reason))
                continue
            unknown.update(result.keys() - page.known_fields)
            rows.append(origin | row | {"file_hash": file.identity, "row_number": number})
    write_rows(context.connection, rows, page.columns, out_parquet)
    result = finish(
        context.connection,
        out_parquet,
        out_rejects,
        rejects,
        time_column="bucket_start",
        may_be_empty=True,
        unknown_fields=dict(sorted(unknown.items())),
    )
    return replace(result, days=dict(result.days) | empty_days)


def _load(path: Path) -> Row:
    text = TextFile(path)
    try:
        # Numbers stay text until they are known to be counts or money; NaN and Infinity never are.
        page = json.loads(
            b"".join(text.pieces()).decode("utf-8-sig"), parse_float=str, parse_int=str, parse_constant=str
        )
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"not UTF-8 at byte offset {error.start}", "file") from error
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, byte {error.pos}"
        raise UnreadableFileError(
            "; ".join([f"not valid JSON ({error.msg}, {where})", *text.notes]), "file", error.lineno
        ) from error
    if not isinstance(page, dict):
        raise UnreadableFileError("expected one JSON object with a list `data`", "file")
    return page


def _buckets(page: Row) -> Iterator[tuple[str, Row]]:
    data = page.get("data")
    if not isinstance(data, list):
        raise UnreadableFileError("missing; expected a list of buckets", "data")
    for index, bucket in enumerate(data):
        if not isinstance(bucket, dict):
            raise UnreadableFileError("expected an object", f"data[{index}]")
        yield f"data[{index}]", bucket


def _span(page: Page, bucket: Row, context: ReadContext) -> tuple[datetime, datetime] | RowError:
    """The bucket's times, or what is wrong with every result in it."""
    try:
        start, end = page.read_bucket(bucket)
    except RowError as error:
        return error
    if not start < end:
        return RowError("bucket", f"ends {end} before it starts {start}")
    if start > context.now.replace(tzinfo=None):
        return RowError("bucket", f"date in the future: {start}")
    return start, end


def _row(page: Page, span: tuple[datetime, datetime] | RowError, result: Any, context: ReadContext) -> Row:
    if isinstance(span, RowError):
        raise span
    if not isinstance(result, dict):
        raise RowError("results", "expected an object")
    for name, value in _flat(result):
        if name not in page.known_fields and counts_tokens(name, value):
            raise RowError(name, "a token class that is not known here")
    return {"bucket_start": span[0], "bucket_end": span[1]} | page.read_result(result, context)


def _flat(result: Row) -> Iterator[tuple[str, Any]]:
    """The fields of a result; those of objects in it by their path."""
    for name, value in result.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", more) for inner, more in value.items())
        else:
            yield name, value


# How fields of a result are read. Numbers arrive as the text they were written as.


def count(row: Row, name: str, default: int | None = None) -> int:
    value = _inside(row, name)
    if value is None and default is not None:
        return default
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 18:
        return int(value)
    raise RowError(name, f"{_shown(value)}; expected a whole number, 0 or more")


def text(row: Row, name: str) -> str | None:
    value = _inside(row, name)
    if value is None or isinstance(value, str):
        return value or None
    raise RowError(name, "expected a text or null")


def flag(row: Row, name: str) -> bool:
    value = _inside(row, name)
    if value is None or isinstance(value, bool):
        return bool(value)
    raise RowError(name, f"{_shown(value)}; expected true, false or null")


def choice(row: Row, name: str, allowed: Mapping[str | None, str | None]) -> str | None:
    """The lake's word for the provider's word, which is one of a closed list."""
    value = text(row, name)
    if value not in allowed:
        words = ", ".join(sorted(word for word in allowed if word))
        raise RowError(name, f"{_shown(value)}; allowed are {words}")
    return allowed[value]


def currency(row: Row, name: str, context: ReadContext) -> str:
    code = (text(row, name) or "").upper()
    if code not in context.currencies | {"USD"}:
        raise RowError(name, f"currency {code[:3]!r} has no rate in config/fx_rates.csv")
    return code


def amount(row: Row, name: str, shift: int = 0) -> Decimal:
    """Money or a quantity, times ten to the `shift`, to twelve decimals: what lies beyond is the noise of a float."""
    value = _inside(row, name)
    try:
        number = Decimal(value).scaleb(shift) if isinstance(value, str) else None
    except ArithmeticError:
        number = None
    if number is None or not number.is_finite() or abs(number) >= Decimal(10) ** 14:
        raise RowError(name, f"{_shown(value)}; expected a number")
    return number.quantize(Decimal(1).scaleb(-12), ROUND_HALF_EVEN)


def _inside(row: Row, name: str) -> Any:
    value: Any = row
    for part in name.split("."):
        if value is None:
            return None
        if not isinstance(value, dict):
            raise RowError(name, "expected an object")
        value = value.get(part)
    return value


def _shown(value: object) -> str:
    return "missing" if value is None else f"found {str(value)[:16]!r}"
