"""A spreadsheet of tables: text stays text, cents are numbers, and the same rows give the same bytes."""

import io
from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import xlsxwriter
from xlsxwriter.worksheet import Worksheet

# Excel's limit is 1,048,576, with header and totals.
ROWS_A_SHEET = 1_000_000
WIDEST_COLUMN_PIXELS = 400
# XlsxWriter writes the time of writing unless it is told one.
CREATED = datetime(1980, 1, 1, tzinfo=UTC)
AS_TEXT = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
CENTS = -2
NUMBER_FORMATS = {"money": "#,##0.00", "day": "yyyy-mm-dd", "count": "#,##0"}

Rows = Sequence[Sequence[object]]


class Table(NamedTuple):
    """A sheet, with a last row that sums the columns named in `totals`, of cents or of counts, if any are."""

    name: str
    header: Sequence[str]
    rows: Rows
    totals: Sequence[str] = ()


def to_xlsx(*tables: Table) -> bytes:
    """A workbook of the tables, each on a sheet of its own.

    Excel keeps 15 digits: amounts with more decimals than cents are written as text, which loses none.
    """
    out = io.BytesIO()
    workbook = xlsxwriter.Workbook(out, AS_TEXT)
    workbook.set_properties({"title": tables[0].name, "created": CREATED})
    formats = {kind: workbook.add_format({"num_format": text}) for kind, text in NUMBER_FORMATS.items()}
    for table in tables:
        for number, start in enumerate(range(0, max(len(table.rows), 1), ROWS_A_SHEET), 1):
            sheet = workbook.add_worksheet(table.name if number == 1 else f"{table.name} {number}")
            part = table._replace(rows=table.rows[start : start + ROWS_A_SHEET])
            _fill(sheet, part, formats, f"{table.name}_{number}")
    workbook.close()
    return out.getvalue()


def _fill(sheet: Worksheet, table: Table, formats: dict[str, Any], name: str) -> None:
    for index, cells in enumerate(table.rows, 1):
        for column, cell in enumerate(cells):
            _put(sheet, index, column, cell, formats)
    columns = [
        _total_column(table, place, formats)
        if title in table.totals and _has_amounts(table.rows, place)
        else {"header": title, "total_string": "Total" if table.totals and not place else ""}
        for place, title in enumerate(table.header)
    ]
    has_totals = bool(table.totals)
    last_row = max(len(table.rows), 1) + has_totals  # a table has a row of data
    sheet.add_table(0, 0, last_row, len(columns) - 1, {"columns": columns, "total_row": has_totals, "name": name})
    sheet.ignore_errors({"number_stored_as_text": f"A1:XFD{last_row + 1}"})
    sheet.autofit(WIDEST_COLUMN_PIXELS)
    sheet.freeze_panes(1, 0)
    sheet.repeat_rows(0)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)


def _has_amounts(rows: Rows, place: int) -> bool:
    """A column of nothing but blanks has no sum, which is not 0."""
    return not rows or any(cells[place] is not None for cells in rows)


def _total_column(table: Table, place: int, formats: dict[str, Any]) -> dict[str, Any]:
    amounts = [cell for cells in table.rows if isinstance(cell := cells[place], Decimal | int)]
    is_count = bool(amounts) and not any(isinstance(amount, Decimal) for amount in amounts)
    return {
        "header": table.header[place],
        "format": formats["count" if is_count else "money"],
        "total_function": "sum",
        "total_value": sum(amounts, 0),
    }


def _put(sheet: Worksheet, row: int, column: int, value: object, formats: dict[str, Any]) -> None:
    if value is None:
        return
    if isinstance(value, Decimal) and _is_cents(value):
        sheet.write_number(row, column, value, formats["money"])
    elif isinstance(value, bool):
        sheet.write_string(row, column, "true" if value else "false")
    elif isinstance(value, int):
        sheet.write_number(row, column, value, formats["count"])
    elif isinstance(value, date):
        sheet.write_datetime(row, column, value, formats["day"])
    elif isinstance(value, str | Decimal):
        sheet.write_string(row, column, value if isinstance(value, str) else f"{value:f}")
    else:
        raise TypeError(f"found {type(value).__name__}, allowed are text, whole numbers, Decimal, bool and days")


def _is_cents(value: Decimal) -> bool:
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= CENTS
