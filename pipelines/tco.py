"""The total cost of ownership of a month, in seven lines, and the months ahead. Reads the published marts."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from assets.marts import MartsError, open_marts, rows
from assets.publish import DATABASE
from sources.home import Home

# The ranges that are published as usual.
BANDS = {
    "token_bill_share": (Decimal("0.05"), Decimal("0.15")),
    "inference_share_of_infrastructure": (Decimal("0.3"), Decimal("0.6")),
    "first_three_lines_share": (Decimal("0.75"), Decimal("0.85")),
}


@dataclass(frozen=True)
class Line:
    """One line of the month. `economic_usd` is None where wrong answers have no cost that is known."""

    line: str
    cash_usd: Decimal
    economic_usd: Decimal | None
    cash_share: Decimal | None
    wrong_answers: int | None
    unvalued_wrong_answers: int | None


@dataclass(frozen=True)
class Product:
    """All lines of one product."""

    product_id: str
    cash_usd: Decimal
    economic_usd: Decimal | None
    token_bill_usd: Decimal


@dataclass(frozen=True)
class Ahead:
    """An estimate of one month ahead, by line and together."""

    month: date
    cash_by_line_usd: dict[str, Decimal]
    cash_usd: Decimal
    economic_usd: Decimal | None


@dataclass(frozen=True)
class Tco:
    """Ratios are of the sums; None where there is nothing to divide by. An economic sum has what is known."""

    month: date
    product_id: str | None
    covered_days: int
    is_complete: bool
    lines: list[Line]
    products: list[Product]
    cash_usd: Decimal
    economic_usd: Decimal | None
    billed_usd: Decimal
    token_bill_usd: Decimal
    token_bill_share: Decimal | None
    inference_share_of_infrastructure: Decimal | None
    # People, bad answers and inference, of the economic cost; None where one of them is not known.
    first_three_lines_share: Decimal | None
    overhead_multiplier: Decimal | None
    overhead_multiplier_all_gpus: Decimal | None
    ahead: list[Ahead]
    assumptions: dict[str, str]


def read_tco(home: Home, month: date | None = None, product: str | None = None) -> Tco:
    """The month (its first day; the last complete one when left out) of a product, or of all."""
    with open_marts(home.published / DATABASE) as marts:
        known = rows(marts, "select distinct month_start, product_id, is_complete from tco_monthly order by all")
        month = month or max((row["month_start"] for row in known if row["is_complete"]), default=None)
        if month is None or month not in {row["month_start"] for row in known}:
            months = ", ".join(sorted({f"{row['month_start']:%Y-%m}" for row in known})) or "none"
            wanted = f"{month:%Y-%m}" if month else "no complete month"
            raise MartsError(f"tco_monthly has {wanted} not; months that are there: {months}")
        products = sorted({row["product_id"] for row in known if row["month_start"] == month})
        if product is not None and product not in products:
            raise MartsError(f"no product {product!r} in {month:%Y-%m}; allowed: {', '.join(products)}")
        return _read(marts, month, product)


def _read(marts: duckdb.DuckDBPyConnection, month: date, product: str | None) -> Tco:
    named = {"month": month, "product": product}
    lines = rows(marts, _LINES, named)
    [total] = rows(marts, _TOTAL, named)
    ahead: dict[date, list[dict[str, Any]]] = {}
    for row in rows(marts, _AHEAD, {"product": product}):
        ahead.setdefault(row["month_start"], []).append(row)
    return Tco(
        month=month,
        product_id=product,
        covered_days=total["covered_days"],
        is_complete=total["is_complete"],
        lines=[Line(**row, cash_share=_ratio(row["cash_usd"], total["cash_usd"])) for row in lines],
        products=[Product(**row) for row in rows(marts, _PRODUCTS, named)],
        **{name: total[name] for name in ("cash_usd", "economic_usd", "billed_usd", "token_bill_usd")},
        token_bill_share=_ratio(total["token_bill_usd"], total["cash_usd"]),
        inference_share_of_infrastructure=_ratio(total["inference_usd"], total["infrastructure_usd"]),
        first_three_lines_share=_share_of([row["economic_usd"] for row in lines[:3]], total["economic_usd"]),
        overhead_multiplier=_ratio(total["serving_stack_usd"], total["loaded_gpu_usd"]),
        overhead_multiplier_all_gpus=_ratio(total["serving_stack_usd"], total["gpu_usd"]),
        ahead=[_ahead(start, found) for start, found in ahead.items()],
        assumptions={row["line"]: row["assumption"] for row in rows(marts, _ASSUMPTIONS)},
    )


def _ahead(month: date, found: list[dict[str, Any]]) -> Ahead:
    economic = [row["economic_usd"] for row in found if row["economic_usd"] is not None]
    return Ahead(
        month=month,
        cash_by_line_usd={row["line"]: row["cash_usd"] for row in found},
        cash_usd=sum((row["cash_usd"] for row in found), Decimal(0)),
        economic_usd=sum(economic, Decimal(0)) if economic else None,
    )


def _ratio(numerator: Decimal, denominator: Decimal) -> Decimal | None:
    return numerator / denominator if denominator > 0 else None


def _share_of(parts: Sequence[Decimal | None], whole: Decimal | None) -> Decimal | None:
    known = [part for part in parts if part is not None]
    return None if whole is None or len(known) < len(parts) else _ratio(sum(known, Decimal(0)), whole)


_OF = "from tco_monthly where month_start = $month and ($product is null or product_id = $product)"
_LINES = f"""
    select
        line, sum(cash_usd) as cash_usd, sum(economic_usd) as economic_usd,
        sum(wrong_answers)::bigint as wrong_answers, sum(unvalued_wrong_answers)::bigint as unvalued_wrong_answers
    {_OF}
    group by line, line_order
    order by line_order
"""
_PRODUCTS = f"""
    select
        product_id, sum(cash_usd) as cash_usd, sum(economic_usd) as economic_usd, sum(token_bill_usd) as token_bill_usd
    {_OF}
    group by product_id
    order by cash_usd desc, product_id
"""
_TOTAL = f"""
    select
        max(covered_days) as covered_days,
        bool_and(is_complete) as is_complete,
        sum(cash_usd) as cash_usd,
        sum(economic_usd) as economic_usd,
        sum(billed_usd) as billed_usd,
        sum(token_bill_usd) as token_bill_usd,
        sum(gpu_usd) as gpu_usd,
        sum(loaded_gpu_usd) as loaded_gpu_usd,
        sum(serving_stack_usd) as serving_stack_usd,
        coalesce(sum(cash_usd) filter (where line = 'inference'), 0) as inference_usd,
        coalesce(
            sum(cash_usd) filter (where line in ('inference', 'supporting_layer', 'storage_network_ci')), 0
        ) as infrastructure_usd
    {_OF}
"""
_AHEAD = """
    select month_start, line, sum(cash_usd) as cash_usd, sum(economic_usd) as economic_usd
    from tco_projection_monthly
    where $product is null or product_id = $product
    group by month_start, line
    order by month_start, line
"""
_ASSUMPTIONS = """
    select
        line,
        max(assumption)
        || coalesce(' (' || rtrim(rtrim(max(growth_percent_per_month)::varchar, '0'), '.') || ' % a month)', '')
            as assumption
    from tco_projection_monthly
    group by line
    order by line
"""
