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
GPU = "GPU-473571f2-fb37-ef7e-50fe-9885b74a23cd"


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
    inputs = telemetry(folder / "lake") | {"int_gpu_energy_measured": compiled("int_gpu_energy_measured")}
    found = {model: rows_of(compiled(model), inputs) for model in models}
    return {
        model: [row for row in rows if (row["hour_start" if "hour_start" in row else "sampled_at"]).hour == 8]
        for model, rows in found.items()
    }


HOUR = f"select * from gpu_cost_hourly where hour_start = timestamp '{DAY} 08:00:00' order by gpu_id, slice_id"


def rented(found: dict[str, list[dict[str, Any]]], gpus: int, **beside: Any) -> Fleet:
    """A node rented at 7 USD a GPU-hour; `beside` it, deployments."""
    [node_id] = {row["node_id"] for rows in found.values() for row in rows}
    node = {"node_id": node_id, "service_provider": "p", "billing_account_id": "a", "gpus": gpus,
            "usd_per_gpu_hour": "7", "valid_from": f"{DAY}"}  # fmt: skip
    spans = [*found["int_gpu_samples_spanned"], until(date(2026, 8, 11), "elsewhere")]
    deployments = [said | {"node_id": node_id} for said in beside.pop("deployments", ())]
    return Fleet({"nodes": [node], "deployments": deployments}, spans, slices=found["int_gpu_slices_spanned"],
                 energy=found["int_gpu_energy_hourly"], **beside)  # fmt: skip


def test_a_gpu_of_four_slices_is_paid_and_powered_once(tmp_path: Path) -> None:
    found = landed(tmp_path, "mig_four_slices", "6890956")
    [energy] = found["int_gpu_energy_hourly"]
    assert (energy["energy_kwh"], energy["method"]) == (Decimal("0.2"), "counter")
    assert found["int_gpu_samples_spanned"] == []  # no whole GPU beside its slices
    hours = rented(found, 1).rows(HOUR)
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
    hours = rented(found, 2).rows(HOUR)
    assert [(row["gpu_id"][:12], row["slice_id"], row["cost_usd"]) for row in hours] == [
        ("GPU-5f587dd4", "whole", 7), ("GPU-7a2e92f2", "whole", 7),
    ]  # fmt: skip
    assert hours[1]["busy_seconds"] == pytest.approx(Decimal("0.000039") * 3600, abs=Decimal("0.000001"))


def bound(model: str, *slices: str) -> dict[str, Any]:
    return {"deployment_id": f"d-{model}", "model_id": model, "model": model,
            "slices": [{"gpu": GPU, "slice": name} for name in slices],
            "weights": {"input": "1", "cache_read": "0.1", "output": "4"}}  # fmt: skip


def test_slices_are_their_deployments_alone(tmp_path: Path) -> None:
    """x has slice 8, y slices 5 and 7 of the real GPU; slice 9 and what cutting left over are rows of their own."""
    found = landed(tmp_path, "mig_four_slices", "6890956")
    call = {"call_id": "c", "tenant_id": "a", "started_at": datetime(2026, 8, 10, 8, 7), "service_provider": "p",
            "host": "self_hosted", "model": "x", "billing_status": "billed", "input_uncached_tokens": 10,
            "cache_read_tokens": 0, "output_text_tokens": 0, "reasoning_tokens": 0}  # fmt: skip
    fleet = rented(found, 1, deployments=[bound("x", "8"), bound("y", "7", "5")], calls=[call])
    hours = fleet.rows(HOUR)
    assert [(row["slice_id"], row["share_id"], row["deployment_id"], round(row["cost_usd"], 9)) for row in hours] == [
        ("5", "d-y", "d-y", 2), ("7", "d-y", "d-y", 1), ("8", "d-x", "d-x", 1), ("9", "unbound", "unattributed", 1),
        ("uncut", "unbound", "unattributed", 2),
    ]  # fmt: skip
    assert sum(row["cost_usd"] for row in hours) == 7
    kinds = {
        row["slice_id"]: [name for name in ("warm_idle", "unallocated", "overhead") if row[f"{name}_seconds"]]
        for row in hours
    }
    assert kinds == {"5": ["warm_idle"], "7": ["warm_idle"], "8": ["warm_idle"], "9": ["unallocated"],
                     "uncut": ["overhead"]}  # fmt: skip
    # All of slice 8's busy time is x's calls', and none of y's.
    [priced] = fleet.rows("select deployment_id, billed_cost_usd as usd from int_gpu_calls_costed")
    assert (priced["deployment_id"], round(priced["usd"], 6)) == ("d-x", Decimal("0.408493"))
    held = {row["deployment_id"]: row["gpus"] for row in fleet.rows("from int_gpu_deployment_days")}
    assert held == {"d-x": Decimal("0.142857"), "d-y": Decimal("0.428571")}
    weeks = {
        row["deployment_id"]: row
        for row in fleet.rows("""
            select deployment_id, sum(gpu_cost_usd) as usd, sum(energy_kwh) as kwh,
                sum(provisioned_gpu_seconds) as seconds
            from self_hosting_weekly group by deployment_id""")
    }
    # A day: 24 x 7 USD, sevenths of it to the last digit.
    assert {name: (round(row["usd"], 6), round(row["seconds"], 3)) for name, row in weeks.items()} == {
        "d-x": (24, round(Decimal(86400) / 7, 3)), "d-y": (72, round(Decimal(86400) * 3 / 7, 3)),
        "unattributed": (72, round(Decimal(86400) * 3 / 7, 3)),
    }  # fmt: skip
    assert sum(row["usd"] for row in weeks.values()) == 168
    # The GPU's energy is counted once, by slices.
    assert sum(row["kwh"] for row in weeks.values()) == Decimal("0.2")
    assert round(weeks["d-y"]["kwh"], 9) == round(Decimal("0.2") * 3 / 7, 9)


def test_a_deployment_has_a_cut_gpu_as_a_whole(tmp_path: Path) -> None:
    found = landed(tmp_path, "mig_four_slices", "6890956")
    whole = bound("x") | {"slices": [{"gpu": GPU}]}
    fleet = rented(found, 1, deployments=[whole])
    assert {(row["share_id"], row["deployment_id"]) for row in fleet.rows(HOUR)} == {("d-x", "d-x")}
    assert [row["gpus"] for row in fleet.rows("from int_gpu_deployment_days")] == [1]
