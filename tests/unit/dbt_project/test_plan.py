"""Plan against actual by account, and what asks for another plan, on literal rows."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sources.settings.tables import CONFIG_SCHEMAS
from tests.unit.dbt_project.forecast_rows import LAST_DAY
from tests.unit.dbt_project.rendered import built
from tests.unit.dbt_project.test_forecast import DAYS, day

USD = pl.Decimal(38, 12)
FORECAST: dict[str, Any] = {
    "month_start": pl.Date(), "month_number": pl.Int32(), **dict.fromkeys(("scope", "scope_id", "line"), pl.String()),
    "status": pl.String(), "amount_usd": USD, "requests": pl.Int64(), "basis_date": pl.Date(), "reason": pl.String(),
}  # fmt: skip
JOURNAL: dict[str, Any] = {
    **dict.fromkeys(("posting_period", "line_type", "account"), pl.String()),
    "debit_usd": pl.Decimal(28, 2), "credit_usd": pl.Decimal(28, 2),
}  # fmt: skip
MONTHS = [date(2026, 10 + number, 1) for number in range(3)] + [date(2027, 1 + number, 1) for number in range(3)]
FIRST, SECOND = date(2026, 9, 28), date(2026, 11, 10)


def ahead(scope: str, scope_id: str, usd: str | None, requests: int = 0) -> list[dict[str, Any]]:
    """A forecast of so much in each month from November, a fifth beside the base, and a reserve."""
    amount = Decimal(usd) if usd else None
    return [
        {"month_start": month, "month_number": number, "scope": scope, "scope_id": scope_id, "line": line,
         "status": "estimate" if usd else "too_little_history", "requests": requests if line == "base" else None,
         "amount_usd": amount and amount * Decimal(share), "basis_date": LAST_DAY,
         "reason": None if usd else "too little"}
        for number, month in enumerate(MONTHS[1:], 1)
        for line, share in (("base", "0.8"), ("other_charges", "0.2"), ("growth_reserve", "7"))
    ]  # fmt: skip


def planned(on: date, month: str, account: str, usd: str, requests: int = 0) -> dict[str, Any]:
    return dict(zip(CONFIG_SCHEMAS["plan"], (on, month, account, Decimal(usd), requests), strict=True))


def tables(plan: list[dict[str, Any]], forecast: list[dict[str, Any]], **more: pl.DataFrame) -> dict[str, pl.DataFrame]:
    return {
        "plan": pl.DataFrame(plan, schema=CONFIG_SCHEMAS["plan"]),
        "forecast_monthly": pl.DataFrame(forecast, schema=FORECAST),
        **more,
    }


def compared(plan: list[dict[str, Any]], posted: list[tuple[Any, ...]], forecast: list[dict[str, Any]]) -> Any:
    journal = pl.DataFrame(posted, schema=JOURNAL, orient="row")
    given = tables(plan, forecast, journal_lines=journal)
    with built(given, "stg_config__plan", "plan_actual_monthly") as connection:
        found = connection.sql("select * from plan_actual_monthly").pl().iter_rows(named=True)
    return {(row["planned_on"], row["month_start"], row["account"]): row for row in found}


POSTED: list[tuple[Any, ...]] = [
    ("2026-10", "expense", "5100", Decimal(90), None),
    ("2026-10", "expense", "5100", None, Decimal(8)),
    ("2026-10", "clearing", "2150", None, Decimal(82)),
    ("2026-11", "expense", "5100", Decimal(30), None),
    ("2026-11", "expense", "5900", Decimal(1), None),
]


def test_each_plan_is_held_against_what_was_posted_and_then_what_is_expected() -> None:
    plan = [
        planned(FIRST, "2026-10", "5100", "80"),
        planned(FIRST, "2026-11", "5100", "80"),
        planned(FIRST, "2026-11", "6100", "5"),
        planned(SECOND, "2026-11", "5100", "110"),
        planned(date(2026, 1, 5), "2026-02", "5100", "40"),
    ]
    rows = compared(plan, POSTED, ahead("account", "5100", "100") + ahead("company", "company", "100"))
    assert {on for on, _, _ in rows} == {FIRST, SECOND}
    assert {month for _, month, _ in rows} == set(MONTHS)
    names = ("status", "planned_usd", "actual_usd", "outlook_usd", "difference_usd")
    said = {key: tuple(row[name] for name in names) for key, row in rows.items()}
    assert said[FIRST, MONTHS[0], "5100"] == ("actual", 80, 82, 82, 2)
    assert said[FIRST, MONTHS[1], "5100"] == ("so_far", 80, 30, 100, 20)
    assert said[SECOND, MONTHS[1], "5100"] == ("so_far", 110, 30, 100, -10)
    # An account nobody planned for, and one nothing was posted to.
    assert said[FIRST, MONTHS[1], "5900"] == ("so_far", 0, 1, 0, 0)
    assert said[FIRST, MONTHS[1], "6100"] == ("ahead", 5, None, 0, -5)
    # The next quarter is not planned yet.
    assert said[FIRST, MONTHS[3], "5100"] == ("ahead", None, None, 100, None)
    assert {row["is_latest"] for (on, _, _), row in rows.items() if on == SECOND} == {True}
    assert {str(row["quarter_start"]) for row in rows.values()} == {"2026-10-01", "2027-01-01"}


def test_without_a_forecast_an_outlook_has_a_reason_and_no_amount() -> None:
    rows = compared([planned(FIRST, "2026-11", "5100", "80")], [], ahead("account", "5100", None))
    row = rows[FIRST, MONTHS[1], "5100"]
    assert (row["outlook_usd"], row["difference_usd"], row["reason"]) == (None, None, "too little")


def test_without_a_plan_there_is_nothing_to_hold_against() -> None:
    assert compared([], POSTED, ahead("account", "5100", "100")) == {}


def flags(days: list[dict[str, Any]], plan: list[dict[str, Any]], requests: int = 300) -> dict[Any, tuple[bool, str]]:
    forecast = ahead("company", "company", "100", requests) + ahead("product", "p", "100", requests)
    given = tables(plan, forecast, int_forecast_days=pl.DataFrame(days, schema=DAYS))
    with built(given, "stg_config__plan", "replan_flags") as connection:
        found = connection.sql("select * from replan_flags").pl().iter_rows(named=True)
    return {(row["reason"], row["scope_id"]): (row["is_raised"], row["words"]) for row in found}


def days_of(requests: int, **said: Any) -> list[dict[str, Any]]:
    """42 days to 14 November; 300 requests a month are 10 a day."""
    last = date(2026, 11, 14)
    return [day(last - timedelta(days=number), requests, "1", **said) for number in range(42)]


@pytest.mark.parametrize(
    ("requests", "is_raised", "words"),
    [
        (15, True, "traffic is 50 % above the base of 2026-10-31"),
        (14, False, "traffic is 40 % above the base of 2026-10-31"),
        (5, True, "traffic is 50 % below the base of 2026-10-31"),
    ],
)
def test_traffic_that_moves_by_half_asks_for_another_plan(requests: int, is_raised: bool, words: str) -> None:
    found = flags(days_of(requests), [])
    assert found["traffic", "company"] == found["traffic", "p"] == (is_raised, words)


def test_the_company_s_traffic_is_held_against_the_plan() -> None:
    plan = [planned(SECOND, "2026-11", account, "1", 300) for account in ("5100", "6100")]
    found = flags(days_of(10), plan)
    assert found["traffic", "company"] == (True, "traffic is 50 % below the plan of 2026-11-10")
    assert found["traffic", "p"] == (False, "traffic is 0 % above the base of 2026-10-31")


def test_a_price_that_moved_by_a_tenth_asks_for_another_plan() -> None:
    dearer = [row | {"contracted_cost_usd": Decimal("0.8")} for row in days_of(10)[20:]]
    alike = [row | {"model": "other", "contracted_cost_usd": Decimal("0.95")} for row in days_of(10)]
    gone = [row | {"model": "gone", "contracted_cost_usd": Decimal("0.5")} for row in days_of(10)[30:]]
    found = flags(days_of(10)[:20] + dearer + alike + gone, [])
    since = "the 91 days to 2026-11-14"
    assert found["price", "m"] == (True, f"calls would cost 25 % more at the latest price than in {since}")
    assert found["price", "other"] == (False, f"calls would cost 5 % more at the latest price than in {since}")
    assert ("price", "gone") not in found
    # What moved before the plan was made is in the plan.
    found = flags(days_of(10)[:20] + dearer, [planned(SECOND, "2026-11", "a", "1")])
    assert found["price", "m"] == (False, "prices are those of the plan of 2026-11-10")


def test_a_small_product_that_moves_nothing_of_the_company_is_left_alone() -> None:
    small = [row | {"product_id": "small", "requests": 1} for row in days_of(1)]
    forecast = ahead("company", "company", "100", 6000) + ahead("product", "small", "1", 15)
    given = tables([], forecast, int_forecast_days=pl.DataFrame(days_of(200) + small, schema=DAYS))
    with built(given, "stg_config__plan", "replan_flags") as connection:
        found = dict(connection.sql("select scope_id, is_raised from replan_flags where reason = 'traffic'").fetchall())
    assert found == {"company": False, "small": False}


def test_a_plan_made_after_the_last_day_of_data_holds_at_once() -> None:
    found = flags(days_of(10), [planned(date(2026, 11, 18), "2026-11", "a", "1", 300)])
    assert found == {
        ("traffic", "company"): (False, "traffic is 0 % above the plan of 2026-11-18"),
        ("traffic", "p"): (False, "traffic is 0 % above the base of 2026-10-31"),
        ("quarter", "company"): (False, "the plan of 2026-11-18 is less than three months old"),
    }


def test_each_quarter_asks_for_a_plan() -> None:
    assert flags(days_of(10), [])["quarter", "company"] == (True, "no plan is saved")
    august = date(2026, 8, 14)
    found = flags(days_of(10), [planned(august, "2026-10", "a", "1")])
    assert found["quarter", "company"] == (True, "the plan of 2026-08-14 is three months old")
    found = flags(days_of(10), [planned(august + timedelta(days=1), "2026-11", "a", "1")])
    assert found["quarter", "company"] == (False, "the plan of 2026-08-15 is less than three months old")
