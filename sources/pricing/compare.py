"""What two public books say differently: models, and prices by tier, window, context tier and days."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise, product

from genai_prices.types import ModelInfo

from sources.pricing.entries import PLAUSIBLE_FACTOR
from sources.pricing.snapshot import TIER_CONTEXTS, Match, Snapshot, change_days, change_seconds, listed
from sources.settings.models import FIRST_DAY, OPEN_END


@dataclass(frozen=True)
class Change:
    """One price of one model that is another in the second book, from a day up to, not including, another."""

    provider: str
    model: str
    service_tier: str
    window_start_second: int
    above_input_tokens: int
    meter: str
    valid_from: date
    valid_to: date
    before_usd: Decimal | None
    after_usd: Decimal | None

    @property
    def is_implausible(self) -> bool:
        """A price off by a thousand is a slip of the unit, as is one nearly that far off."""
        before, after = self.before_usd, self.after_usd
        if not before or not after:
            return False
        return not before / PLAUSIBLE_FACTOR < after < before * PLAUSIBLE_FACTOR

    def __str__(self) -> str:
        above = f" above {self.above_input_tokens:,} input tokens" if self.above_input_tokens else ""
        first = f" from {self.valid_from}" if self.valid_from > FIRST_DAY else ""
        last = f" to {self.valid_to}" if self.valid_to < OPEN_END else ""
        amounts = f"{_text(self.before_usd)} -> {_text(self.after_usd)}"
        return f"{self.provider}/{self.model} {self.service_tier} {self.meter}{above}{first}{last}: {amounts}"


@dataclass(frozen=True)
class Compared:
    """`new_models` only the second book has, `changes` are of models that both have."""

    new_models: list[str]
    changes: list[Change]


def compare(before: Snapshot, after: Snapshot) -> Compared:
    known = {(p.id, m.id): before.match(p, m) for p in before.providers for m in p.models}
    new_models: list[str] = []
    changes: list[Change] = []
    for provider in after.providers:
        for model in provider.models:
            old = known.get((provider.id, model.id))
            if old is None:
                new_models.append(f"{provider.id}/{model.id}")
            elif _prices(old.model) != _prices(model):
                changes += _changes(old, after.match(provider, model))
    return Compared(new_models, changes)


def _prices(model: ModelInfo) -> tuple[object, object]:
    return model.prices, model.price_variants


def _changes(before: Match, after: Match) -> Iterator[Change]:
    days = sorted({FIRST_DAY, OPEN_END, *change_days(before), *change_days(after)})
    seconds = sorted({0, *change_seconds(before), *change_seconds(after)})
    for tier, second in product(TIER_CONTEXTS, seconds):
        # Neighbouring spans with the same change are one.
        running: dict[tuple[int, str], Change] = {}
        for start, end in pairwise(days):
            old, new = (_amounts(match, tier, start, second) for match in (before, after))
            for place in sorted(old.keys() | new.keys() | running.keys()):
                span = (old.get(place), new.get(place))
                open_change = running.get(place)
                if open_change and (open_change.before_usd, open_change.after_usd) == span:
                    running[place] = _change(after, tier, second, place, (open_change.valid_from, end), span)
                    continue
                if open_change:
                    yield running.pop(place)
                if span[0] != span[1]:
                    running[place] = _change(after, tier, second, place, (start, end), span)
        yield from running.values()


def _change(
    match: Match,
    tier: str,
    second: int,
    place: tuple[int, str],
    days: tuple[date, date],
    amounts: tuple[Decimal | None, Decimal | None],
) -> Change:
    return Change(match.provider.id, match.model.id, tier, second, *place, *days, *amounts)


def _amounts(match: Match, tier: str, day: date, second: int) -> dict[tuple[int, str], Decimal]:
    """Every price of a tier at a moment, by its threshold and published name."""
    card = listed(match, tier, day, second).card
    if card is None:
        return {}
    # Tokens above which a price holds, whatever a threshold itself belongs to.
    above = (threshold - card.is_inclusive for threshold in card.thresholds)
    tiers = zip((0, *above), card.tiers, strict=True)
    return {(threshold, name): amount for threshold, rates in tiers for name, amount in rates.items()}


def _text(amount: Decimal | None) -> str:
    return "no price" if amount is None else f"{amount.normalize():f} USD"
