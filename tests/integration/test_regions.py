"""Prices by where a call ran, through the price tables and the SQL."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import pytest

from sources.pricing.resolve import Key, resolve_prices
from tests.integration.priced import price_calls

DAY = date(2026, 11, 1)
MTOK = 1_000_000


def cost(provider: str, model_id: str, region: str, tier: str = "standard", **counts: Any) -> Decimal | None:
    call = {
        "service_provider": provider, "model_id": model_id, "service_tier": tier, "region": region,
        "started_at": datetime(2026, 11, 1, 12), **(counts or {"output_text_tokens": MTOK}),
    }  # fmt: skip
    [(found, reason)] = price_calls([call])
    assert reason is None
    return found


@pytest.mark.parametrize(
    ("provider", "model_id", "region", "expected"),
    [
        # 15 a million; Anthropic bills 1.1 times that for inference in the US, from Opus 4.6 and Sonnet 4.6 on.
        ("anthropic", "claude-sonnet-4-6", "us", "16.5"),
        ("anthropic", "claude-sonnet-4-6", "global", "15"),
        ("anthropic", "claude-sonnet-4-6", "not_available", "15"),
        ("anthropic", "claude-sonnet-4-6", "unknown", "15"),
        ("anthropic", "claude-sonnet-4-5", "us", "15"),
        # Vertex' regional and multi-region endpoints cost 10 % more, from Sonnet 4.5 on.
        ("google", "claude-sonnet-4-5", "us-east5", "16.5"),
        ("google", "claude-sonnet-4-5", "eu", "16.5"),
        ("google", "claude-sonnet-4-5", "global", "15"),
        ("google", "gemini-2.5-pro", "us-east5", "10"),
        # Bedrock's regions are in the model id.
        ("aws", "global.anthropic.claude-sonnet-4-5-20250929-v1:0", "eu-west-1", "15"),
        ("aws", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "eu-west-1", "16.5"),
    ],
)
def test_a_call_costs_what_its_region_does(provider: str, model_id: str, region: str, expected: str) -> None:
    assert cost(provider, model_id, region) == Decimal(expected)


def test_tokens_of_every_class_and_tier_cost_more_and_searches_do_not() -> None:
    counts: dict[str, Any] = {
        "input_uncached_tokens": MTOK, "cache_read_tokens": MTOK, "cache_write_5m_tokens": MTOK,
        "cache_write_1h_tokens": MTOK, "reasoning_tokens": MTOK,
    }  # fmt: skip
    # (3 + 0.30 + 3.75 + 6 + 15) x 1.1, half of it in a batch.
    assert cost("anthropic", "claude-sonnet-4-6", "us", **counts) == Decimal("30.855")
    assert cost("anthropic", "claude-sonnet-4-6", "us", "batch", **counts) == Decimal("15.4275")
    assert cost("anthropic", "claude-sonnet-4-6", "us", searches=1000) == Decimal(10)


def test_a_key_says_which_region_its_price_is_of() -> None:
    keys = [Key("anthropic", "direct", "claude-sonnet-4-6", "standard", DAY, DAY, one) for one in ("eu", "us")]
    found = resolve_prices(keys)
    assert found.price_keys.select("region", "price_region").rows() == [("eu", "any"), ("us", "us")]
    bases = dict(found.price_sets.select("list_basis", "list_output_per_mtok_usd").rows())
    assert bases == {
        "public book": Decimal(15), "public book, own entry anthropic-us-only-inference": Decimal("16.5"),
    }  # fmt: skip
