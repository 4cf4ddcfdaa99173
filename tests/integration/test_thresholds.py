"""At a long-context threshold: a token below, at and a token above it, through the price tables and the SQL."""

from datetime import datetime
from decimal import Decimal

import pytest

from sources.pricing import book
from sources.pricing.entries import parse_entries
from sources.pricing.resolve import Key, resolve_prices
from tests.integration.priced import price_calls

DAY = datetime(2026, 11, 1, 12)
ENTRY = """
entries:
- entry_id: steps
  provider: acme
  models: [acme-1]
  service_tier: standard
  prices_per_mtok_usd: {{input: 1, output: 4}}
  long_context:
  - {{{key}: 32000, prices_per_mtok_usd: {{input: 2}}}}
  - {{{key}: 128000, prices_per_mtok_usd: {{input: 3}}}}
  source: https://acme.test/prices
  checked: 2026-11-01
"""


def prices(provider: str, model_id: str, tokens: list[int], key: str = "above_input_tokens") -> list[Decimal]:
    """USD per million tokens that a prompt of so many tokens is billed at."""
    calls = [
        {
            "service_provider": provider, "model_id": model_id, "service_tier": "standard", "started_at": DAY,
            "input_uncached_tokens": count,
        }
        for count in tokens
    ]  # fmt: skip
    found = price_calls(calls, entries=parse_entries(ENTRY.format(key=key)))
    assert [reason for _, reason in found] == [None] * len(tokens)
    return [cost * 1_000_000 / count for (cost, _), count in zip(found, tokens, strict=True) if cost is not None]


AROUND = [31_999, 32_000, 32_001, 127_999, 128_000, 128_001]


@pytest.mark.parametrize(
    ("key", "expected"),
    [("above_input_tokens", [1, 1, 2, 2, 2, 3]), ("from_input_tokens", [1, 2, 2, 2, 3, 3])],
)
def test_an_entry_says_which_tier_its_threshold_belongs_to(key: str, expected: list[int]) -> None:
    assert prices("acme", "acme-1", AROUND, key) == expected


@pytest.mark.parametrize(
    ("provider", "model_id", "threshold", "is_inclusive"),
    [
        ("x-ai", "grok-4.6", 200_000, True),
        ("google", "gemini-2.5-pro", 200_000, False),
        ("openai", "gpt-5.6-sol", 272_000, False),
        ("anthropic", "claude-haiku-5-5", 100_000, False),
    ],
)
def test_providers_count_the_threshold_to_one_tier_or_the_other(
    provider: str, model_id: str, threshold: int, is_inclusive: bool
) -> None:
    model = book.find_model(provider, model_id)
    card = book.quote(model, "standard", DAY.date()).card
    assert card is not None
    low, high = (rates["input"] for rates in card.tiers)
    at = high if is_inclusive else low
    assert prices(provider, model_id, [threshold - 1, threshold, threshold + 1]) == [low, at, high]
    keys = resolve_prices([Key(provider, "direct", model_id, "standard", DAY.date(), DAY.date())]).price_keys
    assert keys.select("threshold_tokens", "is_threshold_inclusive").rows() == [(threshold, is_inclusive)]
