"""How numbers and days are written in the report. Amounts stay Decimal up to the last character."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Decimal

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"


def usd(amount: Decimal, places: int = 2) -> str:
    """$1,234.56, with a true minus sign before the currency."""
    rounded = amount.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    sign = MINUS if rounded < 0 else ""
    return f"{sign}${abs(rounded):,f}"


def usd_signed(amount: Decimal, places: int = 2) -> str:
    text = usd(amount, places)
    return f"+{text}" if amount.quantize(Decimal(1).scaleb(-places)) > 0 else text


def unit_usd(amount: Decimal) -> str:
    """A price of one thing: four leading digits at least, so that a move of a percent shows."""
    size = abs(amount)
    places = 2 if size >= 100 or size == 0 else 3 if size >= 1 else 4 if size >= Decimal("0.01") else 6
    return usd(amount, places)


def percent(share: float | Decimal, places: int = 1) -> str:
    return f"{share * 100:.{places}f}%".replace("-", MINUS)


def percent_signed(share: float | Decimal, places: int = 1) -> str:
    return _signed(share, places) + "%"


def points_signed(difference: float | Decimal, places: int = 1) -> str:
    return _signed(difference, places) + " pp"


def _signed(share: float | Decimal, places: int) -> str:
    """A zero after rounding has no sign."""
    written = f"{share * 100:+.{places}f}"
    return written[1:] if not written.strip("+-0.") else written.replace("-", MINUS)


def count(number: int) -> str:
    return f"{number:,}"


def gpus(number: Decimal | int) -> str:
    """'2 GPUs', '1 GPU', '0.25 GPU'."""
    return f"{plain(number)} GPU{'' if number <= 1 else 's'}"


def plain(number: Decimal | int) -> str:
    """Without the zeros at its end that a column of shares has."""
    return f"{Decimal(number).normalize():,f}"


def plural(number: int, one: str, many: str = "") -> str:
    """'1 row', '3 rows'."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def day(value: date) -> str:
    return f"{value.day} {value:%B}"


def short_day(value: date) -> str:
    return f"{value.day} {value:%b}"


def month(value: date) -> str:
    return f"{value:%B} {value.year}"


def day_span(first: date, last: date) -> str:
    """'9-15 November 2026', '28 September - 4 October 2026'."""
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}\N{EN DASH}{last.day} {last:%B %Y}"
    start = f"{day(first)} {first.year}" if first.year != last.year else day(first)
    return f"{start} \N{EN DASH} {day(last)} {last.year}"


def week_label(week_start: date) -> str:
    year, week, _ = week_start.isocalendar()
    return f"{year}-W{week:02d}"


def week_span(week_start: date) -> str:
    return day_span(week_start, week_start + timedelta(days=6))


def listed(items: Sequence[str], limit: int = 6) -> str:
    """'a, b and c'; what is beyond the limit is counted, not dropped silently."""
    shown = list(items[:limit])
    if len(items) > limit:
        shown.append(f"{len(items) - limit} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}" if shown else ""
