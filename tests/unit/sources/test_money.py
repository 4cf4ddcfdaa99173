from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sources.money import exact, largest_remainder

amounts = st.lists(
    st.decimals(min_value=-(10**20), max_value=10**20, allow_nan=False, places=12), min_size=0, max_size=40
)


@given(amounts, st.integers(min_value=0, max_value=6))
def test_rounded_amounts_add_up_to_the_rounded_sum(values: list[Decimal], places: int) -> None:
    rounded = largest_remainder(values, places)
    unit = Decimal(1).scaleb(-places)
    with exact():
        assert abs(sum(rounded, Decimal(0)) - sum(values, Decimal(0))) <= unit / 2
        assert all(abs(new - old) < unit for new, old in zip(rounded, values, strict=True))
        assert all(new.as_tuple().exponent == -places for new in rounded)


@given(amounts)
def test_amounts_that_need_no_rounding_stay(values: list[Decimal]) -> None:
    assert largest_remainder(values, 12) == values


def test_the_missing_cent_goes_to_the_largest_remainder_and_the_first_of_equals() -> None:
    assert largest_remainder([Decimal("0.333"), Decimal("0.333"), Decimal("0.334")], 2) == [
        Decimal("0.33"),
        Decimal("0.33"),
        Decimal("0.34"),
    ]
    assert largest_remainder([Decimal("0.005"), Decimal("0.005")], 2) == [Decimal("0.01"), Decimal("0.00")]


def test_a_credit_beside_its_charge_leaves_nothing() -> None:
    assert largest_remainder([Decimal("-1.005"), Decimal("1.005")], 2) == [Decimal("-1.00"), Decimal("1.00")]


def test_sums_beyond_28_digits_keep_their_last_decimal() -> None:
    large = Decimal("99999999999999999999999999.005")
    assert largest_remainder([large, Decimal("0.005")], 2) == [
        Decimal("99999999999999999999999999.01"),
        Decimal("0.00"),
    ]


def test_exact_raises_where_a_digit_would_be_lost() -> None:
    with pytest.raises(ArithmeticError), exact():
        Decimal(1) / Decimal(3)
