"""Claude Consumption Units: one meter of money for all of an account's Claude models, shared by contracted cost."""

from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiled import compiled, rows_of

DAY: dict[str, Any] = {"service_provider": "azure", "billing_account_id": "ba", "usage_date": date(2026, 8, 10)}
UNITS = DAY | {"model": "unattributed", "service_tier": "standard", "meter": "claude_consumption_unit"}
MONEY = pl.Decimal(26, 12)
LOGGED, SHARED, GROUPS = map(compiled, ("int_logged_meters", "int_claude_units", "int_anchor_groups"))
WHOLE = pl.Decimal(18, 0)


def call(model: str, meter: str, quantity: int, cost: str | Decimal | None, number: int = 1) -> dict[str, Any]:
    group = DAY | {"model": model, "service_tier": "standard", "meter": meter, "call_id": f"c{number}"}
    return group | {"quantity": Decimal(quantity), "contracted_cost_usd": None if cost is None else Decimal(cost)}


def line(amount: str | Decimal, effective: str | None = None, row: int = 2, **group: str) -> dict[str, Any]:
    money = {"amount_usd": Decimal(amount), "effective_amount_usd": None if effective is None else Decimal(effective)}
    return UNITS | group | money | {"file_hash": "bill", "row_number": row, "is_final": True}


def anchored(calls: list[dict[str, Any]], lines: list[dict[str, Any]], units: int | None) -> list[dict[str, Any]]:
    quantities = [] if units is None else [UNITS | {"billed_quantity": Decimal(units)}]
    names = pl.Schema(dict.fromkeys(UNITS, pl.String()) | {"usage_date": pl.Date()})
    weights = [one | {"weight": (one["contracted_cost_usd"] or 0) * 1000000} for one in calls]
    inputs: dict[str, pl.DataFrame | str] = {
        "int_call_meters": pl.DataFrame(
            [one | {"host": "azure", "price_set_id": "set"} for one in weights],
            schema=names | {
                **dict.fromkeys(("call_id", "host", "price_set_id"), pl.String()),
                "quantity": WHOLE, "contracted_cost_usd": MONEY, "weight": pl.Decimal(31, 8),
            },
        ),
        "int_bill_lines": pl.DataFrame(
            lines,
            schema=names | {
                "amount_usd": MONEY, "effective_amount_usd": MONEY, "file_hash": pl.String(), "row_number": pl.Int64(),
                "is_final": pl.Boolean(),
            },
        ),
        "int_bill_quantities": pl.DataFrame(quantities, schema=names | {"billed_quantity": WHOLE}),
        "int_price_ranges": pl.DataFrame(
            schema={
                "price_set_id": pl.String(), "meter": pl.String(), "lowest_per_mtok_usd": MONEY,
                "highest_per_mtok_usd": MONEY,
            }
        ),
    }  # fmt: skip
    inputs |= {"int_logged_meters": LOGGED, "int_claude_units": SHARED}
    return sorted(rows_of(GROUPS, inputs), key=lambda group: (group["model"], group["meter"]))


def amounts(calls: list[dict[str, Any]], lines: list[dict[str, Any]], units: int | None) -> list[tuple[Any, ...]]:
    names = ("model", "meter", "billed_usd", "attributed_usd", "billed_quantity", "logged_quantity")
    return [tuple(group[name] for name in names) for group in anchored(calls, lines, units)]


OPUS, HAIKU, REST = "claude-opus-4-6", "claude-haiku-4-5", ("unattributed", "claude_consumption_unit")
# By contract 1.00 + 1.50 + 0.50 = 3.00 USD: 300 units.
CALLS = [
    call(OPUS, "input_uncached", 200_000, "1.00"),
    call(OPUS, "output", 60_000, "1.50"),
    call(HAIKU, "output", 100_000, "0.50"),
    call("gpt-5.4", "output", 1_000, "0.01"),
]
GPT = ("gpt-5.4", "output", None, 0, None, 1_000)


def test_all_the_units_are_shared_where_the_calls_explain_them() -> None:
    """300 units at another rate of exchange than the days': 2.97 USD, as 1.00 to 1.50 to 0.50."""
    assert amounts(CALLS, [line("2"), line("0.97", row=3)], 300) == [
        (HAIKU, "output", Decimal("0.495"), Decimal("0.495"), 100_000, 100_000),
        (OPUS, "input_uncached", Decimal("0.99"), Decimal("0.99"), 200_000, 200_000),
        (OPUS, "output", Decimal("1.485"), Decimal("1.485"), 60_000, 60_000),
        GPT,
    ]


def test_units_no_call_explains_are_no_money_of_the_calls() -> None:
    """400 units: a quarter of them is what no log has, under the meter's own name."""
    assert amounts(CALLS, [line("4")], 400) == [
        (HAIKU, "output", Decimal("0.5"), Decimal("0.5"), 100_000, 100_000),
        (OPUS, "input_uncached", Decimal("1"), Decimal("1"), 200_000, 200_000),
        (OPUS, "output", Decimal("1.5"), Decimal("1.5"), 60_000, 60_000),
        GPT,
        (*REST, Decimal("1"), 0, 100, 0),
    ]


def test_of_calls_above_the_units_as_much_of_each_class_is_surplus() -> None:
    assert amounts(CALLS, [line("1.5")], 150) == [
        (HAIKU, "output", Decimal("0.25"), Decimal("0.25"), 50_000, 100_000),
        (OPUS, "input_uncached", Decimal("0.5"), Decimal("0.5"), 100_000, 200_000),
        (OPUS, "output", Decimal("0.75"), Decimal("0.75"), 30_000, 60_000),
        GPT,
    ]


def test_without_claude_calls_or_prices_the_units_stay_whole() -> None:
    rest = (*REST, Decimal("3"), 0, 300, 0)
    assert amounts([CALLS[3]], [line("3")], 300) == [GPT, rest]
    assert amounts([call(OPUS, "output", 9, None)], [line("3")], 300) == [(OPUS, "output", None, 0, None, 9), rest]


def test_a_class_with_a_line_of_its_own_is_not_in_the_units() -> None:
    lines = [line("2"), line("1.2", row=3, model=OPUS, meter="input_uncached")]
    assert amounts(CALLS[:3], lines, 200) == [
        (HAIKU, "output", Decimal("0.5"), Decimal("0.5"), 100_000, 100_000),
        (OPUS, "input_uncached", Decimal("1.2"), Decimal("1.2"), None, 200_000),
        (OPUS, "output", Decimal("1.5"), Decimal("1.5"), 60_000, 60_000),
    ]


def test_what_the_bill_says_the_units_cost_goes_the_same_way() -> None:
    groups = anchored(CALLS[:3], [line("4", "2")], 400)
    assert [group["attributed_effective_usd"] for group in groups] == [*map(Decimal, ("0.25", "0.5", "0.75", "0"))]
    assert groups[3]["billed_effective_usd"] == Decimal("0.5")


costs = st.decimals("0", "90000", places=12)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(costs, min_size=1, max_size=7),
    st.decimals("-9000", "900000", places=12),
    st.none() | st.integers(1, 90_000_000),
)
def test_the_parts_are_what_is_billed_to_the_last_digit(
    costs: list[Decimal], amount: Decimal, units: int | None
) -> None:
    calls = [call(OPUS if i % 2 else HAIKU, f"m{i // 2}", i + 1, cost, i) for i, cost in enumerate(costs)]
    groups = anchored(calls, [line(amount)], units)
    assert sum(group["billed_usd"] or 0 for group in groups) == amount
    assert all(group["billed_quantity"] is None or group["billed_quantity"] >= 0 for group in groups)
    assert all((group["billed_usd"] or 0) * amount >= 0 for group in groups)
