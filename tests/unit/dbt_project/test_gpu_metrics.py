"""Rollups are made of samples: sums and counts, never averages of averages."""

from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from tests.unit.dbt_project.compiled import compiled, kept_samples, rows_of

SAMPLES = pl.DataFrame(
    [
        {
            "sampled_at": datetime(2026, 8, day, 9, minute), "usage_date": datetime(2026, 8, day).date(),
            "node_id": "n", "gpu_uuid": "g", "mig_instance_id": "", "mig_profile": "", "gpu_model": None,
            "metric": metric, "source": "dcgm",
            "unit": unit, "kind": kind,
            "quantity": Decimal(value),
        }
        for day, minute, metric, unit, kind, value in [
            # Four samples in the first quarter, then nothing until 09:40, then one.
            (10, 0, "power_watts", "W", "gauge", "100"), (10, 3, "power_watts", "W", "gauge", "200"),
            (10, 6, "power_watts", "W", "gauge", "300"), (10, 9, "power_watts", "W", "gauge", "400"),
            (10, 40, "power_watts", "W", "gauge", "50"),
            # Restarted between 09:03 and 09:06.
            (10, 0, "energy_millijoules", "mJ", "counter", "1000"),
            (10, 3, "energy_millijoules", "mJ", "counter", "1500"),
            (10, 6, "energy_millijoules", "mJ", "counter", "40"),
            (10, 9, "energy_millijoules", "mJ", "counter", "100"),
        ]
    ],
    schema_overrides={"quantity": pl.Decimal(26, 6)},
)  # fmt: skip


def inputs(samples: pl.DataFrame, settings: pl.DataFrame) -> dict[str, pl.DataFrame | str]:
    measured = compiled("int_gpu_metrics_measured")
    return {
        **kept_samples(),
        "int_gpu_samples": samples,
        "stg_config__settings": settings,
        "int_gpu_metrics_measured": measured,
    }


def rolled_up(model: str, days: int = 90, samples: pl.DataFrame = SAMPLES) -> dict[tuple[str, str], dict[str, Any]]:
    settings = pl.DataFrame({"gpu_5m_days": [days]})
    found = rows_of(compiled(model), inputs(samples, settings))
    return {(row["metric"], f"{row['bucket_start']:%H:%M}"): row for row in found}


def test_an_hour_is_made_of_its_samples() -> None:
    hours = rolled_up("gpu_metrics_hourly")
    power = hours["power_watts", "09:00"]
    assert (power["samples"], power["quantity_sum"]) == (5, 1050)  # mean 210, not the mean of the buckets' means
    assert (power["quantity_min"], power["quantity_max"], power["quantity_last"]) == (50, 400, 50)
    assert abs(power["quantity_p95"] - 380) <= Decimal("0.000001")
    # Three steps of 3 minutes, the sample before the gap for a usual step, the last for another.
    assert (power["covered_seconds"], power["counter_increase"]) == (900, None)
    energy = hours["energy_millijoules", "09:00"]
    assert (energy["counter_increase"], energy["quantity_sum"], energy["quantity_last"]) == (500 + 40 + 60, None, 100)


def test_five_minutes_add_up_to_the_hour_and_a_gap_has_no_bucket() -> None:
    buckets = rolled_up("gpu_metrics_5m")
    power = {start: row for (metric, start), row in buckets.items() if metric == "power_watts"}
    assert {start: (row["samples"], row["covered_seconds"]) for start, row in power.items()} == {
        "09:00": (2, 300), "09:05": (2, 300), "09:10": (0, 120), "09:40": (1, 180),
    }  # fmt: skip
    assert power["09:10"]["quantity_max"] is None
    assert sum(row["quantity_sum"] or 0 for row in power.values()) == 1050
    assert sum(row["counter_increase"] or 0 for row in buckets.values()) == 600


@pytest.mark.parametrize(("days", "kept"), [(2, {10, 11}), (1, {11})])
def test_old_five_minutes_go_and_hours_stay(days: int, kept: set[int]) -> None:
    later = SAMPLES.with_columns(pl.col("sampled_at") + pl.duration(days=1), pl.col("usage_date") + pl.duration(days=1))
    samples = pl.concat([SAMPLES, later])
    for model, expected in (("gpu_metrics_5m", kept), ("gpu_metrics_hourly", {10, 11})):
        settings = pl.DataFrame({"gpu_5m_days": [days]})
        found = rows_of(compiled(model), inputs(samples, settings))
        assert {row["usage_date"].day for row in found} == expected


def test_another_source_of_a_counter_is_no_growth() -> None:
    """DCGM counts since the driver was loaded, Triton since it began: the one goes on where the other is not heard."""
    days = [(10, "dcgm", ("9000000", "9000100")), (11, "triton", ("50", "70")), (12, "dcgm", ("9000900", "9001000"))]
    first = SAMPLES.filter(pl.col("metric") == "energy_millijoules").row(0, named=True)
    samples = pl.DataFrame(
        [
            first
            | {
                "sampled_at": datetime(2026, 8, day, 9, 3 * number),
                "usage_date": datetime(2026, 8, day).date(),
                "source": source,
                "quantity": Decimal(quantity),
            }
            for day, source, quantities in days
            for number, quantity in enumerate(quantities)
        ],
        schema_overrides={"quantity": pl.Decimal(26, 6)},
    )
    settings = pl.DataFrame({"gpu_5m_days": [90]})
    found = rows_of(compiled("gpu_metrics_hourly"), inputs(samples, settings))
    grown = {row["usage_date"].day: row["counter_increase"] for row in found}
    # From the 10th to the 12th DCGM's own counter grew by 800: it is of the sample before.
    assert grown == {10: 900, 11: 20, 12: 100}


def test_a_slice_that_is_cut_anew_has_no_time_twice() -> None:
    """Sampled each minute; from 09:02:30 on another profile has the number, before the old one's minute is over."""
    taken = [(0, 0, "1g.5gb"), (1, 0, "1g.5gb"), (2, 0, "1g.5gb"), (2, 30, "2g.10gb"), (3, 30, "2g.10gb")]
    first = SAMPLES.row(0, named=True) | {"mig_instance_id": "7", "metric": "engine_active_share"}
    samples = pl.DataFrame(
        [
            first | {"sampled_at": datetime(2026, 8, 10, 9, minute, second), "mig_profile": profile}
            for minute, second, profile in taken
        ]
    ).with_columns(quantity=pl.lit(Decimal("0.5")).cast(pl.Decimal(26, 6)))
    spans = rows_of(compiled("int_gpu_slices_spanned"), {"int_gpu_samples": samples})
    found = sorted((row["sampled_at"], row["slice_profile"], row["span_us"] // 1_000_000) for row in spans)
    assert [(profile, seconds) for _, profile, seconds in found] == [
        ("1g.5gb", 60), ("1g.5gb", 60), ("1g.5gb", 30), ("2g.10gb", 60), ("2g.10gb", 60),
    ]  # fmt: skip


def test_a_day_has_the_step_it_was_sampled_with() -> None:
    """Ten samples a minute apart, the next day three ten minutes apart, then one: nothing says how long it stands."""
    first = SAMPLES.row(0, named=True) | {"metric": "engine_active_share", "quantity": Decimal("0.5")}
    taken = [*((10, 0, minute) for minute in range(10)), *((11, 23, minute) for minute in (39, 49, 59)), (12, 9, 0)]
    samples = pl.DataFrame(
        [first | {"sampled_at": datetime(2026, 8, day, hour, minute)} for day, hour, minute in taken],
        schema_overrides={"quantity": pl.Decimal(26, 6)},
    )
    spans = rows_of(compiled("int_gpu_samples_spanned"), {"int_gpu_samples": samples})
    minutes = {day: sum(row["span_us"] for row in spans if row["sampled_at"].day == day) / 60e6 for day in (10, 11, 12)}
    assert minutes == {10: 10, 11: 30, 12: 0}
