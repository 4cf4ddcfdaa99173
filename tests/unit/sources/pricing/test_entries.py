"""The project's own entries are sourced, plausible, and used where the public book has nothing yet."""

from datetime import date
from decimal import Decimal

import pytest
from pydantic import ValidationError

from sources.pricing import book, snapshot
from sources.pricing.entries import PriceEntry, implausible, own_entries, parse_entries

BEFORE, AFTER = date(2026, 9, 1), date(2026, 10, 14)

UNITS = "{search: 0.01, image: 0.04, audio_hour: 0.36, million_characters: 15, page: 0.004}"
ENTRY = f"""
entries:
- entry_id: nano
  provider: openai
  models: [gpt-5-nano]
  service_tier: standard
  prices_per_mtok_usd: {{input: 0.07, output: 0.50}}
  prices_per_unit_usd: {UNITS}
  valid_from: 2026-09-01
  valid_to: 2026-10-01
  source: https://openai.com/api/pricing
  checked: 2026-09-01
"""


def long_context(*thresholds: int) -> str:
    steps = (f"{{above_input_tokens: {tokens}, prices_per_mtok_usd: {{input: 0.14}}}}" for tokens in thresholds)
    return f"  long_context: [{', '.join(steps)}]\n"


def entries(*changes: tuple[str, str]) -> list[PriceEntry]:
    text = ENTRY
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_entries(text)


def base(model_id: str, service_tier: str, day: date, provider: str = "openai") -> dict[str, Decimal]:
    card = book.quote(book.find_model(provider, model_id), service_tier, day).card
    assert card is not None
    return dict(card.base)


def public_rates(entry: PriceEntry) -> dict[str, Decimal]:
    card = book.quote(book.find_model(entry.provider, entry.models[0]), "standard", entry.valid_from, []).card
    return dict(card.base) if card else {}


def test_the_shipped_entries_are_plausible_and_have_ids_of_their_own() -> None:
    assert [problem for entry in own_entries() for problem in implausible(entry, public_rates(entry))] == []
    ids = [entry.entry_id for entry in own_entries()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(
    ("written", "wrong"),
    [
        ("input: 0.07", "input: 70"),
        ("input: 0.07", "input: 0.00007"),
        ("search: 0.01", "search: 10"),
        ("image: 0.04", "image: 40"),
        ("audio_hour: 0.36", "audio_hour: 360"),
        ("characters: 15", "characters: 0.015"),
        ("page: 0.004", "page: 4"),
        ("output: 0.50", "output: 5000"),
    ],
)
def test_a_price_that_is_off_by_a_unit_is_noticed(written: str, wrong: str) -> None:
    right, slipped = entries()[0], entries((f"{written}", wrong))[0]
    assert implausible(right, public_rates(right)) == []
    assert len(implausible(slipped, public_rates(slipped))) >= 1


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("  source: https://openai.com/api/pricing\n", ""),
        ("  checked: 2026-09-01\n", ""),
        ("https://openai.com/api/pricing", "a colleague"),
        ("prices_per_mtok_usd", "prices_per_ktok_usd"),
        ("input:", "imput:"),
        ("valid_to: 2026-10-01", "valid_to: 2026-08-01"),
        ("prices_per_mtok_usd: {input: 0.07, output: 0.50}", "percent_of_standard: 50"),
        ("audio_hour", "audio_minute"),
        ("  prices_per_unit", long_context(200_000, 100_000) + "  prices_per_unit"),
        ("  prices_per_unit", long_context(1, 2, 3) + "  prices_per_unit"),
    ],
)
def test_an_entry_without_unit_source_or_sense_is_refused(old: str, new: str) -> None:
    with pytest.raises(ValidationError):
        entries((old, new))


def test_a_price_among_the_entries_comes_before_the_public_book_for_its_days() -> None:
    model = book.find_model("openai", "gpt-5-nano")
    own = entries()
    found = {day: book.quote(model, "standard", date(2026, *day), own) for day in ((8, 31), (9, 1), (9, 30), (10, 1))}
    inputs = {day: str(quote.card.base["input"]) for day, quote in found.items() if quote.card}
    assert inputs == {(8, 31): "0.05", (9, 1): "0.07", (9, 30): "0.07", (10, 1): "0.05"}
    assert found[(9, 1)].basis == "public book, own entry nano"
    assert found[(9, 1)].known_from == date(2026, 9, 1)


def test_an_entry_can_price_a_model_the_public_book_does_not_know() -> None:
    own = entries(("models: [gpt-5-nano]", "models: [gpt-9]"))
    quote = book.quote(book.find_model("openai", "gpt-9"), "standard", BEFORE, own)
    assert quote.card is not None
    assert quote.card.base["search"] == Decimal("0.01")


def test_an_entry_may_have_long_context_prices_and_a_discount_of_another_tier() -> None:
    own = entries(("models: [gpt-5-nano]", "models: [gpt-9]"), ("  source", long_context(200_000) + "  source"))
    half = entries(
        ("models: [gpt-5-nano]", "models: [gpt-9]"),
        ("service_tier: standard", "service_tier: batch"),
        ("prices_per_mtok_usd: {input: 0.07, output: 0.50}", "percent_of_standard: 50\n  meters: [input]"),
        (
            f"  prices_per_unit_usd: {UNITS}\n",
            "",
        ),
    )
    card = book.quote(book.find_model("openai", "gpt-9"), "batch", BEFORE, own + half).card
    assert card is not None
    assert card.base["input"] == Decimal("0.035")
    long = {**own[0].card.base, "input": Decimal("0.07")}
    assert card.steps == ((200_000, long),)


@pytest.mark.parametrize("model_id", ["gpt-5.6-sol", "gpt-5.4-mini", "gpt-5-nano", "gpt-5"])
def test_openai_batch_was_half_price_before_the_public_book_noticed(model_id: str) -> None:
    standard, batch = base(model_id, "standard", BEFORE), base(model_id, "batch", BEFORE)
    assert {name: batch[name] * 2 for name in batch if name in ("input", "cache_read", "cache_write", "output")} == {
        name: rate for name, rate in standard.items() if name in ("input", "cache_read", "cache_write", "output")
    }
    assert batch["search"] == standard["search"]
    assert base(model_id, "batch", AFTER) == batch


def test_the_gpt_4_1_family_has_no_batch_price_for_cached_input() -> None:
    assert base("gpt-4.1", "batch", BEFORE)["cache_read"] == Decimal("0.5")
    assert base("gpt-4.1", "batch", BEFORE) == base("gpt-4.1", "batch", AFTER)


@pytest.mark.parametrize("model_id", ["claude-opus-5", "claude-sonnet-5", "claude-haiku-4-5-20251001"])
def test_claude_batch_halves_the_caches_too(model_id: str) -> None:
    before = base(model_id, "batch", BEFORE, "anthropic")
    assert before["cache_write_1h"] * 2 == base(model_id, "standard", BEFORE, "anthropic")["cache_write_1h"]
    assert before == base(model_id, "batch", AFTER, "anthropic")


def test_the_public_book_comes_before_a_discount_entry() -> None:
    model = book.find_model("openai", "gpt-5")
    assert book.quote(model, "batch", AFTER).basis == "public book"
    assert book.quote(model, "batch", date(2026, 10, 13)).basis == "own entry openai-batch-gpt-5"


def test_there_is_no_batch_price_before_batches() -> None:
    model = book.find_model("anthropic", "claude-3-opus-20240229")
    assert book.quote(model, "batch", date(2024, 10, 7)).card is None
    assert book.quote(model, "batch", date(2024, 10, 8)).card is not None


@pytest.mark.parametrize(
    ("provider", "model_id", "model", "method"),
    [
        ("openai", "gpt-4.1", "gpt-4.1", "exact"),
        ("openai", "openai/gpt-4.1", "gpt-4.1", "pattern"),
        ("openai", "gpt-4.1-2025-04-14", "gpt-4.1", "pattern"),
        ("openai", "GPT-4.1", "gpt-4.1", "pattern"),
        ("anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5", "pattern"),
        ("openrouter", "openai/gpt-4.1", "openai/gpt-4.1", "exact"),
        ("openai", "gpt-9", "gpt-9", "unresolved"),
        ("openai", "acme/gpt-9", "acme/gpt-9", "unresolved"),
        ("nobody", "nobody/gpt-9", "gpt-9", "unresolved"),
    ],
)
def test_model_ids_are_recognised(provider: str, model_id: str, model: str, method: str) -> None:
    found = book.find_model(provider, model_id)
    assert (found.model, found.method) == (model, method)


def test_what_is_not_recognised_names_the_nearest_candidates() -> None:
    miss = str(book.find_model("openai", "gpt-5.4-minni").miss)
    assert miss.startswith("no price for model 'gpt-5.4-minni' of openai; nearest: gpt-5.4-mini")
    assert book.find_model("opnai", "gpt-5").miss == "no provider 'opnai'; nearest: openai, moonshotai, zhipuai"


def test_aliases_lead_from_names_the_book_does_not_know_to_models_it_does() -> None:
    assert book.aliases()
    for (provider, name), target in book.aliases().items():
        found = book.find_model(provider, name)
        assert (found.model, found.method) == (target, "alias"), name


@pytest.mark.parametrize(
    ("wanted", "nearest"),
    [
        ("anthropic.claude-3-5-sonnet", "regional.anthropic.claude-3-5-sonnet-20240620-v1:0"),
        ("Claude Sonnet 4.5", "global.anthropic.claude-sonnet-4-5-20250929-v1:0"),
    ],
)
def test_a_name_that_may_mean_several_models_has_no_price_and_names_them(wanted: str, nearest: str) -> None:
    found = book.find_model("bedrock", wanted)
    assert found.match is None
    assert nearest in str(found.miss)


def test_every_openai_and_anthropic_batch_price_of_the_book_is_what_the_entries_say_before_it() -> None:
    differing = set()
    for name in ("openai", "anthropic"):
        provider = snapshot.installed().find_provider(name)
        assert provider is not None
        for model_id in snapshot.model_ids(provider):
            model = book.find_model(name, model_id)
            before, after = book.quote(model, "batch", date(2026, 10, 13)), book.quote(model, "batch", AFTER)
            if before.card and after.card and before.card.base != after.card.base:
                differing.add(model_id)
    # The provider's page rounds half of 0.25 to 0.13 for its cached input.
    assert differing == {"gpt-5.4"}
