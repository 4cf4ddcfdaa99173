"""Statements hold one tenant's or cost center's lines, and together what the chargeback says."""

import json
from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from assets.exports import write_export
from assets.exports.statements import _file_name
from tests.unit.assets.exports.test_chargeback import read
from tests.unit.assets.reports.small_marts import EVIL_NAME

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def written(marts: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("out")
    write_export("statements", marts, folder, "2026-10")
    write_export("chargeback", marts, folder, "2026-10")
    return folder


def statements(folder: Path, kind: str) -> dict[str, list[dict[str, str]]]:
    told = json.loads((folder / "statements.manifest.json").read_text())["statements"]
    return {entry[kind]: read(folder / entry["file"]) for entry in told if kind in entry}


@pytest.mark.parametrize(("kind", "column"), [("tenant", "tenant_id"), ("cost_center", "cost_center")])
def test_a_file_holds_that_one_s_rows_only_and_all_of_them(written: Path, kind: str, column: str) -> None:
    *lines, _ = read(written / "chargeback.csv")
    expected: dict[str, list[dict[str, str]]] = defaultdict(list)
    for line in lines:
        expected[line[column].removeprefix("'")].append(line)
    found = statements(written, kind)
    assert expected.keys() - found.keys() == {"unattributed"}
    assert found.keys() == expected.keys() - {"unattributed"}
    for name, rows in found.items():
        shared = rows[0].keys() & expected[name][0].keys()
        assert [{key: row[key] for key in shared} for row in rows] == [
            {key: line[key] for key in shared} for line in expected[name]
        ]


def test_the_spreadsheet_names_no_other_tenant(written: Path) -> None:
    told = json.loads((written / "statements.manifest.json").read_text())["statements"]
    for entry in (entry for entry in told if "tenant" in entry):
        book = openpyxl.load_workbook(written / entry["file"].replace(".csv", ".xlsx"))
        assert book.sheetnames[:3] == ["summary", "lines", "usage"]
        for sheet in book.worksheets:
            header, *rows = list(sheet.iter_rows(values_only=True))
            place = header.index("tenant_id")
            assert {row[place] for row in rows if row[0] != "Total"} == {entry["tenant"]}


def test_usage_and_token_budget_stand_in_the_spreadsheet(written: Path) -> None:
    book = openpyxl.load_workbook(written / "statements" / f"tenant_{_file_name('acme')}.xlsx")
    *usage, totals = list(book["usage"].iter_rows(min_row=2, values_only=True))
    assert len(usage) == 12, "three features by four models"
    assert totals[4:] == tuple(f"=SUBTOTAL(109,[{name}])" for name in ("calls", "input_tokens", "output_tokens"))
    (balance,) = list(book["token_budget"].iter_rows(min_row=2, values_only=True))
    used = sum(int(str(row[5])) + int(str(row[6])) for row in usage)
    assert balance == ("acme", "2026-10", 1_000_000, used, 1_000_000 - used)
    blue = openpyxl.load_workbook(written / "statements" / f"tenant_{_file_name('blue')}.xlsx")
    assert "token_budget" not in blue.sheetnames


def test_the_first_sheet_says_who_owes_what_of_which_invoice(written: Path) -> None:
    told = json.loads((written / "statements.manifest.json").read_text())["statements"]
    for entry in told:
        book = openpyxl.load_workbook(written / entry["file"].replace(".csv", ".xlsx"), data_only=True)
        header, *rows, total = list(book["summary"].iter_rows(values_only=True))
        lines = [dict(zip(header, row, strict=True)) for row in rows]
        assert [line.get("tenant_id", line.get("cost_center")) for line in lines] == [next(iter(entry.values()))] * len(
            rows
        )
        keys = ("posting_period", "service_provider", "invoice_id", "status", "dispute_status", "is_free_plan")
        assert len({tuple(line[key] for key in keys) for line in lines}) == len(lines)
        for name in ("amount_usd", "price_usd"):
            assert round(sum(Decimal(str(line[name])) for line in lines), 2) == Decimal(entry[name])
            assert round(Decimal(str(total[header.index(name)])), 2) == Decimal(entry[name])


def test_prices_in_cents_add_up_to_cost_plus_20_percent(written: Path) -> None:
    for rows in statements(written, "tenant").values():
        effective = sum(Decimal(row["effective_amount_usd"]) for row in rows)
        assert sum(Decimal(row["price_usd"]) for row in rows) == round(effective * Decimal("1.2"), 2)


def test_free_plans_and_disputes_stand_apart(written: Path) -> None:
    told = json.loads((written / "statements.manifest.json").read_text())["statements"]
    by_tenant: dict[str, dict[str, Any]] = {entry["tenant"]: entry for entry in told if "tenant" in entry}
    assert by_tenant["free"]["free_plan_amount_usd"] == by_tenant["free"]["amount_usd"] != "0"
    assert by_tenant["acme"]["free_plan_amount_usd"] == "0"
    rows = statements(written, "tenant")["acme"]
    disputed = [row for row in rows if row["dispute_status"] == "open"]
    assert {row["service_provider"] for row in disputed} == {"openai"}
    assert Decimal(by_tenant["acme"]["disputed_amount_usd"]) == sum(Decimal(row["amount_usd"]) for row in disputed) > 0
    assert Decimal(by_tenant["acme"]["amount_usd"]) == sum(Decimal(row["amount_usd"]) for row in rows)


def test_hostile_names_give_safe_files_of_their_own(broken_marts: Build, tmp_path: Path) -> None:
    names = {"acme": "../../etc/passwd", "blue": "a/b", "cobalt": "a b", "delta": "..", "evil": EVIL_NAME}
    marts = broken_marts(
        *(
            f"update {table} set tenant_id = '{new}' where tenant_id = '{old}'"
            for old, new in names.items()
            for table in ("chargeback_lines", "dim_tenants", "fct_usage", "token_budgets_monthly")
        )
    )
    paths = write_export("statements", marts, tmp_path / "out", "2026-10")
    assert {path.resolve().parent for path in paths[:-1]} == {(tmp_path / "out/statements").resolve()}
    assert len(set(paths)) == len(paths) == 2 * (6 + 6) + 1
    assert set(statements(tmp_path / "out", "tenant")) == {*names.values(), "free"}


def test_the_same_marts_give_the_same_bytes(marts: Path, written: Path, tmp_path: Path) -> None:
    for path in write_export("statements", marts, tmp_path, "2026-10"):
        assert path.read_bytes() == (written / path.relative_to(tmp_path)).read_bytes()
