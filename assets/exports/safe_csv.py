"""CSV a spreadsheet reads as it was meant: RFC 4180 with a byte order mark, and no text cell that runs as a formula."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal

BYTE_ORDER_MARK = "\N{ZERO WIDTH NO-BREAK SPACE}"
# OWASP's set, the full-width forms Excel takes for it, and line breaks, behind which a cell can start anew.
FORMULA_STARTS = tuple("=+-@\t\r\n＝＋－＠")
BLANKS = " \N{NO-BREAK SPACE}\N{IDEOGRAPHIC SPACE}"


def to_csv(header: Sequence[str] | None, rows: Iterable[Sequence[object]], byte_order_mark: bool = True) -> bytes:
    """UTF-8, by default with a byte order mark, CRLF, header first; the same rows give the same bytes."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\r\n")
    if header is not None:
        writer.writerow(header)
    writer.writerows([_cell(value) for value in row] for row in rows)
    return (BYTE_ORDER_MARK * byte_order_mark + out.getvalue()).encode("utf-8")


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return guarded(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | date):
        return str(value)
    raise TypeError(f"found {type(value).__name__}, allowed are text, whole numbers, Decimal, bool and days")


def guarded(text: str) -> str:
    """Text that would start a formula gets a leading apostrophe; numbers never come this way, so they stay numbers.

    Every line of a cell is looked at: a spreadsheet that splits the cell at its breaks would run the later ones.
    """
    starts_formula = any(line.lstrip(BLANKS).startswith(FORMULA_STARTS) for line in text.splitlines() or [text])
    return f"'{text}" if starts_formula or text.startswith(("\t", "\r", "\n")) else text
