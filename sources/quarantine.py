"""Rejected rows: file, line, byte offset, field and reason. The text of a rejected row is never stored.

Readers write rejects next to the lake file they produce. To look at the text, sources.meta reads landing again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

REJECT_SCHEMA = {"line_number": pl.Int64, "byte_offset": pl.Int64, "field": pl.String, "reason": pl.String}


@dataclass(frozen=True)
class Reject:
    """One rejected row (one reject a row), or a note on the whole file when `line_number` is None."""

    line_number: int | None
    byte_offset: int | None
    field: str
    reason: str


def write_rejects(path: Path, rejects: Iterable[Reject]) -> int:
    """Write the rejects in line order, notes on the file first; gives the number of rejected rows."""
    rows = sorted(rejects, key=lambda r: (r.line_number is not None, r.line_number or 0, r.field))
    pl.DataFrame([vars(row) for row in rows], schema=REJECT_SCHEMA).write_parquet(path, compression="zstd")
    return sum(row.line_number is not None for row in rows)


def read_rejects(path: Path) -> list[Reject]:
    return [Reject(**row) for row in pl.read_parquet(path).to_dicts()]
