"""CSV text as every writer here makes it."""

import csv
import io
from collections.abc import Iterable


def csv_text(columns: list[str], rows: Iterable[Iterable[object]]) -> str:
    """A header and rows, with line feeds only."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return out.getvalue()
