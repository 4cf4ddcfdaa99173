"""architecture_comparison_monthly: a feature's calls of a month under other architectures, by cost per correct answer.

Calls are priced by the pipeline's own SQL, as `inferledger prices diff` does it: the same tokens at the other model's
contracted prices, on the standard tier. What another model would do with other tokens is not known and not guessed.
"""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from math import sqrt
from typing import Any

import duckdb

from assets.marts import MartsError, open_marts, rows
from assets.pricing import CALL_COLUMNS, pricing_sql
from assets.publish import DATABASE
from sources import clock
from sources.home import Home
from sources.pricing.book import UNKNOWN_REGION
from sources.pricing.build import DIRECT, prices_of
from sources.pricing.resolve import Key
from sources.pricing.versions import find_book
from sources.settings import Settings, load_settings
from sources.settings.scenarios import IN_PLACE, Alternative, Flags, Scenario

FEWEST_JUDGED = 30
_Z95 = 1.959963984540054
_PLACES = Decimal("1e-12")


@dataclass(frozen=True)
class Compared:
    """One architecture. Costs are None where calls have no price, `per correct` also below 30 judged answers."""

    scenario_id: str
    alternative_id: str
    cost_basis: str
    cost_usd: Decimal | None
    unpriced_calls: int
    cost_per_answer_usd: Decimal | None
    correct: int | None
    judged: int | None
    correct_rate: Decimal | None
    correct_rate_low: Decimal | None
    correct_rate_high: Decimal | None
    quality_source: str | None
    cost_per_correct_answer_usd: Decimal | None
    # What a wrong answer has to cost for this one to equal what is in place.
    indifferent_at_usd: Decimal | None
    latency_p95_seconds: Decimal | None
    # Beside the money, never in it.
    flags: dict[str, Any]


@dataclass(frozen=True)
class Comparison:
    """All architectures of a scenario in a month; `best` is the one with the least cost per correct answer."""

    scenario_id: str
    month: date
    feature_id: str
    answer: str
    calls: int
    answers: int
    usd_per_wrong_answer: Decimal | None
    alternatives: list[Compared]
    best: str | None


def cost_per_correct(cost: Decimal | None, rate: Decimal | None, remediation: Decimal | None) -> Decimal | None:
    """(cost per answer + (1 - p) x remediation) / p."""
    if cost is None or remediation is None or not rate:
        return None
    return ((cost + (1 - rate) * remediation) / rate).quantize(_PLACES)


def indifferent_at(cost: Decimal, rate: Decimal, other_cost: Decimal, other_rate: Decimal) -> Decimal | None:
    """The remediation at which both cost the same per correct answer; None where no amount above 0 does that."""
    if not rate or not other_rate or rate == other_rate:
        return None
    found = (cost / rate - other_cost / other_rate) / (1 / other_rate - 1 / rate)
    return found.quantize(_PLACES) if found > 0 else None


def interval(correct: int, judged: int) -> tuple[Decimal, Decimal]:
    """Wilson's 95 % interval of a rate."""
    rate, square = correct / judged, _Z95**2 / judged
    middle, spread = rate + square / 2, _Z95 * sqrt(rate * (1 - rate) / judged + square / (4 * judged))
    low, high = ((middle + sign * spread) / (1 + square) for sign in (-1, 1))
    return Decimal(max(low, 0)).quantize(Decimal("1e-6")), Decimal(min(high, 1)).quantize(Decimal("1e-6"))


def compare(home: Home, month: date | None = None) -> list[Comparison]:
    """Every scenario of the home in a month (its first day; the last complete one when left out)."""
    settings = load_settings(home)
    month = month or (clock.now().date().replace(day=1) - timedelta(days=1)).replace(day=1)
    if not settings.scenarios.scenarios:
        raise MartsError("scenarios.yml names no scenario; its comments say how")
    with open_marts(home.published / DATABASE) as marts:
        return [_compare(marts, home, settings, scenario, month) for scenario in settings.scenarios.scenarios]


def _compare(
    marts: duckdb.DuckDBPyConnection, home: Home, settings: Settings, scenario: Scenario, month: date
) -> Comparison:
    end = month + timedelta(days=monthrange(month.year, month.month)[1])
    named = {"feature": scenario.feature_id, "month": month, "end": end}
    [measured] = rows(marts, _MEASURED, named)
    answers = measured["tasks"] if scenario.answer == "task" else measured["requests"]
    remediation = next(
        (
            row.usd_per_wrong_answer
            for row in settings.tco.remediation
            if row.feature_id == scenario.feature_id and row.valid_from < end <= row.valid_to
        ),
        None,
    )
    [judged] = rows(marts, _JUDGED, named)
    unpriced = measured["unpriced_calls"]
    cost = None if unpriced else measured["cost_usd"]
    in_place = _compared(
        scenario, IN_PLACE, "measured", cost, unpriced, answers, remediation,
        quality=(judged["correct"], judged["judged"], "tasks of the month"), latency=measured["latency_p95_seconds"],
        flags=Flags(),
    )  # fmt: skip
    found = [in_place]
    costs = _model_costs(marts, home, settings, scenario, named)
    for row in scenario.alternatives:
        cost, unpriced, basis = _cost(row, costs, month)
        quality = (row.quality.correct, row.quality.judged, row.quality.source) if row.quality else None
        found.append(
            _compared(
                scenario, row.alternative_id, basis, cost, unpriced, answers, remediation, quality,
                row.latency_p95_seconds, row.flags, in_place,
            )
        )  # fmt: skip
    valued = [
        (row.cost_per_correct_answer_usd, row.alternative_id)
        for row in found
        if row.cost_per_correct_answer_usd is not None
    ]
    best = min(valued)[1] if len(valued) > 1 else None
    return Comparison(
        scenario.scenario_id, month, scenario.feature_id, scenario.answer, measured["calls"], answers, remediation,
        found, best,
    )  # fmt: skip


def _compared(
    scenario: Scenario,
    name: str,
    basis: str,
    cost: Decimal | None,
    unpriced: int,
    answers: int,
    remediation: Decimal | None,
    quality: tuple[int, int, str] | None,
    latency: Decimal | None,
    flags: Flags,
    in_place: Compared | None = None,
) -> Compared:
    correct, judged, source = quality if quality and quality[1] else (None, None, None)
    known = correct is not None and judged is not None
    rate = Decimal(correct) / judged if correct is not None and judged else None
    low, high = interval(correct, judged) if correct is not None and judged else (None, None)
    each = (cost / answers).quantize(_PLACES) if cost is not None and answers else None
    usable = rate if known and judged is not None and judged >= FEWEST_JUDGED else None
    other = in_place.correct_rate if in_place and (in_place.judged or 0) >= FEWEST_JUDGED else None
    equal = None
    if in_place and each is not None and usable and other and in_place.cost_per_answer_usd is not None:
        equal = indifferent_at(each, usable, in_place.cost_per_answer_usd, other)
    return Compared(
        scenario.scenario_id, name, basis, cost, unpriced, each, correct, judged, rate, low, high, source,
        cost_per_correct(each, usable, remediation), equal, latency, flags.model_dump(exclude_none=True),
    )  # fmt: skip


def _cost(
    row: Alternative, costs: dict[tuple[str, str], tuple[Decimal, int]], month: date
) -> tuple[Decimal | None, int, str]:
    """Cost of the month, calls without a price and what the cost is; None where a call has no price."""
    if row.self_hosted is not None:
        fleet, hours = row.self_hosted, 24 * monthrange(month.year, month.month)[1]
        return fleet.gpus * fleet.usd_per_gpu_hour * hours + fleet.overhead_usd_per_month, 0, fleet.basis
    parts = [(model.share, *costs[(model.service_provider, model.model_id)]) for model in row.models]
    unpriced = max(count for _, _, count in parts)
    total = sum((share * cost for share, cost, _ in parts), Decimal(0))
    return None if unpriced else total.quantize(_PLACES), unpriced, "price book"


def _model_costs(
    marts: duckdb.DuckDBPyConnection, home: Home, settings: Settings, scenario: Scenario, named: dict[str, Any]
) -> dict[tuple[str, str], tuple[Decimal, int]]:
    """All calls of the workload at each model: cost of the calls that have a price, and how many have none."""
    models = {(model.service_provider, model.model_id) for row in scenario.alternatives for model in row.models}
    book = find_book(home, settings, "current")
    last = named["end"] - timedelta(days=1)
    found: dict[tuple[str, str], tuple[Decimal, int]] = {}
    for provider, model_id in sorted(models):
        key = Key(provider, DIRECT, model_id, "standard", named["month"], last, UNKNOWN_REGION)
        prices = prices_of([key], settings, book)
        for table in ("price_keys", "price_sets"):
            marts.register(f"{table}_compared", getattr(prices, table).to_arrow())
        replaced = {
            "service_provider": "$provider", "host": f"'{DIRECT}'", "region": f"'{UNKNOWN_REGION}'",
            "model_id": "$model_id", "service_tier": "'standard'", "reported_cost_usd": "null::decimal(38, 12)",
        }  # fmt: skip
        columns = ", ".join(f"{replaced.get(name, name)} as {name}" for name in CALL_COLUMNS)
        calls = f"(select {columns} from fct_usage where {_WORKLOAD})"
        sql = pricing_sql(home.warehouse, calls, "price_keys_compared", "price_sets_compared")
        [row] = rows(marts, _PRICED.format(sql=sql), {**named, "provider": provider, "model_id": model_id})
        found[provider, model_id] = (row["cost_usd"], row["unpriced_calls"])
    return found


_WORKLOAD = "feature_id = $feature and usage_date >= $month and usage_date < $end"
_MEASURED = f"""
    select
        count(*) as calls,
        count(distinct task_id) as tasks,
        count(*) filter (where is_last_attempt) as requests,
        sum(effective_cost_usd) as cost_usd,
        count(*) filter (where effective_cost_usd is null) as unpriced_calls,
        quantile_cont(latency_seconds, 0.95)::decimal(18, 3) as latency_p95_seconds
    from fct_usage
    where {_WORKLOAD}
"""
_JUDGED = """
    select count(*) filter (where is_resolved) as correct, count(*) as judged
    from fct_tasks
    where feature_id = $feature and ended_date >= $month and ended_date < $end and is_outcome_known
"""
_PRICED = """
    select
        coalesce(sum(contracted_cost_usd), 0) as cost_usd,
        count(*) - count(contracted_cost_usd) as unpriced_calls
    from ({sql})
"""
