"""What a month would have cost under another price book: published calls, priced twice by the pipeline's own SQL.

`price_twice` and `differences` are what pipelines.what_if prices other calls with.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import duckdb

from assets.marts import UNATTRIBUTED, MartsError, open_marts, rows
from assets.pricing import CALL_COLUMNS, pricing_sql
from assets.publish import DATABASE
from sources import clock
from sources.home import Home
from sources.meta import calls_from
from sources.pricing.build import prices_of
from sources.pricing.resolve import SELF_HOSTED, Key
from sources.pricing.versions import Book, find_book
from sources.settings import Settings, load_settings

BY = {
    "model": ("service_provider", "model"),
    "tenant": ("tenant_id",),
    "both": ("service_provider", "model", "tenant_id"),
    "feature": ("feature_id",),
}
_PERCENT_PLACES = Decimal("0.0001")


@dataclass(frozen=True)
class Line:
    """Calls under both books. One without a price is in no amount; the difference is of the calls that both price."""

    service_provider: str | None
    model: str | None
    tenant_id: str | None
    feature_id: str | None
    calls: int
    a_usd: Decimal | None
    b_usd: Decimal | None
    difference_usd: Decimal | None
    difference_percent: Decimal | None
    unpriced_a: int
    unpriced_b: int


@dataclass(frozen=True)
class PriceDiff:
    """A month's calls under book A and under book B. Self-hosted ones cost GPU hours, not tokens, and are left out."""

    month: date
    a: str
    b: str
    lines: list[Line]
    total: Line
    self_hosted_calls: int


def diff_prices(home: Home, a: str, b: str, month: date | None = None, by: str = "model") -> PriceDiff:
    """What a month (its first day; the last complete one when left out) costs under two books, dearest change first."""
    settings = load_settings(home)
    books = {"a": find_book(home, settings, a), "b": find_book(home, settings, b)}
    month, end = month_span(month)
    with open_marts(home.published / DATABASE) as marts:
        require_calls(home, month)
        self_hosted = create_calls(marts, month, end)
        price_twice(marts, home, settings, books)
        *lines, total = differences(marts, by)
    return PriceDiff(month, a, b, lines, total, self_hosted)


def month_span(month: date | None) -> tuple[date, date]:
    """The first day of a month, or of the last complete one, and the day after its last."""
    first = month or (clock.now().date().replace(day=1) - timedelta(days=1)).replace(day=1)
    return first, (first + timedelta(days=31)).replace(day=1)


def require_calls(home: Home, first_day: date) -> None:
    """MartsError where calls since this day are not all there."""
    there_from = calls_from(home.root)
    if there_from and first_day < there_from:
        raise MartsError(
            f"single calls are there from {there_from} on, not from {first_day}: older ones have gone"
            " (retention.calls_days), and are in no comparison of prices"
        )


def create_calls(marts: duckdb.DuckDBPyConnection, first_day: date, end: date, where: str = "true") -> int:
    """The view `calls` of the days before `end` that are priced by token; how many more there are on own nodes."""
    known = {row["column_name"] for row in rows(marts, "describe fct_usage")}
    if missing := [name for name in CALL_COLUMNS if name not in known]:
        raise MartsError(f"fct_usage lacks {', '.join(missing)}; `inferledger run` builds and publishes it anew")
    wanted = f"usage_date >= date '{first_day}' and usage_date < date '{end}' and {where}"
    marts.execute(f"""
        create temp view calls as
        select
            {", ".join(CALL_COLUMNS)},
            coalesce(tenant_id, '{UNATTRIBUTED}') as tenant_id, coalesce(feature_id, '{UNATTRIBUTED}') as feature_id
        from fct_usage
        where {wanted} and host <> '{SELF_HOSTED}'
    """)
    query = f"select count(*) as calls from fct_usage where {wanted} and host = '{SELF_HOSTED}'"
    (found,) = rows(marts, query)
    return int(found["calls"])


def price_twice(
    marts: duckdb.DuckDBPyConnection,
    home: Home,
    settings: Settings,
    books: Mapping[str, Book],
    served: str = "select * from priced_a",
    used: str = "select * from served_b",
) -> None:
    """The view `priced_b`: each row of the view `calls` with `a_usd` by book a and `b_usd` by book b.

    `served` says who serves a call under b, and at which tier; `used` what it then uses, and may ask `price_keys_b`.
    """

    def register(name: str, calls: str) -> None:
        keys = [Key(*row) for row in marts.execute(_KEYS.format(calls=calls)).fetchall()]
        prices = prices_of(keys, settings, books[name])
        for table in ("price_keys", "price_sets"):
            marts.register(f"{table}_{name}", getattr(prices, table).to_arrow())

    def price(name: str, calls: str, columns: str) -> None:
        sql = pricing_sql(home.warehouse, calls, f"price_keys_{name}", f"price_sets_{name}")
        marts.execute(
            f"create temp view priced_{name} as select {columns}, contracted_cost_usd as {name}_usd from ({sql})"
        )

    register("a", "calls")
    price("a", "calls", _PASSED)
    # Book b prices what a has priced, so that every call passes once, with both costs beside each other.
    marts.execute(f"create temp view served_b as {served}")
    register("b", "served_b")
    marts.execute(f"create temp view used_b as {used}")
    price("b", "used_b", "*")


def differences(marts: duckdb.DuckDBPyConnection, by: str) -> list[Line]:
    """The lines of `priced_b` by the names calls have under a, and the total last; it is there without calls too."""
    return [_line(row) for row in rows(marts, _DIFFERENCES.format(keys=", ".join(BY[by])))]


def _line(row: dict[str, Any]) -> Line:
    base, difference = row["compared_usd"], row["difference_usd"]
    percent = (difference * 100 / base).quantize(_PERCENT_PLACES) if base else None
    names: dict[str, Any] = {name: row.get(name) for name in (*BY["both"], *BY["feature"])}
    same = {name: row[name] for name in ("calls", "a_usd", "b_usd", "difference_usd", "unpriced_a", "unpriced_b")}
    return Line(**names, **same, difference_percent=percent)


_PASSED = f"{', '.join(CALL_COLUMNS)}, tenant_id, feature_id, service_provider as provider_a, model as model_a"
_KEYS = """
    select service_provider, host, model_id, service_tier, min(usage_date), max(usage_date), region
    from {calls}
    where model_id <> ''
    group by all
"""
_DIFFERENCES = """
    select
        {keys}, count(*) as calls, sum(a_usd) as a_usd, sum(b_usd) as b_usd, sum(b_usd - a_usd) as difference_usd,
        sum(a_usd) filter (where b_usd is not null) as compared_usd, count(*) - count(a_usd) as unpriced_a,
        count(*) - count(b_usd) as unpriced_b
    from (
        select provider_a as service_provider, model_a as model, tenant_id, feature_id, a_usd, b_usd from priced_b
    )
    group by grouping sets (({keys}), ())
    order by grouping({keys}), abs(difference_usd) desc nulls last, a_usd desc nulls last, {keys}
"""
