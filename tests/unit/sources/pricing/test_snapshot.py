"""The public book read as data: what holds when, and what it cannot say.

That calls cost what genai-prices itself computes is in tests/integration/test_prices_differential.py, through the SQL.
"""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest
from genai_prices.types import ModelPrice, Provider

from sources.pricing import snapshot
from sources.pricing.rates import RateCard


def provider(name: str) -> Provider:
    found = snapshot.installed().find_provider(name)
    assert found is not None
    return found


def test_a_price_starts_on_its_utc_day() -> None:
    match = snapshot.installed().find_model(provider("openai"), "gpt-5.6-sol")
    assert match is not None
    before, after = (snapshot.listed(match, "standard", date(2026, 8, day)).card for day in (20, 21))
    assert before is not None
    assert after is not None
    assert [before.base["input"], after.base["input"]] == [Decimal(5), Decimal(4)]
    assert before.thresholds == (272_000,)


def reason(provider_name: str, model_id: str, service_tier: str = "standard") -> str | None:
    match = snapshot.installed().find_model(provider(provider_name), model_id)
    assert match is not None
    listed = snapshot.listed(match, service_tier, date(2026, 9, 1))
    assert listed.card is None
    return listed.reason


def test_what_a_card_cannot_say_is_a_reason() -> None:
    assert reason("x-ai", "grok-voice-latest") == (
        "'grok-voice-latest' of x-ai is priced by input_text_messages_kcount, which calls are not metered by"
    )
    assert "output_citation" in str(reason("perplexity", "sonar-deep-research"))
    assert reason("openai", "gpt-5.4-mini", "flex") == (
        "no flex price of 'gpt-5.4-mini' of openai is known before 2026-10-12"
    )
    assert reason("openai", "gpt-5.4-mini", "provisioned") == (
        "no provisioned price of 'gpt-5.4-mini' of openai is known"
    )


def card_of(provider_name: str, model_id: str, day: date, second: int = 0) -> RateCard:
    match = snapshot.installed().find_model(provider(provider_name), model_id)
    assert match is not None
    card = snapshot.listed(match, "standard", day, second).card
    assert card is not None
    return card


@pytest.mark.parametrize(
    ("provider_name", "model_id", "meter", "expected"),
    [
        ("openai", "whisper-1", "audio_hour", "0.36"),
        ("openai", "tts-1-hd", "million_characters", "30"),
        ("mistral", "mistral-ocr-4-1", "page", "0.004"),
        ("perplexity", "sonar", "request", "0.012"),
        ("anthropic", "claude-opus-5", "search", "0.01"),
    ],
)
def test_units_besides_tokens_are_priced_each(provider_name: str, model_id: str, meter: str, expected: str) -> None:
    assert card_of(provider_name, model_id, date(2026, 11, 1)).base[meter] == Decimal(expected)


def test_audio_of_one_direction_at_a_price_of_its_own_is_a_reason() -> None:
    match = snapshot.installed().find_model(provider("openai"), "whisper-1")
    assert match is not None
    apart = replace(match.model, prices=ModelPrice(audio_hours=Decimal("0.36"), input_audio_hours=Decimal("0.4")))
    found = snapshot.listed(replace(match, model=apart), "standard", date(2026, 11, 1))
    assert found.reason == ("'whisper-1' of openai is priced by input_audio_hours, which calls are not metered by")


def test_a_model_may_have_two_thresholds() -> None:
    card = card_of("openrouter", "qwen/qwen3-coder-flash", date(2026, 11, 1))
    assert card.thresholds == (32_000, 128_000)
    assert card.base["input"] < card.steps[0].rates["input"] < card.steps[1].rates["input"]


@pytest.mark.parametrize(
    ("second", "expected"),
    [(0, "0.135"), (1_799, "0.135"), (1_800, "0.27"), (59_399, "0.27"), (59_400, "0.135"), (86_399, "0.135")],
)
def test_a_price_window_is_half_open_over_the_utc_day(second: int, expected: str) -> None:
    """Cheaper from 16:30 to 00:30 UTC."""
    assert card_of("deepseek", "deepseek-chat", date(2025, 6, 1), second).base["input"] == Decimal(expected)


def test_variants_hold_only_at_the_provider_that_lists_the_model() -> None:
    match = snapshot.installed().find_model(provider("azure"), "claude-opus-5")
    assert match is not None
    assert not match.is_own
    assert snapshot.listed(match, "standard", date(2026, 11, 1)).card is not None
    assert snapshot.listed(match, "batch", date(2026, 11, 1)).card is None


def test_prices_with_more_than_eight_decimals_are_rounded_and_listed() -> None:
    rounded = snapshot.rounded_prices(snapshot.installed())
    assert len(rounded) == 26
    assert not {price.provider for price in rounded} & {"openai", "anthropic", "google", "aws", "azure"}
    assert all(abs(price.published - price.rounded) < Decimal("0.00000001") for price in rounded)


def test_the_installed_snapshot_is_recorded() -> None:
    source = snapshot.installed().source
    assert source.known_from is not None, (
        f"{source.name} is not in sources/pricing/snapshots.yml: see what it changes, then record it ({source.sha256})"
    )


@pytest.mark.parametrize(("name", "expected"), [("OpenAI", "openai"), ("anthropic", "anthropic"), ("no-such", None)])
def test_providers_are_found_by_name(name: str, expected: str | None) -> None:
    found = snapshot.installed().find_provider(name)
    assert (found.id if found else None) == expected
