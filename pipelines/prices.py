"""The price book for people: what a model costs on a day, and what the calls of a home use that it does not hold."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import groupby
from pathlib import Path

from assets.repricing import Repriced, repricings
from pipelines.cache_break_even import BreakEven, cache_break_evens
from pipelines.lock import home_lock
from sources import clock
from sources.home import Home
from sources.pricing import book, stored, versions
from sources.pricing.contracts import contracted_card, find_contract
from sources.pricing.entries import PriceEntry
from sources.pricing.rates import PUBLISHED_NAMES, TOKEN_METERS, rates_by_meter
from sources.pricing.resolve import ANY_REGION
from sources.pricing.snapshot import Snapshot
from sources.settings import load_settings
from sources.settings.models import Contract

# Hosts of the models of others, and the families of their own.
OWN_FAMILIES: dict[str, str | tuple[str, ...]] = {"google": ("gemini", "gemma"), "aws": ("nova", "titan")}
RESELLERS = (
    "aws", "azure", "google", "openrouter", "github-copilot", "quicksilverpro", "cursor", "cloudflare", "databricks",
    "fireworks", "together", "novita", "groq", "cerebras", "baseten", "ovhcloud", "modal",
)  # fmt: skip
SERVICE_TIERS = ("standard", "batch", "flex", "priority", "fast")


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

    @property
    def cache_break_evens(self) -> list[tuple[Price, BreakEven]]:
        """At contracted prices; each with a price of the tier, window and context it is of."""
        together = groupby(self.prices, key=lambda p: (p.service_tier, p.window_utc, p.above_input_tokens))
        groups = [list(prices) for _, prices in together]
        return [
            (prices[0], line)
            for prices in groups
            for line in cache_break_evens({price.meter: price.contracted_usd for price in prices})
        ]


def show_prices(
    service_provider: str,
    model_id: str,
    day: date,
    contracts: tuple[Contract, ...] = (),
    tiers: tuple[str, ...] = (),
    public: Snapshot | None = None,
    entries: Sequence[PriceEntry] | None = None,
) -> Shown:
    """Every price of a model on a UTC day, tier by tier; in the installed book when no other is given.

    `entries` are the project's own on top of it; all of them when left out.
    """
    model = book.find_model(service_provider, model_id, public=public)
    prices: list[Price] = []
    missing: dict[str, str] = {}
    for tier in tiers or SERVICE_TIERS:
        for start, end in book.windows(model):
            quote = book.quote(model, tier, day, entries, second=start)
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


@dataclass(frozen=True)
class Host:
    """The plain input and output prices of a model where it is served, and their spread over the first host's."""

    provider: str
    region: str
    model: str
    input_usd: Decimal | None
    output_usd: Decimal | None
    input_spread_percent: Decimal | None
    output_spread_percent: Decimal | None
    source: str
    known_from: date | None


def show_hosts(model_id: str, day: date, public: Snapshot, entries: Sequence[PriceEntry] | None = None) -> list[Host]:
    """The standard prices of a model at every host of the book on a UTC day, and of regions with prices of their own.

    Its maker comes first, and the others are compared with it; without one, the first of those that serve it.
    """
    wanted = _base_name(model_id)
    found: list[tuple[str, str, str, book.Quote]] = []
    for provider in public.providers:
        for listed in provider.models:
            if _base_name(listed.id) == wanted:
                model = book.Model(provider.id, listed.id, listed.id, "exact", public.match(provider, listed))
                found += [(provider.id, listed.id, region, quote) for region, quote in _regions(model, day, entries)]
    found.sort(key=lambda one: (_resells(one[0], wanted), one[0], one[2] != ANY_REGION, one[1], one[2]))
    hosts: list[Host] = []
    for provider_id, name, region, quote in found:
        listed_input, listed_output = (
            quote.card.base.get(meter) if quote.card else None for meter in ("input", "output")
        )
        direct = hosts[0] if hosts else None
        spreads = (
            _spread(listed_input, direct.input_usd if direct else None),
            _spread(listed_output, direct.output_usd if direct else None),
        )
        source = quote.source or ""
        hosts.append(Host(provider_id, region, name, listed_input, listed_output, *spreads, source, quote.known_from))
    return hosts


def _resells(provider: str, base_name: str) -> bool:
    if base_name.startswith(OWN_FAMILIES.get(provider, "-")):
        return False
    return provider in RESELLERS or provider.startswith("huggingface_")


def _regions(model: book.Model, day: date, entries: Sequence[PriceEntry] | None) -> Iterator[tuple[str, book.Quote]]:
    """The quote of everywhere and those of regions, by the region's name or pattern."""
    names = [region for entry in book.about(model, "standard", entries) for region in entry.regions]
    for region in (book.UNKNOWN_REGION, *names):
        quote = book.quote(model, "standard", day, entries, region=region)
        if quote.card is not None and (region == book.UNKNOWN_REGION or quote.region):
            yield (quote.region or ANY_REGION), quote


def _base_name(model_id: str) -> str:
    """The model without publisher, region, date and version: what it is called wherever it is served."""
    name = model_id.lower().split("/")[-1]
    name = re.sub(r"^(?:[a-z]+\.)+(?=[a-z])", "", name)
    name = re.sub(r"(?:-v\d+)?(?::\d+)?$", "", name)
    name = re.sub(r"[-@]\d{8}$|-\d{4}-\d{2}-\d{2}$", "", name)
    return re.sub(r"[^a-z0-9:]+", "-", name)


def _spread(amount: Decimal | None, direct: Decimal | None) -> Decimal | None:
    if amount is None or not direct:
        return None
    return ((amount / direct - 1) * 100).quantize(Decimal("0.01"))


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
