"""What the providers really charge here: a dated price table and exact arithmetic in pico-dollars.

The public prices are those of genai-prices 0.2.3 (MIT), written down so that the truth needs no pricing library; a test
holds the two equal. Money is int64 pico-dollars (1e-12 USD) until it is written: a price has at most 6 decimals per
million tokens, so tokens x price is a whole number of pico-dollars.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

PICO = 10**12
METERS = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output", "search")
FIRST_DAY, OPEN_END = date(1970, 1, 1), date(9999, 12, 31)


@dataclass(frozen=True)
class Entry:
    """Rates of one model and tier over [valid_from, valid_to): USD per million tokens, searches per thousand."""

    model: str
    tier: str
    rates: Mapping[str, Decimal]
    valid_from: date = FIRST_DAY
    valid_to: date = OPEN_END
    threshold: int | None = None
    rates_above: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True)
class Contract:
    """What the company agreed with a provider: percent off every rate of a model."""

    contract_id: str
    service_provider: str
    model: str
    percent_off: Decimal
    valid_from: date
    source: str


def _rates(*values: str, search: str = "10") -> dict[str, Decimal]:
    """Rates in the order of METERS; `-` where the provider has no such rate."""
    named = dict(zip(METERS, (*values, search), strict=True))
    return {meter: Decimal(value) for meter, value in named.items() if value != "-"}


PRICE_CHANGE_DAY = date(2026, 8, 21)
BATCH_PRICES_FROM = date(2026, 10, 14)
_LONG = 272_000

PRICE_TABLE = (
    Entry(
        "gpt-5.6-sol", "standard", _rates("5", "0.5", "6.25", "-", "30"), valid_to=PRICE_CHANGE_DAY,
        threshold=_LONG, rates_above=_rates("10", "1", "12.5", "-", "45"),
    ),
    Entry(
        "gpt-5.6-sol", "standard", _rates("4", "0.4", "5", "-", "20"), valid_from=PRICE_CHANGE_DAY,
        threshold=_LONG, rates_above=_rates("8", "0.8", "10", "-", "30"),
    ),
    Entry("gpt-5.4-mini", "standard", _rates("0.75", "0.075", "-", "-", "4.5")),
    Entry("gpt-5.4-mini", "batch", _rates("0.375", "0.0375", "-", "-", "2.25"), valid_from=BATCH_PRICES_FROM),
    Entry("gpt-5-nano", "standard", _rates("0.05", "0.005", "-", "-", "0.4")),
    Entry("gpt-5-nano", "batch", _rates("0.025", "0.0025", "-", "-", "0.2"), valid_from=BATCH_PRICES_FROM),
    Entry("gpt-4.1", "standard", _rates("2", "0.5", "-", "-", "8")),
    Entry("claude-opus-5", "standard", _rates("5", "0.5", "6.25", "10", "25")),
    Entry("claude-sonnet-5", "standard", _rates("2", "0.2", "2.5", "4", "10")),
    Entry("claude-haiku-4-5", "standard", _rates("1", "0.1", "1.25", "2", "5")),
)  # fmt: skip

CONTRACTS = (
    Contract(
        "anthropic-sonnet-2026", "anthropic", "claude-sonnet-5", Decimal("12"), date(2026, 9, 14),
        "order form NW-2026-117",
    ),
)  # fmt: skip


def entry_for(model: str, tier: str, day: date) -> Entry:
    """The one entry that holds for a model and tier on a day."""
    found = [e for e in PRICE_TABLE if (e.model, e.tier) == (model, tier) and e.valid_from <= day < e.valid_to]
    if len(found) != 1:
        raise ValueError(f"{len(found)} prices for {model}, {tier}, {day}: exactly one is allowed")
    return found[0]


def percent_off(model: str, day: date) -> Decimal:
    """The contract discount on a model on a day."""
    return sum((c.percent_off for c in CONTRACTS if c.model == model and day >= c.valid_from), Decimal(0))


def unit_price(meter: str, rate: Decimal, discount: Decimal) -> int:
    """Pico-dollars for one token or one search; refuses what is not a whole number of them."""
    per_unit = rate * (100 - discount) / 100 * (PICO // (1000 if meter == "search" else 10**6))
    if per_unit != int(per_unit):
        raise ValueError(f"{meter} at {rate} less {discount} %: found {per_unit} pico-dollars, allowed: a whole number")
    return int(per_unit)


def price_calls(
    model: NDArray[np.str_], tier: NDArray[np.str_], day: NDArray[np.datetime64], quantities: Mapping[str, Ints]
) -> tuple[dict[str, Ints], Ints]:
    """Contracted pico-dollars of each call by meter, and its public price in all.

    The context tier is chosen by the whole prompt of the call, and moves every rate of it.
    """
    prompt = sum((quantities[m] for m in METERS[:4]), np.zeros(len(model), np.int64))
    cost = {meter: np.zeros(len(model), np.int64) for meter in METERS}
    at_list = np.zeros(len(model), np.int64)
    for entry in PRICE_TABLE:
        for start, end, discount in _spans(entry):
            in_span = (model == entry.model) & (tier == entry.tier)
            in_span &= (day >= np.datetime64(start)) & (day < np.datetime64(end))
            is_above = prompt > entry.threshold if entry.threshold is not None else np.zeros(len(model), bool)
            for rates, rows in ((entry.rates, in_span & ~is_above), (entry.rates_above, in_span & is_above)):
                for meter, rate in rates.items():
                    count = quantities[meter][rows]
                    cost[meter][rows] = count * unit_price(meter, rate, discount)
                    at_list[rows] += count * unit_price(meter, rate, Decimal(0))
    return cost, at_list


def _spans(entry: Entry) -> list[tuple[date, date, Decimal]]:
    """The entry's validity cut where a contract begins."""
    cuts = sorted({c.valid_from for c in CONTRACTS if c.model == entry.model})
    edges = [entry.valid_from, *(c for c in cuts if entry.valid_from < c < entry.valid_to), entry.valid_to]
    return [(a, b, percent_off(entry.model, a)) for a, b in pairwise(edges)]


def as_decimal(pico: int) -> Decimal:
    """Pico-dollars as an exact amount in USD."""
    return Decimal(pico).scaleb(-12)


def as_text(pico: int, *, shift: int = 0) -> str:
    """Pico-dollars as plain digits without an exponent; shift=2 gives cents."""
    text = f"{Decimal(pico).scaleb(shift - 12):f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def to_cents(pico: int) -> int:
    """Whole cents, rounded half up, away from zero."""
    half = PICO // 200
    return (abs(pico) + half) // (PICO // 100) * (1 if pico >= 0 else -1)
