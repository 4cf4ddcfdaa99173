"""What is wrong with the prices of a home: usage without one, entries and contracts at odds with each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from fnmatch import fnmatchcase
from itertools import combinations, groupby, pairwise

import polars as pl

from sources import clock
from sources.home import Home, HomeError
from sources.pricing import book, stored
from sources.pricing.capacity import CapacityEntry, PaidRate, capacity_entries, paid_rates
from sources.pricing.entries import PriceEntry, placed_entries
from sources.pricing.resolve import SELF_HOSTED
from sources.pricing.snapshot import Snapshot, model_ids
from sources.pricing.unpriced import unpriced_calls
from sources.settings import Settings, load_settings
from sources.settings.models import Contract
from sources.settings.text import Document, read_yaml

STALE_DAYS = 180
ERROR, WARNING = "error", "warning"


@dataclass(frozen=True)
class Finding:
    """Something the price book should say and does not, or says twice: where it stands, and the days it is about."""

    level: str
    kind: str
    where: str
    service_provider: str
    model_id: str
    service_tier: str
    first_day: date
    last_day: date
    reason: str


def check_prices(home: Home, stale_days: int = STALE_DAYS) -> list[Finding]:
    """Usage of the last run without a price, and what is wrong with entries and contracts; errors first."""
    settings, public = load_settings(home), stored.current(home)
    entries = placed_entries()
    found = [
        *_unpriced(home),
        *_unsourced(home),
        *check_entries(entries, public),
        *_check_contracts(_placed_contracts(home, settings.contracts)),
        *check_capacity(placed_rates(home, settings), capacity_entries(), clock.now().date(), stale_days),
        *check_age(entries, public, clock.now().date() - timedelta(days=stale_days)),
    ]
    return sorted(found, key=lambda one: one.level != ERROR)


def _unpriced(home: Home) -> Iterator[Finding]:
    used = _pricing_table(home, "price_keys")
    keys = used.filter(pl.col("price_set_id").is_null() & (pl.col("host") != SELF_HOSTED)).group_by(
        "service_provider", "model_id", "service_tier", pl.col("price_reason").fill_null("no reason recorded")
    )
    days = [pl.col("usage_date").min().alias("first"), pl.col("usage_date").max().alias("last")]
    places = {
        (one.service_provider, one.model_id, one.service_tier, one.reason): f"{one.path}, row {one.row_number}"
        for one in unpriced_calls(home, load_settings(home))
    }
    order = ("service_provider", "model_id", "service_tier", "first")
    for provider, model, tier, reason, first, last in keys.agg(days).sort(order).iter_rows():
        where = places.get((provider, model, tier, reason), "")
        yield Finding(ERROR, "usage without a price", where, provider, model, tier, first, last, reason)


def _unsourced(home: Home) -> Iterator[Finding]:
    prices = _pricing_table(home, "price_book")
    for row in prices.filter(pl.col("source").is_null() | (pl.col("source") == "")).iter_rows(named=True):
        names = (row["provider"], row["model"], row["service_tier"])
        where = f"contract {row['contract_id']}" if row["contract_id"] else "price book"
        yield Finding(ERROR, "price without a source", where, *names, row["valid_from"], row["valid_to"], row["meter"])


def _pricing_table(home: Home, table: str) -> pl.DataFrame:
    path = home.lake / "pricing" / table / "current.parquet"
    if not path.is_file():
        raise HomeError(f"{home.root} has no resolved prices yet; `inferledger run --home {home.root}` makes them")
    return pl.read_parquet(path)


def check_entries(entries: Sequence[tuple[str, PriceEntry]], public: Snapshot) -> Iterator[Finding]:
    """Two entries that say the same price for the same days, and days between two that nothing prices."""
    for (_, first), (place, second) in combinations(entries, 2):
        start, end = max(first.valid_from, second.valid_from), min(first.valid_to, second.valid_to)
        meters = [meter for how, meter in _meters(first) if (how, meter) in _meters(second)]
        if start < end and meters and (model := _common_model(first, second, public)):
            said = f"{', '.join(meters)}: entry {second.entry_id} says what {first.entry_id} does"
            names = (second.provider, model, second.service_tier)
            yield Finding(ERROR, "entries overlap", place, *names, start, end - timedelta(days=1), said)

    def key(placed: tuple[str, PriceEntry]) -> tuple[object, ...]:
        return (placed[1].provider, placed[1].service_tier, tuple(placed[1].models), _meters(placed[1]))

    own = [entry for _, entry in entries]
    for _, group in groupby(sorted(entries, key=lambda one: (str(key(one)), one[1].valid_from)), key):
        for (_, first), (place, second) in pairwise(group):
            if second.valid_from > first.valid_to:
                between = book.find_model(first.provider, first.models[0], public=public)
                card = book.quote(between, first.service_tier, first.valid_to, own).card
                missing = [meter for _, meter in _meters(first) if card is None or meter not in card.base]
                if missing:
                    reason = f"{', '.join(missing)}: between {first.entry_id} and {second.entry_id}"
                    names = (first.provider, first.models[0], first.service_tier)
                    last = second.valid_from - timedelta(days=1)
                    yield Finding(ERROR, "gap between entries", place, *names, first.valid_to, last, reason)


def _meters(entry: PriceEntry) -> tuple[tuple[str, str], ...]:
    """What an entry prices; a percentage and a price of the same meter are no overlap, the price holds."""
    if entry.regions:
        return tuple((f"in {', '.join(entry.regions)}", meter) for meter in sorted(entry.meters))
    if entry.percent_of_standard is not None:
        return tuple(("percent", meter) for meter in sorted(entry.meters))
    return tuple(("price", meter) for meter in sorted(entry.card.base))


def _common_model(first: PriceEntry, second: PriceEntry, public: Snapshot) -> str | None:
    if (first.provider, first.service_tier) != (second.provider, second.service_tier):
        return None
    provider = public.find_provider(first.provider)
    names = [*first.models, *second.models, *(model_ids(provider) if provider else ())]
    return next((name for name in names if _covers(first.models, name) and _covers(second.models, name)), None)


def _covers(patterns: Sequence[str], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _placed_contracts(home: Home, contracts: Sequence[Contract]) -> list[tuple[str, Contract]]:
    document = _document(home, "contracts.yml")
    return [
        (f"{document.file}, line {document.line_of(('contracts', number))}", contract)
        for number, contract in enumerate(contracts)
    ]


def _document(home: Home, name: str) -> Document:
    """A settings file with its lines; a home need not have it."""
    path = home.config / name
    return read_yaml(path, f"config/{name}") if path.is_file() else Document(f"config/{name}")


def _check_contracts(contracts: Sequence[tuple[str, Contract]]) -> Iterator[Finding]:
    """Contracts of the same provider, models and tier: one that another keeps from holding, and days between two."""

    def key(placed: tuple[str, Contract]) -> tuple[object, ...]:
        return (placed[1].service_provider, placed[1].service_tier, tuple(sorted(placed[1].models)))

    ordered = sorted(contracts, key=lambda one: (str(key(one)), one[1].valid_from))
    for _, group in groupby(ordered, key):
        for (_, first), (place, second) in pairwise(group):
            names = (second.service_provider, ", ".join(second.models), second.service_tier)
            if second.valid_from < first.valid_to:
                last = min(first.valid_to, second.valid_to) - timedelta(days=1)
                reason = f"{first.contract_id} and {second.contract_id}: the one that stands first in the file holds"
                yield Finding(ERROR, "contracts overlap", place, *names, second.valid_from, last, reason)
            elif second.valid_from > first.valid_to:
                last = second.valid_from - timedelta(days=1)
                reason = f"between {first.contract_id} and {second.contract_id} the public price holds"
                yield Finding(WARNING, "gap between contracts", place, *names, first.valid_to, last, reason)


def placed_rates(home: Home, settings: Settings) -> list[tuple[str, PaidRate]]:
    documents = {name: _document(home, name) for name in ("gpu_rates.yml", "contracts.yml")}
    return [
        (f"config/{rate.file}, line {documents[rate.file].line_of(rate.place)}", rate) for rate in paid_rates(settings)
    ]


def check_capacity(
    rates: Sequence[tuple[str, PaidRate]], entries: Sequence[CapacityEntry], today: date, stale_days: int
) -> Iterator[Finding]:
    """Rates by the hour that the company pays today and no list price stands beside, or an old one."""
    for where, rate in rates:
        if not rate.valid_from <= today < rate.valid_to:
            continue
        hour = rate.unit.replace("_", " ")
        known = ", ".join(sorted({one.capacity for one in entries if one.unit == rate.unit}))
        hosts = ", ".join(sorted({one.provider for one in entries if one.capacity == rate.capacity}))
        at_list = rate.listed(entries, today)
        kind = f"{hour} without a list price"
        if rate.capacity is None:
            reason = f"names no capacity; the price book has {known}"
        elif at_list is None and hosts:
            reason = f"no price of {rate.capacity} at {rate.provider}; the price book has it at {hosts}"
        elif at_list is None:
            reason = f"no price of {rate.capacity!r}; the price book has {known}"
        elif at_list.checked < today - timedelta(days=stale_days):
            kind = "not checked lately"
            reason = f"entry {at_list.entry_id} was checked on {at_list.checked}; look at {at_list.source} again"
        else:
            continue
        names = (rate.provider, rate.name, rate.rate)
        yield Finding(WARNING, kind, where, *names, rate.valid_from, rate.valid_to, reason)


def check_age(entries: Sequence[tuple[str, PriceEntry]], public: Snapshot, oldest: date) -> Iterator[Finding]:
    """Entries still in force, and the public book, that nobody has looked at since a day."""
    for place, entry in entries:
        if entry.checked < oldest < entry.valid_to:
            names = (entry.provider, ", ".join(entry.models), entry.service_tier)
            reason = f"entry {entry.entry_id} was checked on {entry.checked}; look at {entry.source} again"
            yield Finding(WARNING, "not checked lately", place, *names, entry.valid_from, entry.valid_to, reason)
    known_from = public.source.known_from
    if known_from and known_from < oldest:
        reason = f"{public.source.name} is of {known_from}; `inferledger prices import` takes in a newer one"
        yield Finding(WARNING, "not checked lately", "public book", "", "", "", known_from, oldest, reason)
