"""Meters and rates: what one unit of usage costs. Usage itself is priced in the warehouse (`int_usage_priced`).

A rate card holds prices under the names they are published by (`input`, `cache_read`, ...). `rates_by_meter` spreads it
over the disjoint meters of the warehouse: a meter without a price of its own has the price of the meter it is part of.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType
from typing import NamedTuple

SEARCH = "search"
# Meters that are not tokens, by what their price is for.
UNIT_METERS = (
    SEARCH, "image", "audio_hour", "video_second", "million_characters", "page", "request", "cache_storage_mtok_hour",
)  # fmt: skip
# Prices are decimal(18, 8) in the warehouse.
PRICE_STEP = Decimal("0.00000001")

# Published names a meter takes its price from, nearest first.
PUBLISHED_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "input_uncached": ("input",),
        "cache_read": ("cache_read", "input"),
        "cache_write_5m": ("cache_write_5m", "cache_write", "input"),
        "cache_write_1h": ("cache_write_1h", "cache_write", "input"),
        "input_audio": ("input_audio", "input"),
        "input_image": ("input_image", "input"),
        "output": ("output",),
        "reasoning": ("output_reasoning", "output"),
        "output_audio": ("output_audio", "output"),
        "output_image": ("output_image", "output"),
        **{meter: (meter,) for meter in UNIT_METERS},
        # A reranker's searches are what its calls count as searches.
        SEARCH: (SEARCH, "rerank_search"),
    }
)
METERS = tuple(PUBLISHED_NAMES)
TOKEN_METERS = tuple(meter for meter in METERS if meter not in UNIT_METERS)

Rates = Mapping[str, Decimal]


class Step(NamedTuple):
    """A context tier: the rates of requests with more input tokens than this, or as many where the card says so."""

    tokens: int
    rates: Rates


@dataclass(frozen=True)
class RateCard:
    """Prices of one model and tier at one time, in USD per million tokens or per unit, by published name.

    Above the tokens of a step, counted over the whole input, the whole request moves to its rates; steps rise. Where
    `is_inclusive`, it moves at exactly the tokens of a step too.
    """

    base: Rates
    steps: tuple[Step, ...] = ()
    is_inclusive: bool = False

    @property
    def tiers(self) -> tuple[Rates, ...]:
        return (self.base, *(step.rates for step in self.steps))

    @property
    def thresholds(self) -> tuple[int, ...]:
        return tuple(step.tokens for step in self.steps)

    def map(self, change: Callable[[Rates], Rates]) -> "RateCard":
        """The card with its rates changed in every context tier."""
        steps = tuple(Step(step.tokens, change(step.rates)) for step in self.steps)
        return RateCard(change(self.base), steps, self.is_inclusive)


def unit_name(meter: str) -> str:
    """What a published amount is for: a million tokens, one unit, or a thousand of something calls do not count."""
    if meter in UNIT_METERS or meter == "rerank_search":
        return meter
    return "kcount" if meter.endswith("_kcount") else "mtok"


def nearest(rates: Rates, names: tuple[str, ...]) -> Decimal | None:
    return next((rates[name] for name in names if name in rates), None)


def scaled(rates: Rates, percent: Decimal, names: Collection[str]) -> dict[str, Decimal]:
    """The rates with those named at a percentage, to eight decimals."""
    return {
        name: (rate * percent / 100).quantize(PRICE_STEP) if name in names else rate for name, rate in rates.items()
    }


def rates_by_meter(rates: Rates) -> dict[str, Decimal | None]:
    """The rate of every meter; None where the card has none."""
    return {meter: nearest(rates, names) for meter, names in PUBLISHED_NAMES.items()}
