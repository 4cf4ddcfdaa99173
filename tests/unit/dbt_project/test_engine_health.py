"""Engine health on literal samples: unmeasured is null, a counter that fell is a cold start, a gap alone is none."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import duckdb
import polars as pl
import pytest

from sources.contracts import polars_type
from sources.kept import KEPT
from tests.unit.dbt_project.compiled import compiled, kept_samples, rows_of

START = datetime(2026, 8, 12, 9)
MART = compiled("engine_health_weekly")
MODELS = {
    model: compiled(model)
    for model in (
        "int_engine_seen_days",
        "int_engine_kv_hourly",
        "int_engine_kv_values",
        "int_engine_falls",
        "int_engine_steps",
        "int_engine_counts_hourly",
        "int_gpu_engine_days",
        "int_gpu_engine_steps",
        "int_gpu_engine_tokens_hourly",
    )
}
GAUGES = ("kv_cache_used_share", "requests_running")
# Metric, and its value at each number of minutes after 09:00.
Series = tuple[str, Mapping[int, float]]


def samples(series: Sequence[Series], **changes: str) -> list[dict[str, Any]]:
    return [
        {
            "sampled_at": START + timedelta(minutes=minute), "engine_kind": "vllm", "instance": "n:8000", "engine": "0",
            "model_name": "llama", "label_key": "", "metric": metric, "unit": "", "quantity": Decimal(str(value)),
            "kind": "gauge" if metric in GAUGES else "counter", **changes,
        }
        for metric, values in series
        for minute, value in values.items()
    ]  # fmt: skip


def deployment(node: str = "n", deployment_id: str = "llama", **changes: Any) -> dict[str, Any]:
    return {
        "usage_date": START.date(), "node_id": node, "share_id": "whole", "pool_id": "n",
        "deployment_id": deployment_id, "model_id": "own/llama", "model": "llama",
        "input_weight": Decimal(1), "cache_read_weight": Decimal("0.1"), "output_weight": Decimal(4),
        **changes,
    }  # fmt: skip


def cost(hour: int, usd: str = "36", busy: str = "18", deployment_id: str = "llama") -> dict[str, Any]:
    return {
        "hour_start": START + timedelta(hours=hour - 9), "usage_date": START.date(), "deployment_id": deployment_id,
        "cost_usd": Decimal(usd), "busy_cost_usd": Decimal(busy),
    }  # fmt: skip


TOMORROW = deployment(usage_date=START.date() + timedelta(days=1))
HOURS = [cost(hour) for hour in range(9, 13)]


def weeks(
    rows: list[dict[str, Any]],
    deployments: Sequence[dict[str, Any]] = (deployment(),),
    costs: Sequence[dict[str, Any]] = HOURS,
    kept: Mapping[str, pl.DataFrame] = {},
    of: str = MART,
) -> list[dict[str, Any]]:
    decimals = {"quantity": pl.Decimal(26, 6)}
    weights = dict.fromkeys(("input_weight", "cache_read_weight", "output_weight"), pl.Decimal(10, 6))
    # A row of another model, so that the columns have their types.
    strange = samples([("requests_total", {0: 1})], model_name="strange")
    return rows_of(
        of,
        {
            "int_engine_samples": pl.DataFrame(rows + strange, schema_overrides=decimals),
            "int_gpu_deployment_days": pl.DataFrame(list(deployments), schema_overrides=weights),
            "gpu_cost_hourly": pl.DataFrame(
                list(costs), schema_overrides={"cost_usd": pl.Decimal(38, 12), "busy_cost_usd": pl.Decimal(38, 12)}
            ),
            **kept_samples(),
            **kept,
            **MODELS,
        },
    )


def test_what_was_not_measured_is_null_and_never_0() -> None:
    [week] = weeks([])
    known = {name for name, value in week.items() if value is not None}
    assert known == {"week_start", "deployment_id", "gpu_cost_usd"}
    assert (week["week_start"], week["deployment_id"], week["gpu_cost_usd"]) == (date(2026, 8, 10), "llama", 4 * 36)


def test_kv_cache_is_weighted_by_time_and_pressure_and_idle_are_costed() -> None:
    used = {0: 0.5, 10: 0.95, 20: 0.9, 30: 0.3, 35: 0}
    running = {0: 5, 10: 9, 20: 9, 30: 0, 35: 0}
    [week] = weeks(samples([("kv_cache_used_share", used), ("requests_running", running)]))
    # The last sample stands for the usual step of 10 minutes.
    assert week["kv_observed_seconds"] == 45 * 60
    assert week["kv_used_share_seconds"] == Decimal("0.5") * 600 + Decimal("0.95") * 600 + 540 + Decimal("0.3") * 300
    assert week["kv_used_share"] == 1500 / 2700
    assert abs(week["kv_used_share_p95"] - 0.94) < 1e-6
    assert (week["kv_pressure_seconds"], week["kv_pressure_cost_usd"]) == (1200, 12)
    assert (week["kv_idle_seconds"], week["kv_idle_cost_usd"]) == (300, 3)
    assert week["cold_starts"] is week["preemptions"] is week["draft_tokens"] is None


def test_idle_kv_is_unknown_where_nobody_says_what_runs() -> None:
    [week] = weeks(samples([("kv_cache_used_share", {0: 0.5, 10: 0})]))
    assert (week["kv_idle_seconds"], week["kv_idle_cost_usd"]) == (None, None)
    assert (week["kv_pressure_seconds"], week["kv_pressure_cost_usd"]) == (0, 0)


def test_a_sample_is_cut_at_the_hour_and_costs_what_each_hour_costs() -> None:
    rows = samples([("kv_cache_used_share", {50: 1, 70: 1})])
    [week] = weeks(rows, costs=[cost(9, "60"), cost(10, "120")])
    assert week["kv_pressure_seconds"] == 40 * 60
    assert week["kv_pressure_cost_usd"] == 10 + 2 * 30


def test_engines_share_the_cost_of_their_deployment() -> None:
    used: list[Series] = [("kv_cache_used_share", {0: 1, 30: 1})]
    [week] = weeks(samples(used) + samples([("kv_cache_used_share", {0: 0, 30: 0})], instance="o:8000"))
    assert (week["engines_at_once"], week["kv_pressure_cost_usd"]) == (2, 18)
    # A pod that takes the place of another is no second one.
    later: list[Series] = [("kv_cache_used_share", {60: 0, 90: 0})]
    [week] = weeks(samples(used) + samples(later, instance="pod-2"))
    assert (week["engines_at_once"], week["kv_pressure_cost_usd"]) == (1, 36)


def test_a_counter_that_fell_is_a_cold_start_and_missed_scrapes_are_its_seconds() -> None:
    prompts = {0: 100, 1: 200, 2: 300, 7: 50, 8: 60, 9: 70}
    # This one is only there again when something was preempted; it fell in the same restart.
    preemptions = {0: 4, 1: 6, 2: 6, 9: 1}
    [week] = weeks(samples([("prompt_tokens_total", prompts), ("preemptions_total", preemptions)]))
    assert (week["cold_starts"], week["cold_starts_timed"]) == (1, 1)
    # Five minutes less the usual one: 240 seconds of a deployment at 0.01 USD a second.
    assert (week["cold_start_seconds"], week["cold_start_cost_usd"]) == (240, Decimal("2.4"))
    assert (week["telemetry_gaps"], week["telemetry_gap_seconds"]) == (0, 0)
    assert week["preemptions"] == 2 + 0 + 1


def test_a_restart_within_a_step_has_no_seconds_and_a_second_one_counts() -> None:
    [week] = weeks(samples([("prompt_tokens_total", {0: 100, 1: 20, 2: 30, 3: 5})]))
    assert (week["cold_starts"], week["cold_starts_timed"]) == (2, 0)
    assert (week["cold_start_seconds"], week["cold_start_cost_usd"]) == (None, None)


def test_a_gap_after_which_counters_go_on_is_no_cold_start() -> None:
    [week] = weeks(samples([("prompt_tokens_total", {0: 100, 1: 200, 2: 300, 12: 900})]))
    assert (week["cold_starts"], week["cold_start_seconds"], week["cold_start_cost_usd"]) == (0, 0, 0)
    assert (week["telemetry_gaps"], week["telemetry_gap_seconds"]) == (1, 540)


def test_a_week_that_some_step_ends_in_has_no_cold_start_rather_than_an_unknown_number() -> None:
    monday = datetime(2026, 8, 17)
    minutes = int((monday - START).total_seconds()) // 60
    counted = {minutes - 20: 1, minutes - 10: 2, minutes: 3}
    days = [deployment(usage_date=(monday - timedelta(days=number)).date()) for number in (0, 1)]
    found = weeks(samples([("prompt_tokens_total", counted)]), days)
    assert [(week["cold_starts"], week["cold_start_seconds"], week["telemetry_gaps"]) for week in found] == [
        (0, 0, 0)
    ] * 2


def test_the_usual_step_is_that_of_the_day() -> None:
    """Every 1 minute on one day, every 10 on the next: no step of either is a gap, and the night between is one."""
    day = 24 * 60
    counted = {minute: minute for minute in (0, 1, 2, 3, *range(day, day + 60, 10))}
    [week] = weeks(samples([("prompt_tokens_total", counted)]), [deployment(), TOMORROW])
    assert (week["telemetry_gaps"], week["telemetry_gap_seconds"]) == (1, (day - 3 - 1) * 60)
    # After a sample alone on its day nobody knows what is usual: all time to the next is a gap, a restart is not timed.
    [week] = weeks(samples([("prompt_tokens_total", {0: 5, day: 6})]), [deployment(), TOMORROW])
    assert (week["telemetry_gaps"], week["telemetry_gap_seconds"]) == (1, day * 60)
    [week] = weeks(samples([("prompt_tokens_total", {0: 5, day: 1})]), [deployment(), TOMORROW])
    assert (week["cold_starts"], week["cold_starts_timed"], week["telemetry_gaps"]) == (1, 0, 0)


def test_a_step_of_more_than_31_days_says_nothing() -> None:
    """Else what is kept of a day could depend on any sample that may still come."""
    later = 31 * 24 * 60
    days = [deployment(), deployment(usage_date=START.date() + timedelta(days=31))]
    found = []
    for minute in (later, later + 1):
        counters: list[Series] = [("prompt_tokens_total", {0: 9, minute: 1}), ("preemptions_total", {0: 2, minute: 1})]
        first, last = sorted(weeks(samples(counters), days), key=lambda week: str(week["week_start"]))
        found.append((first["preemptions"], last["cold_starts"], last["telemetry_gaps"]))
    assert found == [(1, 1, 0), (None, None, None)]


def random_series(random: Random, days: int) -> list[dict[str, Any]]:
    """Engines that restart, are not scraped for hours or days, and whose series come back later than others."""
    found = []
    for instance in ("n:8000", "m:8000"):
        counts = dict.fromkeys(("prompt_tokens_total", "output_tokens_total", "preemptions_total", "requests_total"), 0)
        away = dict.fromkeys(counts, 0)
        minute = random.randint(0, 30)
        while minute < days * 1440:
            if random.random() < 0.1:
                counts = dict.fromkeys(counts, 0)
                away = {metric: random.choice((0, 0, 1, 3, 200)) for metric in counts}
            series: list[Series] = [("kv_cache_used_share", {minute: random.choice((0, 0.25, 0.9, 0.951, 1))})]
            if random.random() < 0.8:
                series.append(("requests_running", {minute: random.randint(0, 2)}))
            for metric in counts:
                counts[metric] += random.randint(0, 40)
                if away[metric] == 0:
                    series.append((metric, {minute: counts[metric]}))
                away[metric] = max(0, away[metric] - 1)
            found += samples(series, instance=instance)
            minute += random.choice((1, 10, 10, 10, 30, 30, 55, 300, 2000 if random.random() < 0.1 else 10))
    return found


@pytest.mark.parametrize("seed", range(4))
def test_what_is_kept_says_what_its_samples_said(seed: int) -> None:
    """Cut at any day: what is kept of the days before, and the samples since, make the same weeks."""
    every = random_series(Random(seed), days=9)
    days = [START.date() + timedelta(days=number) for number in range(11)]
    one = [deployment(usage_date=day) for day in days]
    # What the settings of today say of each day counts, whenever its samples went.
    each = one + [deployment("m", "llama-2", usage_date=day) for day in days]
    costs = [
        {**cost(0, "36.123456789012"), "hour_start": datetime.combine(day, time(hour)), "usage_date": day}
        for day in days for hour in range(24)
    ]  # fmt: skip

    def made(
        rows: list[dict[str, Any]], of: str, deployments: Sequence[dict[str, Any]], kept: Mapping[str, pl.DataFrame]
    ) -> list[dict[str, Any]]:
        return sorted(weeks(rows, deployments, costs, kept, of), key=str)

    tokens = "select * from int_gpu_engine_tokens_hourly"
    asked = [(MART, one), (MART, each), (tokens, each)]
    whole = [made(every, of, deployments, {}) for of, deployments in asked]
    assert [len(found) for found in whole[:2]] == [2, 4]
    for name in ("cold_starts_timed", "telemetry_gaps", "preemptions", "kv_idle_seconds"):
        assert all(sum(week[name] for week in found) > 0 for found in whole[:2])
    tables = {name: made(every, f"select * from int_{name}", one, {}) for name in KEPT if name.startswith("engine_")}
    for cut in days[1:9]:
        kept = {
            f"stg_kept__{name}": pl.DataFrame(
                [row for row in rows if row["sampled_date"] < cut],
                schema={column: polars_type(kind) for column, kind in KEPT[name].items()},
            )
            for name, rows in tables.items()
        }
        left = [row for row in every if row["sampled_at"].date() >= cut]
        assert [made(left, of, deployments, kept) for of, deployments in asked] == whole


def counted_sql(counts: str) -> str:
    """How the mart asks for the percentile of a table of week_start, deployment_id, used_share and samples."""
    steps = MART[MART.index("kv_value_places as (") : MART.index("steps_costed as (")].rstrip().rstrip(",")
    return f"with kv_value_weeks as (from {counts}), {steps} select * from kv_percentiles"


def test_the_percentile_of_counted_values_is_that_of_the_samples() -> None:
    """DuckDB cuts off millionths where it interpolates, so equal is equal to the last of them."""
    random = Random(95)
    values = [
        (START.date(), str(group), Decimal(share) / 1_000_000, random.choice((1, 1, 2, random.randint(1, 500))))
        for group in range(1_500)
        for share in random.sample(range(1_000_001), random.randint(1, 60))
    ]  # fmt: skip
    schema = {
        "week_start": pl.Date(), "deployment_id": pl.String(), "used_share": pl.Decimal(26, 6), "samples": pl.Int64(),
    }  # fmt: skip
    found = rows_of(
        f"""
        select counted.kv_used_share_p95 as counted, one_by_one.p95 as one_by_one
        from ({counted_sql("counts")}) as counted
        full join (
            select deployment_id, cast(percentile_cont(0.95) within group (order by used_share) as double) as p95
            from (select deployment_id, used_share, unnest(range(samples)) from counts) group by deployment_id
        ) as one_by_one using (deployment_id)
        """,
        {"counts": pl.DataFrame(values, schema=schema, orient="row")},
    )
    assert len(found) == 1_500
    assert [row for row in found if row["counted"] != row["one_by_one"]] == []


def test_the_percentile_holds_values_and_not_their_samples(tmp_path: Path) -> None:
    with duckdb.connect(config={"memory_limit": "100MB", "threads": 1, "temp_directory": str(tmp_path)}) as connection:
        connection.execute(
            """
            create table counts as
            select date '2026-08-10' + cast(7 * week as integer) as week_start, 'llama' as deployment_id,
                cast(share / 1000 as decimal(26, 6)) as used_share, cast(10000 as bigint) as samples
            from range(78) as weeks(week), range(1001) as shares(share)
            """
        )
        found = connection.execute(f"select distinct kv_used_share_p95 from ({counted_sql('counts')})").fetchall()
    assert found == [(0.95,)]


def test_drafts_accepted_and_preempted_tokens_have_no_baseline_and_survive_resets() -> None:
    counters: list[Series] = [
        ("draft_tokens_total", {0: 5000, 1: 5100, 2: 40}), ("accepted_tokens_total", {0: 1000, 1: 1050, 2: 20}),
        ("preempted_input_tokens_total", {0: 100, 1: 350}), ("preempted_output_tokens_total", {0: 10, 1: 60}),
        ("prompt_tokens_total", {0: 0, 1: 500}), ("output_tokens_total", {0: 0, 1: 300}),
    ]  # fmt: skip
    [week] = weeks(samples(counters))
    assert (week["draft_tokens"], week["accepted_tokens"], week["draft_acceptance_rate"]) == (140, 70, 0.5)
    # Served 500 + 300 x 4, computed again at most 300 x 1: 300 parts of 2,000 of 4 hours' busy cost.
    assert (week["preempted_tokens"], week["preemption_cost_usd"]) == (300, Decimal("10.8"))
    assert week["preemptions"] is None


def test_no_drafts_have_no_acceptance_rate() -> None:
    idle: list[Series] = [("draft_tokens_total", {0: 7, 1: 7}), ("accepted_tokens_total", {0: 3, 1: 3})]
    [week] = weeks(samples(idle))
    assert (week["draft_tokens"], week["accepted_tokens"], week["draft_acceptance_rate"]) == (0, 0, None)


def test_a_node_of_two_deployments_costs_neither_what_is_known() -> None:
    rows = samples([("kv_cache_used_share", {0: 1, 10: 1}), ("prompt_tokens_total", {0: 10, 1: 20, 5: 1})])
    deployments = [deployment(), deployment(deployment_id="qwen", model_id="own/qwen", model="qwen")]
    found = weeks(rows, deployments, [cost(9, deployment_id="shared")])
    llama, qwen = sorted(found, key=lambda week: str(week["deployment_id"]))
    assert (llama["kv_pressure_seconds"], llama["cold_starts"], llama["cold_starts_timed"]) == (1200, 1, 1)
    costs = ("gpu_cost_usd", "kv_pressure_cost_usd", "kv_idle_cost_usd", "preemption_cost_usd", "cold_start_cost_usd")
    assert [week[name] for week in (llama, qwen) for name in costs] == [None] * 10
    assert (qwen["engines_at_once"], qwen["cold_starts"]) == (None, None)
