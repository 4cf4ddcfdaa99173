"""Contract prices and terms in a foreign currency, at the rate that bills of a month are converted at.

That is the average of the rates of fx_rates.csv in the month, else the last one before it: int_fx_rates_monthly. Prices
become USD by the month. A term becomes USD at the rate of its first month, when it is paid or promised, and what is
used of it is counted in its currency: `term_rates` says what the currency was worth then and later.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal
from typing import Any

from sources.settings.models import TERM_AMOUNTS, Contract, ContractTerm, FxRate, TokenPrices, UnitPrices

_AVERAGE_STEP = Decimal("0.000000000001")
# Of rates, and of the prices that calls are priced by.
_STEP = Decimal("0.00000001")


def monthly_rate(rates: Iterable[FxRate], currency: str, month: date) -> Decimal | None:
    """USD for one unit in a month, given by its first day; None before the first rate."""
    dated = sorted((rate.rate_date, rate.usd_per_unit) for rate in rates if rate.currency == currency)
    within = [usd for day, usd in dated if day.replace(day=1) == month]
    if within:
        average = (sum(within, Decimal(0)) / len(within)).quantize(_AVERAGE_STEP, ROUND_DOWN)
        return average.quantize(_STEP, ROUND_HALF_UP)
    before = [usd for day, usd in dated if day < month]
    return before[-1] if before else None


def in_usd(contracts: Iterable[Contract], rates: Sequence[FxRate]) -> tuple[Contract, ...]:
    """The contracts in their order; of one in a foreign currency, one for each month with a rate of its own."""
    return tuple(part for contract in contracts for part in _parts(contract, rates))


def _parts(contract: Contract, rates: Sequence[FxRate]) -> Iterator[Contract]:
    if contract.currency == "USD":
        yield contract
        return
    for start, end, rate in _rated_spans(contract, rates):
        yield _at(contract, rate, start, end)


def _rated_spans(dated: Contract | ContractTerm, rates: Sequence[FxRate]) -> Iterator[tuple[date, date, Decimal]]:
    """The days from first to last, cut where the rate of the currency changes, with that rate."""
    first = dated.valid_from.replace(day=1)
    rated = {rate.rate_date.replace(day=1) for rate in rates if rate.currency == dated.currency}
    # After a month with rates another one holds, the last of these, until the next month with rates.
    changes = {first, *rated, *(_next_month(month) for month in rated)}
    starts = sorted(month for month in changes if first <= month < dated.valid_to)
    for start, end in zip(starts, [*starts[1:], dated.valid_to], strict=True):
        rate = monthly_rate(rates, dated.currency, start)
        if rate is not None:
            yield max(start, dated.valid_from), end, rate


def _next_month(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def _at(contract: Contract, rate: Decimal, start: date, end: date) -> Contract:
    """The contract between two days at a rate; prices to eight decimals."""
    tokens, units = contract.prices_per_mtok_in_currency, contract.prices_per_unit_in_currency

    def usd(prices: TokenPrices | UnitPrices) -> dict[str, Decimal]:
        amounts = prices.model_dump(exclude_none=True)
        return {name: (amount * rate).quantize(_STEP, ROUND_HALF_UP) for name, amount in amounts.items()}

    return contract.model_copy(
        update={
            "currency": "USD",
            "prices_per_mtok_in_currency": None,
            "prices_per_unit_in_currency": None,
            "prices_per_mtok_usd": TokenPrices.model_validate(usd(tokens)) if tokens else None,
            "prices_per_unit_usd": UnitPrices.model_validate(usd(units)) if units else None,
            "valid_from": start,
            "valid_to": end,
            "source": f"{contract.source}; 1 {contract.currency} at {rate:f} USD",
        }
    )


def terms_in_usd(terms: Iterable[ContractTerm], rates: Sequence[FxRate]) -> tuple[ContractTerm, ...]:
    """The terms in their order, amounts in a foreign currency at the rate of their first month."""
    return tuple(_term_in_usd(term, rates) for term in terms)


def _term_in_usd(term: ContractTerm, rates: Sequence[FxRate]) -> ContractTerm:
    rate = None if term.currency == "USD" else monthly_rate(rates, term.currency, term.valid_from.replace(day=1))
    if rate is None:
        return term

    def usd(amount: Decimal | None) -> Decimal | None:
        return None if amount is None else (amount * rate).quantize(_STEP, ROUND_HALF_UP)

    bands = [
        band.model_copy(update={"above_usd": usd(band.above_in_currency), "above_in_currency": None})
        for band in term.bands
    ]
    amounts = {field: usd(getattr(term, own)) for field, own in TERM_AMOUNTS.items()}
    return term.model_copy(
        update={**dict.fromkeys(TERM_AMOUNTS.values()), **amounts, "currency": "USD", "bands": bands}
    )


def term_rates(terms: Iterable[ContractTerm], rates: Sequence[FxRate]) -> list[dict[str, Any]]:
    """What the currency of each foreign term is worth over its days, and in its first month."""
    return [
        {
            "term_id": term.term_id,
            "usd_per_unit": rate,
            "first_usd_per_unit": monthly_rate(rates, term.currency, term.valid_from.replace(day=1)),
            "valid_from": start,
            "valid_to": end,
        }
        for term in terms
        if term.currency != "USD"
        for start, end, rate in _rated_spans(term, rates)
    ]
