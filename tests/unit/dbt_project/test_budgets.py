"""Budgets on literal days: the plan to the day, alert and breach at their limits, and where the month will end."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from sources.settings.tables import CONFIG_SCHEMAS
from tests.unit.dbt_project.rendered import built

KEYS = ("tenant_id", "product_id", "feature_id", "model")
CELLS: dict[str, Any] = {
    "usage_date": pl.Date(), **dict.fromkeys(KEYS, pl.String()), "effective_cost_usd": pl.Decimal(38, 12),
    "unpriced_calls": pl.Int64(), "unpriced_tokens": pl.Int64(),
}  # fmt: skip
CALLS: dict[str, Any] = {
    "usage_date": pl.Date(), "user_key": pl.String(), "api_key_id": pl.String(),
    "effective_cost_usd": pl.Decimal(38, 12), "pricing_status": pl.String(), "total_input_tokens": pl.Int64(),
    "total_output_tokens": pl.Int64(),
}  # fmt: skip


def status(
    costs: dict[date, str],
    budgets: list[dict[str, Any]],
    calls: Sequence[tuple[date, str | None, str | None, str | None]] = (),
) -> dict[tuple[date, str, str, str], dict[str, Any]]:
    """The mart by day, scope, id and period; all cost is of tenant t, product p, feature f and model m.

    Of each day 2 calls of 30 tokens have no price. A call of a user or key has 7 tokens, and no price without a cost.
    """
    cells = [
        dict.fromkeys(KEYS) | {"usage_date": day, "effective_cost_usd": Decimal(usd)}
        | {"unpriced_calls": 2, "unpriced_tokens": 30}
        | dict(zip(KEYS, "tpfm", strict=True)) for day, usd in costs.items()
    ]  # fmt: skip
    said = {"scope_id": None, "valid_from": date(1970, 1, 1), "valid_to": date(9999, 12, 31)}
    rows = [said | row | {"amount_usd": Decimal(row["amount_usd"])} for row in budgets]
    tables = {
        "budgets": pl.DataFrame(rows, schema=CONFIG_SCHEMAS["budgets"]),
        "unit_economics_daily": pl.DataFrame(cells, schema=CELLS),
        "fct_usage": pl.DataFrame(
            [
                (*call[:3], usd := Decimal(call[3]) if call[3] else None, "priced" if usd else "unpriced", 5, 2)
                for call in calls
            ],
            schema=CALLS,
            orient="row",
        ),
    }
    with built(tables, "stg_config__budgets", "int_usage_callers_daily", "budget_status_daily") as connection:
        result = connection.sql("select * from budget_status_daily").pl().iter_rows(named=True)
    return {(row["usage_date"], row["scope"], row["scope_id"], row["period"]): row for row in result}


MONTH = {"scope": "company", "period": "month", "amount_usd": "300"}
# The plan of 10 November is 100 of November's 300.
TENTH = date(2026, 11, 10)


def on_the_tenth(spent: str) -> dict[str, Any]:
    return status({TENTH: spent}, [MONTH])[TENTH, "company", "company", "month"]


def test_alert_and_breach_begin_at_their_limits() -> None:
    said = {spent: on_the_tenth(spent)["status"] for spent in ("119.99", "120", "149.99", "150", "301")}
    assert said == {"119.99": "ok", "120": "alert", "149.99": "alert", "150": "breach", "301": "breach"}
    assert [on_the_tenth(spent)["is_exhausted"] for spent in ("300", "301")] == [False, True]


def test_a_month_adds_up_and_ends_at_the_pace_of_the_last_week() -> None:
    """31 October is another month; 1 to 10 November cost 10 a day: 100 so far, and 20 days at 10 to come."""
    days = {date(2026, 10, 31): "1000"} | {date(2026, 11, day): "10" for day in range(1, 11)}
    rows = status(days, [MONTH])
    row = rows[TENTH, "company", "company", "month"]
    assert (row["planned_usd"], row["spent_usd"], row["remaining_usd"], row["projected_usd"]) == (100, 100, 200, 300)
    assert rows[date(2026, 10, 31), "company", "company", "month"]["spent_usd"] == 1000


def test_the_pace_is_of_the_days_there_are_data_of() -> None:
    row = on_the_tenth("10")
    assert row["projected_usd"] == 10 + 20 * 10


def test_a_day_stands_alone_and_its_plan_is_its_budget() -> None:
    budget = {"scope": "tenant", "scope_id": "t", "period": "day", "amount_usd": "10"}
    rows = status({date(2026, 11, 9): "40", TENTH: "12"}, [budget])
    row = rows[TENTH, "tenant", "t", "day"]
    assert (row["planned_usd"], row["spent_usd"], row["projected_usd"], row["status"]) == (10, 12, 12, "alert")


def test_every_scope_is_of_its_own_cost_and_a_silent_one_spent_nothing() -> None:
    scopes = {"product": "p", "feature": "f", "model": "m", "user": "u", "key": "k", "tenant": "other"}
    budgets = [{"scope": s, "scope_id": i, "period": "day", "amount_usd": "10"} for s, i in scopes.items()]
    calls = [(TENTH, "u", "k", "2"), (TENTH, "u", "l", "3"), (TENTH, None, "k", "4"), (TENTH, "v", None, "5")]
    rows = status({TENTH: "20"}, budgets, calls)
    assert {scope: rows[TENTH, scope, i, "day"]["spent_usd"] for scope, i in scopes.items()} == {
        "product": 20, "feature": 20, "model": 20, "user": 5, "key": 6, "tenant": 0,
    }  # fmt: skip


def test_the_row_that_holds_on_the_day_counts() -> None:
    early = MONTH | {"valid_to": TENTH}
    late = MONTH | {"valid_from": TENTH, "amount_usd": "600"}
    rows = status({date(2026, 11, 9): "1", TENTH: "1"}, [early, late])
    assert [row["budget_usd"] for _, row in sorted(rows.items())] == [300, 600]


def test_calls_without_a_price_are_counted_beside_what_was_spent() -> None:
    budgets = [
        MONTH,
        MONTH | {"period": "day"},
        {"scope": "user", "scope_id": "u", "period": "day", "amount_usd": "10"},
    ]
    days = {date(2026, 10, 31): "1", date(2026, 11, 9): "1", TENTH: "1"}
    rows = status(days, budgets, [(TENTH, "u", None, None), (TENTH, "u", None, "3"), (TENTH, "v", None, None)])
    counted = {(scope, period): (row["unpriced_calls"], row["unpriced_tokens"])
               for (day, scope, _, period), row in rows.items() if day == TENTH}  # fmt: skip
    assert counted == {("company", "month"): (4, 60), ("company", "day"): (2, 30), ("user", "day"): (1, 7)}
