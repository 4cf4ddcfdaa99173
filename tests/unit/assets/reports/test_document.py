"""The report's PDF, spreadsheet and CSV: the page's figures, text that stays text, and the same bytes each time."""

import csv
import io
import re
from decimal import Decimal
from pathlib import Path

import openpyxl
import pytest

from assets.reports import document
from assets.reports.document import number
from assets.reports.tables import Cell, Column, Table
from assets.reports.weekly import ReportMeta, write_weekly_report
from tests.unit.assets.reports.small_marts import EVIL_NAME, WEEK

META = ReportMeta("run-1", "1.2.3", "prices-7", "version-9")


@pytest.fixture(scope="module")
def folder(marts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_weekly_report(marts, tmp_path_factory.mktemp("report"), WEEK, META).path.parent


def lines(folder: Path) -> list[dict[str, str]]:
    content = (folder / "weekly.csv").read_bytes().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content, newline="")))


def test_csv_holds_the_headline_and_tables_that_add_up(folder: Path) -> None:
    found = lines(folder)
    assert (found[0]["row"], found[0]["value"]) == ("Inference cost", "322.18")
    tenants = {
        line["row"]: Decimal(line["value"]) for line in found if (line["table"], line["column"]) == ("tenants", "Cost")
    }
    assert f"'{EVIL_NAME}" in tenants
    assert sum(tenants.values()) == 2 * Decimal("322.18")


def test_every_value_of_the_csv_has_a_key_of_its_own(folder: Path) -> None:
    keys = [(line["table"], line["row"], line["column"]) for line in lines(folder)]
    assert len(keys) == len(set(keys))


def test_the_spreadsheet_has_numbers_and_no_formula_in_text(folder: Path) -> None:
    book = openpyxl.load_workbook(folder / "weekly.xlsx")
    headline = list(book["headline"].iter_rows(values_only=True))
    assert headline[1][:2] == ("Inference cost", 322.18)
    cells = [cell for row in book["tenants"].iter_rows() for cell in row if cell.value == EVIL_NAME]
    assert [cell.data_type for cell in cells] == ["s"]
    assert "<svg" not in str(list(book["tenants"].values))


def test_the_pdf_is_tagged_and_says_what_it_claims_to_be(folder: Path) -> None:
    content = (folder / "weekly.pdf").read_bytes()
    assert content.startswith(b"%PDF-1.")
    assert b"/MarkInfo" in content
    assert re.search(rb"pdfuaid:part>1<|pdfuaid:part=.1", content)
    assert len(content) < 1_000_000


def test_a_column_of_sentences_is_wider_than_one_of_words_up_to_a_limit() -> None:
    columns = (Column("Off", is_number=False), Column("Cause", is_number=False))
    body = ((Cell("cost"), Cell("x" * 400)), (Cell("model mix"), Cell("")))
    shares = [document._share(Table("anomalies", columns, body), number) for number in (0, 1)]
    assert shares == [len("model mix") + document.MARGINS, document.SENTENCE + document.MARGINS]
    assert document._share(Table("anomalies", columns, ()), 0) == len("Off") + document.MARGINS


def test_the_same_marts_give_the_same_bytes(marts: Path, folder: Path, tmp_path: Path) -> None:
    write_weekly_report(marts, tmp_path, WEEK, META)
    for name in ("weekly.pdf", "weekly.xlsx", "weekly.csv", "weekly.html"):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_no_table_of_the_page_is_left_out() -> None:
    page = (Path(document.__file__).parent / "templates/weekly.html.j2").read_text()
    shown = [name for section in document.SECTIONS for name in section.tables]
    assert re.findall(r"\{\{ table\((\w+),", page) == shown


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("$1,234.56", Decimal("1234.56")),
        ("\N{MINUS SIGN}$0.05", Decimal("-0.05")),
        ("+$3.10", Decimal("3.10")),
        ("12,210", 12210),
        ("15.9%", "15.9%"),
        ("5 of 7", "5 of 7"),
        ("\N{EN DASH}", "\N{EN DASH}"),
    ],
)
def test_only_what_is_a_number_becomes_one(printed: str, value: object) -> None:
    assert number(printed) == value
