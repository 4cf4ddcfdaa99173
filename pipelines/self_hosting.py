"""What the published marts say about self-hosting and capacity, and a verdict in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from assets.marts import open_marts, rows
from assets.publish import DATABASE
from assets.reports.verdicts import in_words
from sources.home import Home

Row = dict[str, Any]


class SelfHostingError(Exception):
    """There is nothing to say: no workload, or no such month."""


@dataclass(frozen=True)
class Decision:
    """A row of break_even_monthly with its crossings, and the verdict in words. `beside` is what no price decides."""

    facts: Row
    crossings: list[Row]
    words: str
    beside: list[str]


@dataclass(frozen=True)
class SelfHosting:
    """The decisions of a month; `rules_of_thumb` beside each workload's first."""

    month: date
    months: list[date]
    decisions: list[Decision]
    rules_of_thumb: list[Row]


@dataclass(frozen=True)
class HardwareCosts:
    """The catalogue at a utilisation, and what the company's own deployments cost in the last week of theirs."""

    utilisation_percent: int
    catalogue: list[Row]
    own: list[Row]


def read_self_hosting(home: Home, month: date | None = None) -> SelfHosting:
    """The decisions of a month; the last whole one the logs cover, else the last, when none is named."""
    with open_marts(home.published / DATABASE) as marts:
        known = rows(marts, "select distinct month_start, month_start < max(month_start) over () as is_over"
                     " from break_even_monthly order by month_start")  # fmt: skip
        months = [row["month_start"] for row in known]
        if not months:
            raise SelfHostingError(f"{home.config / 'self_hosting.yml'}: no workload in it has calls; see its comments")
        over = [row["month_start"] for row in known if row["is_over"]]
        chosen = month or (over or months)[-1]
        if chosen not in months:
            raise SelfHostingError(f"no calls of a workload in {chosen:%Y-%m}; there are {_names(months)}")
        found = _of_month(marts, "break_even_monthly", chosen, "workload_id, comparator_kind desc, comparator_id")
        crossings = _of_month(marts, "break_even_crossings", chosen, "workload_id, comparator_id, crossing_number")
        decisions = [_decision(row, crossings) for row in found]
        first = {row["workload_id"]: row["comparator_id"] for row in reversed(found)}
        rules = _of_month(
            marts, "rules_of_thumb_monthly", chosen, "workload_id, comparator_id, kind desc, figure, rule_id"
        )
        said = [row for row in rules if first[row["workload_id"]] == row["comparator_id"]]
        return SelfHosting(chosen, months, decisions, said)


def read_hardware(home: Home, utilisation_percent: int) -> HardwareCosts:
    """What a million tokens costs on each system of the catalogue at a utilisation, beside what the company runs."""
    own = """
        select
            week_start, deployment_id, cast(sum(gpu_cost_usd) as decimal(38, 12)) as gpu_cost_usd,
            cast(sum(total_tokens) as bigint) as tokens,
            cast(sum(gpu_cost_usd) as double) * 1000000 / nullif(sum(total_tokens), 0) as cost_per_mtok_usd,
            cast(sum(busy_gpu_seconds) as double)
                / nullif(cast(sum(provisioned_gpu_seconds) as double), 0) as utilisation
        from self_hosting_weekly
        where week_start = (select max(week_start) from self_hosting_weekly)
        group by week_start, deployment_id
        order by deployment_id
    """
    catalogue = """
        select * from hardware_costs where utilisation_percent = $percent
        order by model nulls last, hardware_id, usd_per_hour, basis
    """
    with open_marts(home.published / DATABASE) as marts:
        found = rows(marts, catalogue, {"percent": utilisation_percent})
        return HardwareCosts(utilisation_percent, found, rows(marts, own))


def read_capacity(home: Home, week: date | None = None) -> list[Row]:
    """The rows of capacity_weekly of a week; the last whole one when none is named."""
    with open_marts(home.published / DATABASE) as marts:
        known = rows(marts, "select week_start, max(covered_days) as days from capacity_weekly group by 1 order by 1")
        if not known:
            raise SelfHostingError(f"{home.config / 'self_hosting.yml'}: no workload in it has calls; see its comments")
        whole = [row["week_start"] for row in known if row["days"] == 7]
        weeks = [row["week_start"] for row in known]
        chosen = week or (whole or weeks)[-1]
        if chosen not in weeks:
            raise SelfHostingError(f"no calls of a workload in the week of {chosen}")
        sql = "select * from capacity_weekly where week_start = $week order by workload_id"
        return rows(marts, sql, {"week": chosen})


def _of_month(marts: duckdb.DuckDBPyConnection, mart: str, month: date, order: str) -> list[Row]:
    sql = f"select * from {mart} where month_start = $month order by {order}"
    return rows(marts, sql, {"month": month})


def _names(months: Sequence[date]) -> str:
    return ", ".join(f"{month:%Y-%m}" for month in months)


def _decision(row: Row, crossings: Sequence[Row]) -> Decision:
    own = [one for one in crossings if all(one[key] == row[key] for key in ("workload_id", "comparator_id"))]
    flags = [flag.replace("_", " ") for flag in (row["flags"] or "").split(", ") if flag]
    return Decision(row, own, in_words(row), flags)


def rule_in_words(row: Mapping[str, Any]) -> str:
    """Whether a rule of thumb holds here, and the company's figure beside its band."""
    if row["company_figure"] is None or row["verdict"] == "unknown":
        return "not known here"
    band = _number(row["at_least"]) + ("" if row["at_most"] is None else f" to {_number(row['at_most'])}")
    where = f"{_number(row['company_figure'])} here, {row['place']} {band}"
    if not row["is_for_the_company"]:
        return f"{where}; for another kind of company, or has_gpu_platform is not said"
    if row["holds"] is None:
        return f"{where}: in its grey zone it says nothing"
    return f"{where}: {'holds' if row['holds'] else 'does not hold'}"


def _number(value: Decimal | float) -> str:
    text = f"{value:,.2f}"
    return text.rstrip("0").rstrip(".")
