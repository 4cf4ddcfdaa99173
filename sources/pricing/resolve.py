"""Resolves the keys in use to prices: which price set holds for which provider, model, tier and day.

Only the keys that calls have are resolved, so the tables stay small and the warehouse joins them by equality. Reading
the keys from the lake and writing the tables lives in `sources.pricing.build`.
"""

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from itertools import product
from typing import Any, NamedTuple

import polars as pl

from sources.pricing import book
from sources.pricing.contracts import contracted_card, find_capacity, find_contract
from sources.pricing.entries import PriceEntry
from sources.pricing.hosts import common_name
from sources.pricing.rates import METERS, UNIT_METERS, RateCard, rates_by_meter, unit_name
from sources.pricing.snapshot import DAY_SECONDS, Snapshot
from sources.settings.models import FIRST_DAY, OPEN_END, Contract, ContractTerm

PRICE = pl.Decimal(18, 8)
SELF_HOSTED = "self_hosted"
PROVISIONED = "provisioned"
# The price region of prices that hold wherever a call runs; Bedrock's regions are model ids of their own in the book.
ANY_REGION = "any"


def price_column(kind: str, meter: str) -> str:
    return f"{kind}_{meter}_usd" if meter in UNIT_METERS else f"{kind}_{meter}_per_mtok_usd"


PRICE_KEYS_SCHEMA: dict[str, Any] = {
    "service_provider": pl.String(),
    "host": pl.String(),
    "region": pl.String(),
    "price_region": pl.String(),
    "model_id": pl.String(),
    "service_tier": pl.String(),
    "usage_date": pl.Date(),
    "window_start_second": pl.Int32(),
    "window_end_second": pl.Int32(),
    "model": pl.String(),
    "price_set_id": pl.String(),
    "price_reason": pl.String(),
    "threshold_tokens": pl.Int64(),
    "second_threshold_tokens": pl.Int64(),
    "is_threshold_inclusive": pl.Boolean(),
    "has_prompt_cache": pl.Boolean(),
    "common_model": pl.String(),
    "is_compared": pl.Boolean(),
}
PRICE_SETS_SCHEMA: dict[str, Any] = {
    "price_set_id": pl.String(),
    "context_tier": pl.Int32(),
    **{price_column(kind, meter): PRICE for meter in METERS for kind in ("list", "contracted")},
    "list_basis": pl.String(),
    "contract_id": pl.String(),
    "source": pl.String(),
}
MODEL_ALIASES_SCHEMA: dict[str, Any] = {
    "service_provider": pl.String(),
    "model_id": pl.String(),
    "model": pl.String(),
    "method": pl.String(),
}
PRICE_BOOK_SCHEMA: dict[str, Any] = {
    "provider": pl.String(),
    "model": pl.String(),
    "meter": pl.String(),
    "unit": pl.String(),
    "service_tier": pl.String(),
    "threshold": pl.Int64(),
    "amount": PRICE,
    "currency": pl.String(),
    "valid_from": pl.Date(),
    "valid_to": pl.Date(),
    "known_from": pl.Date(),
    "source": pl.String(),
    "contract_id": pl.String(),
}


class Key(NamedTuple):
    """What decides a price, and the days it is in use."""

    service_provider: str
    host: str
    model_id: str
    service_tier: str
    first_date: date
    last_date: date
    region: str = book.UNKNOWN_REGION
    # Nothing used it: it is there to compare with, and without a price it is left out.
    is_compared: bool = False


class OwnModel(NamedTuple):
    """A model the company runs itself: the name it gives it, and whether tokens read from its cache cost less."""

    model: str
    has_prompt_cache: bool


class BookRow(NamedTuple):
    """One amount of the price book; its span of days is kept beside it, so that equal neighbours join."""

    provider: str
    model: str
    meter: str
    service_tier: str
    threshold: int | None
    amount: Decimal
    known_from: date | None
    source: str | None
    contract_id: str | None


@dataclass(frozen=True)
class Prices:
    """The pricing tables of the lake."""

    price_keys: pl.DataFrame
    price_sets: pl.DataFrame
    model_aliases: pl.DataFrame
    price_book: pl.DataFrame


@dataclass(frozen=True)
class Resolved:
    """What a key costs in a span of days."""

    price_set_id: str | None
    reason: str | None
    thresholds: tuple[int, ...]
    has_prompt_cache: bool
    is_threshold_inclusive: bool = False
    price_region: str = ANY_REGION


@dataclass
class Resolver:
    """Resolves keys under the company's contracts and collects the price sets and book entries they use."""

    contracts: Sequence[Contract] = ()
    # Models that run on the company's own nodes, by provider and id as called.
    own_models: Mapping[tuple[str, str], OwnModel] = field(default_factory=dict)
    prefixes: Sequence[str] = ()
    # None: the project's own.
    entries: Sequence[PriceEntry] | None = None
    # None: the installed one.
    public: Snapshot | None = None
    # Of provisioned capacity.
    terms: Sequence[ContractTerm] = ()
    sets: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    book_rows: dict[BookRow, set[tuple[date, date]]] = field(default_factory=dict)
    models: dict[tuple[str, str], book.Model] = field(default_factory=dict)

    def model(self, service_provider: str, model_id: str) -> book.Model:
        """The model an id means, remembered as an alias."""
        key = (service_provider, model_id)
        if key not in self.models:
            own = self._own_model(service_provider, model_id)
            self.models[key] = (
                book.Model(service_provider, model_id, own.model, "configured")
                if own
                else book.find_model(service_provider, model_id, self.prefixes, self.public)
            )
        return self.models[key]

    def _own_model(self, service_provider: str, model_id: str) -> OwnModel | None:
        bare = book.strip_prefix(model_id, (service_provider, *self.prefixes))
        return self.own_models.get((service_provider, model_id)) or self.own_models.get((service_provider, bare))

    def key_rows(self, key: Key) -> Iterator[dict[str, Any]]:
        """The price key of each span of days, and window of the day, in which its price does not change."""
        model = self.model(key.service_provider, key.model_id)
        known = {"service_provider": key.service_provider, "host": key.host, "region": key.region}
        known |= {"model_id": key.model_id, "service_tier": key.service_tier, "model": model.model}
        windows = [(0, DAY_SECONDS)] if key.host == SELF_HOSTED else book.windows(model)
        for (start, end), window in product(self._spans(key, model), windows):
            resolved = self._resolve(key, model, (start, end), window[0])
            if key.is_compared and resolved.price_set_id is None:
                continue
            first_threshold, second_threshold, *_ = (*resolved.thresholds, None, None)
            days = {"first_date": max(start, key.first_date), "last_date": min(end, key.last_date + timedelta(days=1))}
            yield {
                **known,
                **days,
                "window_start_second": window[0],
                "window_end_second": window[1],
                "price_region": resolved.price_region,
                "price_set_id": resolved.price_set_id,
                "price_reason": resolved.reason,
                "threshold_tokens": first_threshold,
                "second_threshold_tokens": second_threshold,
                "is_threshold_inclusive": resolved.is_threshold_inclusive,
                "has_prompt_cache": resolved.has_prompt_cache,
                "common_model": common_name(model.model),
                "is_compared": key.is_compared,
            }

    def _spans(self, key: Key, model: book.Model) -> list[tuple[date, date]]:
        days = book.change_days(model, key.service_tier, self.entries)
        for dated in (*self.contracts, *self.terms):
            days |= {dated.valid_from, dated.valid_to}
        whole = book.spans(FIRST_DAY, OPEN_END - timedelta(days=1), days)
        return [(start, end) for start, end in whole if start <= key.last_date and end > key.first_date]

    def _resolve(self, key: Key, model: book.Model, span: tuple[date, date], second: int) -> Resolved:
        start = span[0]
        if key.host == SELF_HOSTED:
            own = self._own_model(key.service_provider, key.model_id)
            return Resolved(None, SELF_HOSTED, (), own is not None and own.has_prompt_cache)
        if key.service_tier == PROVISIONED:
            return self._covered(key, model, span)
        quote = book.quote(model, key.service_tier, start, self.entries, second, key.region)
        contract = find_contract(self.contracts, key.service_provider, model.names, key.service_tier, start)
        contracted = contracted_card(quote.card, contract)
        if contracted is None:
            return Resolved(None, quote.reason, (), False)
        self._record(key, model, quote, contract, contracted, span)
        price_set_id = self._price_set(key, model, quote, contract, contracted)
        has_prompt_cache = "cache_read" in contracted.base
        price_region = quote.region or ANY_REGION
        return Resolved(
            price_set_id, None, contracted.thresholds, has_prompt_cache, contracted.is_inclusive, price_region
        )

    def _covered(self, key: Key, model: book.Model, span: tuple[date, date]) -> Resolved:
        """A call on capacity that a term pays for by the hour costs nothing more; without a term that is not known."""
        term = find_capacity(self.terms, key.service_provider, model.names, span[0])
        if term is None:
            reason = f"no term of kind provisioned in contracts.yml is for {model.model!r} of {key.service_provider}"
            return Resolved(None, reason, (), False)
        standard = book.quote(model, "standard", span[0], self.entries).card
        card = RateCard(dict.fromkeys(("input", "output", *UNIT_METERS), Decimal(0)))
        quote = book.Quote(card, None, f"capacity {term.term_id}", term.source)
        self._record(key, model, quote, None, card, span)
        price_set_id = self._price_set(key, model, quote, None, card)
        return Resolved(price_set_id, None, (), standard is not None and "cache_read" in standard.base)

    def _price_set(
        self, key: Key, model: book.Model, quote: book.Quote, contract: Contract | None, contracted: RateCard
    ) -> str:
        """Adds the price set of a quote, and names it by what is in it."""
        contract_id = contract.contract_id if contract else None
        listed_tiers = quote.card.tiers if quote.card else tuple({} for _ in contracted.tiers)
        tiers = [
            _price_columns("list", listed) | _price_columns("contracted", paid)
            for listed, paid in zip(listed_tiers, contracted.tiers, strict=True)
        ]
        named = [key.service_provider, model.model, key.service_tier, quote.basis, contract_id]
        amounts = [{name: None if rate is None else f"{rate:f}" for name, rate in tier.items()} for tier in tiers]
        parts = [named, contracted.thresholds, amounts, *(["inclusive"] if contracted.is_inclusive else [])]
        content = json.dumps(parts, sort_keys=True)
        price_set_id = hashlib.sha256(content.encode()).hexdigest()[:16]
        source = "; ".join(text for text in (quote.source, contract.source if contract else None) if text)
        self.sets[price_set_id] = [
            {
                "price_set_id": price_set_id,
                "context_tier": number,
                "list_basis": quote.basis,
                "contract_id": contract_id,
            }
            | {"source": source}
            | tier
            for number, tier in enumerate(tiers)
        ]
        return price_set_id

    def _record(
        self,
        key: Key,
        model: book.Model,
        quote: book.Quote,
        contract: Contract | None,
        contracted: RateCard,
        span: tuple[date, date],
    ) -> None:
        """Notes the amounts a span uses, public ones and, under a contract, the company's."""
        if quote.card:
            self._record_card(key, model, quote.card, span, (quote.known_from, quote.source, None))
        if contract:
            self._record_card(key, model, contracted, span, (None, contract.source, contract.contract_id))

    def _record_card(
        self, key: Key, model: book.Model, card: RateCard, span: tuple[date, date], origin: tuple[Any, Any, Any]
    ) -> None:
        thresholds = (None, *card.thresholds)
        for threshold, rates in zip(thresholds, card.tiers, strict=True):
            for meter, amount in rates.items():
                row = BookRow(key.service_provider, model.model, meter, key.service_tier, threshold, amount, *origin)
                self.book_rows.setdefault(row, set()).add(span)


def _price_columns(kind: str, rates: Mapping[str, Decimal]) -> dict[str, Decimal | None]:
    return {price_column(kind, meter): rate for meter, rate in rates_by_meter(rates).items()}


def resolve_prices(
    keys: Collection[Key],
    *,
    contracts: Sequence[Contract] = (),
    own_models: Mapping[tuple[str, str], OwnModel] | None = None,
    prefixes: Sequence[str] = (),
    billed_models: Collection[tuple[str, str]] = (),
    entries: Sequence[PriceEntry] | None = None,
    public: Snapshot | None = None,
    terms: Sequence[ContractTerm] = (),
) -> Prices:
    """The pricing tables for the keys in use; `billed_models` are ids that only bills name, as (provider, id).

    `entries` stand in for the project's own, `public` for the installed public book; `terms` are of capacity.
    """
    resolver = Resolver(contracts, own_models or {}, tuple(prefixes), entries, public, terms)
    rows = [row for key in sorted(set(keys)) for row in resolver.key_rows(key)]
    for service_provider, model_id in sorted(set(billed_models)):
        resolver.model(service_provider, model_id)
    return Prices(_key_frame(rows), _set_frame(resolver), _alias_frame(resolver), _book_frame(resolver))


def _key_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Spans of days opened to one row a day."""
    schema = {name: dtype for name, dtype in PRICE_KEYS_SCHEMA.items() if name != "usage_date"}
    spans = pl.DataFrame(rows, schema=schema | {"first_date": pl.Date(), "last_date": pl.Date()})
    days = pl.date_ranges("first_date", "last_date", closed="left").alias("usage_date")
    order = list(PRICE_KEYS_SCHEMA)
    return spans.with_columns(days).explode("usage_date").select(order).sort(order[:7])


def _set_frame(resolver: Resolver) -> pl.DataFrame:
    rows = [row for tiers in resolver.sets.values() for row in tiers]
    columns = [pl.Series(name, [row[name] for row in rows], dtype=dtype) for name, dtype in PRICE_SETS_SCHEMA.items()]
    return pl.DataFrame(columns).sort("price_set_id", "context_tier")


def _alias_frame(resolver: Resolver) -> pl.DataFrame:
    rows = [(provider, model_id, model.model, model.method) for (provider, model_id), model in resolver.models.items()]
    return pl.DataFrame(rows, schema=MODEL_ALIASES_SCHEMA, orient="row").sort("service_provider", "model_id")


def _book_frame(resolver: Resolver) -> pl.DataFrame:
    rows = [
        {**row._asdict(), "unit": unit_name(row.meter), "currency": "USD", "valid_from": start, "valid_to": end}
        for row, spans in resolver.book_rows.items()
        for start, end in _joined(spans)
    ]
    columns = [pl.Series(name, [row[name] for row in rows], dtype=dtype) for name, dtype in PRICE_BOOK_SCHEMA.items()]
    order = ["provider", "model", "service_tier", "contract_id", "meter", "threshold", "valid_from"]
    return pl.DataFrame(columns).sort(order, nulls_last=False)


def _joined(spans: Collection[tuple[date, date]]) -> Iterator[tuple[date, date]]:
    """Spans that touch become one."""
    start: date | None = None
    end = FIRST_DAY
    for span_start, span_end in sorted(spans):
        if start is None or span_start > end:
            if start is not None:
                yield start, end
            start, end = span_start, span_end
        end = max(end, span_end)
    if start is not None:
        yield start, end
