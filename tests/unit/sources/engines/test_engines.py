"""SGLang, TGI and Triton: what lands becomes one kind of samples, in one unit, beside vLLM's and the GPUs'."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sources.contracts import validate_lake_table
from sources.dcgm.feed import SAMPLES as DCGM
from sources.nvidia_smi.feed import SAMPLES as NVIDIA_SMI
from sources.sglang.feed import SAMPLES as SGLANG
from sources.tgi.feed import SAMPLES as TGI
from sources.triton.feed import SAMPLES as TRITON
from sources.vllm.feed import SAMPLES as VLLM
from tests.unit.dbt_project.compiled import rows_of, telemetry
from tests.unit.sources.landed import LandedHome

PAYLOADS = Path("examples/payloads")
FEEDS = (SGLANG, TGI, TRITON, VLLM, DCGM, NVIDIA_SMI)
RUN_AI = Path("tests/unit/sources/dcgm/run_ai")


def land(home: LandedHome, feed: str, name: str, content: str) -> None:
    home.land(f"{feed}/samples/{name}", content)


def samples(home: LandedHome, model: str, order: str) -> list[dict[str, Any]]:
    summary = home.ingest(feeds=FEEDS)
    assert (summary.files_failed, summary.warnings) == (0, [])
    for feed in FEEDS:
        assert validate_lake_table(home.root, feed) == []
    return rows_of(f"select * from {model} order by {order}", telemetry(home.root / "lake"))


@pytest.mark.parametrize("feed", ["sglang", "tgi", "triton"])
def test_payloads_are_read_whole(home: LandedHome, feed: str) -> None:
    [path] = (PAYLOADS / feed / "samples").iterdir()
    land(home, feed, path.name, path.read_text())
    assert samples(home, "int_engine_samples", "metric")
    assert home.rejects() == []


def test_four_engines_count_tokens_under_one_name(home: LandedHome) -> None:
    at = "__at-20260810T100000Z.prom"
    land(home, "vllm", f"v{at}", 'kserve_vllm:prompt_tokens{model_name="m"} 5\nvllm:gpu_cache_usage_perc 0.5\n')
    land(home, "sglang", f"s{at}", 'sglang:prompt_tokens_total{model_name="m"} 7\nsglang:token_usage 0.25\n')
    land(home, "tgi", f"t{at}", "tgi_request_input_length_sum 11\ntgi_request_input_length_count 2\n")
    land(home, "triton", f"r{at}", 'nv_inference_queue_duration_us{model="m",version="1"} 2500000\n')
    found = [
        (row["engine_kind"], row["instance"], row["model_name"], row["metric"], row["unit"], row["quantity"])
        for row in samples(home, "int_engine_samples", "engine_kind, metric")
    ]
    assert found == [
        ("sglang", "s", "", "kv_cache_used_share", "share", Decimal("0.25")),
        ("sglang", "s", "m", "prompt_tokens_total", "token", Decimal(7)),
        ("tgi", "t", "", "prompt_tokens_total", "token", Decimal(11)),
        ("triton", "r", "m", "queue_seconds_total", "s", Decimal("2.5")),
        ("vllm", "v", "", "kv_cache_used_share", "share", Decimal("0.5")),
        ("vllm", "v", "m", "prompt_tokens_total", "token", Decimal(5)),
    ]


def test_ranks_of_sglang_repeat_and_replicas_add_up(home: LandedHome) -> None:
    """Two data-parallel ranks of two tensor-parallel ranks each; the second rank's first one is not rank 0."""
    ranks = [(dp, tp) for dp in (0, 1) for tp in (2 * dp, 2 * dp + 1)]
    lines = [
        f'sglang:generation_tokens_total{{model_name="m",dp_rank="{dp}",tp_rank="{tp}",pp_rank="0"}} {100 + dp}'
        for dp, tp in ranks
    ]
    land(home, "sglang", "s__at-20260810T100000Z.prom", "\n".join(lines) + "\n")
    # A scrape that lost the first rank says nothing of its engine, rather than bring in another rank's counter.
    land(home, "sglang", "s__at-20260810T101000Z.prom", "\n".join(lines[1:]) + "\n")
    found = [(row["engine"], row["quantity"]) for row in samples(home, "int_engine_samples", "sampled_at, engine")]
    assert found == [("0", 100), ("1", 101), ("1", 101)]


def test_gpus_have_one_unit_whatever_told_of_them(home: LandedHome) -> None:
    at = "__at-20260810T100000Z.prom"
    land(
        home,
        "triton",
        f"node-1{at}",
        'nv_energy_consumption{gpu_uuid="GPU-1"} 12.5\nnv_gpu_utilization{gpu_uuid="GPU-1"} 0.5\n',
    )
    land(home, "nvidia_smi", "node-1.csv", "timestamp, uuid, utilization.gpu [%], memory.used [MiB]\n"
         "2026/08/10 10:00:00.000, GPU-1, 75 %, 2 MiB\n")  # fmt: skip
    land(home, "nvidia_smi", "node-1.csv.meta.json", '{"zone": "UTC"}')
    land(home, "dcgm", f"n{at}", 'DCGM_FI_DEV_POWER_USAGE{gpu="0",UUID="GPU-1",Hostname="node-1"} 99.5\n')
    found = {row["metric"]: (row["quantity"], row["source"]) for row in samples(home, "int_gpu_samples", "metric")}
    assert found == {
        "energy_millijoules": (Decimal(12_500), "triton"),
        "memory_used_bytes": (Decimal(2_097_152), "nvidia_smi"),
        "power_watts": (Decimal("99.5"), "dcgm"),
        # Of two sources of a day the one that knows more about the GPU.
        "util_share": (Decimal("0.75"), "nvidia_smi"),
    }


def test_slices_of_a_real_gpu_share_its_energy_and_have_their_own_activity(home: LandedHome) -> None:
    text = (RUN_AI / "mig_two_profiles.prom.txt").read_text()
    land(home, "dcgm", "a100__at-20230301T080000Z.prom.txt", text)
    rows = rows_of_gpu(home)
    by_metric = {name: [row for row in rows if row["metric"] == name] for name in {row["metric"] for row in rows}}
    assert [row["quantity"] for row in by_metric["energy_millijoules"]] == [Decimal(57_585_599)]
    assert [row["mig_instance_id"] for row in by_metric["energy_millijoules"]] == [""]
    assert len(by_metric["power_watts"]) == 1
    active = {row["mig_instance_id"]: row["mig_profile"] for row in by_metric["engine_active_share"]}
    assert active == {"5": "2g.10gb", "7": "1g.5gb", "9": "1g.5gb"}
    assert "util_share" not in by_metric


def rows_of_gpu(home: LandedHome) -> list[dict[str, Any]]:
    home.ingest(feeds=FEEDS)
    return rows_of("select * from int_gpu_samples order by metric, mig_instance_id", telemetry(home.root / "lake"))
