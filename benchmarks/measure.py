"""Runs the stages, each in a fresh process, and sees what each took.

Imports little: a child's memory peak starts at what its parent had. What is compared with which goal is table.py's.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
NOW = "2026-11-18T06:00:00Z"
# In the order of a run. ingest comes before them and is measured several times.
AFTER_INGEST = ("prices", "build", "publish", "report")
# Feeds whose rows are nested, and how many rows of each.
NESTED_FEEDS = ("otel", "langfuse")
NESTED_ROWS = 200_000
# Memory is shown of every feed at two sizes, so many times apart.
SIZES_APART = 5
# Enough rows that every model has something to do, few enough to cost nothing.
TINY_ROWS = 700
# Every charge goes to every tenant.
CHARGES, TENANTS = 100_000, 200

Say = Callable[[str], None]


class StageError(Exception):
    """A stage ended with an error."""


@dataclass(frozen=True)
class Stage:
    """One process: its CPU seconds with those of its children, its largest memory, what it said."""

    cpu_s: float
    peak_bytes: int
    said: dict[str, Any]


@dataclass
class Nested:
    """The same of a feed with nested rows, and the largest memory of the ingest at two sizes."""

    scan_s: list[float] = field(default_factory=list)
    ingest_s: list[float] = field(default_factory=list)
    peak_bytes: dict[int, int] = field(default_factory=dict)


@dataclass
class Measured:
    """Everything one benchmark saw. What ends in `_s`: the work's own CPU seconds, of each repeat."""

    rows: int
    plain_bytes: int
    scan_s: list[float] = field(default_factory=list)
    floor_s: list[float] = field(default_factory=list)
    ingest_plain_s: list[float] = field(default_factory=list)
    ingest_gzip_s: list[float] = field(default_factory=list)
    ingest_gzip_peak_bytes: int = 0
    # Of the plain file, by rows.
    ingest_peak_bytes: dict[int, int] = field(default_factory=dict)
    priced_calls: int = 0
    price_sets: int = 0
    pricing_s: list[float] = field(default_factory=list)
    loop_calls: int = 0
    loop_s: float = 0
    allocation_cpu_s: float = 0
    allocation_peak_bytes: int = 0
    # Wall seconds, not CPU's: what a reader waits.
    query_seconds: dict[str, float] = field(default_factory=dict)
    page_seconds: float = 0
    page_bytes: int = 0
    nested: dict[str, Nested] = field(default_factory=dict)
    stages: dict[str, Stage] = field(default_factory=dict)
    tiny_stages: dict[str, Stage] = field(default_factory=dict)


def run_stage(stage: str, home: Path, *arguments: str, now: str = NOW) -> Stage:
    command = [sys.executable, "-m", "benchmarks.stages", stage, str(home), *arguments]
    process = Popen(command, cwd=ROOT, env=_environment(home.parent, now), stdout=PIPE, text=True)
    assert process.stdout
    said = process.stdout.read()
    # wait4 tells of this one child and its children; a later getrusage would mix it with those before.
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise StageError(f"stage {stage} on {home} ended with {process.returncode}")
    return Stage(usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024, json.loads(said))


def _environment(folder: Path, now: str) -> dict[str, str]:
    """Compiled Python comes from the benchmark's folder: as in an installation, whatever the caller's settings."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"INFERLEDGER_NOW": now, "PYTHONPYCACHEPREFIX": str(folder / "pycache")}


def measure(folder: Path, rows: int, repeats: int, say: Say) -> Measured:
    """Make the rows in `folder`, run everything on them and on a handful, for the fixed cost."""
    plain, zipped = folder / "plain", folder / "gzip"
    say(f"making {rows:,} rows, plain and gzipped")
    measured = Measured(rows, run_stage("rows", plain, str(rows), "plain").said["bytes"])
    run_stage("rows", zipped, str(rows), "gzip")
    say(f"everything on {TINY_ROWS} rows, twice: the first time Python is compiled")
    for home in (folder / "first", folder / "tiny"):
        run_stage("rows", home, str(TINY_ROWS), "plain")
        measured.tiny_stages = {"ingest": _ingest(home, TINY_ROWS)}
        measured.tiny_stages |= {stage: run_stage(stage, home) for stage in AFTER_INGEST}
    fewer = rows // SIZES_APART
    for number in range(1, repeats + 1):
        say(f"scan and ingest, {number} of {repeats}")
        measured.scan_s += run_stage("scan", plain).said["cpu"]
        measured.floor_s += run_stage("floor", plain).said["cpu"]
        ingest_gzip = _ingest(zipped, rows)
        measured.ingest_gzip_s += ingest_gzip.said["cpu"]
        measured.ingest_gzip_peak_bytes = max(measured.ingest_gzip_peak_bytes, ingest_gzip.peak_bytes)
        measured.stages["ingest"] = _ingest(plain, rows)
        measured.ingest_plain_s += measured.stages["ingest"].said["cpu"]
    measured.ingest_peak_bytes = {
        fewer: _ingest_made(folder / "fewer", fewer, "plain").peak_bytes,
        rows: measured.stages["ingest"].peak_bytes,
    }
    for feed in NESTED_FEEDS:
        say(f"scan and ingest of {NESTED_ROWS:,} rows of {feed}")
        measured.nested[feed] = _nested(folder, feed, repeats)
    for stage in AFTER_INGEST:
        say(stage)
        measured.stages[stage] = run_stage(stage, plain)
    say("queries with 100 million calls behind them, and the explorer's page")
    read = run_stage("reading", plain).said
    measured.query_seconds, measured.page_seconds, measured.page_bytes = read["queries"], read["page"], read["bytes"]
    say("pricing alone, and genai-prices' loop")
    said = run_stage("pricing", plain).said
    measured.priced_calls, measured.pricing_s, measured.price_sets = said["calls"], said["cpu"], said["price_sets"]
    measured.loop_calls, measured.loop_s = said["loop_calls"], said["loop_cpu"]
    say(f"{CHARGES:,} charges to {TENANTS} tenants, and what an accountant takes of them")
    allocation = run_stage("allocation", plain, str(CHARGES), str(TENANTS))
    measured.allocation_cpu_s = allocation.said["cpu_s_in_all"]
    measured.allocation_peak_bytes = allocation.peak_bytes
    return measured


def _nested(folder: Path, feed: str, repeats: int) -> Nested:
    found = Nested()
    home = folder / feed
    fewer = NESTED_ROWS // SIZES_APART
    found.peak_bytes[fewer] = _ingest_made(folder / f"{feed}-fewer", fewer, feed).peak_bytes
    found.peak_bytes[NESTED_ROWS] = _ingest_made(home, NESTED_ROWS, feed).peak_bytes
    for _ in range(repeats):
        found.scan_s += run_stage("scan", home, feed).said["cpu"]
        found.ingest_s += _ingest(home, NESTED_ROWS).said["cpu"]
    return found


def _ingest_made(home: Path, rows: int, kind: str) -> Stage:
    run_stage("rows", home, str(rows), kind)
    return _ingest(home, rows)


def _ingest(home: Path, rows: int) -> Stage:
    """Ingest into an empty lake."""
    shutil.rmtree(home / "lake", ignore_errors=True)
    stage = run_stage("ingest", home)
    if stage.said["rows"] != rows or stage.said["rejected"]:
        raise StageError(f"{home}: {stage.said['rows']:,} rows of {rows:,} read, {stage.said['rejected']:,} rejected")
    return stage
