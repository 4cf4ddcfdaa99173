"""The worked examples of what GPUs and the tokens on them cost come out of the rate card and the pipeline's own SQL."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from tests.integration.fleets import COSTS, Fleet, until
from tests.unit.dbt_project.compiled import rendered

EXPECTED = {
    row["id"]: Decimal(row["expected"])
    for row in csv.DictReader((Path(__file__).parent / "worked_examples.csv").read_text(encoding="utf-8").splitlines())
    if row["part"] == "self-hosting"
}
NODE = {"node_id": "n", "service_provider": "p", "billing_account_id": "a", "gpus": 8, "valid_from": "2026-01-01"}
YEAR_END, LIFE_END = date(2027, 1, 1), date(2029, 1, 1)


def owned(capex: str, years: str, **others: Any) -> dict[str, Any]:
    return {**NODE, "owned": {"capex_usd": capex, "life_years": years, "discount_rate": "0", **others}}


def cost(usd: str, line: str, per: str) -> dict[str, str]:
    return {"usd": usd, "line": line, "per": per}


H100 = owned(
    "255000",
    "3",
    costs=[
        cost("48000", "power", "life"), cost("16000", "cooling", "life"), cost("189000", "colo", "life"),
        cost("75000", "support", "life"), cost("252000", "operations", "life"),
    ],
)  # fmt: skip
H200 = owned(
    "280000",
    "5",
    power_kw="14",
    usd_per_kwh="0.10",
    costs=[cost("15000", "colo", "year"), cost("75000", "operations", "year")],
)


def total(node: dict[str, Any], end: date, column: str = "book_cost_usd", where: str = "true") -> Decimal:
    """What a node costs from 2026 up to a day."""
    fleet = Fleet({"nodes": [node]}, [until(end)], models=COSTS)
    [row] = fleet.rows(f"select sum({column}) as usd from int_gpu_node_costs where {where}")
    return Decimal(row["usd"])


def value(expression: str) -> Decimal:
    [found] = duckdb.connect().execute(f"select {rendered('{{ ' + expression + ' }}')}").fetchone() or [None]
    assert isinstance(found, Decimal)
    return found


def per_mtok(hourly: str, throughput: str, utilisation: str) -> Decimal:
    return value(f"cost_per_mtok_at('cast({hourly} as decimal(26, 12))', '{throughput}', '{utilisation}')")


@pytest.mark.parametrize(
    ("example", "hourly", "throughput", "utilisation"),
    [
        ("gpu_mtok_output", "20", "3000", "1"),
        ("gpu_mtok_output_50", "20", "3000", "0.5"),
        ("gpu_mtok_output_60", "20", "3000", "0.6"),
        ("gpu_mtok_blended", "20", "18000", "1"),
        ("a100_mtok", "1.91", "70000", "1"),
    ],
)
def test_a_million_tokens_at_a_rate(example: str, hourly: str, throughput: str, utilisation: str) -> None:
    assert per_mtok(hourly, throughput, utilisation) == EXPECTED[example]


def test_a_million_tokens_of_a_cluster_with_its_people() -> None:
    tokens = 3000 * 3600 * 8760
    assert value(f"cost_per_mtok('cast(675000 as decimal(26, 12))', '{tokens}')") == EXPECTED["cluster_with_ops"]


def test_a_month_of_a_rented_node_has_its_calendar_hours() -> None:
    rented = {**NODE, "usd_per_gpu_hour": "6.88"}
    assert total(rented, date(2026, 5, 1), where="usage_date >= date '2026-04-01'") == EXPECTED["p5_month"]
    assert total(rented, date(2026, 2, 1)) == Decimal("55.04") * 24 * 31


def test_owned_hardware_costs_its_price_and_what_runs_it() -> None:
    assert total(H100, LIFE_END) == EXPECTED["owned_h100_3y"]
    assert total(H200, YEAR_END) == EXPECTED["h200_node_year"]


def test_owned_against_rental_leaves_the_people_out_on_both_sides() -> None:
    without_people = total(H100, LIFE_END, where="line <> 'operations'")
    ratio = value(f"divide_rounded('cast({without_people} as decimal(26, 12))', '1', '525000')")
    assert ratio == EXPECTED["owned_vs_rental"]


@pytest.mark.parametrize(("example", "rate"), [("crf_8pct_4y", "0.08"), ("straight_4y", "0")])
def test_capital_of_a_gpu_hour(example: str, rate: str) -> None:
    yearly = total(owned("320000", "4", residual_usd="64000", discount_rate=rate), YEAR_END, "economic_cost_usd")
    assert round(yearly / (8 * 8760), 3) == EXPECTED[example]


def test_measured_power_is_what_the_gpus_took_and_the_nameplate_where_nobody_looked() -> None:
    """Of 192 GPU-hours 180 were measured: 60 kWh x 1.2 x 1.3 x 0.10, and 12 at an eighth of 1.3 x 0.10 x 10 kW."""
    power = {"power_kw": "10", "usd_per_kwh": "0.10", "pue": "1.3", "server_factor": "1.2", "energy": "measured"}
    energy = {"usage_date": date(2026, 1, 1), "node_id": "n", "energy_kwh": Decimal(60), "covered_seconds": 180 * 3600}
    fleet = Fleet({"nodes": [owned("0", "4", **power)]}, [until(date(2026, 1, 3))], [energy], models=COSTS)
    found = fleet.rows("select usage_date, book_cost_usd as usd from int_gpu_node_costs where line = 'power'")
    assert {row["usage_date"].day: row["usd"] for row in found} == {1: Decimal("11.31"), 2: Decimal("31.2")}


def test_both_ends_of_an_odd_life_are_in_the_books() -> None:
    """From the middle of a month, over a leap day, in amounts that no day divides: the whole price, and no more."""
    node = owned("100000.01", "2.5", in_service_from="2027-10-31") | {"valid_from": "2027-10-31"}
    assert total(node, date(2030, 4, 30)) == Decimal("100000.01")
    assert total(node, date(2031, 1, 1)) == Decimal("100000.01")
    assert total(node, date(2030, 4, 29)) < Decimal("100000.01")
