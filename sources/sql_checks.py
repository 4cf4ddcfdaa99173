"""Pieces of SQL with which readers type texts strictly and say what is wrong with those that do not fit.

A row's problem is one text: field, tab, reason. Which checks a row needs is the readers' business.
"""

from collections.abc import Iterable

from sources.reading import literal

_DAY = r"\d{4}-\d\d-\d\d"
_MONEY = r"-?\d{1,14}(\.\d{1,12})?"


def moment(column: str) -> str:
    """UTC timestamp of an ISO 8601 text; null when it is not one. No offset means UTC."""
    # TIMESTAMP drops an offset without a word; TIMESTAMPTZ (session zone UTC) applies it, at five times the CPU.
    return (
        f"case when strlen({column}) < 19 then null"
        f" when suffix({column}, '+00:00') or suffix({column}, 'Z') then try_cast({column} as timestamp)"
        f" else try_cast({column} as timestamptz) at time zone 'UTC' end"
    )


def day(column: str) -> str:
    return f"case when regexp_full_match({column}, '{_DAY}') then try_cast({column} as date) end"


def money(column: str) -> str:
    """Exact decimal; null for anything that would have to be rounded or guessed at, such as 1,234.50."""
    return f"case when regexp_full_match({column}, '{_MONEY}') then try_cast({column} as decimal(26, 12)) end"


def one_of(values: Iterable[str]) -> str:
    return "(" + ", ".join(literal(value) for value in values) + ")"


def reject(condition: str, field: str, reason: str) -> str:
    """A branch of the case that gives a row's problem. `reason` is SQL text."""
    return f"when {condition} then '{field}' || chr(9) || {reason}"


def found(text: str, expected: str) -> str:
    # Sixteen characters name a wrong number or word without carrying the row's text into quarantine.
    what = f"case when {text} is null then 'missing' else 'found \"' || left({text}, 16) || '\"' end"
    return f"{what} || {literal(f'; expected {expected}')}"
