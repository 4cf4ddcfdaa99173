"""Metrics of the semantic layer are what the marts say: each by each group a mart has, in one process."""

import json
import re
from collections.abc import Callable
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from assets.marts import open_marts
from pipelines.cli import cli
from pipelines.metrics import MetricsError, ask, known_metrics, sql_of
from tests.conftest import Company

WEEKS = "cast(date_trunc('week', {}) as date)"
# Metrics, what they are asked by, and the same from marts in SQL: keys first, then the metrics in their order.
CASES = [
    (
        ("cost_usd", "calls", "requests", "unpriced_calls", "cost_per_call", "cost_per_request", "unpriced_share"),
        ("week", "tenant"),
        """
        select week_start, tenant_id, total_cost_usd, calls, requests, unpriced_calls,
            total_cost_usd::double / nullif(calls, 0), total_cost_usd::double / nullif(requests, 0),
            unpriced_calls / nullif(calls, 0)
        from cost_per_tenant_weekly
        """,
    ),
    (
        ("cost_usd", "cost_per_call"),
        ("week", "feature"),
        "select week_start, feature_id, total_cost_usd, total_cost_usd::double / nullif(calls, 0) "
        "from cost_per_feature_weekly",
    ),
    (
        ("cost_usd", "requests"),
        ("month", "product"),
        "select month_start, product_id, sum(effective_cost_usd), sum(requests) "
        "from unit_economics_monthly group by all",
    ),
    (
        ("all_tokens", "cost_per_mtok_blended", "reasoning_ratio", "retry_cost_share", "list_cost_usd"),
        ("week", "model"),
        """
        select week_start, model, sum(tokens), sum(effective_cost_usd)::double / nullif(sum(tokens), 0) * 1e6,
            sum(reasoning_tokens) / nullif(sum(output_text_tokens), 0),
            sum(retry_cost_usd)::double / nullif(sum(effective_cost_usd)::double, 0), sum(list_cost_usd)
        from (
            select *, input_uncached_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens
                + input_audio_tokens + input_image_tokens + output_text_tokens + reasoning_tokens
                + output_audio_tokens + output_image_tokens as tokens
            from unit_economics_weekly
        )
        group by all
        """,
    ),
    (
        ("ended_tasks", "cost_per_task", "cost_per_resolved_task", "outcome_coverage", "correct_answer_rate",
         "calls_per_task"),
        ("week", "tenant", "feature", "task_type"),
        """
        select week_start, tenant_id, feature_id, task_type, tasks, cost_per_task_usd, cost_per_resolved_task_usd,
            outcome_coverage, correct_answer_rate, calls_per_task
        from cost_per_task_weekly where tasks > 0
        """,
    ),
    (
        ("cache_hit_rate", "cache_savings_usd"),
        ("week", "provider", "model", "tenant", "feature"),
        "select week_start, service_provider, model, tenant_id, feature_id, cache_hit_rate, cache_savings_usd "
        "from cache_efficiency_weekly",
    ),
    (
        ("revenue_usd", "cogs_cost_usd", "cost_per_revenue_dollar", "inference_margin"),
        ("week", "tenant", "product", "plan"),
        "select week_start, tenant_id, product_id, plan, revenue_usd, cogs_cost_usd, cost_per_revenue_dollar, "
        "inference_margin from revenue_efficiency_weekly",
    ),
    (
        ("placed_cost_usd", "unattributed_cost_usd", "idle_cost_usd", "unattributed_share"),
        ("week",),
        "select week_start, sum(total_cost_usd), sum(unattributed_cost_usd), sum(idle_cost_usd), "
        "sum(unattributed_cost_usd)::double / nullif(sum(total_cost_usd), 0) from cost_per_tenant_weekly group by all",
    ),
]  # fmt: skip


@pytest.fixture(scope="module")
def marts(company_of: Callable[[int], Company]) -> Path:
    return company_of(7).home.published / "marts.duckdb"


def keyed(rows: list[tuple[Any, ...]], keys: int) -> dict[tuple[str, ...], list[Any]]:
    """Values by their first columns; a day is a day, as a date or as a midnight."""
    return {tuple(str(key).removesuffix(" 00:00:00") for key in row[:keys]): list(row[keys:]) for row in rows}


@pytest.mark.parametrize(("names", "by", "sql"), CASES, ids=["/".join(by) for _, by, _ in CASES])
def test_a_metric_is_what_the_mart_says(marts: Path, names: tuple[str, ...], by: tuple[str, ...], sql: str) -> None:
    found = keyed(ask(marts, names, by).rows, len(by))
    with open_marts(marts) as connection:
        expected = keyed(connection.execute(sql).fetchall(), len(by))
    # rows of a mart that hold 0 so that a fall shows have no row where nothing is summed
    empty = {key for key, values in expected.items() if not any(values)}
    assert expected.keys() - empty, "nothing to compare"
    assert found.keys() - empty == expected.keys() - empty
    for key in expected.keys() - empty:
        for name, mine, theirs in zip(names, found[key], expected[key], strict=True):
            is_ratio = isinstance(mine, float) and isinstance(theirs, float)
            wanted = pytest.approx(theirs, rel=1e-12) if is_ratio else theirs
            assert mine == wanted, (key, name)


def test_every_ratio_is_held() -> None:
    held = {name for names, _, _ in CASES for name in names}
    ratios = {metric.name for metric in known_metrics() if metric.meaning}
    assert len(ratios) >= 12
    assert ratios - held == {"cost_per_resolved_task_change"}


def test_a_change_is_this_week_against_the_last(marts: Path) -> None:
    by_week = {row[0]: row[1] for row in ask(marts, ["cost_per_resolved_task"], ["week"]).rows}
    changes = {row[0]: row[1] for row in ask(marts, ["cost_per_resolved_task_change"], ["week"]).rows}
    weeks = sorted(by_week)
    assert len(weeks) > 4
    for before, week in pairwise(weeks):
        assert changes[week] == pytest.approx(by_week[week] / by_week[before] - 1, rel=1e-9)


@pytest.mark.parametrize(
    ("names", "by", "said"),
    [
        (["cost_usdd"], [], "cost_usdd: no such metric; did you mean 'cost_usd'?"),
        (["cache_hit_rate"], ["month"], "cache_hit_rate: not by month; allowed are feature, model"),
        (["cost_usd", "cost_per_resolved_task"], ["model"], "not by model; allowed are feature, tenant"),
        (["cost_per_resolved_task_change"], ["month"], "not by month"),
        (["cost_per_resolved_task_change"], ["tenant"], "only by week"),
    ],
)
def test_what_is_not_known_is_said(names: list[str], by: list[str], said: str) -> None:
    with pytest.raises(MetricsError) as caught:
        sql_of(names, by)
    assert said in str(caught.value)


def test_days_are_days_whatever_is_asked_by(marts: Path) -> None:
    days = date(2026, 10, 15), date(2026, 10, 20)
    with open_marts(marts) as connection:
        sql = "select sum(effective_cost_usd) from unit_economics_daily where usage_date between $1 and $2"
        expected = connection.execute(sql, days).fetchall()
    assert ask(marts, ["cost_usd"], [], *days).rows == expected
    assert [row[1:] for row in ask(marts, ["cost_usd"], ["month"], *days).rows] == expected
    with pytest.raises(MetricsError, match="no day is between them"):
        ask(marts, ["cost_usd"], [], *reversed(days))


def test_what_is_asked_twice_is_answered_once(marts: Path) -> None:
    assert ask(marts, ["calls", "calls"], ["week", "week"]).rows == ask(marts, ["calls"], ["week"]).rows


def test_days_and_sums_are_exact_on_the_command_line(company_of: Callable[[int], Company]) -> None:
    home = company_of(7).home
    days = ["--from", "2026-11-02", "--to", "2026-11-08", "--by", "day"]
    result = CliRunner().invoke(cli, ["metrics", "cost_usd", *days, "--home", str(home.root), "--json"])
    assert result.exit_code == 0, result.output
    with open_marts(home.published / "marts.duckdb") as connection:
        sql = """
            select usage_date, sum(effective_cost_usd) from unit_economics_daily
            where usage_date between '2026-11-02' and '2026-11-08' group by all order by 1
        """
        expected = [
            {"day": f"{day}T00:00:00", "cost_usd": f"{usd:f}"} for day, usd in connection.execute(sql).fetchall()
        ]

    assert json.loads(result.output) == expected
    assert len(expected) == 7


def test_nothing_and_unknown_are_told_apart_on_the_screen(company_of: Callable[[int], Company]) -> None:
    """A week without revenue earned 0.00 and has no ratio: a dash."""
    asked = ["metrics", "revenue_usd", "cost_per_revenue_dollar", "--by", "tenant"]
    result = CliRunner().invoke(cli, [*asked, "--home", str(company_of(7).home.root)])
    assert result.exit_code == 0, result.output
    assert re.search(r"unattributed +0\.00 +-", result.output)
    assert "E-" not in result.output
