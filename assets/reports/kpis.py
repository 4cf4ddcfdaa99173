"""The headline figures: each a numerator and a denominator a week, so that averages are of sums and never of ratios."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from assets.reports import text

Row = Mapping[str, Any]
Parts = dict[date, tuple[Decimal, Decimal]]
Kind = Literal["usd", "unit_usd", "share"]
WEEK = timedelta(days=7)
# Below 0.05 percent or points a move is noise of rounding to one decimal.
NO_CHANGE = Decimal("0.0005")
ZERO = Decimal(0)
UP, DOWN = "\N{BLACK UP-POINTING TRIANGLE}", "\N{BLACK DOWN-POINTING TRIANGLE}"


@dataclass(frozen=True)
class Measure:
    """What a headline figure is and which way is good."""

    key: str
    label: str
    kind: Kind
    lower_is_better: bool
    absent: str


@dataclass(frozen=True)
class Change:
    """A move against an earlier value, in words; `css` is better, worse or same."""

    against: str
    text: str
    arrow: str
    word: str
    css: str
    reason: str = ""


@dataclass(frozen=True)
class Kpi:
    measure: Measure
    value: Decimal | None
    changes: tuple[Change, ...]
    note: str = ""

    @property
    def text(self) -> str:
        return write(self.value, self.measure.kind) if self.value is not None else text.NONE

    @property
    def number(self) -> Decimal | float | None:
        """Money stays exact; a ratio is a double, as in the marts."""
        is_money = self.measure.key.endswith("_usd")
        return self.value if self.value is None or is_money else float(self.value)


MEASURES = (
    Measure("cost_usd", "Inference cost", "usd", True, "no cost in this week"),
    Measure("cost_per_resolved_task_usd", "Cost per resolved task", "unit_usd", True, "no task was resolved"),
    Measure("cost_per_revenue_dollar", "Cost per revenue dollar", "unit_usd", True, "no revenue in this week"),
    Measure("inference_margin", "Inference margin", "share", False, "no revenue in this week"),
    Measure("cache_hit_rate", "Cache hit rate", "share", False, "no input to a model with a prompt cache"),
    Measure("resolved_rate", "Resolved rate", "share", False, "no task ended with a known outcome"),
    Measure("batch_share", "Batch share of cost", "share", False, "no cost in this week"),
    Measure("unattributed_share", "Unattributed share", "share", True, "no cost in this week"),
)
# Whatever is of a tenant or product has an owner.
OWNED_MEASURES = MEASURES[:-1]


def weekly_parts(
    costs: Sequence[Row], tasks: Sequence[Row], revenue: Sequence[Row], cache: Sequence[Row], batch: Sequence[Row]
) -> dict[str, Parts]:
    """Numerator and denominator of each measure by week."""
    cost = {row["week_start"]: row["cost_usd"] for row in costs}
    by_week: dict[date, list[Decimal]] = {}
    for row in tasks:
        sums = by_week.setdefault(row["week_start"], [ZERO, ZERO, ZERO])
        sums[0] += row["outcome_known_cost_usd"]
        sums[1] += row["resolved_tasks"]
        sums[2] += row["outcome_known_tasks"]
    on_batch = {row["week_start"]: row["batch_usd"] for row in batch}
    return {
        "cost_usd": {week: (amount, Decimal(1)) for week, amount in cost.items()},
        "cost_per_resolved_task_usd": {week: (sums[0], sums[1]) for week, sums in by_week.items()},
        "cost_per_revenue_dollar": {r["week_start"]: (r["cogs_cost_usd"], r["revenue_usd"]) for r in revenue},
        "inference_margin": {
            r["week_start"]: (r["revenue_usd"] - r["cogs_cost_usd"], r["revenue_usd"]) for r in revenue
        },
        "cache_hit_rate": {
            r["week_start"]: (Decimal(r["cache_read_tokens"]), Decimal(r["total_input_tokens"])) for r in cache
        },
        "resolved_rate": {week: (sums[1], sums[2]) for week, sums in by_week.items()},
        "batch_share": {week: (on_batch.get(week, ZERO), amount) for week, amount in cost.items()},
        "unattributed_share": {r["week_start"]: (r["unattributed_usd"], r["cost_usd"]) for r in costs},
    }


def headline(
    parts: Mapping[str, Parts],
    week: date,
    notes: Mapping[str, str] | None = None,
    measures: Sequence[Measure] = MEASURES,
) -> list[Kpi]:
    """Each measure in the week, against the week before and the four weeks before, with a note where there is one."""
    result = []
    for measure in measures:
        series = parts[measure.key]
        value = pooled(series, [week])
        before = pooled(series, [week - WEEK])
        earlier = [week - WEEK * n for n in range(1, 5) if week - WEEK * n in series]
        against = f"{len(earlier) or 4}-week avg"
        result.append(
            Kpi(
                measure=measure,
                value=value,
                changes=(
                    compare(measure, value, before, "week before"),
                    compare(measure, value, pooled(series, earlier), against),
                ),
                note=(notes or {}).get(measure.key, ""),
            )
        )
    return result


def pooled(series: Parts, chosen: Sequence[date]) -> Decimal | None:
    """Sum over sum; None where nothing is known or the denominator is not above 0."""
    known = [series[week] for week in chosen if week in series]
    denominator = sum((part[1] for part in known), ZERO)
    return sum((part[0] for part in known), ZERO) / denominator if denominator > 0 else None


def compare(measure: Measure, value: Decimal | None, before: Decimal | None, against: str) -> Change:
    if value is None or before is None or (measure.kind != "share" and before == 0):
        reason = measure.absent if value is None else f"nothing to compare with: {measure.absent} ({against})"
        return Change(against, text.NONE, "", "", "same", reason)
    move = value - before if measure.kind == "share" else value / before - 1
    if abs(move) < NO_CHANGE:
        return Change(against, "no change", "", "", "same")
    written = text.points_signed(move) if measure.kind == "share" else text.percent_signed(move)
    is_better = (move < 0) == measure.lower_is_better
    return Change(
        against=against,
        text=written,
        arrow=UP if move > 0 else DOWN,
        word="better" if is_better else "worse",
        css="better" if is_better else "worse",
    )


def write(value: Decimal, kind: Kind) -> str:
    if kind == "usd":
        return text.usd(value)
    return text.unit_usd(value) if kind == "unit_usd" else text.percent(value)


def summary(kpis: Sequence[Kpi], resolved: int, resolved_before: int) -> str:
    """The week in a few sentences, for people who read no further."""
    by_key = {kpi.measure.key: kpi for kpi in kpis}
    cost, task, dollar = by_key["cost_usd"], by_key["cost_per_resolved_task_usd"], by_key["cost_per_revenue_dollar"]
    sentences = [f"Inference cost {cost.text}{_moved(cost.changes[0])}."]
    if task.value is not None:
        growth = Decimal(resolved) / resolved_before - 1 if resolved_before else ZERO
        volume = f" ({text.percent_signed(growth)})" if abs(growth) >= NO_CHANGE else ""
        sentences.append(
            f"{text.plural(resolved, 'task was', 'tasks were')} resolved{volume}, at {task.text} "
            f"each{_moved(task.changes[0])}."
        )
    if dollar.value is not None:
        sentences.append(f"Every dollar of revenue took {dollar.text} of inference.")
    unattributed = by_key.get("unattributed_share")
    if unattributed and unattributed.value is not None:
        sentences.append(f"{unattributed.text} of the cost is unattributed.")
    return " ".join(sentences)


def _moved(change: Change) -> str:
    if change.reason:
        return ""
    if not change.arrow:
        return ", the same as the week before"
    return f", {change.text.lstrip('+' + text.MINUS)} {'more' if change.arrow == UP else 'less'} than the week before"


@dataclass(frozen=True)
class TrendPoint:
    """One week of cost per resolved task; the band is None where it cannot be told."""

    week: date
    value: Decimal | None
    low: float | None
    high: float | None
    resolved: int


def task_trend(tasks: Sequence[Row], shown: Sequence[date]) -> list[TrendPoint]:
    """Cost per resolved task by week, with two standard errors of the tenant jackknife on either side.

    The ratio's noise is between tenants: leaving one out at a time shows how much of it hangs on a single one.
    """
    points = []
    for week in shown:
        cells = [(r["outcome_known_cost_usd"], r["resolved_tasks"]) for r in tasks if r["week_start"] == week]
        cost, resolved = sum((c for c, _ in cells), ZERO), sum(n for _, n in cells)
        value = cost / resolved if resolved else None
        low, high = _jackknife(cells, cost, resolved) if value is not None else (None, None)
        points.append(TrendPoint(week, value, low, high, resolved))
    return points


def _jackknife(cells: Sequence[tuple[Decimal, int]], cost: Decimal, resolved: int) -> tuple[float | None, float | None]:
    left_out = [float((cost - c) / (resolved - n)) for c, n in cells if resolved > n]
    if len(left_out) < 3:
        return None, None
    mean = sum(left_out) / len(left_out)
    variance = (len(left_out) - 1) / len(left_out) * sum((value - mean) ** 2 for value in left_out)
    ratio = float(cost / resolved)
    error: float = 2 * variance**0.5
    return max(0.0, ratio - error), ratio + error
