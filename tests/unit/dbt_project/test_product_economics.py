"""Margins by user, tenant and plan, cost against contract, free users against paying ones, and answers by model."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from tests.unit.dbt_project.rendered import built

USD = pl.Decimal(26, 12)
SEPTEMBER, OCTOBER = date(2026, 9, 1), date(2026, 10, 1)


def efficiency(
    month: date, tenant: str, product: str, plan: str, revenue: str, cost: str, cogs: str | None = None
) -> dict[str, Any]:
    return {
        "month_start": month, "tenant_id": tenant, "product_id": product, "plan": plan,
        "revenue_usd": Decimal(revenue), "effective_cost_usd": Decimal(cost), "cogs_cost_usd": Decimal(cogs or cost),
        "unpriced_calls": 1, "unpriced_tokens": 10,
    }  # fmt: skip


EFFICIENCY = [
    efficiency(SEPTEMBER, "acme", "chat", "pro", "300", "80", "60"),
    efficiency(SEPTEMBER, "acme", "search", "pro", "100", "20"),
    efficiency(SEPTEMBER, "free", "chat", "free", "0", "90"),
    efficiency(OCTOBER, "acme", "chat", "pro", "50", "70"),
    efficiency(OCTOBER, "unattributed", "unattributed", "unattributed", "0", "5"),
]


def user(day: date, tenant: str, product: str, plan: str, key: str) -> dict[str, Any]:
    return {"activity_date": day, "tenant_id": tenant, "product_id": product, "plan": plan, "user_key": key}


TABLES = {
    "revenue_efficiency_monthly": pl.DataFrame(
        EFFICIENCY, schema_overrides=dict.fromkeys(("revenue_usd", "effective_cost_usd", "cogs_cost_usd"), USD)
    ),
    # usage from 11 September to 10 October: 20 days of one month and 10 of the other
    "unit_economics_daily": pl.DataFrame(
        [
            {"usage_date": date(2026, 9, 1), "tenant_id": "acme", "calls": 0},
            {"usage_date": date(2026, 9, 11), "tenant_id": "acme", "calls": 3},
            {"usage_date": date(2026, 9, 26), "tenant_id": "free", "calls": 3},
            {"usage_date": date(2026, 10, 10), "tenant_id": "acme", "calls": 1},
        ]
    ),
    "fct_revenue": pl.DataFrame(
        [
            {"tenant_id": "acme", "type": "subscription", "service_date": day, "amount_usd": Decimal(usd)}
            for day, usd in [
                (date(2026, 9, 29), "99"),
                (date(2026, 9, 30), "10"),
                (date(2026, 9, 30), "2.5"),
                (date(2026, 10, 10), "5"),
            ]
        ]
        + [{"tenant_id": "acme", "type": "usage", "service_date": date(2026, 9, 30), "amount_usd": Decimal(7)}],
        schema_overrides={"amount_usd": USD},
    ),
    "int_revenue_lines_deduplicated": pl.DataFrame(
        [
            {"tenant_id": "acme", "type": "subscription", "service_to": date(2026, 12, 31)},
            {"tenant_id": "acme", "type": "subscription", "service_to": date(2026, 9, 30)},
            {"tenant_id": "acme", "type": "credit_note", "service_to": date(2027, 12, 31)},
        ]
    ),
    "int_active_users_deduplicated": pl.DataFrame(
        [
            user(date(2026, 9, 11), "acme", "chat", "pro", "a"),
            user(date(2026, 9, 12), "acme", "chat", "pro", "a"),
            user(date(2026, 9, 12), "acme", "search", "pro", "a"),
            user(date(2026, 9, 30), "acme", "chat", "pro", "b"),
            user(date(2026, 9, 2), "acme", "chat", "pro", "before there is usage"),
            user(date(2026, 9, 15), "free", "chat", "free", "f"),
        ]
    ),
    "dim_tenants": pl.DataFrame(
        [
            {"tenant_id": "acme", "tenant_name": "Acme", "plan": "pro", "is_free_plan": False},
            {"tenant_id": "free", "tenant_name": "Free users", "plan": "free", "is_free_plan": True},
        ]
    ),
}


def asked(model: str, sql: str) -> list[tuple[Any, ...]]:
    with built(TABLES, model) as connection:
        return connection.sql(sql.format(model)).fetchall()


def test_a_tenant_by_user_and_against_its_contract() -> None:
    [row] = asked(
        "tenant_economics_monthly",
        """
        select usage_days, revenue_usd, cogs_cost_usd, inference_margin_usd, inference_margin, active_users,
            cost_per_active_user_usd, margin_per_active_user_usd, annual_contract_value_usd, cost_to_acv, renewal_date,
            unpriced_calls
        from {} where tenant_id = 'acme' and month_start = '2026-09-01'
        """,
    )
    # The day's subscriptions are 12.50; a hundred dollars in 20 days are 1,825 in a year.
    assert row[:9] == (20, 400, 80, 320, 0.8, 2, 50.0, 160.0, Decimal("4562.5"))
    assert row[9] == pytest.approx(1825 / 4562.5)
    assert row[10:] == (date(2027, 1, 1), 2)


def test_a_tenant_that_costs_more_than_it_brings_and_one_without_a_contract() -> None:
    rows = asked(
        "tenant_economics_monthly",
        "select tenant_id, usage_days, inference_margin, margin_per_active_user_usd, cost_to_acv, renewal_date from {} "
        "where month_start = '2026-10-01' or tenant_id = 'free' order by tenant_id",
    )
    assert rows == [
        ("acme", 10, -0.4, None, pytest.approx(70 / 10 / 5), date(2027, 1, 1)),
        # its first call was on the 26th
        ("free", 5, None, -90.0, None, None),
        ("unattributed", 10, None, None, None, None),
    ]


def test_free_users_against_what_the_paying_ones_of_the_product_bring() -> None:
    rows = asked(
        "plan_economics_monthly",
        """
        select month_start, product_id, plan, revenue_usd, inference_margin_usd, active_users, free_cost_usd,
            free_tier_cost_ratio
        from {} order by all
        """,
    )
    assert rows == [
        (SEPTEMBER, "chat", "free", 0, -90, 1, 90, 0.3),
        (SEPTEMBER, "chat", "pro", 300, 240, 2, 0, 0.0),
        (SEPTEMBER, "search", "pro", 100, 80, 1, 0, 0.0),
        (OCTOBER, "chat", "pro", 50, -20, 0, 0, 0.0),
        (OCTOBER, "unattributed", "unattributed", 0, -5, 0, 0, None),
    ]


@pytest.mark.parametrize("model", ["tenant_economics_monthly", "plan_economics_monthly"])
def test_no_cent_is_lost(model: str) -> None:
    sums = "select sum(revenue_usd), sum(effective_cost_usd), sum(cogs_cost_usd), sum(unpriced_calls) from {}"
    assert asked(model, sums) == [(450, 265, 245, 5)]


def answers(tasks: list[tuple[str, str]], calls: list[tuple[str, str, str | None, str]]) -> list[tuple[Any, ...]]:
    """Rows of the mart for tasks (id, outcome) and calls (task, model, effort, cost)."""
    ended_at = datetime(2026, 9, 30, 12)
    tables = {
        "int_tasks_deduplicated": pl.DataFrame(
            [
                {
                    "task_id": name, "tenant_id": "acme", "feature_id": "chat", "task_type": "qa",
                    "started_at": ended_at, "ended_at": ended_at, "outcome": outcome, "reopened_at": None,
                }
                for name, outcome in tasks
            ],
            schema_overrides={"reopened_at": pl.Datetime()},
        ),
        "fct_usage": pl.DataFrame(
            [
                {
                    "task_id": task, "model": model, "reasoning_effort": effort, "effective_cost_usd": Decimal(usd),
                    "usage_date": ended_at.date(), "week_start": date(2026, 9, 28), "started_at": ended_at,
                    "tenant_id": "acme", "feature_id": "chat", "task_type": "qa", "is_last_attempt": True,
                    "pricing_status": "priced", "total_input_tokens": 1, "total_output_tokens": 1,
                }
                for task, model, effort, usd in calls
            ],
            schema_overrides={"reasoning_effort": pl.String, "effective_cost_usd": USD},
        ),
        "int_usage_files_daily": pl.DataFrame({"usage_date": [ended_at.date()]}),
        "stg_config__tco_remediation": pl.DataFrame(
            [{"feature_id": "chat", "usd_per_wrong_answer": Decimal(6), "valid_from": SEPTEMBER,
              "valid_to": OCTOBER}],
            schema_overrides={"usd_per_wrong_answer": pl.Decimal(18, 8)},
        ),
    }  # fmt: skip
    with built(tables, "int_task_calls_aggregated", "int_tasks", "answer_quality_monthly") as connection:
        return connection.sql(
            """
            select model, reasoning_effort, answers, judged_answers, correct_answers, cost_usd,
                cost_per_correct_answer_usd, correct_answer_rate_low, correct_answer_rate_high
            from answer_quality_monthly order by 1, 2
            """
        ).fetchall()


def test_a_task_is_of_the_model_and_effort_that_took_most_of_its_cost() -> None:
    rows = answers(
        [("t1", "resolved"), ("t2", "unresolved"), ("t3", "unknown")],
        [
            ("t1", "small", None, "0.2"),
            ("t1", "large", "high", "0.6"),
            ("t1", "small", None, "0.2"),
            ("t2", "large", "high", "0.4"),
            ("t2", "large", "low", "0.6"),
            ("t3", "small", None, "1"),
        ],
    )
    assert [row[:7] for row in rows] == [
        ("large", "high", 1, 1, 1, 1, None),
        ("large", "low", 1, 1, 0, 1, None),
        ("small", "not said", 1, 0, 0, 1, None),
    ]


def test_a_task_without_a_call_counts_too() -> None:
    rows = answers([("t1", "unresolved"), ("t2", "resolved")], [("t2", "large", "high", "1")])
    assert [row[:5] for row in rows] == [("large", "high", 1, 1, 1), ("unattributed", "not said", 1, 1, 0)]


def test_a_correct_answer_pays_for_the_wrong_ones_and_their_remediation() -> None:
    tasks = [(f"t{n}", "resolved" if n < 24 else "unresolved") for n in range(30)]
    [row] = answers(tasks, [(name, "large", "high", "1") for name, _ in tasks])
    # (1 + 0.2 x 6) / 0.8
    assert row[6] == pytest.approx(2.75)
    # Wilson's interval of 24 of 30, from its closed form
    assert row[7:] == (pytest.approx(0.6269, abs=1e-4), pytest.approx(0.9050, abs=1e-4))
    assert answers(tasks[:29], [(name, "large", "high", "1") for name, _ in tasks])[0][6] is None


def test_all_of_one_kind_is_no_certainty() -> None:
    tasks = [(f"t{n}", "resolved") for n in range(10)]
    [row] = answers(tasks, [(name, "large", None, "1") for name, _ in tasks])
    assert row[7] == pytest.approx(10 / (10 + 3.8416), abs=1e-9)
    assert row[8] == pytest.approx(1)
