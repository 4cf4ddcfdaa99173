"""GPU and vLLM telemetry as Prometheus gives it: weekly query_range pages, then exposition text by day.

Two scrapes without timestamps stand beside them, whose time is in the file name: one of the GPUs, whose samples the
day's file leaves out, and the last one of vLLM, at the end of the period.
"""

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from examples.company import story
from examples.company.catalog import (
    END_MS,
    FIRST_DAY,
    GPU_MODEL,
    LAST_DAY,
    LLAMA,
    MONDAYS,
    NODE_ID,
    START_MS,
    TEXT_METRICS_FROM,
    epoch_ms,
)
from examples.company.gpu import GPU_UUIDS, Node, served
from examples.company.shapes import Ints, random_stream

BARE_SCRAPE_MS = epoch_ms(TEXT_METRICS_FROM + timedelta(days=8), 12)
DAY_MS = 86_400_000
HELP = {
    "DCGM_FI_PROF_GR_ENGINE_ACTIVE": "Ratio of time the graphics engine is active.",
    "DCGM_FI_DEV_GPU_UTIL": "GPU utilization (in %).",
    "DCGM_FI_DEV_POWER_USAGE": "Power draw (in W).",
    "DCGM_FI_DEV_FB_USED": "Framebuffer memory used (in MiB).",
    "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": "Total energy consumption since boot (in mJ).",
    "vllm:prompt_tokens_total": "Number of prefill tokens processed.",
    "vllm:generation_tokens_total": "Number of generation tokens processed.",
    "vllm:prefix_cache_queries_total": "Prefix cache queries, in terms of number of queried tokens.",
    "vllm:prefix_cache_hits_total": "Prefix cache hits, in terms of number of cached tokens.",
    "vllm:request_success_total": "Count of successfully processed requests.",
    "vllm:num_requests_running": "Number of requests in model execution batches.",
    "vllm:num_requests_waiting": "Number of requests waiting to be processed.",
    "vllm:kv_cache_usage_perc": "KV-cache usage. 1 means 100 percent usage.",
}


@dataclass(frozen=True)
class Series:
    """One Prometheus series: times in ms and values as they are written."""

    name: str
    labels: dict[str, str]
    times: list[int]
    values: list[str]

    def between(self, first: int, end: int) -> Iterator[tuple[int, str]]:
        low, high = np.searchsorted(self.times, [first, end])
        return zip(self.times[low:high], self.values[low:high], strict=True)

    @property
    def text(self) -> str:
        return self.name + "{" + ",".join(f'{key}="{value}"' for key, value in self.labels.items()) + "}"


def write(landing: Path, seed: int, calls: pl.DataFrame, node: Node) -> None:
    """Write dcgm/samples and vllm/samples."""
    dcgm, vllm = _dcgm(seed, node), _vllm(calls, node)
    _write_feed(landing / "dcgm" / "samples", "dcgm", dcgm, bare_ms=BARE_SCRAPE_MS)
    _write_feed(landing / "vllm" / "samples", "vllm", vllm, bare_ms=END_MS)


def _dcgm(seed: int, node: Node) -> list[Series]:
    rng = random_stream(seed, "telemetry")
    result = []
    for gpu, uuid in enumerate(GPU_UUIDS):
        seen = node.is_scraped[:, gpu]
        busy, times = node.busy[:, gpu], node.sample_ms[seen].tolist()
        watts = 36 + busy * 0.0264 + rng.normal(0, 1.5, len(busy))
        energy = np.cumsum((watts * node.step_ms).astype(np.int64)) + 9_022_652_000 * (gpu + 3)
        memory = 41_300 + (busy * 0.25).astype(np.int64) + gpu * 6
        labels = {
            "gpu": str(gpu), "UUID": uuid, "pci_bus_id": f"00000000:{0x17 + gpu * 0x11:02X}:00.0",
            "device": f"nvidia{gpu}", "modelName": GPU_MODEL, "Hostname": NODE_ID,
            "DCGM_FI_DRIVER_VERSION": "570.86.15", "container": "vllm", "namespace": "inference", "pod": "vllm-llama-0",
        }  # fmt: skip
        values = {
            "DCGM_FI_PROF_GR_ENGINE_ACTIVE": [f"{v / 10_000:.4f}" for v in busy[seen].tolist()],
            "DCGM_FI_DEV_GPU_UTIL": [str(min(100, v // 80)) for v in busy[seen].tolist()],
            "DCGM_FI_DEV_POWER_USAGE": [f"{v:.3f}" for v in watts[seen].tolist()],
            "DCGM_FI_DEV_FB_USED": [str(v) for v in memory[seen].tolist()],
            "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION": [str(v) for v in energy[seen].tolist()],
        }
        result += [Series(name, labels, times, texts) for name, texts in values.items()]
    return result


def _vllm(calls: pl.DataFrame, node: Node) -> list[Series]:
    part = served(calls).sort("started_ms")
    times = np.append(node.sample_ms, END_MS)
    started, ended = part["started_ms"].to_numpy(), np.sort(part["ended_ms"].to_numpy())
    prompt = part.select(pl.col("input_uncached_tokens") + pl.col("cache_read_tokens")).to_series().to_numpy()
    hits = part["cache_read_tokens"].to_numpy()
    output = (part["output_text_tokens"] + part["reasoning_tokens"]).to_numpy()
    stopped = (np.arange(part.height) % 23 > 0).astype(np.int64)
    running = np.searchsorted(started, times) - np.searchsorted(ended, times)
    labels = {"model_name": LLAMA, "engine": "0", "instance": f"{NODE_ID}:8000", "job": "vllm"}

    def counter(amounts: Ints, initial: int) -> list[str]:
        return [str(v) for v in _counter(times, started, amounts, initial).tolist()]

    texts = {
        ("vllm:prompt_tokens_total", ""): counter(prompt, 48_211_904),
        ("vllm:generation_tokens_total", ""): counter(output, 5_602_177),
        ("vllm:prefix_cache_queries_total", ""): counter(prompt, 48_211_904),
        ("vllm:prefix_cache_hits_total", ""): counter(hits, 17_004_288),
        ("vllm:request_success_total", "stop"): counter(stopped, 30_112),
        ("vllm:request_success_total", "length"): counter(1 - stopped, 1_290),
        ("vllm:num_requests_running", ""): [str(v) for v in running.tolist()],
        ("vllm:num_requests_waiting", ""): ["0"] * len(times),
        ("vllm:kv_cache_usage_perc", ""): [f"{v:.6f}" for v in np.minimum(0.92, running * 0.017).tolist()],
    }
    return [
        Series(name, labels | ({"finished_reason": reason} if reason else {}), times.tolist(), values)
        for (name, reason), values in texts.items()
    ]


def _counter(times: Ints, started: Ints, amounts: Ints, initial: int) -> Ints:
    """A counter at each sample: calls started before it, from 0 again after the pod restarted."""
    total = np.concatenate(([0], np.cumsum(amounts)))
    value = total[np.searchsorted(started, times, side="left")] + initial
    after = times > story.RESTART_MS
    value[after] -= value[times == story.RESTART_MS][0]
    result: Ints = value
    return result


def _write_feed(folder: Path, feed: str, series: list[Series], *, bare_ms: int) -> None:
    folder.mkdir(parents=True)
    for monday in (m for m in MONDAYS if m < TEXT_METRICS_FROM):
        first = epoch_ms(monday)
        name = f"query_range_{monday}_{monday + timedelta(days=6)}.json"
        (folder / name).write_text(_query_range(series, first, first + 7 * DAY_MS))
    for index in range((TEXT_METRICS_FROM - FIRST_DAY).days, (LAST_DAY - FIRST_DAY).days + 1):
        day, first = FIRST_DAY + timedelta(days=index), START_MS + index * DAY_MS
        text = _exposition(series, first, first + DAY_MS, leave_out=bare_ms)
        (folder / f"{feed}_{day}.prom.gz").write_bytes(gzip.compress(text.encode(), 6, mtime=0))
    moment = np.datetime_as_string(np.datetime64(bare_ms, "ms"), unit="s").replace("-", "").replace(":", "")
    (folder / f"{feed}__at-{moment}Z.prom").write_text(_exposition(series, bare_ms, bare_ms + 1, with_time=False))


def _query_range(series: list[Series], first: int, end: int) -> str:
    """One page of the HTTP API: every series with [seconds, "value"] pairs."""
    results = []
    for one in series:
        metric = json.dumps({"__name__": one.name, **one.labels})
        pairs = ",".join(f'[{ms // 1000},"{value}"]' for ms, value in one.between(first, end))
        results.append(f'{{"metric":{metric},"values":[{pairs}]}}')
    body = ",\n".join(results)
    return f'{{"status":"success","data":{{"resultType":"matrix","result":[\n{body}\n]}}}}\n'


def _exposition(series: list[Series], first: int, end: int, *, leave_out: int = -1, with_time: bool = True) -> str:
    """Text format 0.0.4, timestamps in milliseconds or none."""
    lines, said = [], set()
    for one in sorted(series, key=lambda s: s.name):
        if one.name not in said:
            said.add(one.name)
            kind = "counter" if one.name.endswith(("_total", "_CONSUMPTION")) else "gauge"
            lines += [f"# HELP {one.name} {HELP[one.name]}", f"# TYPE {one.name} {kind}"]
        prefix = one.text
        lines += [
            f"{prefix} {value} {ms}" if with_time else f"{prefix} {value}"
            for ms, value in one.between(first, end)
            if ms != leave_out
        ]
    return "\n".join(lines) + "\n"
