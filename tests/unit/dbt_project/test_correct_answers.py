"""What a correct answer costs, by the tasks that the business judged."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from tests.unit.dbt_project.rendered import built

WEEK = date(2026, 9, 7)
USD = pl.Decimal(26, 12)
REMEDIATION = {"feature_id": "chat", "usd_per_wrong_answer": Decimal("6.5"), "valid_from": date(2026, 9, 1),
               "valid_to": date(9999, 12, 31)}  # fmt: skip


def task(number: int, outcome: str, feature: str = "chat") -> dict[str, Any]:
    return {
        "task_id": f"{feature}{number}", "tenant_id": "acme", "feature_id": feature, "task_type": "qa",
        "ended_at": datetime(2026, 9, 8, 10), "ended_week_start": WEEK, "is_resolved": outcome == "resolved",
        "is_outcome_known": outcome != "unknown", "calls": 1, "unpriced_calls": 0, "unpriced_tokens": 0,
        "cost_usd": Decimal("0.5"),
    }  # fmt: skip


def cost_of(tasks: list[dict[str, Any]], remediation: dict[str, Any] = REMEDIATION) -> tuple[Any, Any]:
    usage: dict[str, Any] = {
        "week_start": pl.Date, "tenant_id": pl.String, "feature_id": pl.String, "task_type": pl.String,
        "task_id": pl.String, "effective_cost_usd": USD,
    }  # fmt: skip
    tables = {
        "fct_tasks": pl.DataFrame(tasks, schema_overrides={"cost_usd": USD}),
        "int_task_calls_aggregated": pl.DataFrame(
            schema={"task_id": pl.String, "week_start": pl.Date, "cost_usd": USD}
        ),
        "fct_usage": pl.DataFrame(schema=usage),
        "stg_config__tco_remediation": pl.DataFrame([remediation], schema_overrides={"usd_per_wrong_answer": USD}),
    }
    with built(tables, "int_no_task_costs_weekly", "cost_per_task_weekly") as connection:
        [row] = connection.sql(
            "select correct_answer_rate, cost_per_correct_answer_usd from cost_per_task_weekly"
        ).fetchall()
    return row[0], row[1]


def test_wrong_answers_are_paid_and_put_right() -> None:
    tasks = [task(n, "resolved" if n < 24 else "wrong" if n < 30 else "unknown") for n in range(40)]
    # 30 judged at 0.50 USD, 6 of them put right at 6.50; the ten nobody judged are in neither sum.
    p, cost = Decimal("0.8"), Decimal("0.5")
    expected = (cost + (1 - p) * Decimal("6.5")) / p
    assert cost_of(tasks) == pytest.approx((0.8, float(expected)))


def test_few_answers_and_wrong_ones_of_no_known_cost_have_no_number() -> None:
    assert cost_of([task(n, "resolved") for n in range(29)]) == (1.0, None)
    tasks = [task(n, "resolved" if n else "wrong") for n in range(30)]
    assert cost_of(tasks, REMEDIATION | {"valid_to": date(2026, 9, 8)})[1] is None
    assert cost_of(tasks, REMEDIATION | {"feature_id": "mail"})[1] is None
    # Nothing wrong needs no remediation.
    assert cost_of([task(n, "resolved", "mail") for n in range(30)]) == (1.0, 0.5)
