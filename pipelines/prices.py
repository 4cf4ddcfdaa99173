"""The price book for people: what a model costs on a day, and what the calls of a home use that it does not hold."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from assets.repricing import Repriced, repricings
from pipelines.lock import home_lock
from sources import clock
from sources.home import Home
from sources.pricing import book, stored, versions
from sources.pricing.contracts import contracted_card, find_contract
from sources.pricing.rates import PUBLISHED_NAMES, TOKEN_METERS, rates_by_meter
from sources.pricing.snapshot import Snapshot
from sources.settings import load_settings
from sources.settings.models import Contract

SERVICE_TIERS = ("standard", "batch", "flex", "priority")


@dataclass(frozen=True)
class Price:
    """One meter of one tier: USD per million tokens or per unit. None means the book has no price for it."""

    service_tier: str
    window_utc: str
    above_input_tokens: int
    is_threshold_inclusive: bool
    meter: str
    list_usd: Decimal | None
    contracted_usd: Decimal | None
    source: str
    known_from: date | None


@dataclass(frozen=True)
class Shown:
    """A model as it is recognised, its prices of a day, and why a tier has none."""

    service_provider: str
    model_id: str
    model: str
    method: str
    prices: list[Price]
    missing: dict[str, str]


def show_prices(
    service_provider: str,
    model_id: str,
    day: date,
    contracts: tuple[Contract, ...] = (),
    tiers: tuple[str, ...] = (),
    public: Snapshot | None = None,
) -> Shown:
    """Every price of a model on a UTC day, tier by tier; in the installed book when no other is given."""
    model = book.find_model(service_provider, model_id, public=public)
    prices: list[Price] = []
    missing: dict[str, str] = {}
    for tier in tiers or SERVICE_TIERS:
        for start, end in book.windows(model):
            quote = book.quote(model, tier, day, second=start)
            contract = find_contract(contracts, service_provider, model.names, tier, day)
            paid = contracted_card(quote.card, contract)
            if paid is None:
                missing[tier] = quote.reason or "no price"
                continue
            listed = quote.card.tiers if quote.card else tuple({} for _ in paid.tiers)
            source = "; ".join(text for text in (quote.source, contract.source if contract else None) if text)
            for threshold, given, own in zip((0, *paid.thresholds), listed, paid.tiers, strict=True):
                list_rates, own_rates = rates_by_meter(given), rates_by_meter(own)
                prices += [
                    Price(
                        tier,
                        _window(start, end),
                        threshold,
                        paid.is_inclusive,
                        meter,
                        list_rates[meter],
                        own_rates[meter],
                        source,
                        quote.known_from,
                    )
                    for meter in PUBLISHED_NAMES
                    if own_rates[meter] is not None
                ]
    return Shown(service_provider, model_id, model.model, model.method, prices, missing)


def unit(meter: str) -> str:
    return "per million tokens" if meter in TOKEN_METERS else "each"


def _window(start: int, end: int) -> str:
    return f"{start // 3600:02}:{start % 3600 // 60:02}-{end // 3600:02}:{end % 3600 // 60:02}"


def import_prices(home: Home, path: Path | None, accept: bool, command: str) -> stored.TakenIn:
    """Take in a public book while nothing else uses the home."""
    with home_lock(home.root, command, load_settings(home).limits.lock_wait_seconds):
        return stored.take_in(home, clock.now().date(), path, accept)


@dataclass(frozen=True)
class NamedBook:
    """A public book the home has taken in, or a version (with entries and contracts) that a run used."""

    kind: str
    sha256: str
    known_from: date | None
    name: str
    is_current: bool


@dataclass(frozen=True)
class Books:
    """The price books of a home, and what each new one moved."""

    books: list[NamedBook]
    repricings: list[Repriced]


def list_books(home: Home) -> Books:
    public = stored.current(home).source
    used = versions.current(home, load_settings(home)).version
    found = []
    for one in stored.stored_books(home):
        source = one.book.snapshot.source
        found.append(NamedBook("public", source.sha256, source.known_from, source.name, source == public))
    for version in versions.used_versions(home):
        source = versions.read_version(home, version).public.source
        found.append(NamedBook("version", version, source.known_from, source.name, version == used))
    return Books(found, repricings(home))
