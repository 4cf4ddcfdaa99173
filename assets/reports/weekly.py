"""The weekly unit-economics report: reads the published marts, writes one self-contained HTML file, PDF, XLSX and CSV.

No script, nothing fetched when opened. The same marts and the same meta give the same bytes.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from duckdb import DuckDBPyConnection
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from assets.marts import UNATTRIBUTED
from assets.reports import (
    change,
    charts,
    document,
    economics,
    forecast,
    governance,
    ledger_tables,
    planning,
    queries,
    savings,
    tables,
    text,
)
from assets.reports.audience import COMPANY, Audience
from assets.reports.kpis import MEASURES, OWNED_MEASURES, Kpi, headline, summary, task_trend, weekly_parts
from assets.reports.scoped_marts import open_for
from assets.reports.status import DataStatus, audience_status, data_status
from sources.settings.models import Limits

FILE_NAME, PDF_NAME, XLSX_NAME, CSV_NAME = "weekly.html", "weekly.pdf", "weekly.xlsx", "weekly.csv"
WEEK = timedelta(days=7)
ZERO = Decimal(0)
# The style sheet has this many colours that can be told apart; the rest is one series that says how many it holds.
MODELS_SHOWN = 7
# Tenants beyond these make the chart unreadable; the table has them all.
TENANT_BARS = 20


class ReportError(Exception):
    """The report cannot be written for what was asked."""


class NoRowsError(ReportError):
    """The tenant or product has no row in the week."""


@dataclass(frozen=True)
class ReportMeta:
    """Where the figures come from, printed in the footer."""

    run_id: str
    code_version: str
    price_book_version: str
    data_version: str


@dataclass(frozen=True)
class WeeklyReport:
    path: Path
    kpis: dict[str, Decimal | float | None]
    week_start: date


def write_weekly_report(
    marts: Path,
    out_dir: Path,
    week: str | date,
    meta: ReportMeta,
    limits: Limits | None = None,
    audience: Audience = COMPANY,
) -> WeeklyReport:
    """Write `out_dir`/weekly.html for the week ('2026-W46' or its Monday) and give its headline figures.

    Beside it go the same figures as weekly.pdf, weekly.xlsx and weekly.csv. All of them hold the rows of `audience`
    only; NoRowsError where it has none in the week.
    """
    week_start = monday(week)
    with open_for(marts, audience) as connection:
        available = queries.weeks(connection)
        if week_start not in available:
            raise _no_such_week(marts, week_start, available, audience)
        kpis, page = _page(connection, week_start, available, limits or Limits(), audience)
    page |= {"meta": meta, "week_start": week_start}
    html = environment().get_template("weekly.html.j2").render(page | _style())
    written = {
        PDF_NAME: document.to_pdf(page),
        XLSX_NAME: document.to_xlsx(page),
        CSV_NAME: document.to_long_csv(page),
        # last: where it stands, the report is there
        FILE_NAME: html.encode(),
    }
    out_dir.mkdir(parents=True, exist_ok=True)
    for name, content in written.items():
        temporary = out_dir / f"{name}.tmp"
        temporary.write_bytes(content)
        temporary.replace(out_dir / name)
    return WeeklyReport(out_dir / FILE_NAME, {kpi.measure.key: kpi.number for kpi in kpis}, week_start)


def monday(week: str | date) -> date:
    """The Monday of '2026-W46', of '2026-11-09' or of a date; ReportError where it is none."""
    if isinstance(week, datetime):
        week = week.date()
    if isinstance(week, str):
        try:
            week = date.fromisoformat(week)
        except ValueError as error:
            raise ReportError(f"week: found {week!r}, allowed is an ISO week such as 2026-W46") from error
    if week.weekday() != 0:
        raise ReportError(f"week: {week} is a {week:%A}, allowed is a Monday or an ISO week such as 2026-W46")
    return week


def _no_such_week(marts: Path, week: date, available: Sequence[date], audience: Audience) -> ReportError:
    if not available and not audience.id:
        return ReportError(f"{marts}: no week has any cost; run `inferledger run` after files have landed")
    said = f"{marts}: no data{f' of {audience}' if audience.id else ''} for {text.week_label(week)}"
    if not available:
        return NoRowsError(f"{said}, nor for any other week")
    first, last = text.week_label(available[0]), text.week_label(available[-1])
    error = NoRowsError if audience.id else ReportError
    return error(f"{said}; available are {text.plural(len(available), 'week')} from {first} to {last}")


def _page(
    marts: DuckDBPyConnection, week: date, available: Sequence[date], limits: Limits, audience: Audience
) -> tuple[list[Kpi], dict[str, Any]]:
    """Everything the template prints, and the headline figures."""
    shown = [past for past in available if past <= week][-queries.WEEKS_SHOWN :]
    costs = queries.cost_by_week(marts)
    tasks = queries.tasks_by_week_and_tenant(marts)
    revenue = queries.revenue_by_week(marts)
    parts = weekly_parts(costs, tasks, revenue, queries.cache_by_week(marts), queries.batch_by_week(marts))
    kpis = headline(parts, week, _notes(revenue, week), OWNED_MEASURES if audience.id else MEASURES)
    cost_row = next(row for row in costs if row["week_start"] == week)
    unattributed = next((kpi.value for kpi in kpis if kpi.measure.key == "unattributed_share"), None)
    status = (
        audience_status(marts, week, cost_row, limits)
        if audience.id
        else data_status(marts, week, cost_row, unattributed, limits)
    )
    resolved = [sum(r["resolved_tasks"] for r in tasks if r["week_start"] == past) for past in (week, week - WEEK)]
    names = queries.feature_names(marts)
    bridge = queries.task_bridge(marts, week)
    moved = queries.cost_change(marts, week)
    page = {
        "audience": audience,
        "audience_name": queries.audience_name(marts, audience.kind, audience.id) if audience.id else "",
        "shown": {section.name for section in document.sections_for(audience)},
        "week_label": text.week_label(week),
        "week_span": text.week_span(week),
        "weeks_shown": len(shown),
        "kpis": kpis,
        "summary": summary(kpis, *resolved),
        "data_through": _through(status, week),
        "status": status,
        "trend": task_trend(tasks, shown),
        "bridge": ledger_tables.bridge_table(bridge, cost_row["cost_usd"]),
        "task_counts": bridge,
        "hidden": ledger_tables.hidden_cost_table(queries.hidden_costs(marts), week),
        "cache": tables.cache_table(queries.cache_by_feature_and_model(marts, week), names),
        "models": tables.model_table(queries.models(marts, week)),
        "change": change.effects_table(moved),
        "movers": change.movers_table(queries.movers(marts, week)),
        **_features(marts, week),
        **_steering(marts, week),
    }
    drawn = {
        "task": charts.cost_per_resolved_task(page["trend"]),
        "models": charts.cost_by_model(shown, _model_series(queries.model_history(marts), shown)),
        "cache": _cache_heat(queries.cache_by_feature_and_week(marts), shown, names),
        "change": change.waterfall(moved),
    }
    if audience.kind != "tenant":
        bars, tenants = _tenants(marts, week, shown)
        ahead = queries.forecast(marts, audience.kind)
        page |= {
            "forecast": forecast.months_table(ahead),
            "forecast_words": forecast.in_words(ahead),
            **tenants,
            "quality": economics.quality_table(queries.answer_quality(marts, week)),
            "savings": savings.savings_table(queries.savings(marts, week)),
        }
        months = [row for row in queries.months_of_cost(marts) if row["scope"] == audience.kind]
        drawn |= {
            "revenue": charts.cost_per_revenue_dollar(bars) if bars else "",
            "forecast": forecast.months_chart(months),
        }
    if audience.kind == "company":
        decisions, decision_charts = _decisions(marts, week)
        page |= {
            **decisions,
            "accounts": ledger_tables.account_table(status.accounts),
            "invoices": ledger_tables.invoice_table(status.invoices),
        }
        drawn |= decision_charts
    return kpis, page | {"charts": drawn}


def _notes(revenue: Sequence[queries.Row], week: date) -> dict[str, str]:
    """The margin stands before promotional credits, which run out one day; where there are any, it says so."""
    row = next((row for row in revenue if row["week_start"] == week), None)
    if row is None or row["revenue_usd"] <= 0 or not row["credit_offset_usd"]:
        return {}
    after = 1 - (row["cogs_cost_usd"] + row["credit_offset_usd"]) / row["revenue_usd"]
    return {"inference_margin": f"{text.percent(after)} after {text.usd(-row['credit_offset_usd'])} of credits"}


def _through(status: DataStatus, week: date) -> date:
    return min(status.data_through or week, week + timedelta(days=6))


def _tenants(
    marts: DuckDBPyConnection, week: date, shown: Sequence[date]
) -> tuple[list[charts.BandBar], dict[str, Any]]:
    rows = queries.tenants(marts, week)
    revenue = {row["tenant_id"]: row for row in queries.revenue_by_tenant(marts, week)}
    history: dict[str, dict[date, Decimal]] = {}
    for row in queries.tenant_history(marts):
        history.setdefault(row["tenant_id"], {})[row["week_start"]] = row["total_cost_usd"]
    named = [(row["tenant_name"], tables.revenue_ratio(revenue.get(row["tenant_id"]))) for row in rows]
    bars = [charts.BandBar(name, value, tables.band(value)) for name, value in named if value is not None]
    return sorted(bars, key=lambda bar: (-bar.value, bar.name))[:TENANT_BARS], {
        "tenants": tables.tenant_table(rows, revenue, history, shown),
        "without_revenue": [name for name, value in named if value is None],
    }


def _features(marts: DuckDBPyConnection, week: date) -> dict[str, Any]:
    tasks = {row["feature_id"]: row for row in queries.tasks_by_feature(marts, week)}
    cache = {
        row["feature_id"]: tables.hit_rate(row)
        for row in queries.cache_by_feature_and_week(marts)
        if row["week_start"] == week
    }
    return {"features": tables.feature_table(queries.features(marts, week), tasks, cache)}


def _steering(marts: DuckDBPyConnection, week: date) -> dict[str, Any]:
    budgets = queries.budgets(marts, week)
    return {
        "anomalies": planning.anomaly_table(queries.anomalies(marts, week)),
        "budgets": planning.budget_table(budgets),
        "budget_day": budgets[0]["usage_date"] if budgets else None,
    }


def _decisions(marts: DuckDBPyConnection, week: date) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the company's page prints of rules, own GPUs and the months ahead, and their charts."""
    planned = queries.plan_actual(marts)
    break_even, capacity = queries.break_even(marts, week), queries.capacity(marts, week)
    ownership = queries.cost_of_ownership(marts, week)
    architectures = queries.architectures(marts, week)
    page = {
        "violations": governance.violations_table(queries.policy_violations(marts, week)),
        "rate_limits": governance.limits_table(queries.rate_limits(marts, week)),
        "coverage": governance.coverage_table(queries.attribution_coverage(marts, week)),
        "contracts": economics.contracts_table(queries.dear_contracts(marts, week)),
        "plans": economics.plans_table(queries.plans(marts, week)),
        "gpu": ledger_tables.gpu_table(queries.gpu_nodes(marts, week)),
        "forecast_products": forecast.products_table(queries.forecast_products(marts)),
        "replan": forecast.replan_table(queries.replan_flags(marts)),
        "plan": forecast.plan_table(planned),
        "planned_on": planned[0]["planned_on"] if planned else None,
        "selfhost": planning.break_even_table(break_even),
        "selfhost_month": break_even[0]["month_start"] if break_even else None,
        "verdicts": planning.verdicts(break_even),
        "capacity": planning.capacity_table(capacity),
        "tco": planning.ownership_table(ownership),
        "tco_month": ownership[0]["month_start"] if ownership else None,
        "architectures": planning.architecture_table(architectures),
        "architectures_month": architectures[0]["month_start"] if architectures else None,
        "token_bill_share": planning.token_bill_share(ownership),
    }
    drawn = {
        "gpu": _gpu_heat(queries.gpu_hours(marts, week)),
        "selfhost": planning.break_even_chart(break_even),
        "capacity": planning.capacity_chart(capacity),
        "tco": planning.ownership_chart(ownership),
    }
    return page, drawn


def _model_series(rows: Sequence[queries.Row], shown: Sequence[date]) -> dict[str, dict[date, Decimal]]:
    """Cost by week of each provider's model, the largest first; small ones and charges without a model are folded."""
    series: dict[str, dict[date, Decimal]] = {}
    for row in rows:
        if row["week_start"] in shown:
            is_rest = row["model"] == UNATTRIBUTED
            name = "" if is_rest else f"{row['service_provider']} {row['model']}"
            weeks = series.setdefault(name, {})
            weeks[row["week_start"]] = weeks.get(row["week_start"], ZERO) + row["cost_usd"]
    without_model = series.pop("", {})
    ranked = sorted(series, key=lambda name: (-sum(series[name].values(), ZERO), name))
    rest = [series[name] for name in ranked[MODELS_SHOWN:]]
    folded = {past: sum((weeks.get(past, ZERO) for weeks in [*rest, without_model]), ZERO) for past in shown}
    label = f"other: {text.plural(len(rest), 'small model')} and no model" if rest else "other: no model"
    result = {name: series[name] for name in ranked[:MODELS_SHOWN]}
    return result | {label: folded} if any(folded.values()) else result


def _cache_heat(rows: Sequence[queries.Row], shown: Sequence[date], names: dict[str, str]) -> Any:
    rates = {(row["feature_id"], row["week_start"]): tables.hit_rate(row) for row in rows if row["week_start"] in shown}
    features = sorted({feature for feature, _ in rates}, key=lambda f: (f == UNATTRIBUTED, names.get(f, f)))
    cells = [
        charts.HeatCell(
            names.get(feature, feature),
            text.short_day(past),
            rate := rates.get((feature, past)),
            f"{names.get(feature, feature)}, week of {text.short_day(past)}: "
            + ("no cacheable input" if rate is None else text.percent(rate)),
        )
        for feature in features
        for past in shown
    ]
    return (
        charts.heat_map("cache", "Cache hit rate by feature and week", cells, [0.15, 0.3, 0.55, 0.8]) if cells else ""
    )


def _gpu_heat(rows: Sequence[queries.Row]) -> Any:
    cells = [
        charts.HeatCell(
            f"{row['usage_date']:%a} {text.short_day(row['usage_date'])}",
            f"{row['hour']:02d}",
            share := (row["busy_seconds"] / row["provisioned_seconds"] if row["provisioned_seconds"] else None),
            f"{row['usage_date']:%a} {row['hour']:02d}:00 UTC: "
            + ("nothing provisioned" if share is None else f"{text.percent(share)} busy"),
        )
        for row in rows
    ]
    summary_ = "GPU utilisation by day and hour of the week"
    return charts.heat_map("gpu", summary_, cells, [0.2, 0.4, 0.6, 0.8]) if cells else ""


@cache
def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("assets.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.policies["json.dumps_kwargs"] = {"separators": (",", ":")}
    made.filters |= {
        "day": text.day,
        "count": text.count,
        "percent": text.percent,
        "unit_usd": text.unit_usd,
        "short_day": text.short_day,
        "month": text.month,
        "listed": text.listed,
    }
    return made


def _style() -> dict[str, str]:
    """The style sheet and a policy that allows exactly it: no script, no fetch, no other style."""
    style = Markup(environment().get_template("weekly.css").render())
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return {"style": style, "policy": policy}
