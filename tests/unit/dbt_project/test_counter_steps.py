"""A counter gives the same total however it is cut into files, reset, scraped twice or scraped with gaps."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.lake import write_schemas
from sources.registry import FEEDS
from tests.unit.dbt_project.compiled import compiled, rows_of, telemetry

START = datetime(2026, 8, 10, 9, 40)
STEP = timedelta(minutes=5)
DCGM = {
    "gpu_index": pl.String, "mig_profile": pl.String, "gpu_model": pl.String, "namespace": pl.String, "pod": pl.String,
}  # fmt: skip
ENERGY_MODEL = compiled("int_gpu_energy_hourly")
ENERGY = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
# What a counter grew by before each sample, and whether it began anew before that.
Growth = list[tuple[int, bool]]
GROWTHS = st.lists(st.tuples(st.integers(0, 10**9), st.booleans()), min_size=2, max_size=30)


def shown(growth: Growth, first: int) -> tuple[list[int], int]:
    """What the counter shows at each sample, and what it grew by since the first, as far as samples can tell."""
    values, total = [first], 0
    for amount, is_reset in growth:
        # One that has caught up within a step looks like one that went on; no reader can tell.
        grown = amount % values[-1] if is_reset and values[-1] else amount
        values.append(grown if is_reset and values[-1] else values[-1] + grown)
        total += grown
    return values, total


def sample(number: int, value: int, **changes: Any) -> dict[str, Any]:
    row = {
        "sampled_at": START + number * STEP, "node_id": "n", "gpu_uuid": "g", "mig_instance_id": None,
        "metric": ENERGY, "value": float(value), "file_hash": "f", "row_number": number + 1,
    }  # fmt: skip
    return {**dict.fromkeys(DCGM), **row, **changes}


def energy_rows(files: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """The hours of energy of files as the lake holds them, staged and brought to one unit."""
    with TemporaryDirectory() as folder, duckdb.connect() as connection:
        write_schemas(Path(folder), FEEDS, connection)
        for number, file in enumerate(files):
            rows = [row | {"file_hash": f"{number:03}"} for row in file]
            frame = pl.DataFrame(rows, schema_overrides={"mig_instance_id": pl.String, **DCGM})
            frame.write_parquet(Path(folder) / f"lake/dcgm/samples/{number}.parquet")
        inputs = telemetry(Path(folder) / "lake")
        return rows_of(ENERGY_MODEL, inputs | {"int_gpu_energy_measured": compiled("int_gpu_energy_measured")})


def is_energy(hours: Sequence[dict[str, Any]], expected_mj: int) -> bool:
    """An hour is rounded down to a billionth of a kWh, which is 3.6 mJ."""
    found = sum((row["energy_kwh"] for row in hours), Decimal(0)) * 3_600_000_000
    return 0 <= expected_mj - found < Decimal("3.6") * len(hours) + 1


@settings(max_examples=5, deadline=None)
@given(st.lists(st.tuples(GROWTHS, st.integers(0, 10**12)), min_size=1, max_size=8), st.data())
def test_however_counters_land_their_growth_is_the_same(cases: list[tuple[Growth, int]], data: st.DataObject) -> None:
    files: list[list[dict[str, Any]]] = [[], [], []]
    totals = {}
    for case, (growth, first) in enumerate(cases):
        values, totals[f"g{case}"] = shown(growth, first)
        slices: list[str | None] = data.draw(st.sampled_from([[None], ["1"], ["1", "2", "7"]]))
        rows = [
            [sample(number, value, gpu_uuid=f"g{case}", mig_instance_id=index) for index in slices]
            for number, value in enumerate(values)
        ]
        # Without the samples on either side of a reset nobody can know what it had grown to.
        beside_resets = {n + offset for n, (_, is_reset) in enumerate(growth) if is_reset for offset in (0, 1)}
        losable = sorted(set(range(1, len(rows) - 1)) - beside_resets)
        lost = set(data.draw(st.lists(st.sampled_from(losable), unique=True))) if losable else set()
        kept = [scrape for number, scrape in enumerate(rows) if number not in lost]
        cut = data.draw(st.integers(1, len(kept) - 1))
        overlap = data.draw(st.integers(0, cut))
        again = data.draw(st.lists(st.sampled_from(kept), max_size=5))
        for file, part in zip(files, (kept[cut - overlap :], kept[:cut], again), strict=True):
            file += [row for scrape in part for row in scrape]
    hours = energy_rows([file for file in files if file])
    for uuid, total in totals.items():
        assert is_energy([row for row in hours if row["gpu_uuid"] == uuid], total)


def test_a_lifetime_is_no_growth() -> None:
    assert is_energy(energy_rows([[sample(0, 10**12), sample(1, 10**12 + 7_200)]]), 7_200)


def test_energy_lies_in_its_hours_and_power_stands_in() -> None:
    """A gap from 09:45 to 11:45: 15 minutes are of hour 9, 60 of 10, 45 of 11. g2 has no counter."""
    power = "DCGM_FI_DEV_POWER_USAGE"
    rows = [
        *(
            sample(number, value)
            for number, value in ((0, 0), (1, 300_000_000), (25, 1_500_000_000), (26, 1_500_000_000))
        ),
        *(sample(number, 600, metric=power, gpu_uuid="g2") for number in (0, 1, 2, 3)),
        # The same GPU under another name, seen for less of the hour.
        *(sample(number, 600, metric=power, gpu_uuid="g2", node_id="exporter-x") for number in (0, 1)),
    ]
    found = {(row["gpu_uuid"], row["hour_start"].hour): row for row in energy_rows([rows])}
    assert {key: (row["energy_kwh"], row["method"], row["covered_seconds"]) for key, row in found.items()} == {
        ("g", 9): (Decimal("0.125"), "counter_over_gap", 1200),
        ("g", 10): (Decimal("0.166666666"), "counter_over_gap", 3600),
        ("g", 11): (Decimal("0.125"), "counter_over_gap", 3000),
        ("g2", 9): (Decimal("0.2"), "power", 1200),
    }
    assert {row["node_id"] for row in found.values()} == {"n"}
