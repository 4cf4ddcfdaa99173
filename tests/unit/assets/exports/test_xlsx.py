"""Spreadsheets, read back by openpyxl: text nobody runs, cents as numbers, the same bytes every time."""

import io
import time
import zipfile
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from assets.exports import write_export, xlsx
from assets.exports.xlsx import Table, to_xlsx
from tests.unit.assets.exports.test_chargeback import read
from tests.unit.assets.reports.small_marts import EVIL_NAME

HOSTILE = ["=1+1", "+1", "-1", "@x", "=cmd|'/c calc'!A1", "http://evil", "mailto:x@y", "007", "1e5", "'", "\x01", "＝x"]


def sheets(content: bytes) -> list[list[tuple[Any, ...]]]:
    book = openpyxl.load_workbook(io.BytesIO(content))
    return [list(sheet.iter_rows()) for sheet in book.worksheets]


def test_chargeback_is_the_same_in_both_forms(marts: Path, tmp_path: Path) -> None:
    csv_file, xlsx_file, _ = write_export("chargeback", marts, tmp_path, "2026-10")
    *lines, control = read(csv_file)
    ((header, *cells, totals),) = sheets(xlsx_file.read_bytes())
    names = [cell.value for cell in header]
    assert ["record_type", *names] == list(lines[0])
    for line, row in zip(lines, cells, strict=True):
        shown = {name: "" if cell.value is None else str(cell.value) for name, cell in zip(names, row, strict=True)}
        assert {
            name: text.removeprefix("'") for name, text in line.items() if name not in ("record_type", "amount_usd")
        } == {name: text for name, text in shown.items() if name != "amount_usd"}
    amounts = [row[names.index("amount_usd")] for row in cells]
    assert [Decimal(str(cell.value)) for cell in amounts] == [Decimal(line["amount_usd"]) for line in lines]
    assert {cell.data_type for cell in amounts} == {"n"}
    assert totals[names.index("amount_usd")].value == "=SUBTOTAL(109,[amount_usd])"
    result = openpyxl.load_workbook(xlsx_file, data_only=True).worksheets[0]
    assert Decimal(str(result.cell(len(cells) + 2, names.index("amount_usd") + 1).value)) == Decimal(
        control["amount_usd"]
    )
    assert EVIL_NAME in {row[names.index("tenant_name")].value for row in cells}


def test_text_is_text_and_the_sums_are_the_only_formulas() -> None:
    content = to_xlsx(
        Table("lines", ("text", "amount_usd"), [(text, Decimal("1.10")) for text in HOSTILE], ("amount_usd",))
    )
    ((_, *cells, totals),) = sheets(content)
    assert [row[0].data_type for row in cells] == ["s"] * len(HOSTILE)
    assert [row[0].value for row in cells if row[0].value != "\x01"][:10] == HOSTILE[:10]
    assert [cell.data_type for row in (*cells, totals) for cell in row].count("f") == 1
    parts = zipfile.ZipFile(io.BytesIO(content))
    assert not [
        name
        for name in parts.namelist()
        if "external" in name.lower() or ("rels/sheet" in name and b"hyperlink" in parts.read(name))
    ]


def test_amounts_with_more_digits_than_excel_keeps_are_text() -> None:
    exact = Decimal("123456789.123456789012")
    ((_, (cell, day)),) = sheets(to_xlsx(Table("lines", ("exact", "day"), [(exact, date(2026, 10, 31))])))
    assert (cell.data_type, cell.value) == ("s", "123456789.123456789012")
    assert day.value.date() == date(2026, 10, 31)


def test_same_rows_give_the_same_bytes_a_second_later() -> None:
    rows = [("a", Decimal("1.00")), ("b", Decimal("-2.50"))]
    first = to_xlsx(Table("lines", ("name", "amount_usd"), rows, ("amount_usd",)))
    time.sleep(2.1)  # a zip file's times have steps of two seconds
    assert to_xlsx(Table("lines", ("name", "amount_usd"), rows, ("amount_usd",))) == first


def test_more_rows_than_a_sheet_takes_go_on_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "ROWS_A_SHEET", 2)
    read_back = sheets(to_xlsx(Table("lines", ("n",), [(f"row {n}",) for n in range(5)])))
    assert [[row[0].value for row in sheet[1:]] for sheet in read_back] == [
        ["row 0", "row 1"],
        ["row 2", "row 3"],
        ["row 4"],
    ]


def test_a_column_of_blanks_has_no_sum_and_counts_have() -> None:
    columns = ("name", "calls", "price_usd")
    ((_, _, total),) = sheets(to_xlsx(Table("lines", columns, [("a", 7, None)], ("calls", "price_usd"))))
    assert [cell.value for cell in total] == ["Total", "=SUBTOTAL(109,[calls])", None]


def test_a_table_without_rows_opens() -> None:
    ((header, *_),) = sheets(to_xlsx(Table("lines", ("a", "b"), [])))
    assert [cell.value for cell in header] == ["a", "b"]


def test_a_float_is_refused() -> None:
    with pytest.raises(TypeError, match="found float"):
        to_xlsx(Table("lines", ("amount",), [(0.1,)]))
