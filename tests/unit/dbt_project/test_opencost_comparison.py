"""GPU cost by Kubernetes pod beside OpenCost's: parts are the whole, hours come before their price."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.compiled import compiled, kept_samples, rows_of

DAY = date(2026, 8, 10)
NINE = datetime(2026, 8, 10, 9)
SAMPLE: dict[str, Any] = {
    "node_id": pl.String, "gpu_uuid": pl.String, "mig_instance_id": pl.String, "namespace": pl.String, "pod": pl.String,
    "sampled_at": pl.Datetime("us"),
}  # fmt: skip
COST: dict[str, Any] = {
    "hour_start": pl.Datetime("us"), "usage_date": pl.Date, "node_id": pl.String, "gpu_id": pl.String,
    "slice_id": pl.String, "share_id": pl.String, "provisioned_seconds": pl.Decimal(18, 6),
    "cost_usd": pl.Decimal(38, 12),
}  # fmt: skip
EXPORT: dict[str, Any] = {
    "usage_date": pl.Date, "namespace": pl.String, "pod": pl.String, "gpu_hours": pl.Decimal(26, 6),
    "gpu_cost_usd": pl.Decimal(26, 12),
}  # fmt: skip


def frame(schema: dict[str, Any], rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=schema, orient="row")


def scrape(minute: int, pod: str | None, slice_id: str | None = None, gpu: str = "g") -> tuple[Any, ...]:
    return ("n", gpu, slice_id, None if pod is None else "llama", pod, NINE + timedelta(minutes=minute))


def cost(usd: str, slice_id: str = "whole", share: str = "whole", hour: int = 0, gpu: str = "g") -> tuple[Any, ...]:
    return (NINE + timedelta(hours=hour), DAY, "n", gpu, slice_id, share, Decimal(1800), Decimal(usd))


def pods(samples: list[tuple[Any, ...]], costs: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    found = rows_of(
        compiled("int_gpu_pod_hours"),
        {
            **kept_samples(),
            "stg_dcgm__pods": frame(SAMPLE, samples).unique(),
            "int_gpu_pods_scraped": compiled("int_gpu_pods_scraped"),
            "int_gpu_hours": frame(COST, costs),
        },
    )
    return sorted((r["gpu_id"], r["slice_id"], r["pod"], r["gpu_seconds"], r["cost_usd"]) for r in found)


def test_an_hour_is_its_pods_by_the_scrapes_that_name_them() -> None:
    """Two metrics of one scrape count once; two shares of the node are one GPU; a third of 1 USD has no end."""
    samples = [scrape(0, "a"), scrape(0, "a"), scrape(20, "b"), scrape(40, None)]
    assert pods(samples, [cost("0.75", share="d"), cost("0.25", share="free")]) == [
        ("g", "whole", "a", 1200, Decimal("0.333333333333")),
        ("g", "whole", "b", 1200, Decimal("0.333333333333")),
        ("g", "whole", "unattributed", 1200, Decimal("0.333333333334")),
    ]


def test_pods_that_share_a_gpu_by_time_share_its_scrapes() -> None:
    """Three pods at nine, two of them at twenty past, a metric without a pod beside them; then one alone."""
    samples = (
        [scrape(0, pod) for pod in "abc"] + [scrape(20, pod) for pod in "ab"] + [scrape(20, None), scrape(40, "a")]
    )
    assert pods(samples, [cost("36")]) == [
        ("g", "whole", "a", 1100, 22),
        ("g", "whole", "b", 500, 10),
        ("g", "whole", "c", 200, 4),
    ]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([*(f"p{n:02}" for n in range(20)), None])), max_size=60),
       st.decimals("0", "1000", places=12))  # fmt: skip
@settings(max_examples=25, deadline=None)
def test_pods_of_an_hour_are_all_of_it(named: list[tuple[int, str | None]], usd: Decimal) -> None:
    found = pods([scrape(minute, pod) for minute, pod in named], [cost(str(usd))])
    assert sum(row[3] for row in found) == 1800
    assert sum(row[4] for row in found) == usd
    assert min(row[4] for row in found) >= 0


def test_slices_have_pods_of_their_own_and_hours_unseen_have_none() -> None:
    samples = [scrape(0, "a", "1"), scrape(0, "b", "2")]
    costs = [cost("3", "1"), cost("2", "2"), cost("1", "uncut"), cost("4", "1", hour=1)]
    assert [(row[1], row[2], row[4]) for row in pods(samples, costs)] == [
        ("1", "a", 3),
        ("1", "unattributed", 4),
        ("2", "b", 2),
        ("uncut", "unattributed", 1),
    ]


def test_hours_come_before_their_price() -> None:
    """a: 24 hours for 48 here, 20 for 30 there. b: only here, a quarter of it of CPUs and memory. c and idle time: only
    there. The day after: no export."""
    ours = frame(
        {"usage_date": pl.Date, "node_id": pl.String, "namespace": pl.String, "pod": pl.String,
         "gpu_seconds": pl.Decimal(18, 6), "cost_usd": pl.Decimal(26, 12)},
        [(DAY, "n", "x", "a", Decimal(86400), Decimal(48)), (DAY, "m", "x", "b", Decimal(3600), Decimal(2)),
         (DAY + timedelta(1), "n", "x", "a", Decimal(86400), Decimal(48))],
    )  # fmt: skip
    nodes = frame(
        {"usage_date": pl.Date, "node_id": pl.String, "gpus_weight": pl.Int64, "vcpus_weight": pl.Int64,
         "memory_weight": pl.Int64},
        [(DAY, "n", 1, 0, 0), (DAY, "m", 9, 2, 1), (DAY + timedelta(1), "n", 1, 0, 0)],
    )  # fmt: skip
    theirs = frame(
        EXPORT,
        [(DAY, "x", "a", Decimal(10), Decimal(10)), (DAY, "x", "a", Decimal(10), Decimal(20)),
         (DAY, "x", "c", Decimal(1), Decimal(5)), (DAY, "__idle__", None, Decimal(0), Decimal(7)),
         (DAY, "x", "web", Decimal(0), Decimal(0))],
    )  # fmt: skip
    tables: dict[str, pl.DataFrame | str] = {
        "int_gpu_pod_hours": ours, "stg_opencost__allocations": theirs, "int_gpu_node_days": nodes,
    }  # fmt: skip
    found = rows_of(compiled("opencost_comparison_daily"), tables)
    assert {
        (r["namespace"], r["pod"]): tuple(r[f"{name}difference_usd"] for name in ("", "host_", "hours_", "price_"))
        for r in found
    } == {
        ("x", "a"): (-18, 0, -8, -10),
        ("x", "b"): (-2, Decimal("-0.5"), Decimal("-1.5"), 0),
        ("x", "c"): (5, 0, 5, 0),
        ("__idle__", "unattributed"): (7, 0, 7, 0),
    }
