"""What the business knows: tasks and their outcomes, revenue by service period, who was active."""

from collections.abc import Iterable
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl

from examples.company.catalog import (
    END_MS,
    FEATURES,
    FIRST_DAY,
    MONDAYS,
    MONTHS,
    PLAN_PRODUCTS,
    START_MS,
    TENANTS,
    Tenant,
)
from examples.company.invoices import usd_per_eur
from examples.company.shapes import random_stream
from examples.company.tables import csv_text
from examples.company.workload import DAY_MS

TASK_COLUMNS = [
    "task_id", "tenant_id", "feature_id", "task_type", "started_at", "ended_at", "outcome", "reopened_at",
]  # fmt: skip
REVENUE_COLUMNS = [
    "revenue_id", "tenant_id", "product_id", "plan", "type", "service_from", "service_to", "amount_ex_tax", "currency",
]  # fmt: skip
ABANDONED, UNKNOWN, REOPENED = 0.06, 0.05, 0.02
# Cost over revenue a plan is priced for, and the tenant whose price no longer fits.
COST_SHARE = {"enterprise": 0.10, "business": 0.13, "team": 0.22}
MISPRICED = {"harbor-freight": 0.38, "kestrel-games": 0.12}
PRODUCT_WEIGHTS = {"assistant": 0.35, "coding": 0.35, "insights": 0.20, "inbox": 0.10}
USD_PER_RESEARCH = 0.35
CREDIT_NOTE_TENANT = "brightmart"
WEEK_MS = 7 * DAY_MS


def write(landing: Path, seed: int, calls: pl.DataFrame) -> None:
    """Write business/tasks, business/active_users and business/revenue."""
    for table in ("tasks", "active_users", "revenue"):
        (landing / "business" / table).mkdir(parents=True)
    _write_tasks(landing / "business" / "tasks", seed, calls)
    _write_active_users(landing / "business" / "active_users", calls)
    for first, end in MONTHS:
        text = csv_text(REVENUE_COLUMNS, _revenue(calls, first, end))
        (landing / "business" / "revenue" / f"revenue_{first}.csv").write_text(text)


def _write_tasks(folder: Path, seed: int, calls: pl.DataFrame) -> None:
    tasks = _tasks(seed, calls)
    moments = [pl.col(c).pipe(_stamp).alias(c.replace("_ms", "_at")) for c in ("started_ms", "ended_ms", "reopened_ms")]
    started, ended, reopened = (pl.col(f"{name}_ms") for name in ("started", "ended", "reopened"))
    opened = tasks.filter(ended.is_null() | (started // WEEK_MS != ended // WEEK_MS)).with_columns(
        (started - START_MS).alias("told"), *(pl.lit(None, t).alias(n) for n, t in _UNTOLD)
    )
    closed = tasks.filter(ended.is_not_null()).with_columns(
        (ended - START_MS).alias("told"), pl.lit(None, pl.Int64).alias("reopened_ms")
    )
    again = tasks.filter(reopened.is_not_null()).with_columns((reopened - START_MS).alias("told"))
    told = pl.concat([opened, closed.select(opened.columns), again.select(opened.columns)]).sort("told", "task_id")
    for week, monday in enumerate(MONDAYS):
        rows = told.filter(pl.col("told") // WEEK_MS == week).with_columns(moments).select(TASK_COLUMNS)
        (folder / f"tasks_{monday}.csv").write_text(csv_text(TASK_COLUMNS, rows.rows()))


_UNTOLD = (("ended_ms", pl.Int64), ("outcome", pl.String), ("reopened_ms", pl.Int64))


def _stamp(column: pl.Expr) -> pl.Expr:
    return pl.from_epoch(column, time_unit="ms").dt.strftime("%Y-%m-%dT%H:%M:%S%.3fZ")


def _tasks(seed: int, calls: pl.DataFrame) -> pl.DataFrame:
    """One row per task as it ended; without an end when nobody closed it before the data ends."""
    rng = random_stream(seed, "tasks")
    tasks = (
        calls.filter(pl.col("task") >= 0)
        .group_by("task")
        .agg(
            pl.col("task_id", "tenant_id", "feature_id").first(),
            pl.col("started_ms").min(),
            last_ms=pl.col("ended_ms").max(),
        )
        .sort("task")
    )
    count = tasks.height
    ended = tasks["last_ms"].to_numpy() + rng.integers(5_000, 900_000, count)
    resolved = tasks["feature_id"].replace_strict({f.feature_id: f.resolved for f in FEATURES}).to_numpy()
    chance = rng.random(count)
    is_resolved = rng.random(count) < resolved
    outcome = np.where(chance < UNKNOWN, "unknown", np.where(is_resolved, "resolved", "unresolved"))
    is_open = (chance >= 1 - ABANDONED) | (ended >= END_MS)
    reopened = ended + rng.integers(3_600_000, 6 * DAY_MS, count)
    is_reopened = (outcome == "resolved") & ~is_open & (rng.random(count) < REOPENED) & (reopened < END_MS)
    return tasks.with_columns(
        pl.Series("ended_ms", ended),
        pl.Series("outcome", outcome),
        pl.Series("reopened_ms", reopened),
        pl.Series("is_open", is_open),
        pl.Series("is_reopened", is_reopened),
        task_type=pl.col("feature_id").replace_strict({f.feature_id: f.task_type for f in FEATURES}),
    ).with_columns(
        ended_ms=pl.when("is_open").then(None).otherwise("ended_ms"),
        outcome=pl.when("is_open").then(None).otherwise("outcome"),
        reopened_ms=pl.when("is_reopened").then("reopened_ms"),
    )


def _write_active_users(folder: Path, calls: pl.DataFrame) -> None:
    active = (
        calls.filter((pl.col("user") != "") & (pl.col("environment") == "prod"))
        .select("day", "tenant_id", "product_id", "user")
        .unique()
        .sort("day", "tenant_id", "product_id", "user")
    )
    for week, monday in enumerate(MONDAYS):
        rows = active.filter(pl.col("day") // 7 == week).rows()
        text = csv_text(
            ["activity_date", "tenant_id", "product_id", "user_id"],
            ((FIRST_DAY + timedelta(days=day), *rest) for day, *rest in rows),
        )
        (folder / f"active_users_{monday}.csv").write_text(text)


def _revenue(calls: pl.DataFrame, first: date, end: date) -> list[tuple[object, ...]]:
    """Subscriptions of the month for each product, usage by day, and one credit note."""
    costs = dict(calls.group_by("tenant_id").agg(pl.col("cost_pico").sum()).rows())
    rows: list[tuple[object, ...]] = []
    for tenant in (t for t in TENANTS if t.plan != "free"):
        share = MISPRICED.get(tenant.tenant_id, COST_SHARE[tenant.plan])
        monthly = costs.get(tenant.tenant_id, 0) / 1e12 / len(MONDAYS) * 30.4 / 7 / share
        products = PLAN_PRODUCTS[tenant.plan]
        whole = sum(PRODUCT_WEIGHTS[p] for p in products)
        days_in_month = (end - end.replace(day=1)).days or (end - timedelta(days=1)).day
        part = (end - first).days / days_in_month
        for product in products:
            usd = max(5, round(monthly * PRODUCT_WEIGHTS[product] / whole)) * part
            name = f"sub-{tenant.tenant_id}-{product}-{first:%Y%m}"
            rows.append(_line(tenant, product, name, "subscription", (first, end - timedelta(days=1)), usd))
    rows += _usage_revenue(calls, first, end)
    if first == date(2026, 10, 1):
        tenant = next(t for t in TENANTS if t.tenant_id == CREDIT_NOTE_TENANT)
        span = (date(2026, 9, 21), date(2026, 9, 27))
        rows.append(_line(tenant, "assistant", "cn-brightmart-0927", "credit_note", span, -12.50))
    return rows


def _usage_revenue(calls: pl.DataFrame, first: date, end: date) -> Iterable[tuple[object, ...]]:
    low, high = (first - FIRST_DAY).days, (end - FIRST_DAY).days
    enterprise = {t.tenant_id: t for t in TENANTS if t.plan == "enterprise"}
    research = (
        calls.filter(
            (pl.col("feature_id") == "deep_research")
            & pl.col("tenant_id").is_in(sorted(enterprise))
            & pl.col("day").is_between(low, high - 1)
        )
        .group_by("day", "tenant_id")
        .agg(pl.col("task").n_unique())
        .sort("day", "tenant_id")
    )
    for day, tenant_id, tasks in research.rows():
        on = FIRST_DAY + timedelta(days=day)
        name = f"use-{tenant_id}-research-{on:%Y%m%d}"
        yield _line(enterprise[tenant_id], "insights", name, "usage", (on, on), tasks * USD_PER_RESEARCH)


def _line(
    tenant: Tenant, product: str, name: str, kind: str, span: tuple[date, date], usd: float
) -> tuple[object, ...]:
    amount = usd / usd_per_eur(span[0]) if tenant.currency == "EUR" else usd
    return (name, tenant.tenant_id, product, tenant.plan, kind, *span, f"{amount:.2f}", tenant.currency)
