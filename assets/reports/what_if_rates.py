"""What the explorer's what-if panel prices by: contracted rates of the models in use, on one day."""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from sources.pricing.book import find_model, quote
from sources.pricing.contracts import contracted_card, find_contract
from sources.pricing.rates import rates_by_meter
from sources.pricing.versions import Book

# The token classes of a call of text, in the order the page has them.
CLASSES = ("input_uncached", "cache_read", "cache_write_5m", "cache_write_1h", "output", "reasoning")
TIERS = ("standard", "batch")
Rates = Mapping[tuple[str, str], Mapping[str, list[Decimal]]]


def rates_of(book: Book, models: Iterable[tuple[str, str]], day: date) -> Rates:
    """USD per million tokens of each of CLASSES, by (provider, model) and tier, without long-context steps.

    A tier that lacks a rate is left out, and a model without a standard tier.
    """
    found = {(provider, name): _tiers(book, provider, name, day) for provider, name in sorted(set(models))}
    return {model: tiers for model, tiers in found.items() if "standard" in tiers}


def _tiers(book: Book, provider: str, name: str, day: date) -> dict[str, list[Decimal]]:
    model = find_model(provider, name, public=book.public)
    tiers: dict[str, list[Decimal]] = {}
    for tier in TIERS:
        listed = quote(model, tier, day, book.entries).card
        card = contracted_card(listed, find_contract(book.contracts, provider, model.names, tier, day))
        rates = [rates_by_meter(card.base)[meter] for meter in CLASSES] if card else []
        known = [rate for rate in rates if rate is not None]
        if len(known) == len(CLASSES):
            tiers[tier] = known
    return tiers
