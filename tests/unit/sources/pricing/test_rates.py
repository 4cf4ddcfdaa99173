"""Rates by meter follow the public book's rule: what has no price of its own has the price of what it is part of."""

from decimal import Decimal

import pytest
from genai_prices.data_units import unit_data

from sources.pricing.rates import PUBLISHED_NAMES, TOKEN_METERS, rates_by_meter
from sources.pricing.snapshot import meter_name

DIMENSIONS = {
    "input_uncached": {"direction": "input"},
    "cache_read": {"direction": "input", "token_type": "cache_read"},
    "cache_write_5m": {"direction": "input", "token_type": "cache_write", "cache_ttl": "5m"},
    "cache_write_1h": {"direction": "input", "token_type": "cache_write", "cache_ttl": "1h"},
    "input_audio": {"direction": "input", "modality": "audio"},
    "input_image": {"direction": "input", "modality": "image"},
    "output": {"direction": "output"},
    "reasoning": {"direction": "output", "token_type": "reasoning"},
    "output_audio": {"direction": "output", "modality": "audio"},
    "output_image": {"direction": "output", "modality": "image"},
}


def rates(**prices: str) -> dict[str, Decimal]:
    return {name: Decimal(price) for name, price in prices.items()}


@pytest.mark.parametrize("meter", TOKEN_METERS)
def test_a_meter_takes_its_price_from_its_ancestors_in_the_public_book(meter: str) -> None:
    wanted = {"family": "tokens", **DIMENSIONS[meter]}
    ancestors = [
        (len(unit["dimensions"]), meter_name(unit["price_key"]))
        for unit in unit_data.values()
        if unit["dimensions"].items() <= wanted.items()
    ]
    assert PUBLISHED_NAMES[meter] == tuple(name for _, name in sorted(ancestors, reverse=True))


def test_missing_prices_fall_back_to_the_nearest_ancestor() -> None:
    found = rates_by_meter(rates(input="3", cache_write="3.75", output="15"))
    assert found["cache_read"] == 3
    assert found["cache_write_5m"] == found["cache_write_1h"] == Decimal("3.75")
    assert found["input_audio"] == 3
    assert found["output_image"] == 15
    assert found["search"] is None
