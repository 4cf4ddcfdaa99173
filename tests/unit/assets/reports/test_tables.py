"""Printed cents, folded rows and the way numbers are written."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assets.reports import text
from assets.reports.tables import ROWS_SHOWN, cents, fold

amounts = st.decimals(min_value=0, max_value=10_000, places=12)


@given(st.lists(st.tuples(amounts, amounts, amounts), min_size=1, max_size=12))
def test_cents_add_up_in_rows_and_in_columns(parts: list[tuple[Decimal, Decimal, Decimal]]) -> None:
    rows = [{"a": a, "b": b, "c": c, "total": a + b + c} for a, b, c in parts]
    printed = cents(rows, ("a", "b", "c"), lambda row: row["total"])
    exact = sum((row["total"] for row in rows), Decimal(0))
    assert abs(sum((row[0] for row in printed), Decimal(0)) - exact) <= Decimal("0.005")
    for (total, *shares), row in zip(printed, rows, strict=True):
        assert sum(shares) == total
        assert abs(total - row["total"]) < Decimal("0.01")
    for index, part in enumerate("abc", start=1):
        column = sum((row[part] for row in rows), Decimal(0))
        assert abs(sum((row[index] for row in printed), Decimal(0)) - column) < Decimal("0.01")


def test_a_part_of_nothing_stays_nothing() -> None:
    rows = [{"a": Decimal("0.004"), "b": Decimal(0)} for _ in range(5)] + [{"a": Decimal(0), "b": Decimal("0.014")}]
    printed = cents(rows, ("a", "b"), lambda row: row["a"] + row["b"])
    assert [row[2] for row in printed[:-1]] == [0] * 5
    assert printed[-1][1] == 0


def tenant(number: int) -> dict[str, Any]:
    return {"tenant_id": f"t{number}", "total_cost_usd": Decimal(100 - number), "previous_week_cost_usd": Decimal(50)}


def test_small_rows_fold_into_one_that_counts_them_and_unattributed_stays() -> None:
    rest = {"tenant_id": "unattributed", "total_cost_usd": Decimal(1), "previous_week_cost_usd": None}
    rows = [*(tenant(n) for n in range(40)), rest]
    folded = fold(
        rows, ("total_cost_usd", "previous_week_cost_usd"), lambda n: {"tenant_id": "", "name": f"{n} others"}
    )
    assert len(folded) == ROWS_SHOWN + 1
    assert folded[-1] is rest
    assert folded[-2]["name"] == "16 others"
    assert sum(row["total_cost_usd"] for row in folded) == sum(row["total_cost_usd"] for row in rows)


def test_few_rows_are_not_folded() -> None:
    rows = [tenant(n) for n in range(ROWS_SHOWN)]
    assert fold(rows, ("total_cost_usd",), lambda n: {}) == rows


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("1234567.895", "$1,234,567.90"),
        ("1e3", "$1,000.00"),
        ("-1.2", "−$1.20"),
        ("-0.001", "$0.00"),
        ("0.005", "$0.00"),
        ("0.015", "$0.02"),
    ],
)
def test_money_is_written_from_the_decimal(amount: str, written: str) -> None:
    assert text.usd(Decimal(amount)) == written


@pytest.mark.parametrize(
    ("amount", "written"),
    [
        ("123.456", "$123.46"),
        ("1.23456", "$1.235"),
        ("0.123456", "$0.1235"),
        ("0.00123456", "$0.001235"),
        ("0", "$0.00"),
    ],
)
def test_a_unit_price_shows_a_move_of_a_percent(amount: str, written: str) -> None:
    assert text.unit_usd(Decimal(amount)) == written


@pytest.mark.parametrize(
    ("first", "last", "written"),
    [
        (date(2026, 11, 9), date(2026, 11, 15), "9–15 November 2026"),
        (date(2026, 9, 28), date(2026, 10, 4), "28 September – 4 October 2026"),
        (date(2026, 12, 28), date(2027, 1, 3), "28 December 2026 – 3 January 2027"),
    ],
)
def test_a_week_is_written_once_over(first: date, last: date, written: str) -> None:
    assert text.day_span(first, last) == written


def test_a_long_list_counts_what_it_leaves_out() -> None:
    assert text.listed(["a"]) == "a"
    assert text.listed(["a", "b", "c"]) == "a, b and c"
    assert text.listed(["a", "b", "c", "d"], limit=2) == "a, b and 2 more"


def test_a_move_that_rounds_to_zero_has_no_sign() -> None:
    assert text.points_signed(-0.0001) == "0.0 pp"
    assert text.percent_signed(Decimal("0.0004")) == "0.0%"


def test_a_tiny_amount_is_written_out() -> None:
    assert text.usd(Decimal("4.2E-11"), 12) == "$0.000000000042"
