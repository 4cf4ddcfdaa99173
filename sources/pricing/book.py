"""The price book: the public snapshot with the project's own entries on top, asked by model, tier and day."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from difflib import get_close_matches
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from sources.pricing import snapshot
from sources.pricing.entries import EVERYWHERE, PriceEntry, own_entries
from sources.pricing.rates import RateCard, scaled

# Of a call whose log does not say where it ran.
UNKNOWN_REGION = "unknown"


@dataclass(frozen=True)
class Model:
    """What a called model id means. Without a provider of the book, or a model of it, `miss` says so."""

    service_provider: str
    model_id: str
    model: str
    method: str
    match: snapshot.Match | None = None
    miss: str | None = None

    @property
    def names(self) -> tuple[str, ...]:
        return (self.model, self.model_id)


@dataclass(frozen=True)
class Quote:
    """A card and where it is from, or why there is none."""

    card: RateCard | None
    reason: str | None
    basis: str | None = None
    source: str | None = None
    known_from: date | None = None
    # Where a price of the call's region was found: that region.
    region: str | None = None


def find_model(
    service_provider: str, model_id: str, prefixes: Sequence[str] = (), public: snapshot.Snapshot | None = None
) -> Model:
    """Recognise a model id of a provider: as called, else without a provider's name in front of it.

    `public` is the public book to look in; None: the installed one.
    """
    public = public or snapshot.installed()
    bare = strip_prefix(model_id, (service_provider, *prefixes))
    provider = public.find_provider(service_provider)
    if provider is None:
        near = _nearest(service_provider, public.provider_ids())
        return Model(service_provider, model_id, bare, "unresolved", miss=f"no provider {service_provider!r}{near}")
    for name in dict.fromkeys((model_id, bare)):
        match = public.find_model(provider, name)
        if match is not None:
            method = "exact" if match.model.id == model_id else "pattern"
            return Model(service_provider, model_id, match.model.id, method, match)
    target = aliases().get((provider.id, bare))
    # By its id: some of the book's models do not match their own.
    for listed in provider.models:
        if listed.id == target:
            return Model(service_provider, model_id, listed.id, "alias", public.match(provider, listed))
    near = _nearest(bare, snapshot.model_ids(provider))
    miss = f"no price for model {model_id!r} of {service_provider}{near}"
    return Model(service_provider, model_id, bare, "unresolved", miss=miss)


def strip_prefix(model_id: str, prefixes: Sequence[str]) -> str:
    """`openai/gpt-5` is gpt-5 where openai names a provider; other slashes belong to the id."""
    head, slash, tail = model_id.partition("/")
    return tail if slash and tail and head in prefixes else model_id


@cache
def aliases() -> dict[tuple[str, str], str]:
    """What logs and bills call a model that the public book knows by another id, by its provider there."""
    text = files("sources.pricing").joinpath("aliases.yml").read_text(encoding="utf-8")
    listed: list[dict[str, Any]] = yaml.safe_load(text)["aliases"]
    return {(one["provider"], name): model for one in listed for name, model in one["models"].items()}


def _nearest(wanted: str, known: Sequence[str]) -> str:
    """The likeliest ids: those that hold the wanted name, however it is punctuated, then those spelled alike."""
    plain = _plain(wanted)
    holding = sorted((one for one in known if plain in _plain(one)), key=len)
    near = list(dict.fromkeys([*holding, *get_close_matches(wanted, known, n=3, cutoff=0.5)]))[:3]
    return f"; nearest: {', '.join(near)}" if near else ""


def _plain(name: str) -> str:
    return re.sub("[^a-z0-9]+", "-", name.lower()).strip("-")


def change_days(model: Model, service_tier: str, entries: Sequence[PriceEntry] | None = None) -> set[date]:
    """Days on which a quote may change."""
    days = snapshot.change_days(model.match) if model.match else set()
    for entry in about(model, service_tier, entries) + about(model, "standard", entries):
        days |= {entry.valid_from, entry.valid_to}
    return days


def windows(model: Model) -> list[tuple[int, int]]:
    """The UTC day in half-open spans of seconds in which a quote does not change."""
    cuts = snapshot.change_seconds(model.match) if model.match else set()
    starts = sorted({0, *cuts})
    return list(zip(starts, [*starts[1:], snapshot.DAY_SECONDS], strict=True))


def quote(
    model: Model,
    service_tier: str,
    day: date,
    entries: Sequence[PriceEntry] | None = None,
    second: int = 0,
    region: str = UNKNOWN_REGION,
) -> Quote:
    """The public price of a model and tier at a second of a UTC day, in a region.

    A region without an entry has the price of everywhere else.
    """
    found = _anywhere(model, service_tier, day, entries, second)
    if found.card is None or region in EVERYWHERE:
        return found
    for entry in about(model, service_tier, entries):
        if entry.valid_from <= day < entry.valid_to and entry.holds_in(region):
            card = _at_percent(found.card, entry.percent_of_global, entry.meters)
            basis, source = f"{found.basis}, own entry {entry.entry_id}", f"{found.source}; {entry.source}"
            return Quote(card, None, basis, source, found.known_from, region)
    return found


def _anywhere(model: Model, service_tier: str, day: date, entries: Sequence[PriceEntry] | None, second: int) -> Quote:
    """The price where no region has one of its own.

    A price among the project's own entries comes first (what it does not name keeps its public price), then the public
    book, then an entry that is a discount on the standard tier.
    """
    current = [entry for entry in _covering(model, service_tier, entries) if entry.valid_from <= day < entry.valid_to]
    public = _public(model, service_tier, day, second)
    for entry in current:
        if entry.percent_of_standard is None:
            return _laid_over(public, entry)
    if public.card is not None or not current:
        return public
    standard = _anywhere(model, "standard", day, entries, second).card
    discount = current[0]
    if standard is None:
        return public
    return _quoted(_at_percent(standard, discount.percent_of_standard, discount.meters), discount)


def _public(model: Model, service_tier: str, day: date, second: int) -> Quote:
    if model.match is None:
        return Quote(None, model.miss)
    found = snapshot.listed(model.match, service_tier, day, second)
    if found.card is None:
        return Quote(None, found.reason)
    name = f"{model.match.source.name} {model.match.provider.id}/{model.match.model.id}"
    return Quote(found.card, None, "public book", name, model.match.known_from)


def _at_percent(card: RateCard, percent: Decimal | None, meters: Collection[str]) -> RateCard:
    return card.map(lambda rates: scaled(rates, percent or Decimal(100), meters))


def _covering(model: Model, service_tier: str, entries: Sequence[PriceEntry] | None) -> list[PriceEntry]:
    """The entries about a model and tier, but those of single regions."""
    return [entry for entry in about(model, service_tier, entries) if not entry.regions]


def about(model: Model, service_tier: str, entries: Sequence[PriceEntry] | None) -> list[PriceEntry]:
    """Every entry about a model and tier."""
    provider = model.match.provider.id if model.match else model.service_provider
    known = own_entries() if entries is None else entries
    return [entry for entry in known if entry.covers(provider, model.names, service_tier)]


def _laid_over(public: Quote, entry: PriceEntry) -> Quote:
    own = entry.card
    if public.card is None or own.steps:
        return _quoted(own, entry)
    card = public.card.map(lambda rates: {**rates, **own.base})
    return (
        _quoted(card, entry)
        if card == own
        else Quote(
            card, None, f"{public.basis}, own entry {entry.entry_id}", f"{public.source}; {entry.source}", entry.checked
        )
    )


def _quoted(card: RateCard, entry: PriceEntry) -> Quote:
    return Quote(card, None, f"own entry {entry.entry_id}", entry.source, entry.checked)


def spans(first: date, last: date, days: set[date]) -> list[tuple[date, date]]:
    """The days from first to last cut where something changes, as half-open spans."""
    end = last + timedelta(days=1)
    starts = [first, *sorted(day for day in days if first < day < end)]
    return list(zip(starts, [*starts[1:], end], strict=True))
