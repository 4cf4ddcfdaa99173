"""Engine health on literal samples: unmeasured is null, a counter that fell is a cold start, a gap alone is none."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from tests.unit.dbt_project.compiled import compiled, rows_of

START = datetime(2026, 8, 12, 9)
MART = compiled("engine_health_weekly")
MODELS = {
    model: compiled(model)
    for model in ("int_gpu_engine_days", "int_gpu_engine_kv", "int_gpu_engine_steps", "int_gpu_engine_tokens_hourly")
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


HOURS = [cost(hour) for hour in range(9, 13)]


def weeks(
    rows: list[dict[str, Any]],
    deployments: Sequence[dict[str, Any]] = (deployment(),),
    costs: Sequence[dict[str, Any]] = HOURS,
) -> list[dict[str, Any]]:
    decimals = {"quantity": pl.Decimal(26, 6)}
    weights = dict.fromkeys(("input_weight", "cache_read_weight", "output_weight"), pl.Decimal(10, 6))
    # A row of another model, so that the columns have their types.
    strange = samples([("requests_total", {0: 1})], model_name="strange")
    return rows_of(
        MART,
        {
            "int_engine_samples": pl.DataFrame(rows + strange, schema_overrides=decimals),
            "int_gpu_deployment_days": pl.DataFrame(list(deployments), schema_overrides=weights),
            "gpu_cost_hourly": pl.DataFrame(
                list(costs), schema_overrides={"cost_usd": pl.Decimal(38, 12), "busy_cost_usd": pl.Decimal(38, 12)}
            ),
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
