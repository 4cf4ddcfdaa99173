"""`inferledger forecast` on hand-built marts: what the mart says, other assumptions, and too little history."""

import json
import shutil
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from assets.marts import MartsError
from pipelines.cli import cli
from pipelines.forecast import Knobs, read_forecast
from sources.home import Home, init_home
from sources.settings import load_settings
from tests.unit.assets.reports.small_marts import build_marts


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = init_home(tmp_path_factory.mktemp("home"))
    build_marts(home.published / "marts.duckdb")
    return home


def said(home: Home, *arguments: str) -> str:
    result = CliRunner().invoke(cli, ["forecast", "--home", str(home.root), *arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_the_months_are_those_of_the_mart(home: Home) -> None:
    found = read_forecast(home)
    assert [month.month for month in found.months][::11] == [date(2026, 11, 1), date(2027, 10, 1)]
    first = found.months[0]
    assert list(first.lines_usd.values()) == [100, 10, 0, -3, 25, 10]
    assert (first.amount_usd, first.low_usd, first.high_usd) == tuple(map(Decimal, ("142", "115.6", "175")))
    assert not found.is_scenario


def test_other_assumptions_change_the_lines_on_top_alone(home: Home) -> None:
    knobs = Knobs(Decimal(10), Decimal(19), Decimal(0), Decimal(20))
    found = read_forecast(home, "product", "build", knobs)
    last = found.months[-1]
    grown = Decimal("1.1") ** 12 * 40
    assert found.is_scenario
    assert last.lines_usd == {
        "base": 40, "other_charges": 0, "planned_growth": (grown - 40).quantize(Decimal("1e-12"), "ROUND_DOWN"),
        "price_compression": pytest.approx(-grown * Decimal("0.19"), abs=Decimal("1e-9")),
        "growth_reserve": 0, "hidden_costs": 8,
    }  # fmt: skip
    assert last.amount_usd is not None
    assert last.high_usd == pytest.approx(last.amount_usd * Decimal("1.25"), abs=Decimal("1e-9"))


def test_one_knob_leaves_what_the_settings_say_of_the_others(home: Home) -> None:
    lines = read_forecast(home, knobs=Knobs(growth_per_month=Decimal(10))).months[0].lines_usd
    # The mart's 3 % fall holds for what has grown too.
    assert list(lines.values()) == [100, 10, 10, Decimal("-3.3"), 25, 10]


def test_the_command_prints_months_floor_and_back_test(home: Home) -> None:
    text = said(home)
    assert "an estimate from traffic to 2026-10-31" in text
    assert "2027-10" in text
    assert "90.00 USD of the base in 2026-11 at a P50 day; spikes to P95 50.00, to P99 150.00 above it" in text
    assert "6.0% off 28 days ahead over 4 weeks; the last week again 9.0%" in text
    assert "under other assumptions" in said(home, "--growth", "3")


def test_json_holds_money_as_text(home: Home) -> None:
    found: dict[str, Any] = json.loads(said(home, "--product", "assist", "--json"))
    assert found["months"][0]["amount_usd"] == "89.200000000000"
    assert found["months"][0]["lines_usd"]["base"] == "60.000000000000"


def test_too_little_history_is_a_reason_and_no_amount(home: Home) -> None:
    found = read_forecast(home, "product", "evil", Knobs(growth_per_month=Decimal(10)))
    assert {(month.amount_usd, month.low_usd) for month in found.months} == {(None, None)}
    text = said(home, "--product", "evil")
    assert "too little history: 3 whole weeks up to 2026-10-31, 10 are needed" in text
    assert "0.00" not in text


def test_a_plan_is_saved_by_account_and_plans_of_before_stay(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = init_home(tmp_path / "own")
    shutil.copytree(home.published, own.published, dirs_exist_ok=True)
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-18T06:00:00Z")
    assert "the plan of 2026-11-18, 12 months of 1 account, 1,704.00 USD" in said(own, "--save-plan")
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-19T06:00:00Z")
    said(own, "--save-plan", "--growth-reserve", "0")
    plan = load_settings(own).plan
    assert [(str(row.planned_on), row.month, row.account, row.amount_usd, row.requests) for row in plan[::12]] == [
        ("2026-11-18", "2026-11", "5100", Decimal(142), 1000),
        ("2026-11-19", "2026-11", "5100", Decimal(117), 1000),
    ]
    assert len(plan) == 24
    again = CliRunner().invoke(cli, ["forecast", "--home", str(own.root), "--save-plan"])
    assert again.exit_code == 2
    assert "it has a plan of 2026-11-19; take its rows out first" in again.output


def test_who_is_not_there_is_named_with_who_is(home: Home) -> None:
    with pytest.raises(MartsError, match="has no product 'x'; allowed: assist, build, evil"):
        read_forecast(home, "product", "x")
    result = CliRunner().invoke(cli, ["forecast", "--home", str(home.root), "--product", "a", "--model", "b"])
    assert result.exit_code == 2
