"""What was measured against what is promised: the arithmetic, the table, the JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from benchmarks.measure import SIZES_APART, TINY_ROWS, Measured, Stage

GOALS = {
    "ingest_plain_per_scan": 4.5,
    "ingest_gzip_per_scan": 6.0,
    "otel_per_scan": 8.0,
    "langfuse_per_scan": 8.0,
    "cpu_s_per_million": 12.0,
    "fixed_cpu_s": 60.0,
    "peak_gb": 2.0,
    "peak_growth": 1.25,
    "priced_calls_per_cpu_s": 1_000_000.0,
    "pricing_per_loop": 140.0,
    "allocation_cpu_s": 60.0,
    "allocation_peak_gb": 2.0,
    "query_ms": 50.0,
    "page_ready_s": 1.5,
}
# Of these, more is better.
_FLOORS = frozenset(("priced_calls_per_cpu_s", "pricing_per_loop"))
_TEXTS = {
    "ingest_plain_per_scan": "ingest, plain, x scan",
    "ingest_gzip_per_scan": "ingest, gzipped, x scan",
    "otel_per_scan": "ingest of OTLP spans, x scan",
    "langfuse_per_scan": "ingest of Langfuse JSONL, x scan",
    "cpu_s_per_million": "everything, CPU s per million calls",
    "fixed_cpu_s": "fixed cost of a run, CPU s",
    "peak_gb": "peak memory, GB",
    "peak_growth": f"memory for {SIZES_APART} x the rows, x",
    "priced_calls_per_cpu_s": "pricing alone, calls a CPU s",
    "pricing_per_loop": "pricing alone, x genai-prices' loop",
    "allocation_cpu_s": "allocation with exports, CPU s",
    "allocation_peak_gb": "allocation with exports, peak GB",
    "query_ms": "slowest query over 100 million calls, ms",
    "page_ready_s": "explorer ready, s",
}


@dataclass(frozen=True)
class Claim:
    """One promise. Met when the value is not above the goal, or not below a floor."""

    name: str
    value: float
    goal: float

    @property
    def is_met(self) -> bool:
        return self.value >= self.goal if self.name in _FLOORS else self.value <= self.goal

    @property
    def bound(self) -> str:
        return f"{'>=' if self.name in _FLOORS else '<='} {self.goal:,g}"

    @property
    def text(self) -> str:
        return _TEXTS[self.name]


def total_cpu(stages: Mapping[str, Stage]) -> float:
    return sum(stage.cpu_s for stage in stages.values())


def claims(measured: Measured) -> list[Claim]:
    """Every promise with what was measured. The cost per million is what comes on top of a run on a handful of rows."""
    scan = median(measured.scan_s)
    fixed = total_cpu(measured.tiny_stages)
    per_million = (total_cpu(measured.stages) - fixed) / (measured.rows - TINY_ROWS) * 1_000_000
    peak = max(measured.ingest_gzip_peak_bytes, *(stage.peak_bytes for stage in measured.stages.values()))
    priced = measured.priced_calls / median(measured.pricing_s)
    values = {
        "ingest_plain_per_scan": median(measured.ingest_plain_s) / scan,
        "ingest_gzip_per_scan": median(measured.ingest_gzip_s) / scan,
        **{f"{feed}_per_scan": median(one.ingest_s) / median(one.scan_s) for feed, one in measured.nested.items()},
        "cpu_s_per_million": per_million,
        "fixed_cpu_s": fixed,
        "peak_gb": peak / 1e9,
        "peak_growth": max(_growth(peaks) for peaks in _peaks(measured).values()),
        "priced_calls_per_cpu_s": priced,
        "pricing_per_loop": priced / (measured.loop_calls / measured.loop_s),
        "allocation_cpu_s": measured.allocation_cpu_s,
        "allocation_peak_gb": measured.allocation_peak_bytes / 1e9,
        "query_ms": max(measured.query_seconds.values()) * 1000,
        "page_ready_s": measured.page_seconds,
    }
    return [Claim(name, value, GOALS[name]) for name, value in values.items()]


def _peaks(measured: Measured) -> dict[str, dict[int, int]]:
    """The largest memory of an ingest, by feed and rows."""
    return {"litellm": measured.ingest_peak_bytes, **{feed: one.peak_bytes for feed, one in measured.nested.items()}}


def _growth(peaks: Mapping[int, int]) -> float:
    return peaks[max(peaks)] / peaks[min(peaks)]


def as_dict(measured: Measured, machine: str) -> dict[str, Any]:
    """Everything, for --json."""
    judged = [{**asdict(claim), "is_met": claim.is_met} for claim in claims(measured)]
    return {"machine": machine, **asdict(measured), "claims": judged}


def show(measured: Measured, machine: str) -> None:
    """The stages and the verdicts, on stdout."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    row_bytes = measured.plain_bytes / measured.rows
    stages = Table("stage", title=f"{measured.rows:,} rows of {row_bytes:,.0f} bytes; {machine}", title_justify="left")
    for name in ("CPU s", "of it fixed", "peak MB"):
        stages.add_column(name, justify="right")
    for name, stage in measured.stages.items():
        fixed = measured.tiny_stages[name].cpu_s
        stages.add_row(name, f"{stage.cpu_s:.1f}", f"{fixed:.1f}", f"{stage.peak_bytes / 1e6:,.0f}")
    fixed = total_cpu(measured.tiny_stages)
    stages.add_row("all", f"{total_cpu(measured.stages):.1f}", f"{fixed:.1f}", "", style="bold")
    console.print(stages)
    repeats = {
        "scan": measured.scan_s,
        "fields to Parquet and SHA-256, nothing typed or checked": measured.floor_s,
        "ingest, plain": measured.ingest_plain_s,
        "ingest, gzipped": measured.ingest_gzip_s,
        "pricing alone": measured.pricing_s,
    }
    for feed, one in measured.nested.items():
        repeats |= {f"scan of {feed}": one.scan_s, f"ingest of {feed}": one.ingest_s}
    for feed, found in _peaks(measured).items():
        peaks = ", ".join(f"{peak / 1e6:,.0f} MB at {rows:,} rows" for rows, peak in found.items())
        console.print(f"ingest of {feed}: peak {peaks}", highlight=False, soft_wrap=True)
    console.print(f"the explorer's page: {measured.page_bytes / 1e6:.1f} MB", highlight=False, soft_wrap=True)
    for question, wall in measured.query_seconds.items():
        console.print(f"{question} {wall * 1000:.1f} ms", highlight=False, soft_wrap=True)
    for what, seconds in repeats.items():
        each = ", ".join(f"{value:.2f}" for value in seconds)
        console.print(f"{what}: median {median(seconds):.2f} CPU s of {each}", highlight=False, soft_wrap=True)
    verdicts = Table("claim", title="Goals", title_justify="left")
    for name in ("measured", "goal"):
        verdicts.add_column(name, justify="right")
    verdicts.add_column("verdict")
    for claim in claims(measured):
        verdict = "[green]met[/]" if claim.is_met else "[red]missed[/]"
        verdicts.add_row(claim.text, f"{claim.value:,.2f}", claim.bound, verdict)
    console.print(verdicts)
