"""The public book read as data gives the prices that genai-prices itself computes, to the last digit."""

from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest
from genai_prices.data import providers
from genai_prices.types import Provider
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.pricing import snapshot
from sources.pricing.rates import RateCard, price_usage
from tests.unit.sources.pricing.agreement import TIER_CONTEXT, as_reported, reference_price

TOKENS = st.one_of(st.just(0), st.integers(1, 5_000), st.integers(90_000, 400_000))
USAGES = st.fixed_dictionaries(
    {
        "input_uncached_tokens": TOKENS,
        "cache_read_tokens": TOKENS,
        "cache_write_5m_tokens": TOKENS,
        "cache_write_1h_tokens": TOKENS,
        "input_audio_tokens": TOKENS,
        "input_image_tokens": TOKENS,
        "output_text_tokens": TOKENS,
        "reasoning_tokens": TOKENS,
        "output_audio_tokens": TOKENS,
        "output_image_tokens": TOKENS,
    }
)
# When the reference prices are taken.
NOON = 12 * 3600
FULL_USAGE = {
    "input_uncached_tokens": 150_001,
    "cache_read_tokens": 60_007,
    "cache_write_5m_tokens": 3_011,
    "cache_write_1h_tokens": 211,
    "output_text_tokens": 811,
    "reasoning_tokens": 1_301,
}


def provider(name: str) -> Provider:
    found = snapshot.find_provider(name)
    assert found is not None
    return found


def matches(*provider_ids: str) -> Iterator[snapshot.Match]:
    for listed in providers:
        if not provider_ids or listed.id in provider_ids:
            yield from (snapshot.Match(listed, model, True) for model in listed.models)


DIRECT = [
    (match, service_tier)
    for match in matches("openai", "anthropic")
    for service_tier in TIER_CONTEXT
    if snapshot.listed(match, service_tier, date(2027, 1, 1)).card
]
ROUNDED = {(price.provider, price.model) for price in snapshot.rounded_prices()}


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    priced_model=st.sampled_from(DIRECT),
    day=st.one_of(st.dates(date(2024, 1, 1), date(2027, 3, 1)), st.dates(date(2026, 8, 1), date(2026, 12, 1))),
    usage=USAGES,
    searches=st.integers(0, 30),
)
def test_openai_and_anthropic_prices_agree(
    priced_model: tuple[snapshot.Match, str], day: date, usage: dict[str, int], searches: int
) -> None:
    match, service_tier = priced_model
    listed = snapshot.listed(match, service_tier, day)
    if listed.card is None:
        assert listed.reason
        return
    used = usage | {"searches": searches if "search" in listed.card.base else 0}
    priced = price_usage(used, listed.card)
    if priced is None:
        # Only where the book has no price of the direction at all, which its own calculation counts as nothing.
        assert "input" not in listed.card.base or "output" not in listed.card.base
        return
    assert priced == reference_price(match, as_reported(used), service_tier, day)


def test_every_model_of_every_provider_agrees_around_each_price_change() -> None:
    compared = 0
    for match in matches():
        if (match.provider.id, match.model.id) in ROUNDED:
            continue
        changes = snapshot.change_days(match)
        for day in {date(2025, 6, 1), *changes, *(change - timedelta(days=1) for change in changes)}:
            card = snapshot.listed(match, "standard", day, NOON).card
            priced = price_usage(FULL_USAGE, card) if card else None
            if priced is not None:
                assert priced == reference_price(match, as_reported(FULL_USAGE), "standard", day), (match.model.id, day)
                compared += 1
    assert compared > 2_300


def test_a_price_starts_on_its_utc_day() -> None:
    match = snapshot.find_model(provider("openai"), "gpt-5.6-sol")
    assert match is not None
    before, after = (snapshot.listed(match, "standard", date(2026, 8, day)).card for day in (20, 21))
    assert before is not None
    assert after is not None
    assert [before.base["input"], after.base["input"]] == [Decimal(5), Decimal(4)]
    assert before.thresholds == (272_000,)


def reason(provider_name: str, model_id: str, service_tier: str = "standard") -> str | None:
    match = snapshot.find_model(provider(provider_name), model_id)
    assert match is not None
    listed = snapshot.listed(match, service_tier, date(2026, 9, 1))
    assert listed.card is None
    return listed.reason


def test_what_a_card_cannot_say_is_a_reason() -> None:
    assert reason("perplexity", "sonar") == (
        "'sonar' of perplexity is priced by requests_kcount, which calls are not metered by"
    )
    assert "output_citation" in str(reason("perplexity", "sonar-deep-research"))
    assert reason("openai", "gpt-5.4-mini", "flex") == (
        "no flex price of 'gpt-5.4-mini' of openai is known before 2026-10-12"
    )
    assert reason("openai", "gpt-5.4-mini", "provisioned") == (
        "no provisioned price of 'gpt-5.4-mini' of openai is known"
    )


def card_of(provider_name: str, model_id: str, day: date, second: int = 0) -> RateCard:
    match = snapshot.find_model(provider(provider_name), model_id)
    assert match is not None
    card = snapshot.listed(match, "standard", day, second).card
    assert card is not None
    return card


def test_a_model_may_have_two_thresholds() -> None:
    card = card_of("openrouter", "qwen/qwen3-coder-flash", date(2026, 11, 1))
    assert card.thresholds == (32_000, 128_000)
    rates = [card.rates_for(tokens)["input"] for tokens in (32_000, 32_001, 128_000, 128_001)]
    assert rates[0] < rates[1] == rates[2] < rates[3]


@pytest.mark.parametrize(
    ("second", "expected"),
    [(0, "0.135"), (1_799, "0.135"), (1_800, "0.27"), (59_399, "0.27"), (59_400, "0.135"), (86_399, "0.135")],
)
def test_a_price_window_is_half_open_over_the_utc_day(second: int, expected: str) -> None:
    """Cheaper from 16:30 to 00:30 UTC."""
    assert card_of("deepseek", "deepseek-chat", date(2025, 6, 1), second).base["input"] == Decimal(expected)


def test_variants_hold_only_at_the_provider_that_lists_the_model() -> None:
    match = snapshot.find_model(provider("azure"), "claude-opus-5")
    assert match is not None
    assert not match.is_own
    assert snapshot.listed(match, "standard", date(2026, 11, 1)).card is not None
    assert snapshot.listed(match, "batch", date(2026, 11, 1)).card is None


def test_prices_with_more_than_eight_decimals_are_rounded_and_listed() -> None:
    rounded = snapshot.rounded_prices()
    assert len(rounded) == 26
    assert not {price.provider for price in rounded} & {"openai", "anthropic", "google", "aws", "azure"}
    assert all(abs(price.published - price.rounded) < Decimal("0.00000001") for price in rounded)


def test_the_installed_snapshot_is_recorded() -> None:
    source = snapshot.source()
    assert source.known_from is not None, (
        f"{source.name} is not in sources/pricing/snapshots.yml: see what it changes, then record it ({source.sha256})"
    )


@pytest.mark.parametrize(("name", "expected"), [("OpenAI", "openai"), ("anthropic", "anthropic"), ("no-such", None)])
def test_providers_are_found_by_name(name: str, expected: str | None) -> None:
    found = snapshot.find_provider(name)
    assert (found.id if found else None) == expected
