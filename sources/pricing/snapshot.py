"""The public price book: genai-prices, read as data.

Its models, dated prices, long-context tiers and price variants become rate cards by day; nothing of its calculation is
used, and its network update is never called. What a rate card cannot say exactly is a reason, never a guess.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from typing import Any

import yaml
from genai_prices.data import providers as _installed
from genai_prices.types import (
    ConditionalPrice,
    ModelInfo,
    ModelPrice,
    PriceVariant,
    Provider,
    StartDateConstraint,
    TieredPrices,
    TimeOfDateConstraint,
)

from sources.pricing.rates import PRICE_STEP, RateCard, Step, rates_by_meter

# How a call's tier is named in the book, in any of these ways. A tier that is not here has no public price of its own.
TIER_CONTEXTS: Mapping[str, Sequence[Mapping[str, str]]] = {
    "standard": (),
    "batch": ({"processing": "batch"},),
    "flex": ({"service_tier": "flex"},),
    "priority": ({"service_tier": "priority"},),
    # OpenAI sells it as a tier, Anthropic as a speed.
    "fast": ({"service_tier": "fast"}, {"speed": "fast"}),
}
# Published prices that are not per million tokens: the meter, and how many of its units they are for.
_UNITS = {
    "web_searches_kcount": ("search", 1000),
    "rerank_searches_kcount": ("rerank_search", 1000),
    "audio_hours": ("audio_hour", 1),
    "input_mchars": ("million_characters", 1),
    "input_document_kpages": ("page", 1000),
    "requests_kcount": ("request", 1000),
}
# Audio of one direction, which calls do not tell apart.
_AUDIO_PARTS = ("input_audio_hours", "output_audio_hours")
# What is charged on every call and is not metered here.
_UNMETERED = ("input_gpixels", "input_text_messages_kcount")
# Parts of the output that calls do not report apart, or that price sets hold no rate for.
_OUTPUT_PARTS = ("output_citation",)
# Price keys hold this many long-context thresholds.
_MOST_THRESHOLDS = 2
DAY_SECONDS = 86_400


@dataclass(frozen=True)
class Source:
    """Which snapshot a price is from; known_from is null for one the project has not recorded."""

    name: str
    sha256: str
    known_from: date | None


@dataclass(frozen=True)
class Match:
    """A model of the book; `is_own` says the provider lists it itself and not through another provider."""

    provider: Provider
    model: ModelInfo
    is_own: bool
    source: Source
    known_from: date | None


@dataclass(frozen=True)
class Listed:
    """What the book says for one day: a card, or why there is none."""

    card: RateCard | None
    reason: str | None = None


@dataclass(frozen=True)
class RoundedPrice:
    provider: str
    model: str
    meter: str
    published: Decimal
    rounded: Decimal


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The public book as it stood at one time."""

    providers: Sequence[Provider]
    source: Source
    # Since when a model, by provider and id, has been in the books as it is here; else since this snapshot.
    known_from: Mapping[tuple[str, str], date | None] = field(default_factory=dict)

    def find_provider(self, name: str) -> Provider | None:
        """The provider by its id, else by the book's own pattern for provider names."""
        wanted = name.lower().strip()
        exact = next((provider for provider in self.providers if provider.id == wanted), None)
        if exact is not None:
            return exact
        patterned = (one for one in self.providers if one.provider_match is not None)
        return next((one for one in patterned if one.provider_match and one.provider_match.is_match(wanted)), None)

    def find_model(self, provider: Provider, model_id: str) -> Match | None:
        """The model a called id means, by the book's match clauses; through fallback providers as the book allows."""
        model = provider.find_model(model_id, all_providers=list(self.providers))
        return None if model is None else self.match(provider, model)

    def match(self, provider: Provider, model: ModelInfo) -> Match:
        is_own = any(model is own for own in provider.models)
        owner = provider if is_own else next(one for one in self.providers if any(model is own for own in one.models))
        known_from = self.known_from.get((owner.id, model.id), self.source.known_from)
        return Match(provider, model, is_own, self.source, known_from)

    def provider_ids(self) -> list[str]:
        return [provider.id for provider in self.providers]


@cache
def installed() -> Snapshot:
    """The installed package's data."""
    return Snapshot(_installed, _installed_source())


def _installed_source() -> Source:
    """The installed snapshot, by version and hash of its data."""
    installed = version("genai-prices")
    digest = hashlib.sha256(files("genai_prices").joinpath("data.py").read_bytes()).hexdigest()
    recorded: dict[str, Any] = yaml.safe_load(files("sources.pricing").joinpath("snapshots.yml").read_text())
    known = recorded["genai-prices"].get(installed)
    known_from = known["known_from"] if known and known["sha256"] == digest else None
    return Source(f"genai-prices {installed} ({digest[:12]})", digest, known_from)


def model_ids(provider: Provider) -> list[str]:
    return [model.id for model in provider.models]


def change_days(match: Match) -> set[date]:
    """Days on which a price of the model may change."""
    dated = [*conditional(match.model), *(match.model.price_variants or ())]
    return {item.constraint.start_date for item in dated if isinstance(item.constraint, StartDateConstraint)}


def change_seconds(match: Match) -> set[int]:
    """Seconds of the UTC day at which a price of the model may change."""
    dated = [*conditional(match.model), *(match.model.price_variants or ())]
    windows = [item.constraint for item in dated if isinstance(item.constraint, TimeOfDateConstraint)]
    return {_utc_second(at) for window in windows for at in (window.start_time, window.end_time)}


def _utc_second(at: time) -> int:
    moment = datetime.combine(date(1970, 1, 2), at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC)
    return moment.hour * 3600 + moment.minute * 60 + moment.second


def listed(match: Match, service_tier: str, day: date, second: int = 0) -> Listed:
    """The card of a model and tier at a second of a UTC day."""
    name = f"{match.model.id!r} of {match.provider.id}"
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(seconds=second)
    standard = _standard(match.model, moment)
    if standard is None:
        return Listed(None, f"{name} has no price at all")
    if service_tier == "standard":
        return _card(standard.__dict__, name)
    variants = _variants(match, service_tier, moment)
    if not variants:
        return Listed(None, f"no {service_tier} price of {name} is known{_before(match, service_tier)}")
    # The first variant that names a price wins; what no variant names keeps its standard price.
    prices = dict(standard.__dict__)
    for variant in reversed(variants):
        prices.update({key: value for key, value in variant.prices.__dict__.items() if value is not None})
    return _card(prices, name)


def conditional(model: ModelInfo) -> list[ConditionalPrice]:
    return model.prices if isinstance(model.prices, list) else [ConditionalPrice(prices=model.prices)]


def _standard(model: ModelInfo, moment: datetime) -> ModelPrice | None:
    """The last price that holds at the moment, the first one when none does."""
    dated = conditional(model)
    for item in reversed(dated):
        if item.constraint is None or item.constraint.active(moment):
            return item.prices
    return dated[0].prices if dated else None


def _variants(match: Match, service_tier: str, moment: datetime) -> list[PriceVariant]:
    """Variants of the tier that hold at the moment."""
    contexts = TIER_CONTEXTS.get(service_tier, ())
    if not match.is_own:
        return []
    named = [variant for variant in match.model.price_variants or () if variant.when in contexts]
    return [variant for variant in named if variant.constraint is None or variant.constraint.active(moment)]


def _before(match: Match, service_tier: str) -> str:
    contexts = TIER_CONTEXTS.get(service_tier, ())
    starts = [
        variant.constraint.start_date
        for variant in match.model.price_variants or ()
        if match.is_own and variant.when in contexts and isinstance(variant.constraint, StartDateConstraint)
    ]
    return f" before {min(starts)}" if starts else ""


def _card(prices: dict[str, Any], name: str) -> Listed:
    """Published prices as a rate card, unless a rate card cannot hold them."""
    given = {key: value for key, value in prices.items() if value is not None and not key.startswith("_")}
    parts = {key: given.pop(key) for key in _AUDIO_PARTS if key in given}
    unmetered = sorted(key for key in given if key in _UNMETERED)
    unmetered += [key for key, value in parts.items() if value != given.get("audio_hours")]
    if unmetered:
        return Listed(None, f"{name} is priced by {', '.join(unmetered)}, which calls are not metered by")
    tiered = [value for value in given.values() if isinstance(value, TieredPrices)]
    thresholds = sorted({tier.start for value in tiered for tier in value.tiers})
    if len(thresholds) > _MOST_THRESHOLDS:
        return Listed(None, f"{name} has more long-context thresholds than two ({', '.join(map(str, thresholds))})")
    base, *above = (
        {meter_name(key): _amount(key, _at(value, start)) for key, value in given.items()}
        for start in (-1, *thresholds)
    )
    if all(rate is None for rate in rates_by_meter(base).values()):
        return Listed(None, f"{name} has no price of a meter that calls have")
    for rates in (base, *above):
        part = next((part for part in _OUTPUT_PARTS if part in rates and rates[part] != rates.get("output")), None)
        if part:
            return Listed(None, f"{name} has a price of its own for {part}, which price sets do not hold")
    # A tier fires above its start there, so one that holds from a round number on starts a token below it.
    is_inclusive = bool(thresholds) and all(start % 1000 == 999 for start in thresholds)
    tokens = [start + is_inclusive for start in thresholds]
    return Listed(RateCard(base, tuple(Step(*step) for step in zip(tokens, above, strict=True)), is_inclusive))


def _at(value: Decimal | TieredPrices, threshold: int) -> Decimal:
    """The price of requests with more input tokens than the threshold, up to the next one."""
    if not isinstance(value, TieredPrices):
        return value
    return next((tier.price for tier in reversed(value.tiers) if tier.start <= threshold), value.base)


def _tier(value: Decimal | TieredPrices, tier: int) -> Decimal:
    if not isinstance(value, TieredPrices):
        return value
    return value.tiers[tier - 1].price if tier else value.base


def meter_name(price_key: str) -> str:
    """`input_mtok` is `input`, `web_searches_kcount` is `search`; what calls do not count keeps its whole name."""
    return _UNITS[price_key][0] if price_key in _UNITS else price_key.removesuffix("_mtok")


def _published(price_key: str, value: Decimal) -> Decimal:
    return value / _UNITS[price_key][1] if price_key in _UNITS else value


def _amount(price_key: str, value: Decimal) -> Decimal:
    """The price with eight decimals at most; more digits are float artefacts of a page."""
    published = _published(price_key, value)
    rounded = published.quantize(PRICE_STEP)
    return published if rounded == published else rounded


def rounded_prices(book: Snapshot) -> list[RoundedPrice]:
    """Every published price that had more than eight decimals."""
    found = set()
    for provider in book.providers:
        for model in provider.models:
            for item in (*conditional(model), *(model.price_variants or ())):
                for key, value in item.prices.__dict__.items():
                    for tier in range(len(value.tiers) + 1 if isinstance(value, TieredPrices) else 1):
                        amount, published = _amount(key, _tier(value, tier)), _published(key, _tier(value, tier))
                        if amount != published:
                            found.add(RoundedPrice(provider.id, model.id, meter_name(key), published, amount))
    return sorted(found, key=lambda price: (price.provider, price.model, price.meter, price.published))
