"""What other architectures would cost for a feature's calls of a month. Reads architecture_comparison_monthly."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from assets.marts import MartsError, open_marts, rows
from assets.publish import DATABASE
from sources.home import Home

FLAGS = ("data_residency", "compliance", "availability_risk", "switching_usd")


@dataclass(frozen=True)
class Compared:
    """One architecture. Costs are None where calls have no price, `per correct` also below 30 judged answers."""

    alternative_id: str
    cost_basis: str
    cost_usd: Decimal | None
    unpriced_calls: int
    cost_per_answer_usd: float | None
    correct_answers: int | None
    judged_answers: int | None
    correct_answer_rate: float | None
    correct_answer_rate_low: float | None
    correct_answer_rate_high: float | None
    quality_source: str | None
    cost_per_correct_answer_usd: float | None
    # What a wrong answer has to cost for this one to equal what is in place.
    equal_at_usd_per_wrong_answer: float | None
    latency_p95_seconds: float | None
    # Calls after which it has paid what changing over costs.
    break_even_calls: float | None
    # Beside the money, never in it.
    flags: dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """All architectures of a scenario in a month; `best` is the one with the least cost per correct answer."""

    scenario_id: str
    month: date
    feature_id: str
    answer: str
    covered_days: int
    is_complete: bool
    calls: int
    answers: int
    usd_per_wrong_answer: Decimal | None
    alternatives: list[Compared]
    best: str | None


def compare(home: Home, month: date | None = None) -> list[Comparison]:
    """Every scenario with calls in the month (its first day; the last complete one when left out)."""
    with open_marts(home.published / DATABASE) as marts:
        known = rows(
            marts, "select distinct month_start, is_complete from architecture_comparison_monthly order by all"
        )
        if not known:
            raise MartsError(
                "no scenario of scenarios.yml has calls; its comments say how to name one, and `run` builds it"
            )
        month = month or max((row["month_start"] for row in known if row["is_complete"]), default=None)
        if month not in {row["month_start"] for row in known}:
            months = ", ".join(f"{row['month_start']:%Y-%m}" for row in known)
            wanted = f"{month:%Y-%m}" if month else "no complete month"
            raise MartsError(f"architecture_comparison_monthly has {wanted} not; months that are there: {months}")
        found = rows(marts, _SCENARIOS, {"month": month})
    scenarios: dict[str, list[dict[str, Any]]] = {}
    for row in found:
        scenarios.setdefault(row["scenario_id"], []).append(row)
    return [_comparison(of_scenario) for of_scenario in scenarios.values()]


def _comparison(found: list[dict[str, Any]]) -> Comparison:
    first = found[0]
    return Comparison(
        month=first["month_start"],
        alternatives=[_compared(row) for row in found],
        best=next((row["alternative_id"] for row in found if row["is_least_per_correct_answer"]), None),
        **{
            name: first[name]
            for name in (
                "scenario_id", "feature_id", "answer", "covered_days", "is_complete", "calls", "answers",
                "usd_per_wrong_answer",
            )
        },
    )  # fmt: skip


def _compared(row: dict[str, Any]) -> Compared:
    named = {name: row[name] for name in Compared.__dataclass_fields__ if name != "flags"}
    return Compared(**named, flags={name: row[name] for name in FLAGS if row[name] is not None})


_SCENARIOS = """
    select *
    from architecture_comparison_monthly
    where month_start = $month
    order by scenario_id, alternative_order
"""
