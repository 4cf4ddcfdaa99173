"""The company's contracts change what it pays, first match first, on their days."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sources.pricing.contracts import contracted_card, find_contract, percent_off
from sources.pricing.rates import RateCard, Step
from sources.settings.models import Contract

LISTED = RateCard(
    {"input": Decimal("0.75"), "cache_read": Decimal("0.075"), "output": Decimal("4.5"), "search": Decimal("0.01")},
    (
        Step(
            272_000,
            {"input": Decimal("1.5"), "cache_read": Decimal("0.15"), "output": Decimal(9), "search": Decimal("0.01")},
        ),
    ),
)


def contract(**values: Any) -> Contract:
    defaults = {"contract_id": "c", "service_provider": "openai", "models": ["gpt-5.4-mini*"], "source": "order form"}
    return Contract.model_validate(defaults | values)


def test_percent_off_lowers_every_rate_in_both_tiers() -> None:
    card = contracted_card(LISTED, contract(percent_off="10"))
    assert card is not None
    assert card.base == {
        "input": Decimal("0.675"),
        "cache_read": Decimal("0.0675"),
        "output": Decimal("4.05"),
        "search": Decimal("0.009"),
    }
    assert card.steps[0].rates["output"] == Decimal("8.1")
    assert card.thresholds == (272_000,)


def test_percent_off_is_rounded_to_eight_decimals() -> None:
    assert percent_off({"input": Decimal("0.00000003")}, Decimal(50)) == {"input": Decimal("0.00000002")}


def test_fixed_prices_replace_what_they_name() -> None:
    card = contracted_card(LISTED, contract(prices_per_mtok_usd={"input": "0.5", "output": "3"}))
    assert card is not None
    assert card.base == {**LISTED.base, "input": Decimal("0.5"), "output": Decimal(3)}
    assert card.steps[0].rates["cache_read"] == Decimal("0.15")


def test_fixed_prices_hold_for_a_model_without_a_public_price() -> None:
    card = contracted_card(None, contract(prices_per_mtok_usd={"input": "0.5", "output": "3"}))
    assert card == RateCard({"input": Decimal("0.5"), "output": Decimal(3)})
    assert contracted_card(None, contract(percent_off="10")) is None


def test_units_may_have_fixed_prices_too() -> None:
    images = contract(prices_per_unit_usd={"image": "0.02", "audio_hour": "0.3"})
    assert contracted_card(None, images) == RateCard({"image": Decimal("0.02"), "audio_hour": Decimal("0.3")})
    card = contracted_card(LISTED, images)
    assert card is not None
    assert card.base == {**LISTED.base, "image": Decimal("0.02"), "audio_hour": Decimal("0.3")}


def test_without_a_contract_the_public_price_holds() -> None:
    assert contracted_card(LISTED, None) is LISTED


@pytest.mark.parametrize(
    ("values", "matches"),
    [
        ({}, True),
        ({"service_provider": "azure"}, False),
        ({"service_tier": "standard"}, True),
        ({"service_tier": "batch"}, False),
        ({"models": ["gpt-5.4"]}, False),
        ({"models": ["openai/gpt-5.4-mini"]}, True),
        ({"models": ["gpt-5.?-mini"]}, True),
        ({"valid_from": "2026-09-01"}, True),
        ({"valid_from": "2026-09-02"}, False),
        ({"valid_to": "2026-09-02"}, True),
        ({"valid_to": "2026-09-01"}, False),
    ],
)
def test_a_contract_matches_provider_tier_model_and_day(values: dict[str, Any], matches: bool) -> None:
    one = contract(percent_off="10", **values)
    found = find_contract([one], "openai", ("gpt-5.4-mini", "openai/gpt-5.4-mini"), "standard", date(2026, 9, 1))
    assert (found is one) == matches


def test_the_first_contract_that_matches_holds() -> None:
    first, second = contract(percent_off="10", valid_from="2026-09-01"), contract(contract_id="d", percent_off="5")
    names = ("gpt-5.4-mini",)
    assert find_contract([first, second], "openai", names, "standard", date(2026, 8, 31)) is second
    assert find_contract([first, second], "openai", names, "standard", date(2026, 9, 1)) is first
