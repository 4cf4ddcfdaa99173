"""OpenCost's formulas, written down again, beside this pipeline's SQL on the same input: where they differ, and why.

As read in opencost 1.121 (inference cost) and its collectors, and in AWS' split cost allocation for accelerators.
"""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import duckdb
import pytest

from tests.integration.fleets import COSTS, Fleet, until
from tests.integration.test_gpu_fleets import DAY, call, deployment, node, span
from tests.unit.dbt_project.compiled import rendered

# The p3.16xlarge of AWS' own example: USD an hour, and what it holds.
HOURLY, GPUS, CPUS, GIGABYTES = Decimal(10), 8, 64, 488
HOURS = (
    *COSTS, "int_gpu_days", "int_gpu_slice_days", "int_gpu_slices_bound", "int_gpu_node_shares",
    "int_gpu_deployment_days", "int_gpu_hours",
)  # fmt: skip


def gpu_part(gpu: str, cpu: str, gigabyte: str) -> Decimal:
    """What of the node's price its GPUs carry, by weights of a GPU, a CPU and a gigabyte."""
    weights = [GPUS * Decimal(gpu), CPUS * Decimal(cpu), GIGABYTES * Decimal(gigabyte)]
    return HOURLY * weights[0] / sum(weights)


def test_weights_of_aws_leave_most_of_a_gpu_node_on_its_memory() -> None:
    """9 : 1 of GPU to the rest and of CPU to gigabyte: 8 GPUs carry 40 % of the node they are rented for."""
    assert round(gpu_part("9", "0.9", "0.1") / GPUS, 3) == Decimal("0.504")
    assert round(gpu_part("9", "0.9", "0.1") / HOURLY, 2) == Decimal("0.40")
    # With the weights 95, 3 and 2 of Datadog it is 39 %.
    assert round(gpu_part("95", "3", "2") / HOURLY, 2) == Decimal("0.39")
    fleet = Fleet({"nodes": [node("n", GPUS, {"usd_per_gpu_hour": "1.25"})]}, [until_tomorrow()], models=HOURS)
    [hour] = fleet.rows("select sum(cost_usd) as usd from int_gpu_hours where hour_start = '2026-08-10'")
    assert hour["usd"] == HOURLY


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
