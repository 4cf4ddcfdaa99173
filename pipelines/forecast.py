"""The forecast of twelve months as the marts hold it, or under other assumptions. Reads the published marts."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

import duckdb

from assets.marts import MartsError, open_marts, rows
from assets.publish import DATABASE
from assets.reports.queries import FORECAST_LINES
from sources.home import Home
from sources.money import largest_remainder

PLAN_HEADER = ("planned_on", "month", "account", "amount_usd", "requests")
PICO = Decimal("1e-12")


@dataclass(frozen=True)
class Knobs:
    """Assumptions in percent; None is what the settings say."""

    growth_per_month: Decimal | None = None
    price_compression_per_year: Decimal | None = None
    growth_reserve: Decimal | None = None
    hidden_costs: Decimal | None = None

    @property
    def are_turned(self) -> bool:
        return self != Knobs()


@dataclass(frozen=True)
class Month:
    """An estimate of one month in USD, by line and together; None where history is too short or has no back-test."""

    month: date
    lines_usd: dict[str, Decimal | None]
    amount_usd: Decimal | None
    low_usd: Decimal | None
    high_usd: Decimal | None
    requests: int | None
    steady_floor_usd: Decimal | None
    spike_reserve_p95_usd: Decimal | None
    spike_reserve_p99_usd: Decimal | None


@dataclass(frozen=True)
class Forecast:
    """Twelve months of one scope. Errors are WAPE, 28 days ahead; `reason` says what is missing or was chosen."""

    scope: str
    scope_id: str
    basis_date: date
    status: str
    method: str
    back_test_error: float | None
    seasonal_naive_error: float | None
    back_test_origins: int
    reason: str | None
    is_scenario: bool
    months: list[Month]


@dataclass(frozen=True)
class Plan:
    """A plan that was saved: its day, which names it, and what it holds."""

    path: Path
    planned_on: date
    accounts: list[str]
    months: int
    amount_usd: Decimal


def read_forecast(
    home: Home, scope: str = "company", scope_id: str = "company", knobs: Knobs | None = None
) -> Forecast:
    """What forecast_monthly holds of a company, product, model or account; other knobs change the lines on top."""
    with open_marts(home.published / DATABASE) as marts:
        return _read(marts, scope, scope_id, knobs or Knobs())


def save_plan(home: Home, knobs: Knobs, today: date) -> Plan:
    """Add the forecast of every account to plan.csv as the plan of today, in cents; plans of before stay."""
    path = home.config / "plan.csv"
    text = path.read_text(encoding="utf-8") if path.is_file() else ",".join(PLAN_HEADER) + "\n"
    if any(line.startswith(f"{today},") for line in text.splitlines()):
        raise MartsError(f"{path}: it has a plan of {today}; take its rows out first")
    with open_marts(home.published / DATABASE) as marts:
        accounts = [row["scope_id"] for row in rows(marts, _KNOWN, {"scope": "account"})]
        found = [_read(marts, "account", account, knobs) for account in accounts]
    found = [forecast for forecast in found if forecast.status == "estimate"]
    if not found:
        raise MartsError("there is no forecast to plan by; `inferledger forecast` says why")
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    total = Decimal(0)
    for months in zip(*(forecast.months for forecast in found), strict=True):
        amounts = largest_remainder([month.amount_usd or Decimal(0) for month in months], 2)
        total += sum(amounts)
        for forecast, month, amount in zip(found, months, amounts, strict=True):
            writer.writerow((today, f"{month.month:%Y-%m}", forecast.scope_id, f"{amount:f}", month.requests))
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text + ("" if text.endswith("\n") else "\n") + lines.getvalue(), encoding="utf-8")
    temporary.replace(path)
    return Plan(path, today, [forecast.scope_id for forecast in found], len(found[0].months), total)


def _read(marts: duckdb.DuckDBPyConnection, scope: str, scope_id: str, knobs: Knobs) -> Forecast:
    found = rows(marts, _LINES, {"scope": scope, "scope_id": scope_id})
    if not found:
        names = ", ".join(row["scope_id"] for row in rows(marts, _KNOWN, {"scope": scope})) or "none"
        raise MartsError(f"forecast_monthly has no {scope} {scope_id!r}; allowed: {names}")
    months = [list(of) for _, of in groupby(found, key=lambda row: row["month_start"])]
    first = found[0]
    return Forecast(
        is_scenario=knobs.are_turned,
        months=[_month(lines, knobs) for lines in months],
        **{name: first[name] for name in _OF_ALL},
    )


def _month(lines: Sequence[dict[str, Any]], knobs: Knobs) -> Month:
    by_line = {row["line"]: row for row in lines}
    base = by_line["base"]
    amounts: dict[str, Decimal | None] = {line: by_line[line]["amount_usd"] for line in FORECAST_LINES}
    changed = _changed(amounts, knobs, base["month_number"])
    return Month(
        month=base["month_start"],
        lines_usd=changed,
        amount_usd=_total(list(changed.values())),
        low_usd=_bound(by_line, changed, "low_usd"),
        high_usd=_bound(by_line, changed, "high_usd"),
        **{name: base[name] for name in _OF_BASE},
    )


def _changed(amounts: dict[str, Decimal | None], knobs: Knobs, number: int) -> dict[str, Decimal | None]:
    """The lines on top by other assumptions, by the formulas of forecast_monthly."""
    base, growth, price = (amounts[name] for name in ("base", "planned_growth", "price_compression"))
    if base is None or growth is None or price is None:
        return amounts
    grown = base + growth
    price_factor = 1 + price / grown if grown else Decimal(1)
    if knobs.growth_per_month is not None:
        grown = _cut(base * (1 + knobs.growth_per_month / 100) ** number)
    if knobs.price_compression_per_year is not None:
        price_factor = (1 - knobs.price_compression_per_year / 100) ** (Decimal(number) / 12)
    changed = dict(amounts)
    if knobs.growth_per_month is not None:
        changed["planned_growth"] = grown - base
    if knobs.growth_per_month is not None or knobs.price_compression_per_year is not None:
        changed["price_compression"] = _cut(grown * price_factor) - grown
    for line, percent in (("growth_reserve", knobs.growth_reserve), ("hidden_costs", knobs.hidden_costs)):
        if percent is not None:
            changed[line] = _cut(base * percent / 100)
    return changed


def _bound(by_line: dict[str, dict[str, Any]], amounts: dict[str, Decimal | None], name: str) -> Decimal | None:
    """All lines but other charges move with the base."""
    total, base = _total(list(amounts.values())), amounts["base"]
    bound: Decimal | None = by_line["base"][name]
    other: Decimal | None = by_line["other_charges"][name]
    if not base or bound is None or other is None or total is None:
        return None
    return _cut((total - other) * bound / base) + other


def _total(amounts: list[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal(0)) if len(known) == len(amounts) else None


def _cut(amount: Decimal) -> Decimal:
    return amount.quantize(PICO, ROUND_DOWN)


_OF_ALL = (
    "scope", "scope_id", "basis_date", "status", "method", "back_test_error", "seasonal_naive_error",
    "back_test_origins", "reason",
)  # fmt: skip
_OF_BASE = ("requests", "steady_floor_usd", "spike_reserve_p95_usd", "spike_reserve_p99_usd")
_LINES = """
    select * from forecast_monthly
    where scope = $scope and scope_id = $scope_id
    order by month_start, line_number
"""
_KNOWN = "select distinct scope_id from forecast_monthly where scope = $scope order by scope_id"
