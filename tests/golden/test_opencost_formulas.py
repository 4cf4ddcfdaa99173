"""OpenCost's formulas, written down again, beside this pipeline's SQL on the same input: where they differ, and why.

As read in opencost 1.121 (inference cost) and its collectors, and in AWS' split cost allocation for accelerators.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest

from sources.settings.gpu_rates import GpuRates
from tests.integration.fleets import COSTS, Fleet, until
from tests.integration.test_gpu_fleets import DAY, call, deployment, node, span
from tests.unit.dbt_project.compiled import rendered

# The p3.16xlarge of AWS' own example: USD an hour, and what it holds.
HOURLY, GPUS, HOST = Decimal(10), 8, {"vcpus": 64, "memory_gb": 488}
HOURS = (
    *COSTS, "int_gpu_days", "int_gpu_slice_days", "int_gpu_slices_bound", "int_gpu_node_shares",
    "int_gpu_deployment_days", "int_gpu_hours", "gpu_cost_hourly",
)  # fmt: skip


@pytest.mark.parametrize(
    ("host", "parts"),
    [
        # Its GPUs are what it is held for, as long as nobody says what else it has.
        ({}, (10, 0, 0)),
        # 9 : 1 of GPU to the rest and of CPU to gigabyte: 8 GPUs carry 40 % of the node they are rented for.
        (HOST | {"price_weights": {"gpu": "9", "vcpu": "0.9", "memory_gb": "0.1"}}, ("4.04", "3.23", "2.74")),
        # Datadog's.
        (HOST | {"price_weights": {"gpu": "95", "vcpu": "3", "memory_gb": "2"}}, ("3.94", "1.00", "5.06")),
        # OpenCost's list prices.
        (HOST, ("6.50", "1.73", "1.77")),
    ],
)
def test_weights_say_what_of_a_node_its_gpus_carry(host: dict[str, Any], parts: tuple[Any, ...]) -> None:
    fleet = Fleet({"nodes": [node("n", GPUS, {"usd_per_gpu_hour": "1.25"} | host)]}, [until_tomorrow()], models=HOURS)
    [hour] = fleet.rows("""
        select sum(gpu_part_usd) as gpus, sum(cpu_part_usd) as cpus, sum(memory_part_usd) as memory
        from gpu_cost_hourly where hour_start = '2026-08-10'""")
    assert sum(hour.values()) == HOURLY
    assert [round(usd, 2) for usd in hour.values()] == [Decimal(usd) for usd in parts]


def test_aws_has_half_a_dollar_for_a_gpu_hour() -> None:
    """The figure AWS prints for it."""
    weights = {"price_weights": {"gpu": "9", "vcpu": "0.9", "memory_gb": "0.1"}}
    gpus, *host = GpuRates.model_validate(
        {"nodes": [node("n", GPUS, {"usd_per_gpu_hour": "1.25"} | HOST | weights)]}
    ).nodes[0].price_parts  # fmt: skip
    assert round(HOURLY * gpus / (gpus + sum(host)) / GPUS, 3) == Decimal("0.504")


def until_tomorrow() -> dict[str, object]:
    return dict(until(DAY.replace(day=DAY.day + 1)))


def test_output_time_is_not_the_sum_of_means_per_request() -> None:
    """Requests of 1,000 tokens in 0.5 s and 300 out at 0.02 s each. `request_time_per_output_token_seconds` has one
    observation a request, its mean: its sum is short by the length of the answers."""
    prefill, per_token, output = Decimal("0.5"), Decimal("0.02"), 300
    theirs = per_token / (prefill + per_token)
    right = output * per_token / (prefill + output * per_token)
    assert (round(theirs, 3), round(right, 3)) == (Decimal("0.038"), Decimal("0.923"))
    weights = {"input": "0.0005", "cache_read": "0", "output": "0.02"}
    served = deployment("n", "x") | {"weights": weights}
    fleet = Fleet(
        {"nodes": [node("n", 1, {"usd_per_gpu_hour": "2"})], "deployments": [served]},
        [span("n", 0, 0, 500_000), until_tomorrow()],
        calls=[call(1, 0, "acme", "x", (1000, 0, output))],
    )  # fmt: skip
    [row] = fleet.rows("select decode_cost_usd, gpu_cost_usd from self_hosting_weekly where tenant_id = 'acme'")
    assert abs(row["decode_cost_usd"] / row["gpu_cost_usd"] - right) < Decimal("1e-9")


def theirs_of(values: Sequence[int], baseline: int | None) -> int:
    """The collector's delta of a window: the last value less the baseline; after a reset, or without one, the last."""
    last = values[-1]
    return last if baseline is None or last < baseline else last - baseline


def ours_of(values: Sequence[int]) -> int:
    samples = [(datetime(2026, 8, 10, 9, 5 * n), value) for n, value in enumerate(values)]
    with duckdb.connect() as connection:
        connection.execute("create table samples (pod varchar, sampled_at timestamp, value bigint)")
        connection.executemany("insert into samples values ('pod', ?, ?)", samples)
        steps = rendered("{{ counter_steps('samples', ['pod'], 'value') }}")
        [[total]] = connection.execute(f"select cast(sum(increase) as bigint) from ({steps})").fetchall()
    return int(total)


@pytest.mark.parametrize(
    ("values", "baseline", "theirs", "ours"),
    [
        ([1000, 1400, 1900], 1000, 900, 900),
        # Restarted in the window: the 900 of before are lost.
        ([1000, 1900, 40, 100], 1000, 100, 1000),
        # First seen in this window: its whole life counts as the window's.
        ([5_000_000, 5_000_100], None, 5_000_100, 100),
    ],
)
def test_a_counter_grew_by_what_it_grew(values: list[int], baseline: int | None, theirs: int, ours: int) -> None:
    assert theirs_of(values, baseline) == theirs
    assert ours_of(values) == ours
