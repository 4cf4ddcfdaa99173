"""Exact money in Python: Decimal in, Decimal out, never float. Money in SQL is the models' business."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, Inexact, localcontext

# decimal(38, 12) times a share with 18 decimals fits; Python's default of 28 digits would round published amounts.
_PRECISION = 80


@contextmanager
def exact() -> Iterator[None]:
    """Decimal arithmetic that raises instead of rounding."""
    with localcontext(prec=_PRECISION) as context:
        context.traps[Inexact] = True
        yield


def largest_remainder(amounts: Sequence[Decimal], places: int) -> list[Decimal]:
    """Round to `places` decimals so that the rounded amounts add up to the rounded sum.

    Every amount is rounded down, and the units then missing go to those that lost most, the first of equals first: no
    amount moves by a whole unit. The sum is rounded half to even.
    """
    unit = Decimal(1).scaleb(-places)
    with localcontext(prec=_PRECISION):
        floors = [amount.quantize(unit, ROUND_FLOOR) for amount in amounts]
        total = sum(amounts, Decimal(0)).quantize(unit, ROUND_HALF_EVEN)
        missing = int((total - sum(floors, Decimal(0))) / unit)
        by_loss = sorted(range(len(amounts)), key=lambda index: (floors[index] - amounts[index], index))
        for index in by_loss[:missing]:
            floors[index] += unit
    return floors
