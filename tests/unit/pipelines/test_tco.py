"""`inferledger tco` on marts that the models made of literal rows."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from assets.marts import MartsError
from pipelines.cli import cli
from pipelines.tco import read_tco
from sources.home import Home, init_home
from tests.unit.dbt_project.tco import month_of, tables_of_tco

CHARGES = [
    {"usage_date": date(2026, 9, 2), "usd": "100", "host": "direct", "product_id": "chat"},
    {"usage_date": date(2026, 9, 2), "usd": "40", "host": "direct", "product_id": "mail"},
    {"usage_date": date(2026, 9, 2), "usd": "60", "host": "self_hosted", "product_id": "mail", "pool_id": "p",
     "charge_category": "gpu_busy"},
    {"usage_date": date(2026, 9, 3), "usd": "20", "host": "self_hosted", "pool_id": "p",
     "charge_category": "gpu_idle"},
]  # fmt: skip


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = init_home(tmp_path_factory.mktemp("home"))
    engineer = {"role": "r", "line": "people", "loaded_usd_per_year": Decimal(2160), "share": Decimal(1)}
    task: dict[str, Any] = {"ended_date": date(2026, 9, 5), "is_resolved": False, "is_outcome_known": True}
    write(
        home.published / "marts.duckdb",
        **month_of(CHARGES, date(2026, 9, 1), date(2026, 10, 4)),
        people=[engineer | {"is_serving": True}],
        fct_tasks=[task | {"feature_id": "a"}, task | {"feature_id": "b"}],
        dim_features=[{"feature_id": "a", "product_id": "chat"}, {"feature_id": "b", "product_id": "mail"}],
        tco_remediation=[{"feature_id": "a", "usd_per_wrong_answer": Decimal(7)}],
        tco_horizon=[{"month_number": 1, "inference_factor": Decimal("1.5"), "growth_percent": Decimal(50)}],
    )
    return home


def write(path: Path, **given: Any) -> None:
    with duckdb.connect(str(path)) as connection:
        for name, table in tables_of_tco(("tco_monthly", "tco_projection_monthly"), **given).items():
            connection.register("rows", table)
            connection.execute(f"create table {name} as select * from rows")
            connection.unregister("rows")


def usd(*amounts: int | str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, amounts))


def test_all_products_together(home: Home) -> None:
    found = read_tco(home)
    assert (found.month, found.is_complete) == (date(2026, 9, 1), True)
    assert {row.line: (row.cash_usd, row.economic_usd) for row in found.lines if row.economic_usd} == {
        "people": usd(180, 180),
        "bad_answers": usd(0, 7),
        "inference": usd(220, 220),
    }
    assert [row.line for row in found.lines][:3] == ["people", "bad_answers", "inference"]
    assert (found.cash_usd, found.economic_usd, found.billed_usd) == usd(400, 407, 220)
    assert [(row.product_id, row.cash_usd, row.economic_usd) for row in found.products] == [
        ("unattributed", *usd(200, 200)),
        ("chat", *usd(100, 107)),
        ("mail", *usd(100, 100)),
    ]
    assert found.token_bill_share == Decimal("0.35")
    assert found.inference_share_of_infrastructure == 1
    assert found.first_three_lines_share == 1
    # Whoever serves and both days of the node, over the day it was busy, and over both.
    assert found.overhead_multiplier == Decimal(260) / 60
    assert found.overhead_multiplier_all_gpus == Decimal(260) / 80
    bad = next(row for row in found.lines if row.line == "bad_answers")
    assert (bad.wrong_answers, bad.unvalued_wrong_answers) == (2, 1)


def test_the_months_ahead(home: Home) -> None:
    [ahead] = read_tco(home).ahead
    inference = Decimal(220) * 31 / 30 * Decimal("1.5")
    assert ahead.month == date(2026, 10, 1)
    assert ahead.cash_by_line_usd["inference"] == pytest.approx(inference)
    assert ahead.economic_usd == pytest.approx(inference + 180 + Decimal(7) * 31 / 30 * Decimal("1.5"))
    assert "(50 % a month)" in read_tco(home).assumptions["inference"]


def test_one_product(home: Home) -> None:
    found = read_tco(home, date(2026, 9, 1), "mail")
    assert (found.cash_usd, found.token_bill_usd, found.token_bill_share) == usd(100, 40, "0.4")
    assert next(row for row in found.lines if row.line == "bad_answers").economic_usd is None
    assert found.first_three_lines_share is None


@pytest.mark.parametrize(
    ("month", "product", "message"),
    [
        (date(2026, 7, 1), None, "tco_monthly has 2026-07 not; months that are there: 2026-09, 2026-10"),
        (None, "male", "no product 'male' in 2026-09; allowed: chat, mail, unattributed"),
    ],
)
def test_what_is_not_there_is_named(home: Home, month: date | None, product: str | None, message: str) -> None:
    with pytest.raises(MartsError, match=message):
        read_tco(home, month, product)


def test_the_command_prints_tables_and_json(home: Home) -> None:
    shown = CliRunner().invoke(cli, ["tco", "--home", str(home.root), "--month", "2026-10"])
    assert shown.exit_code == 0, shown.output
    assert "2026-10 of all products, 4 days of it" in shown.output
    assert "Months ahead: an estimate" in shown.output
    shown = CliRunner().invoke(cli, ["tco", "--home", str(home.root)])
    assert "1 of 2 wrong answers are of features without a remediation cost" in shown.output
    assert "token bill share                   35.0% (usual: 5% to 15%, above)" in shown.output
    found = json.loads(CliRunner().invoke(cli, ["tco", "--home", str(home.root), "--json"]).output)
    assert found["cash_usd"] == "400.000000000000"
    assert found["lines"][1]["economic_usd"] == "7.000000000000"
    wrong = CliRunner().invoke(cli, ["tco", "--home", str(home.root), "--month", "2025-01"])
    assert wrong.exit_code == 2
