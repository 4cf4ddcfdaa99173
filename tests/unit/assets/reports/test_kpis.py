"""Headline figures: pooled, never averaged ratios; moves in words; the band of the tenant jackknife."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from assets.reports.kpis import MEASURES, Parts, compare, headline, pooled, summary, task_trend

WEEK = date(2026, 11, 9)
BY_KEY = {measure.key: measure for measure in MEASURES}


def only_cost(costs: Parts) -> dict[str, Parts]:
    nothing: dict[str, Parts] = {measure.key: {} for measure in MEASURES}
    return nothing | {"cost_usd": costs}


def weeks_back(number: int) -> date:
    return WEEK - timedelta(days=7 * number)


def test_an_average_of_weeks_is_sum_over_sum() -> None:
    # 1/10 and 90/100: the mean of the ratios would be 0.5, of the sums 91/110
    series = {weeks_back(1): (Decimal(1), Decimal(10)), weeks_back(2): (Decimal(90), Decimal(100))}
    assert pooled(series, list(series)) == Decimal(91) / Decimal(110)


def test_a_ratio_without_denominator_is_none() -> None:
    assert pooled({WEEK: (Decimal(3), Decimal(0))}, [WEEK]) is None
    assert pooled({}, [WEEK]) is None


@pytest.mark.parametrize(
    ("key", "value", "before", "text", "word"),
    [
        ("cost_usd", "110", "100", "+10.0%", "worse"),
        ("cost_usd", "90", "100", "−10.0%", "better"),
        ("cost_per_resolved_task_usd", "0.099", "0.1", "−1.0%", "better"),
        ("cache_hit_rate", "0.53", "0.507", "+2.3 pp", "better"),
        ("resolved_rate", "0.70", "0.75", "−5.0 pp", "worse"),
        ("unattributed_share", "0.05", "0.02", "+3.0 pp", "worse"),
        ("cost_usd", "100.04", "100", "no change", ""),
        ("inference_margin", "0.8004", "0.8", "no change", ""),
    ],
)
def test_a_move_has_a_word_beside_its_colour(key: str, value: str, before: str, text: str, word: str) -> None:
    change = compare(BY_KEY[key], Decimal(value), Decimal(before), "week before")
    assert (change.text, change.word) == (text, word)
    assert bool(change.arrow) == bool(word)


def test_a_move_from_nothing_says_why_there_is_none() -> None:
    change = compare(BY_KEY["cost_usd"], Decimal(5), None, "week before")
    assert (change.text, change.reason) == ("–", "nothing to compare with: no cost in this week (week before)")


def test_the_four_week_average_leaves_the_week_itself_out() -> None:
    costs = {weeks_back(n): (Decimal(100 + n), Decimal(1)) for n in range(6)}
    parts = only_cost(costs)
    cost = headline(parts, WEEK)[0]
    assert cost.changes[1].against == "4-week avg"
    assert cost.changes[1].text == "−2.4%"  # 100 against (101 + 102 + 103 + 104) / 4


def test_fewer_weeks_are_named() -> None:
    costs = {weeks_back(n): (Decimal(100), Decimal(1)) for n in range(3)}
    parts = only_cost(costs)
    assert headline(parts, WEEK)[0].changes[1].against == "2-week avg"


def test_summary_says_what_there_is_and_nothing_else() -> None:
    costs = {WEEK: (Decimal("12.50"), Decimal(1))}
    parts = only_cost(costs)
    assert summary(headline(parts, WEEK), 0, 0) == "Inference cost $12.50."


def test_band_is_two_standard_errors_of_the_tenant_jackknife() -> None:
    tasks = [
        {"week_start": WEEK, "tenant_id": str(n), "outcome_known_cost_usd": Decimal(cost), "resolved_tasks": 10}
        for n, cost in enumerate((1, 2, 3))
    ]
    (point,) = task_trend(tasks, [WEEK])
    # leaving one out: 5/20, 4/20, 3/20; their mean 0.2; variance 2/3 * (0.05^2 + 0.05^2) = 1/300
    assert point.value == Decimal("0.2")
    assert point.low == pytest.approx(0.2 - 2 * (1 / 300) ** 0.5)
    assert point.high == pytest.approx(0.2 + 2 * (1 / 300) ** 0.5)


def test_two_tenants_have_no_band() -> None:
    tasks = [
        {"week_start": WEEK, "tenant_id": n, "outcome_known_cost_usd": Decimal(1), "resolved_tasks": 10} for n in "ab"
    ]
    (point,) = task_trend(tasks, [WEEK])
    assert (point.low, point.high) == (None, None)
