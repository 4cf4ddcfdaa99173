from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sources.contracts import validate_lake_table
from sources.dcgm.feed import SAMPLES
from tests.unit.sources.landed import LandedHome

PAYLOADS = Path("examples/payloads/dcgm/samples")
RUN_AI = Path(__file__).parent / "run_ai"
TABLE = "dcgm/samples"
BLANK = "sentinel 9223372036854775794: DCGM's mark for no value"
LABELS = 'gpu="0",UUID="GPU-1",modelName="NVIDIA L40S",Hostname="node-1",pod="server-0",namespace="inference"'


def ingest(home: LandedHome, name: str, content: str | bytes) -> pl.DataFrame:
    home.land(f"{TABLE}/{name}", content)
    summary = home.ingest(feeds=(SAMPLES,))
    assert summary.files_failed == 0, summary.warnings
    assert validate_lake_table(home.root, SAMPLES) == []
    return home.lake(TABLE)


def scrape(home: LandedHome, *lines: str) -> pl.DataFrame:
    return ingest(home, "node__at-20260810T100000Z.prom", "\n".join(lines) + "\n")


def test_query_range_payload_becomes_typed_rows(home: LandedHome) -> None:
    path = next(PAYLOADS.glob("query_range_*.json"))
    rows = ingest(home, path.name, path.read_bytes())
    assert rows.height == 72
    first = rows.filter(pl.col("row_number") == 1).row(0, named=True)
    assert first.pop("file_hash")
    assert first == {
        "sampled_at": datetime(2026, 8, 10, 9),
        "node_id": "gpu-node-1",
        "gpu_uuid": "GPU-0f3a9c10-55d2-4f6e-8a71-3c0b6d2e9f40",
        "gpu_index": "0",
        "mig_instance_id": None,
        "mig_profile": None,
        "gpu_model": "NVIDIA L40S",
        # `pod` and `namespace` are the exporter's own here: the exported ones say who used the GPU
        "namespace": "inference",
        "pod": "vllm-llama-0",
        "pod_labels": None,
        "metric": "DCGM_FI_PROF_GR_ENGINE_ACTIVE",
        "value": 0.41,
        "row_number": 1,
    }


def test_bare_scrape_payload_keeps_values_and_rejects_blanks(home: LandedHome) -> None:
    path = next(PAYLOADS.glob("*__at-*.prom"))
    rows = ingest(home, path.name, path.read_bytes())
    assert rows["sampled_at"].unique().to_list() == [datetime(2026, 8, 10, 10)]
    assert rows.height == 13
    assert home.rejects() == [
        (7, "value", BLANK),
        (8, "value", BLANK),
        (24, "value", "sentinel 4294967295: DCGM's mark for no value"),
    ]


def test_slices_of_one_gpu_stay_apart(home: LandedHome) -> None:
    rows = ingest(home, "a100__at-20230301T080000Z.prom.txt", (RUN_AI / "mig_two_profiles.prom.txt").read_bytes())
    assert rows["gpu_uuid"].n_unique() == 1
    slices = rows.select("mig_instance_id", "mig_profile").unique().sort("mig_instance_id").rows()
    assert slices == [("5", "2g.10gb"), ("7", "1g.5gb"), ("9", "1g.5gb")]
    energy = rows.filter(pl.col("metric") == "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION")
    assert energy["value"].to_list() == [57585599.0] * 3  # the whole GPU's, on each slice
    assert "DCGM_FI_DEV_GPU_UTIL" not in rows["metric"].to_list()
    assert rows["pod"].null_count() == rows.height  # pod="" is no pod
    assert [reject[:2] for reject in home.rejects()] == [(1, "line")]


def test_without_mig_the_whole_gpu_is_a_row(home: LandedHome) -> None:
    rows = ingest(home, "a100__at-20230301T080000Z.prom.txt", (RUN_AI / "mig_disabled.prom.txt").read_bytes())
    assert rows["mig_instance_id"].null_count() == rows.height
    assert set(rows["metric"]) >= {"DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_PROF_GR_ENGINE_ACTIVE"}
    assert [reject[:2] for reject in home.rejects()] == [(1, "line"), (3, "line")]


@pytest.mark.parametrize(
    ("metric", "value", "is_kept"),
    [
        ("DCGM_FI_DEV_MEMORY_TEMP", "9223372036854775792", False),
        ("DCGM_FI_DEV_POWER_USAGE", "140737488355328.000000", False),
        ("DCGM_FI_DEV_POWER_USAGE", "1.40737488355328e+16", False),
        ("DCGM_FI_DEV_GPU_UTIL", "4294967295", False),
        ("DCGM_FI_DEV_GPU_UTIL", "101", False),
        ("DCGM_FI_DEV_GPU_UTIL", "-1", False),
        ("DCGM_FI_DEV_GPU_UTIL", "100", True),
        ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "1.01", False),
        ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "-0.1", False),
        ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "1", True),
        ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", "NaN", False),
        ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", "140737488000000", True),
        ("DCGM_FI_DEV_GPU_TEMP", "0", True),
    ],
)
def test_no_value_is_quarantined_and_never_stored(home: LandedHome, metric: str, value: str, is_kept: bool) -> None:
    good = f"DCGM_FI_DEV_SM_CLOCK{{{LABELS}}} 1410"
    rows = scrape(home, good, f"{metric}{{{LABELS}}} {value}")
    kept = rows.filter(pl.col("metric") == metric)["value"].to_list()
    assert kept == ([float(value)] if is_kept else [])
    assert [(line, field) for line, field, _ in home.rejects()] == ([] if is_kept else [(2, "value")])
    assert all(reason.startswith(f"sentinel {value}") for _, _, reason in home.rejects())


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ('gpu="0",UUID="GPU-1",Hostname="n"', {"node_id": "n", "gpu_uuid": "GPU-1"}),
        ('gpu="0",uuid="GPU-1",hostname="n"', {"node_id": "n", "gpu_uuid": "GPU-1"}),
        ('UUID="GPU-1",hostname="n",pod="exporter",exported_pod="server"', {"pod": "server", "gpu_index": None}),
        ('gpu="0",UUID="GPU-1",hostname="n",pod="server",exported_pod=""', {"pod": "server"}),
        ('gpu="0",UUID="GPU-1",hostname="n",pod_name="old",pod_namespace="ns"', {"pod": "old", "namespace": "ns"}),
    ],
)
def test_labels_are_read_under_all_their_names(home: LandedHome, labels: str, expected: dict[str, Any]) -> None:
    row = scrape(home, f"DCGM_FI_DEV_GPU_TEMP{{{labels}}} 40").row(0, named=True)
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ('pod="server",team="search",app_kubernetes_io_name="llm",instance="10.0.0.1:9400",job="dcgm"',
         "|app_kubernetes_io_name=llm|team=search|"),
        ('pod="exporter",exported_pod="server",team="a=b",odd="x|team=y"', "|team=a=b|"),
        ('pod="server",container="c",namespace="n",pod_uid="u"', None),
        ('team="search"', None),  # nobody's
    ],
)  # fmt: skip
def test_labels_of_a_pod_are_kept(home: LandedHome, labels: str, expected: str | None) -> None:
    rows = scrape(home, f'DCGM_FI_DEV_GPU_TEMP{{gpu="0",UUID="GPU-1",Hostname="node-1",pci_bus_id="0",{labels}}} 40')
    assert rows["pod_labels"].to_list() == [expected]


def test_a_gpu_without_uuid_or_node_is_rejected_and_a_switch_is_no_row(home: LandedHome) -> None:
    rows = scrape(
        home,
        f"DCGM_FI_DEV_GPU_TEMP{{{LABELS}}} 40",
        'DCGM_FI_DEV_GPU_TEMP{gpu="1",Hostname="node-1"} 40',
        'DCGM_FI_DEV_GPU_TEMP{gpu="1",UUID="GPU-2"} 40',
        'DCGM_FI_DEV_NVSWITCH_TEMPERATURE_CURRENT{nvswitch="nvswitch0",Hostname="node-1"} 40',
    )
    assert rows.height == 1
    assert home.rejects() == [(2, "UUID", "label is missing"), (3, "Hostname", "label is missing")]
