"""Telemetry read back as a reader would: busy time and counter increases are those of the truth."""

import gzip
import json
import re
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise

import polars as pl

from examples.company import story
from examples.company.catalog import END_MS, LLAMA, START_MS, STEP_SECONDS
from tests.unit.examples.conftest import Company

Samples = dict[tuple[str, ...], dict[int, Decimal]]
LINE = re.compile(r"^([\w:]+)\{(.*)\} (\S+)(?: (\d+))?$")


def _samples(company: Company, feed: str, label: str) -> Samples:
    """All samples of a feed by (metric, label), at milliseconds; a sample that comes twice fails."""
    found: Samples = defaultdict(dict)

    def add(name: str, labels: dict[str, str], moment: int, value: str) -> None:
        series = found[(name, labels.get(label, ""))]
        assert moment not in series
        series[moment] = Decimal(value)

    for path in sorted((company.landing / feed / "samples").iterdir()):
        if path.suffix == ".json":
            for series in json.loads(path.read_text())["data"]["result"]:
                for seconds, value in series["values"]:
                    add(series["metric"]["__name__"], series["metric"], seconds * 1000, value)
            continue
        text = gzip.decompress(path.read_bytes()).decode() if path.suffix == ".gz" else path.read_text()
        scraped = 0
        if "__at-" in path.name:
            moment = datetime.strptime(path.name.split("__at-")[1], "%Y%m%dT%H%M%SZ.prom")
            scraped = int(moment.replace(tzinfo=UTC).timestamp()) * 1000
        for line in text.splitlines():
            if not line.startswith("#"):
                match = LINE.match(line)
                assert match
                labels = dict(re.findall(r'(\w+)="([^"]*)"', match[2]))
                assert bool(match[4]) != bool(scraped)
                add(match[1], labels, int(match[4] or scraped), match[3])
    return found


def test_busy_seconds_are_those_of_the_samples(company: Company) -> None:
    samples = _samples(company, "dcgm", "UUID")
    busy: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    covered: dict[tuple[str, str], int] = defaultdict(int)
    for (metric, uuid), series in samples.items():
        if metric == "DCGM_FI_PROF_GR_ENGINE_ACTIVE":
            for moment, share in series.items():
                hour = datetime.fromtimestamp(moment // 3_600_000 * 3600, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
                busy[hour, uuid] += share * STEP_SECONDS
                covered[hour, uuid] += STEP_SECONDS
    for row in company.truth("gpu_hours").iter_rows(named=True):
        key = row["hour_start"], row["gpu_id"]
        assert busy[key] == Decimal(row["busy_seconds"])
        assert covered[key] == int(row["covered_seconds"])


def test_counters_increase_by_the_calls_started_before_each_sample(company: Company) -> None:
    samples = _samples(company, "vllm", "finished_reason")
    calls = company.calls.filter((pl.col("model") == LLAMA) & pl.col("is_billed")).with_columns(
        step=(pl.col("started_at").dt.epoch("ms") - START_MS) // (STEP_SECONDS * 1000)
    )
    assert calls.filter(~pl.col("is_logged") & (pl.col("scope") == "notebook")).height
    expected = {
        "vllm:prompt_tokens_total": pl.col("input_uncached_tokens") + pl.col("cache_read_tokens"),
        "vllm:prefix_cache_hits_total": pl.col("cache_read_tokens"),
        "vllm:generation_tokens_total": pl.col("output_text_tokens"),
    }
    for metric, tokens in expected.items():
        series = samples[(metric, "")]
        moments = sorted(series)
        assert (moments[0], moments[-1]) == (START_MS, END_MS)
        resets, increases = [], {}
        for step, (before, after) in enumerate(pairwise(moments)):
            increase = series[after] - series[before]
            if increase < 0:
                resets.append(before)
                increase = series[after]
            if increase:
                increases[step] = int(increase)
        assert resets == [story.RESTART_MS]
        true = calls.group_by("step").agg(tokens.sum().alias("tokens")).filter(pl.col("tokens") > 0)
        assert increases == dict(true.rows())
