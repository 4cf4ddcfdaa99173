"""The project's own dated price entries, on top of the public book: YAML files and, in this module, their reader.

Each entry names its source page and the day it was checked. Entries are appended; a wrong one is corrected in place.
"""

from collections.abc import Iterable
from decimal import Decimal
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal, Self

import yaml
from pydantic import Field, model_validator

from sources.pricing.rates import RateCard, Rates, Step
from sources.settings.models import (
    Count,
    Dated,
    Day,
    Name,
    Percent,
    Strict,
    TokenPrices,
    UnitPrices,
    named_prices,
    row_error,
)
from sources.settings.text import read_yaml

# A price outside of these is a slip of the unit: unless free, a million tokens cost a tenth of a cent to 2,000 USD, a
# search a hundredth of a cent to a dollar, and so on.
PLAUSIBLE_PER_MTOK_USD = (Decimal("0.001"), Decimal(2000))
PLAUSIBLE_PER_UNIT_USD = {
    "search": (Decimal("0.0001"), Decimal(1)),
    "image": (Decimal("0.0005"), Decimal(2)),
    "audio_hour": (Decimal("0.01"), Decimal(50)),
    "video_second": (Decimal("0.002"), Decimal(5)),
    "million_characters": (Decimal("0.5"), Decimal(500)),
    "page": (Decimal("0.0001"), Decimal(1)),
    "request": (Decimal("0.0001"), Decimal(1)),
    "cache_storage_mtok_hour": (Decimal("0.05"), Decimal(50)),
}
# A price that far from the book's price of the same model and meter is one too.
PLAUSIBLE_FACTOR = 100
# What logs call a region that is none.
EVERYWHERE = ("unknown", "global", "not_available")


class LongContext(Strict):
    """Prices of a whole request with more input tokens than this, or at least as many.

    What is left out keeps its price below.
    """

    above_input_tokens: Count | None = None
    from_input_tokens: Annotated[Count, Field(ge=1)] | None = None
    prices_per_mtok_usd: TokenPrices

    @model_validator(mode="after")
    def _says_one_threshold(self) -> Self:
        if (self.above_input_tokens is None) == (self.from_input_tokens is None):
            found = "neither" if self.above_input_tokens is None else "both"
            raise row_error("above_input_tokens", found, "above_input_tokens or from_input_tokens, which counts itself")
        return self

    @property
    def tokens(self) -> int:
        return self.above_input_tokens if self.above_input_tokens is not None else self.from_input_tokens or 0


class PriceEntry(Dated):
    """A price of a provider, or its discount on the standard tier, for a span of days."""

    entry_id: Name
    provider: Name
    models: Annotated[list[Name], Field(min_length=1)]
    service_tier: Literal["standard", "batch", "flex", "priority", "fast", "any"]
    percent_of_standard: Percent | None = None
    # Of a region (patterns of its name as logged): a percentage of the price everywhere else.
    regions: tuple[Name, ...] = ()
    percent_of_global: Annotated[Decimal, Field(gt=0, le=1000, decimal_places=6)] | None = None
    meters: tuple[Name, ...] = ()
    prices_per_mtok_usd: TokenPrices | None = None
    prices_per_unit_usd: UnitPrices | None = None
    # Price keys hold two thresholds.
    long_context: Annotated[tuple[LongContext, ...], Field(max_length=2)] = ()
    source: Annotated[str, Field(pattern=r"^https://")]
    checked: Day
    note: str | None = None

    @model_validator(mode="after")
    def _says_one_price(self) -> Self:
        has_prices = self.prices_per_mtok_usd is not None or self.prices_per_unit_usd is not None
        if self.regions or self.percent_of_global is not None:
            is_apart = bool(self.regions) and self.percent_of_global is not None and bool(self.meters)
            if not is_apart or has_prices or self.percent_of_standard is not None:
                raise row_error("regions", "not alone", "regions with percent_of_global and meters, and no other price")
            return self
        if self.service_tier == "any":
            raise row_error("service_tier", "any", "one tier; any goes with regions")
        if (self.percent_of_standard is None) != has_prices:
            allowed = "percent_of_standard, or prices_per_mtok_usd and prices_per_unit_usd"
            raise row_error("percent_of_standard", "both or neither", allowed)
        if self.percent_of_standard is not None and (self.service_tier == "standard" or not self.meters):
            raise row_error("percent_of_standard", "no tier or meters of its own", "another tier, and its meters")
        thresholds = [step.tokens for step in self.long_context]
        if len({step.from_input_tokens is None for step in self.long_context}) > 1:
            raise row_error(
                "long_context", "both", "above_input_tokens in every step, or from_input_tokens in every one"
            )
        if thresholds and (self.prices_per_mtok_usd is None or sorted(set(thresholds)) != thresholds):
            raise row_error("long_context", thresholds, "rising thresholds, beside prices_per_mtok_usd")
        return self

    @property
    def card(self) -> RateCard:
        """The entry's own prices, by published name."""
        base: Rates = named_prices(self.prices_per_mtok_usd, self.prices_per_unit_usd)
        steps, below = [], base
        for step in self.long_context:
            below = {**below, **named_prices(step.prices_per_mtok_usd)}
            steps.append(Step(step.tokens, below))
        is_inclusive = any(step.from_input_tokens is not None for step in self.long_context)
        return RateCard(base, tuple(steps), is_inclusive)

    def covers(self, provider: str, names: Iterable[str], service_tier: str) -> bool:
        """Whether the entry is about this model, by any of its names."""
        if provider != self.provider or self.service_tier not in ("any", service_tier):
            return False
        return any(fnmatchcase(name, pattern) for name in names for pattern in self.models)

    def holds_in(self, region: str) -> bool:
        return any(fnmatchcase(region, pattern) for pattern in self.regions)


class PriceEntries(Strict):
    entries: list[PriceEntry]


@cache
def own_entries() -> tuple[PriceEntry, ...]:
    """Every entry of the project, in the order of files and lines."""
    return tuple(entry for _, entry in placed_entries())


def placed_entries() -> list[tuple[str, PriceEntry]]:
    """Every entry of the project, with its file and line."""
    placed = []
    for path in sorted(Path(str(files("sources.pricing.entries"))).glob("*.yml")):
        document = read_yaml(path, f"sources/pricing/entries/{path.name}")
        for number, entry in enumerate(PriceEntries.model_validate(document.data).entries):
            placed.append((f"{document.file}, line {document.line_of(('entries', number))}", entry))
    return placed


def parse_entries(text: str) -> list[PriceEntry]:
    # BaseLoader keeps every scalar as it was written: 1.10 must not pass through a double.
    return PriceEntries.model_validate(yaml.load(text, Loader=yaml.BaseLoader)).entries


def implausible(entry: PriceEntry, book: Rates) -> list[str]:
    """What of the entry looks like a slip of the unit, against what the book says of the same model."""
    found = []
    for meter, amount in (item for rates in entry.card.tiers for item in rates.items()):
        low, high = PLAUSIBLE_PER_UNIT_USD.get(meter, PLAUSIBLE_PER_MTOK_USD)
        if amount and not low <= amount <= high:
            found.append(f"{entry.entry_id}: {meter} at {amount} is outside {low} to {high}")
        known = book.get(meter)
        if amount and known and not known / PLAUSIBLE_FACTOR < amount < known * PLAUSIBLE_FACTOR:
            found.append(f"{entry.entry_id}: {meter} at {amount} is far from {known} in the public book")
    return found
