"""Real scrapes of cut and shared GPUs, from landing to what they cost."""

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.integration.fleets import Fleet, until
from tests.unit.dbt_project.compiled import compiled, rows_of, telemetry
from tests.unit.sources.landed import LandedHome

RUN_AI = Path("tests/unit/sources/dcgm/run_ai")
DAY = date(2026, 8, 10)


def landed(folder: Path, name: str, energy_mj: str) -> dict[str, list[dict[str, Any]]]:
    """The scrape at 08:00, 08:30 and 09:00, a GPU taking 100 Wh in between; the hour's rows of the models, by name."""
    home = LandedHome(folder)
    text = (RUN_AI / f"{name}.prom.txt").read_text()
    for number, time in enumerate(("080000", "083000", "090000")):
        scrape = text.replace(f" {energy_mj}\n", f" {int(energy_mj) + number * 360_000_000}\n")
        home.land(f"dcgm/samples/n__at-{DAY:%Y%m%d}T{time}Z.prom", scrape)
    summary = home.ingest(now=datetime(2026, 8, 11, tzinfo=UTC))
    assert summary.files_failed == 0, summary.warnings
    models = ("int_gpu_samples_spanned", "int_gpu_slices_spanned", "int_gpu_energy_hourly")
    inputs = telemetry(folder / "lake")
    found = {model: rows_of(compiled(model), inputs) for model in models}
    return {
        model: [row for row in rows if (row["hour_start" if "hour_start" in row else "sampled_at"]).hour == 8]
        for model, rows in found.items()
    }


def costed(found: dict[str, list[dict[str, Any]]], gpus: int) -> list[dict[str, Any]]:
    """The hour from 08:00 on, of a node rented at 7 USD a GPU-hour."""
    [node_id] = {row["node_id"] for rows in found.values() for row in rows}
    node = {"node_id": node_id, "service_provider": "p", "billing_account_id": "a", "gpus": gpus,
            "usd_per_gpu_hour": "7", "valid_from": f"{DAY}"}  # fmt: skip
    spans = [*found["int_gpu_samples_spanned"], until(date(2026, 8, 11), "elsewhere")]
    fleet = Fleet({"nodes": [node]}, spans, slices=found["int_gpu_slices_spanned"],
                  energy=found["int_gpu_energy_hourly"])  # fmt: skip
    return fleet.rows(f"""
        select * from gpu_cost_hourly where hour_start = timestamp '{DAY} 08:00:00' order by gpu_id, slice_id""")


def test_a_gpu_of_four_slices_is_paid_and_powered_once(tmp_path: Path) -> None:
    found = landed(tmp_path, "mig_four_slices", "6890956")
    [energy] = found["int_gpu_energy_hourly"]
    assert (energy["energy_kwh"], energy["method"]) == (Decimal("0.2"), "counter")
    assert found["int_gpu_samples_spanned"] == []  # no whole GPU beside its slices
    hours = costed(found, 1)
    # 3 x 1g and 2g of seven; only GR_ENGINE_ACTIVE of slice 8 says that something runs, and GPU_UTIL does not exist.
    assert [(row["slice_id"], row["slice_profile"], round(row["cost_usd"], 9)) for row in hours] == [
        ("5", "2g.10gb", 2), ("7", "1g.5gb", 1), ("8", "1g.5gb", 1), ("9", "1g.5gb", 1), ("uncut", "uncut", 2),
    ]  # fmt: skip
    assert sum(row["cost_usd"] for row in hours) == 7
    assert {row["slice_id"]: round(row["busy_cost_usd"], 6) for row in hours if row["busy_cost_usd"]} == {
        "8": Decimal("0.408493")
    }
    assert round(sum(row["busy_seconds"] for row in hours) / 3600, 6) == round(Decimal("0.408493") / 7, 6)


def test_a_fraction_of_a_gpu_is_one_gpu(tmp_path: Path) -> None:
    """The pod that holds the GPU for fractions is on it, and nobody on the other one of the node."""
    found = landed(tmp_path, "fraction", "9022652")
    kwh = {row["gpu_uuid"][:12]: row["energy_kwh"] for row in found["int_gpu_energy_hourly"]}
    assert kwh == {"GPU-7a2e92f2": Decimal("0.2"), "GPU-5f587dd4": 0}
    hours = costed(found, 2)
    assert [(row["gpu_id"][:12], row["slice_id"], row["cost_usd"]) for row in hours] == [
        ("GPU-5f587dd4", "whole", 7), ("GPU-7a2e92f2", "whole", 7),
    ]  # fmt: skip
    assert hours[1]["busy_seconds"] == pytest.approx(Decimal("0.000039") * 3600, abs=Decimal("0.000001"))
