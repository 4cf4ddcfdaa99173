"""The forecast on literal and made-up days: nearer than last week again, exact in parts, loud where history lacks."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sources.pricing.resolve import Key, resolve_prices
from sources.settings.models import Contract, Forecast
from sources.settings.tables import CONFIG_SCHEMAS
from tests.unit.dbt_project.forecast_rows import LAST_DAY, PRODUCTS, history
from tests.unit.dbt_project.rendered import built
from tests.unit.dbt_project.test_savings import USAGE, call

USD = pl.Decimal(26, 12)
DAYS: dict[str, Any] = {
    "usage_date": pl.Date(), "basis_date": pl.Date(), "product_id": pl.String(), "model": pl.String(),
    "account": pl.String(), **dict.fromkeys(("requests", "calls", "tokens"), pl.Int64()),
    **dict.fromkeys(("contracted_cost_usd", "base_cost_usd", "cost_usd"), USD),
    **dict.fromkeys(("unpriced_calls", "unpriced_tokens"), pl.Int64()), "block": pl.Int32(), "weekday": pl.Int32(),
}  # fmt: skip
LINES = ("base", "other_charges", "planned_growth", "price_compression", "growth_reserve", "hidden_costs")


def day(when: date, requests: int, usd: str | Decimal, other: str = "0", **said: Any) -> dict[str, Any]:
    """A day of product p, model m and account a, at two calls a request and a hundred tokens a call."""
    cost = Decimal(usd)
    return {
        "usage_date": when, "basis_date": LAST_DAY, "product_id": "p", "model": "m", "account": "a",
        "requests": requests, "calls": 2 * requests, "tokens": 200 * requests, "contracted_cost_usd": cost,
        "base_cost_usd": cost, "cost_usd": cost + Decimal(other), "unpriced_calls": 0, "unpriced_tokens": 0,
        "block": (LAST_DAY - when).days // 7, "weekday": when.weekday(), **said,
    }  # fmt: skip


def forecast(
    days: Iterable[dict[str, Any]],
    growth: str = "0",
    knobs: tuple[str, str, str] = ("30", "25", "10"),
    users: int | None = None,
) -> list[dict[str, Any]]:
    months = Forecast(
        price_compression_percent_per_year=Decimal(knobs[0]),
        growth_reserve_percent=Decimal(knobs[1]),
        hidden_costs_percent=Decimal(knobs[2]),
    ).rows(Decimal(growth))
    known = [{"month_start": date(2026, 10, 1), "product_id": "p", "active_users": users}] if users else []
    tables = {
        "int_forecast_days": pl.DataFrame(list(days), schema=DAYS),
        "forecast_months": pl.DataFrame(months, schema=CONFIG_SCHEMAS["forecast_months"]),
        "revenue_efficiency_monthly": pl.DataFrame(
            known, schema={"month_start": pl.Date(), "product_id": pl.String(), "active_users": pl.Int64()}
        ),
    }
    models = ("stg_config__forecast_months", "int_forecast_scopes", "forecast_monthly")
    with built(tables, *models) as connection:
        found = connection.sql("select * from forecast_monthly order by month_start, scope, scope_id, line_number").pl()
    return list(found.iter_rows(named=True))


def of(rows: list[dict[str, Any]], month: date, scope: str = "company") -> dict[str, dict[str, Any]]:
    return {row["line"]: row for row in rows if (row["month_start"], row["scope"]) == (month, scope)}


def steady(weeks: int, **said: Any) -> list[dict[str, Any]]:
    """Ten requests for a dollar each on a weekday, none on weekends; two dollars a day beside."""
    days = [LAST_DAY - timedelta(days=number) for number in range(7 * weeks)]
    return [day(when, *((10, "10") if when.weekday() < 5 else (0, "0")), other="2", **said) for when in days]


def made_up(seed: int) -> list[dict[str, Any]]:
    return [
        day(row["usage_date"], row["requests"], f"{row['usd']:.6f}", product_id=row["product_id"])
        for row in history(seed)
    ]


NOVEMBER, DECEMBER, OCTOBER = date(2026, 11, 1), date(2026, 12, 1), date(2027, 10, 1)


def test_traffic_and_prices_are_held_flat_by_the_day_of_the_week() -> None:
    rows = forecast(steady(12), users=42)
    base = of(rows, NOVEMBER)["base"]
    # November has 21 weekdays, December 23, of ten requests for a dollar each.
    assert (base["amount_usd"], base["requests"]) == (210, 210)
    assert of(rows, DECEMBER)["base"]["amount_usd"] == 230
    assert (base["back_test_error"], base["seasonal_naive_error"], base["back_test_origins"]) == (0, 0, 5)
    assert (base["low_usd"], base["high_usd"], base["status"], base["reason"]) == (210, 210, "estimate", None)
    assert of(rows, NOVEMBER)["other_charges"]["amount_usd"] == 60
    assert {row["month_start"] for row in rows} == {date(2026 + m // 12, m % 12 + 1, 1) for m in range(10, 22)}
    product = of(rows, NOVEMBER, "product")["base"]
    assert product["requests"] == product["active_users"] * product["requests_per_active_user"] == 210
    per_request = product["tokens_per_request"] * product["price_per_mtok_usd"] / 1_000_000
    assert product["requests"] * per_request == pytest.approx(210)


def test_lines_on_top_are_what_the_settings_say() -> None:
    rows = forecast(steady(12), growth="10", knobs=("19", "25", "10"))
    lines = {line: row["amount_usd"] for line, row in of(rows, NOVEMBER).items()}
    # 19 % a year is 1.7407 % a month: 231 x -0.01740681.
    assert lines == {
        "base": 210, "other_charges": 60, "planned_growth": 21, "price_compression": Decimal("-4.02097311"),
        "growth_reserve": Decimal("52.5"), "hidden_costs": 21,
    }  # fmt: skip
    last = of(rows, OCTOBER)
    assert last["base"]["amount_usd"] == 210
    assert last["planned_growth"]["amount_usd"] == Decimal("210") * Decimal("2.13842838")
    assert last["price_compression"]["amount_usd"] == Decimal("210") * Decimal("3.13842838") * Decimal("-0.19")


def test_the_latest_week_weighs_most_and_last_week_again_is_taken_where_it_was_nearer() -> None:
    weeks = ["40", "30", "20", "10"]
    unsteady = [
        day(LAST_DAY - timedelta(days=number), 1, [*weeks, *["5", "35"] * 5][number // 7]) for number in range(7 * 14)
    ]
    base = of(forecast(unsteady), NOVEMBER)["base"]
    assert (base["method"], base["reason"]) == ("weighted_weeks", None)
    # (4 x 40 + 3 x 30 + 2 x 20 + 10) / 10 a day
    assert base["amount_usd"] == 30 * 30
    grows = [day(LAST_DAY - timedelta(days=number), 1, str(40 - number // 7)) for number in range(7 * 14)]
    base = of(forecast(grows), NOVEMBER)["base"]
    assert base["method"] == "seasonal_naive"
    assert base["reason"].startswith("the last week again: in the back-test the seasonal naive forecast was nearer")
    assert (base["amount_usd"], base["back_test_error"]) == (30 * 40, base["seasonal_naive_error"])


def test_the_floor_is_the_middle_day_and_spikes_stand_above_it() -> None:
    cost = {30: "100"} | {number: "20" for number in range(0, 91, 10) if number != 30}
    days = [day(LAST_DAY - timedelta(days=number), 1, cost.get(number, "10")) for number in range(91)]
    base = of(forecast(days), NOVEMBER)["base"]
    # 81 days of 10, 9 of 20 and one of 100: P50 is 10, P95 the 87th of 91, P99 the 91st.
    assert base["amount_usd"] > 300
    per_dollar = base["amount_usd"] * 91 / (81 * 10 + 9 * 20 + 100)
    assert base["steady_floor_usd"] == pytest.approx(per_dollar * 10, abs=Decimal("1e-9"))
    assert base["spike_reserve_p95_usd"] == pytest.approx(per_dollar * 10, abs=Decimal("1e-9"))
    assert base["spike_reserve_p99_usd"] == pytest.approx(per_dollar * 90, abs=Decimal("1e-9"))


def test_too_little_history_has_a_reason_and_no_amount() -> None:
    rows = forecast(steady(9))
    assert len(rows) == 12 * 4 * len(LINES)
    money = ("amount_usd", "low_usd", "high_usd", "requests", "steady_floor_usd", "price_per_mtok_usd")
    assert {row[name] for row in rows for name in money} == {None}
    assert {row["status"] for row in rows} == {"too_little_history"}
    assert {row["reason"] for row in rows} == {"too little history: 9 whole weeks up to 2026-10-31, 10 are needed"}


def test_a_new_product_is_in_the_company_and_in_none_of_its_own() -> None:
    rows = forecast(steady(12) + steady(4, product_id="new"))
    assert of(rows, NOVEMBER)["base"]["amount_usd"] == 420
    found = {
        row["scope_id"]: (row["amount_usd"], row["high_usd"], row["status"])
        for row in rows
        if (row["month_start"], row["scope"], row["line"]) == (NOVEMBER, "product", "base")
    }
    assert found["p"] == (210, 210, "estimate")
    assert found["new"] == (None, None, "too_little_history")
    assert found["short_history"] == (210, None, "estimate")
    assert {row["back_test_origins"] for row in rows if row["scope_id"] == "short_history"} == {0}


@pytest.mark.parametrize("seed", range(3))
def test_parts_add_up_to_the_company_to_the_last_decimal(seed: int) -> None:
    rows = forecast(made_up(seed), growth="3")
    sums: dict[tuple[str, date, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row["scope"], row["month_start"], row["line"]] += row["amount_usd"]
    for (scope, month, line), amount in sums.items():
        assert amount == sums["company", month, line], scope
    assert {row["scope_id"] for row in rows if row["scope"] == "product"} == set(PRODUCTS)


def test_it_is_nearer_than_last_week_again_on_made_up_companies() -> None:
    # Seeds the weights were not chosen on.
    errors = [of(forecast(made_up(seed)), NOVEMBER)["base"] for seed in range(100, 120)]
    naive = sum(row["seasonal_naive_error"] for row in errors)
    assert sum(row["method"] == "weighted_weeks" for row in errors) >= 16
    assert sum(row["back_test_error"] for row in errors) < 0.95 * naive
    for row in errors:
        assert row["back_test_error"] <= row["seasonal_naive_error"]
        assert (row["method"] == "seasonal_naive") == (row["reason"] is not None)
        assert row["low_usd"] < row["amount_usd"] < row["high_usd"]


# An allocation of what a call cost, by account key; what no call caused has no model.
PAID: dict[str, Any] = {
    "usage_date": pl.Date(), "product_id": pl.String(), "model": pl.String(), "service_provider": pl.String(),
    "cost_nature": pl.String(), "cost_center": pl.String(), "effective_amount_usd": pl.Decimal(38, 12),
}  # fmt: skip
CALLED: dict[str, Any] = {
    "cost_nature": pl.String(), "cost_center": pl.String(), "is_last_attempt": pl.Boolean(),
}  # fmt: skip
BEFORE, AFTER = date(2026, 10, 1), date(2026, 10, 20)


def forecast_days(calls: list[dict[str, Any]], paid: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    """The days of calls to gpt-4.1, which the company gets at half its price from 20 October on."""
    contract = Contract(
        contract_id="half", service_provider="openai", models=["gpt-4.1"], service_tier="any", percent_off=Decimal(50),
        valid_from=AFTER, source="order form",
    )  # fmt: skip
    days = [row["usage_date"] for row in calls]
    prices = resolve_prices(
        [Key("openai", "direct", "gpt-4.1", "standard", min(days), max(days), "unknown")], contracts=[contract]
    )
    accounts = [
        {"line_type": "expense", "account": "5000", "valid_from": date(1970, 1, 1), "valid_to": date(9999, 12, 31)},
        {"line_type": "expense", "account": "6000", "cost_nature": "r_and_d", "valid_from": date(1970, 1, 1)}
        | {"valid_to": date(9999, 12, 31)},
    ]  # fmt: skip
    tables = {
        "fct_usage": pl.DataFrame(calls, schema=USAGE | CALLED),
        "int_allocations": pl.DataFrame(paid, schema=PAID, orient="row"),
        "stg_pricing__price_keys": prices.price_keys,
        "stg_pricing__price_sets": prices.price_sets,
        "gl_map": pl.DataFrame(accounts, schema=CONFIG_SCHEMAS["gl_map"]),
    }
    models = ("int_forecast_calls", "int_forecast_prices", "int_forecast_repriced", "int_forecast_days")
    with built(tables, "stg_config__gl_map", *models) as connection:
        found = connection.sql("select * from int_forecast_days order by usage_date, account").pl()
    return list(found.iter_rows(named=True))


def asked(day_: date, usd: str | None, **said: Any) -> dict[str, Any]:
    """A call of 100,000 input tokens, 0.20 at the public price."""
    of_the_call = {"cost_nature": "cogs", "cost_center": "c", "is_last_attempt": True, "call_id": str(day_)} | said
    row = call(started_at=datetime(day_.year, day_.month, day_.day, 12), input_uncached_tokens=100_000)
    return row | {"contracted_cost_usd": Decimal(usd) if usd else None} | of_the_call


def test_the_base_is_at_the_latest_price_and_keeps_what_was_paid_beside() -> None:
    paid = [
        (BEFORE, "x", "gpt-4.1", "openai", "cogs", "c", Decimal("0.2")),
        (AFTER, "x", "gpt-4.1", "openai", "cogs", "c", Decimal("0.1")),
        (AFTER, "unattributed", None, "northgpu", "r_and_d", None, Decimal("7")),
    ]  # fmt: skip
    rows = forecast_days([asked(BEFORE, "0.2"), asked(AFTER, "0.1"), asked(date(2026, 11, 3), "0.1")], paid)
    names = ("usage_date", "model", "account", "contracted_cost_usd", "base_cost_usd", "cost_usd", "block", "tokens")
    third = date(2026, 11, 3)
    assert [tuple(row[name] for name in names) for row in rows] == [
        (BEFORE, "gpt-4.1", "5000", Decimal("0.2"), Decimal("0.1"), Decimal("0.2"), 4, 100_000),
        (AFTER, "gpt-4.1", "5000", Decimal("0.1"), Decimal("0.1"), Decimal("0.1"), 1, 100_000),
        (AFTER, "unattributed", "6000", 0, 0, 7, 1, 0),
        (third, "gpt-4.1", "5000", Decimal("0.1"), Decimal("0.1"), 0, -1, 100_000),
    ]
    assert {row["basis_date"] for row in rows} == {LAST_DAY}
    assert [row["weekday"] for row in rows] == [row["usage_date"].weekday() for row in rows]


def test_calls_without_a_price_are_counted_and_a_whole_last_month_is_the_basis() -> None:
    rows = forecast_days(
        [asked(BEFORE, None, pricing_status="unpriced", is_last_attempt=False), asked(LAST_DAY, "0.1")], []
    )
    assert {row["basis_date"] for row in rows} == {LAST_DAY}
    first = rows[0]
    assert (first["requests"], first["calls"], first["unpriced_calls"], first["unpriced_tokens"]) == (0, 1, 0, 0)
    # The latest price is one it has: what it would cost now is known, and in the base.
    assert (first["contracted_cost_usd"], first["base_cost_usd"]) == (0, Decimal("0.1"))
