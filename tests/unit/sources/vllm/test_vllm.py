from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from sources.contracts import validate_lake_table
from sources.vllm.feed import SAMPLES
from tests.unit.sources.landed import LandedHome

PAYLOADS = Path("examples/payloads/vllm/samples")
TABLE = "vllm/samples"
MODEL = "meta-llama/Llama-3.3-70B-Instruct"


def ingest(home: LandedHome, name: str, content: str | bytes) -> pl.DataFrame:
    home.land(f"{TABLE}/{name}", content)
    summary = home.ingest(feeds=(SAMPLES,))
    assert summary.files_failed == 0, summary.warnings
    assert validate_lake_table(home.root, SAMPLES) == []
    return home.lake(TABLE)


def test_query_range_payload_becomes_typed_rows(home: LandedHome) -> None:
    path = next(PAYLOADS.glob("query_range_*.json"))
    rows = ingest(home, path.name, path.read_bytes())
    assert rows.height == 41
    first = rows.filter(pl.col("row_number") == 1).row(0, named=True)
    assert first.pop("file_hash")
    assert first == {
        "sampled_at": datetime(2026, 8, 10, 9),
        "instance": "gpu-node-1:8000",
        "engine": "0",
        "model_name": MODEL,
        "label_key": 'job="vllm"',
        "metric": "vllm:prompt_tokens_total",
        "value": 120400.0,
        "row_number": 1,
    }
    reasons = rows.filter(pl.col("metric") == "vllm:request_success_total")["label_key"].unique().sort().to_list()
    assert reasons == ['finished_reason="length",job="vllm"', 'finished_reason="stop",job="vllm"']
    assert [(field, reason.partition(";")[0]) for _, field, reason in home.rejects()] == [
        ("value", "sentinel NaN: no value")
    ]


def test_open_metrics_payload_is_read_in_seconds_without_created_times(home: LandedHome) -> None:
    path = next(PAYLOADS.glob("*.prom"))
    rows = ingest(home, path.name, path.read_bytes())
    assert rows["sampled_at"].unique().to_list() == [datetime(2026, 8, 10, 10, 0, 0, 250_000)]
    assert rows.select("metric", "label_key", "value").rows() == [
        ("vllm:prompt_tokens_total", "", 9100.0),
        ("vllm:generation_tokens_total", "", 1650.0),
        ("vllm:e2e_request_latency_seconds_bucket", 'le="5.0"', 9.0),
        ("vllm:e2e_request_latency_seconds_bucket", 'le="+Inf"', 12.0),
    ]
    assert home.rejects() == []


@pytest.mark.parametrize(
    ("name", "metric"),
    [
        ("vllm:prompt_tokens_total", "vllm:prompt_tokens_total"),
        ("vllm:prompt_tokens", "vllm:prompt_tokens_total"),
        ("kserve_vllm:generation_tokens", "vllm:generation_tokens_total"),
        ("kserve_vllm:prefix_cache_hits_total", "vllm:prefix_cache_hits_total"),
        ("vllm:gpu_prefix_cache_hits_total", "vllm:gpu_prefix_cache_hits_total"),
        ("vllm:num_requests_running", "vllm:num_requests_running"),
    ],
)
def test_every_version_has_one_name_per_metric(home: LandedHome, name: str, metric: str) -> None:
    rows = ingest(home, "server__at-20260810T100000Z.prom", f'{name}{{model_name="m"}} 1\n')
    assert rows["metric"].to_list() == [metric]


@pytest.mark.parametrize(
    ("labels", "instance", "engine"),
    [
        ('instance="10.0.0.1:8000",pod="a",engine="1"', "10.0.0.1:8000", "1"),
        ('exported_pod="server-0",pod="prometheus"', "server-0", "0"),
        ('model_name="m"', "server", "0"),
    ],
)
def test_servers_are_told_apart(home: LandedHome, labels: str, instance: str, engine: str) -> None:
    rows = ingest(home, "server__at-20260810T100000Z.prom", f"vllm:num_requests_running{{{labels}}} 1\n")
    assert rows.select("instance", "engine").rows() == [(instance, engine)]


@pytest.mark.parametrize(
    "name",
    [
        "server__at-20260810T100000Z.prom",
        "server_2026-08-10.prom.gz",
        "server-2026-08-10_2026-08-16.txt",
        "server.prom",
    ],
)
def test_a_server_without_a_name_is_the_same_in_every_file(home: LandedHome, name: str) -> None:
    rows = ingest(home, name, "vllm:num_requests_running 1 1786356000000\n")
    assert rows["instance"].to_list() == ["server"]


def test_a_negative_counter_is_rejected(home: LandedHome) -> None:
    text = 'vllm:prompt_tokens_total{model_name="m"} -5\nvllm:kv_cache_usage_perc{model_name="m"} 0.5\n'
    rows = ingest(home, "server__at-20260810T100000Z.prom", text)
    assert rows["metric"].to_list() == ["vllm:kv_cache_usage_perc"]
    assert home.rejects() == [(1, "value", "sentinel -5: a counter below 0")]
