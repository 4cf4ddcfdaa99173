"""The pipeline's own SQL prices calls as genai-prices does, for every provider and model of its installed snapshot.

Seeded calls around each date, time window and context threshold go through the price tables and `int_usage_priced` in
DuckDB. Where the two may differ, `price_differences.csv` has the reason and how many models it holds for.
"""

import csv
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from genai_prices.data import providers
from genai_prices.types import ModelInfo

from sources.pricing import book, snapshot
from sources.pricing.rates import RateCard, Rates
from tests.integration.priced import COUNTS, INPUTS, OUTPUTS, price_calls
from tests.unit.sources.pricing.agreement import TIER_CONTEXT, as_reported

SEED = 20261118
DIFFERENCES = Path(__file__).with_name("price_differences.csv")
REASONS = (
    "calls are not metered by",
    "price of its own for output_citation",
    "no price of a meter that calls have",
    "no price at all",
    "which the call used",
)
# What a call may have besides tokens, by the meter that prices it.
UNITS = {"search": "searches", "audio_hour": "audio_seconds", "million_characters": "characters", "page": "pages"}
STEP = Decimal("0.000000000001")


def moments(match: snapshot.Match) -> Iterator[datetime]:
    """Around every date and every edge of a window of the model."""
    days = {date(2025, 6, 1), date(2026, 11, 18)}
    for day in snapshot.change_days(match):
        days |= {day, day - timedelta(days=1)}
    seconds = {43_200} | {(edge + by) % 86_400 for edge in snapshot.change_seconds(match) for by in (-1, 0)}
    for day in sorted(days):
        for second in sorted(seconds):
            yield datetime(day.year, day.month, day.day) + timedelta(seconds=second)


def called(provider_id: str, listed_model: ModelInfo) -> book.Model | None:
    """The model under an id that leads to it; None where other models of the provider come first."""
    for model_id in (listed_model.id, f"accounts/{provider_id}/models/{listed_model.id}"):
        model = book.find_model(provider_id, model_id)
        if model.match is not None and model.match.model is listed_model:
            return model
    return None


def calls() -> Iterator[tuple[snapshot.Match, dict[str, Any]]]:
    rng = random.Random(SEED)
    for provider in providers:
        for listed_model in provider.models:
            model = called(provider.id, listed_model)
            if model is None or model.match is None:
                continue
            for started_at in moments(model.match):
                for tier in TIER_CONTEXT:
                    card = snapshot.listed(model.match, tier, started_at.date(), 43_200).card
                    if card is None and tier != "standard":
                        continue
                    totals = {rng.randrange(1, 400_000)} | {
                        t + by for t in (card.thresholds if card else ()) for by in (-1, 0, 1)
                    }
                    for total in sorted(totals):
                        usage = used(rng, total, card.base if card else {})
                        call = {"service_provider": provider.id, "model_id": model.model_id, "service_tier": tier}
                        yield model.match, {**call, "started_at": started_at, **usage}
                        if unpriced := unpriced_tokens(card):
                            usage |= dict.fromkeys(unpriced, 0)
                            yield model.match, {**call, "started_at": started_at, **usage}


def unpriced_tokens(card: RateCard | None) -> list[str]:
    """Of a model without a price of its input or its output, the counts of that side."""
    if card is None:
        return []
    return [name for side, names in (("input", INPUTS), ("output", OUTPUTS)) for name in names if side not in card.base]


def used(rng: random.Random, total_input: int, rates: Rates) -> dict[str, Any]:
    """So many input tokens, in any mix of classes, and some of everything else that has a price."""
    cuts = sorted(rng.randrange(total_input + 1) for _ in INPUTS[1:])
    parts = [end - start for start, end in zip([0, *cuts], [*cuts, total_input], strict=True)]
    usage = dict(zip(INPUTS, parts, strict=True)) | {name: rng.randrange(5_000) for name in OUTPUTS}
    units: dict[str, Any] = {name: rng.randrange(30) for meter, name in UNITS.items() if meter in rates}
    if "audio_seconds" in units:
        units["audio_seconds"] = Decimal(rng.randrange(rng.choice((10_000, 10_000_000)))) / 1000
    return usage | units


@pytest.fixture(scope="module")
def compared() -> list[tuple[snapshot.Match, dict[str, Any], Decimal | None, str | None, Decimal]]:
    both = list(calls())
    priced = price_calls([call for _, call in both])
    found = []
    for (match, call), (cost, reason) in zip(both, priced, strict=True):
        expected = match.model.calc_price(
            as_reported({name: call.get(name, 0) for name in COUNTS}),
            match.provider,
            genai_request_timestamp=call["started_at"].replace(tzinfo=UTC),
            price_context=TIER_CONTEXT[call["service_tier"]],
        ).total_price
        found.append((match, call, cost, reason, expected.quantize(STEP, ROUND_HALF_UP)))
    return found


def kind(match: snapshot.Match, call: dict[str, Any], reason: str | None) -> str:
    """Why a price may differ, without the names in it."""
    if reason is None and is_too_short(match, call):
        return "fewer than ten seconds of audio"
    if reason is None:
        return "a price with more than eight decimals is rounded"
    for text in REASONS:
        if text in reason:
            return text
    return reason


def is_too_short(match: snapshot.Match, call: dict[str, Any]) -> bool:
    return match.provider.id == "groq" and 0 < call.get("audio_seconds", 0) < 10


def test_every_price_is_that_of_the_public_calculation(compared: list[Any]) -> None:
    rounded = {(price.provider, price.model) for price in snapshot.rounded_prices(snapshot.installed())}
    differing: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
    for match, call, cost, reason, expected in compared:
        name = (match.provider.id, match.model.id)
        if cost != expected:
            assert reason is not None or name in rounded or is_too_short(match, call), (call, cost, expected)
            if reason is not None and "which the call used" in reason:
                card = snapshot.listed(match, call["service_tier"], call["started_at"].date()).card
                assert any(call[name] for name in unpriced_tokens(card)), (call, expected)
            differing[kind(match, call, reason)].add(name)
    listed = {row["reason"]: int(row["models"]) for row in csv.DictReader(DIFFERENCES.open(encoding="utf-8"))}
    assert {reason: len(models) for reason, models in differing.items()} == listed


def test_every_provider_and_model_is_compared(compared: list[Any]) -> None:
    assert {match.provider.id for match, *_ in compared} == {provider.id for provider in providers}
    assert sum(cost is not None for _, _, cost, _, _ in compared) > 5_000
