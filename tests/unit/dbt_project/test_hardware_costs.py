"""What a million tokens costs on hardware of the catalogue, rented and owned."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from sources.settings.hardware import hardware, rules_of_thumb
from tests.unit.dbt_project.rendered import built
from tests.unit.dbt_project.self_hosting_rows import call, tables, workload

OWNERSHIP = {"life_years": 4, "residual_share": "0.2", "usd_per_kwh": "0", "power_usage_effectiveness": "1"}


def costs(
    ownership: dict[str, Any] | None, hardware_id: str = "h100-sxm-8", rate: str = "0.08"
) -> dict[tuple[str, int], dict[str, Any]]:
    said = {"workloads": [workload()], "discount_rate_per_year": rate} | ({"ownership": ownership} if ownership else {})
    connection = built(tables([call(datetime(2026, 6, 1))], said, {"input_uncached": "1"}), "hardware_costs")
    result = connection.execute("select * from hardware_costs where hardware_id = $id", {"id": hardware_id})
    names = [column[0] for column in result.description or []]
    found = [dict(zip(names, row, strict=True)) for row in result.fetchall()]
    return {(row["basis"], row["utilisation_percent"]): row for row in found}


def test_half_the_utilisation_is_twice_the_cost() -> None:
    """The guide's 3,000 output tokens a second, halved for production, at 15 and 25 USD an hour."""
    found = costs(None)
    assert {basis for basis, _ in found} == {"rented_low", "rented_high"}
    assert found["rented_low", 100]["cost_per_mtok_output_usd"] == Decimal("2.777777777778")
    assert found["rented_low", 40]["cost_per_mtok_output_usd"] == Decimal("6.944444444444")
    assert found["rented_low", 20]["cost_per_mtok_output_usd"] == Decimal("13.888888888889")
    # The system is charged once: in and out together are six times the tokens.
    assert found["rented_high", 100]["cost_per_mtok_blended_usd"] == Decimal("0.771604938272")


@pytest.mark.parametrize(("rate", "recovery"), [("0.08", 0.301920804), ("0", 0.25)])
def test_owning_is_capital_with_interest_less_what_is_left(rate: str, recovery: float) -> None:
    """230,000 USD over four years, a fifth of it left."""
    found = costs(OWNERSHIP, rate=rate)["owned_low", 100]["usd_per_hour"]
    assert float(found) == pytest.approx(230_000 * recovery * (1 - 0.2 / (1 + float(rate)) ** 4) / 8760, rel=1e-8)


def test_owned_hardware_pays_for_power_space_and_support() -> None:
    """10 kW at 0.10 x 1.3 and 500 a kW month, and 5 % of 230,000 a year."""
    bare = costs(OWNERSHIP)["owned_low", 100]["usd_per_hour"]
    more = {"usd_per_kwh": "0.1", "power_usage_effectiveness": "1.3", "colo_usd_per_kw_month": "500"}
    full = costs(OWNERSHIP | more | {"support_share_per_year": "0.05"})["owned_low", 100]["usd_per_hour"]
    assert float(full - bare) == pytest.approx(10 * 0.13 + 10 * 500 * 12 / 8760 + 230_000 * 0.05 / 8760, rel=1e-6)


def test_what_no_source_says_is_null() -> None:
    assert {basis for basis, _ in costs(OWNERSHIP, "inf2-48xlarge")} == {"rented_low", "rented_high"}
    assert costs(None, "inf2-48xlarge")["rented_low", 60]["cost_per_mtok_output_usd"] is None
    assert costs(None, "gb200-nvl72") == {}
    assert costs(OWNERSHIP, "a100-80gb-1").keys() == {
        (f"rented_{end}", percent) for end in ("low", "high") for percent in (20, 40, 60, 80, 100)
    }


def test_every_entry_is_dated_and_sourced_and_its_ranges_rise() -> None:
    ids = [row.hardware_id for row in hardware()]
    assert len(ids) == len(set(ids)) > 9
    for row in hardware():
        assert date(2026, 1, 1) <= row.checked
        prices = (row.capex_usd_low, row.capex_usd_high)
        rents = (row.rental_usd_per_hour_low, row.rental_usd_per_hour_high)
        for low, high in (prices, rents):
            assert (low is None) == (high is None)
            assert low is None or high is None or low <= high
        for one in row.throughputs:
            assert one.output_tokens_per_second or one.tokens_per_second
    assert all(rule.at_most is None or rule.at_least < rule.at_most for rule in rules_of_thumb())
