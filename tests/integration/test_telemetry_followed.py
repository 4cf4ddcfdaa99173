"""Whatever samples come, go or come late: a build that follows them ends with the rows of one from nothing.

Series begin, pause for days or months, fall back to nothing and change their source, so that a day's samples decide
about other days in every way there is. Only what is made of samples day by day is built; the rest follows from that.
"""

import json
import random
import shutil
import sqlite3
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets import warehouse
from benchmarks.rows import write_settings
from sources.clock import NOW_VARIABLE
from sources.home import Home
from sources.lake import ledger_path
from tests.faults.conftest import copy_of
from tests.integration.test_incremental_builds import CALLS_IN_PIECE, Rows, build, built_rows

FIRST, LAST = date(2026, 8, 1), date(2026, 10, 20)
# Of a day; the first and the last are nearer to another day's samples than to those of their own.
MOMENTS = ("00:00:10", "00:00:40", "07:20:00", "07:20:30", "07:21:00", "07:50:00", "12:00:00", "23:10:00", "23:59:30")
GPU = (
    'gpu="0",UUID="GPU-{n}",Hostname="node-1",modelName="NVIDIA L40S",namespace="inference",pod="pod-{n}",team="search"'
)
SLICE = GPU + ',GPU_I_ID="3",GPU_I_PROFILE="1g.5gb"'
ENGINE = 'model_name="llama",engine="{n}",instance="node-1:8000"'
# By feed: name and labels of series, and whether each counts up.
SERIES = {
    "dcgm": [
        ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", GPU, False),
        ("DCGM_FI_PROF_GR_ENGINE_ACTIVE", SLICE, False),
        ("DCGM_FI_DEV_GPU_UTIL", GPU, False),
        ("DCGM_FI_DEV_POWER_USAGE", GPU, False),
        ("DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION", GPU, True),
    ],
    "triton": [
        ("nv_energy_consumption", 'gpu_uuid="GPU-{n}",instance="node-1:8002"', True),
        ("nv_gpu_power_usage", 'gpu_uuid="GPU-{n}",instance="node-1:8002"', False),
        ("nv_inference_request_success", 'model="m{n}",version="1",instance="node-1:8002"', True),
    ],
    "vllm": [
        ("vllm:prompt_tokens_total", ENGINE, True),
        ("vllm:request_success_total", ENGINE + ',finished_reason="stop"', True),
        ("vllm:request_success_total", ENGINE + ',finished_reason="abort"', True),
        ("vllm:kv_cache_usage_perc", ENGINE, False),
        ("vllm:num_requests_running", ENGINE, False),
    ],
}
ROUNDS = 3


def models_of_samples() -> list[str]:
    """What runs replace by days of telemetry, and the marts of the newest days and of energy."""
    nodes = json.loads(warehouse.prepare_manifest().read_text())["nodes"]
    return [
        node["name"]
        for node in nodes.values()
        if node["resource_type"] == "model"
        and (
            node["config"]["meta"].get("touched_by") in ("samples", "steps", "hours")
            or node["name"] in ("int_sample_days", "gpu_metrics_5m", "int_gpu_energy_hourly")
        )
    ]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv(NOW_VARIABLE, "2026-11-01T06:00:00Z")
    # Every day of samples is a piece of its own.
    monkeypatch.setenv(CALLS_IN_PIECE, "1")
    write_settings(tmp_path / "home" / "config")
    with (tmp_path / "home" / "config" / "inferledger.yml").open("a") as settings:
        settings.write("retention:\n  gpu_5m_days: 20\n")
    real, wanted = warehouse.dbt, [f"+{name}" for name in models_of_samples()]

    def only_these(home: Home, arguments: list[str], *others: Any) -> Any:
        return real(home, [*arguments, "--indirect-selection", "cautious", "--select", *wanted], *others)

    monkeypatch.setattr(warehouse, "dbt", only_these)
    return Home(tmp_path / "home")


def line(name: str, labels: str, moment: str, value: float) -> str:
    at = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    return f"{name}{{{labels}}} {value} {round(at.timestamp() * 1000)}\n"


def land(home: Home, feed: str, name: str, lines: Sequence[str]) -> Path:
    folder = home.landing / feed / "samples"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(lines))
    return folder / name


def work_rows(home: Home, query: str) -> list[Any]:
    with duckdb.connect(str(home.warehouse / "work.duckdb"), read_only=True) as work:
        return work.execute(query).fetchall()


class Telemetry:
    """Lands, changes and takes away files of random days and series."""

    def __init__(self, home: Home, seed: int) -> None:
        self.home, self.random, self.files, self.landed = home, random.Random(seed), dict[str, Path](), 0

    def land(self, feed: str, days: list[date]) -> None:
        name = f"samples_{self.landed:03}.prom"
        self.landed += 1
        self.files[name] = land(self.home, feed, name, [line for day in days for line in self._lines(feed, day)])

    def _lines(self, feed: str, day: date) -> list[str]:
        lines = []
        for name, labels, is_counter in SERIES[feed]:
            for number in range(2):
                if self.random.random() < 0.6:
                    for clock in sorted(self.random.sample(MOMENTS, self.random.randint(1, len(MOMENTS)))):
                        value = self.random.randint(0, 9000) if is_counter else self.random.randint(0, 100) / 100
                        lines.append(line(name, labels.replace("{n}", str(number)), f"{day}T{clock}", value))
        return lines

    def take_away(self) -> None:
        """As if the file had never come."""
        name = self.random.choice(sorted(self.files))
        self.files.pop(name).unlink()
        with sqlite3.connect(ledger_path(self.home.root)) as ledger:
            this = "identity in (select identity from files where file_name = ?)"
            ledger.execute(f"delete from file_days where {this}", (name,))
            ledger.execute("delete from files where file_name = ?", (name,))
        ledger.close()

    def some_days(self) -> list[date]:
        """Some after each other, and maybe one far away."""
        begin = FIRST + timedelta(days=self.random.randrange((LAST - FIRST).days))
        days = [begin + timedelta(days=number) for number in range(self.random.randint(1, 3))]
        return days if self.random.random() < 0.7 else [*days, FIRST + timedelta(days=self.random.randrange(80))]


def rows_of_samples(home: Home) -> Rows:
    found = built_rows(home)
    return {name: found[name] for name in models_of_samples()}


@pytest.mark.parametrize("seed", [1, 2])
def test_samples_in_any_order_end_with_the_rows_of_a_full_build(home: Home, tmp_path: Path, seed: int) -> None:
    telemetry = Telemetry(home, seed)
    for feed in SERIES:
        for _ in range(4):
            telemetry.land(feed, telemetry.some_days())
    assert build(home.root).is_full
    for number in range(ROUNDS):
        before = rows_of_samples(home)
        for feed in SERIES:
            telemetry.land(feed, telemetry.some_days())
        if number:
            telemetry.take_away()
        plan = build(home.root)
        assert not plan.is_full, plan.reasons
        followed = rows_of_samples(home)
        assert followed != before
        whole = copy_of(home, tmp_path / f"whole-{number}", ["config", "landing", "prices", "lake"])
        whole.warehouse.mkdir()
        assert build(whole.root).is_full
        anew = rows_of_samples(whole)
        assert [name for name in anew if followed[name] != anew[name]] == []
        assert all(anew[name][0] for name in anew), anew


def follow(home: Home) -> None:
    plan = build(home.root)
    assert not plan.is_full, plan.reasons


def test_a_fall_that_ends_days_later_is_taken_back_there(home: Home) -> None:
    """A counter pauses for two days while another goes on: where it is back, its fall ends a step within that day."""

    def requests(reason: str, moment: str, value: int) -> str:
        return line("vllm:request_success_total", f'{ENGINE},finished_reason="{reason}"', f"2026-{moment}", value)

    def falls_and_steps() -> tuple[list[Any], list[Any]]:
        falls = work_rows(home, "select sampled_at::varchar from int_engine_falls")
        steps = "select before_at::varchar from int_engine_steps where sampled_date = '2026-09-03' order by all"
        return falls, work_rows(home, steps)

    moments = ("09-01T12:00:00", "09-02T12:00:00", *(f"09-03T{clock}" for clock in MOMENTS[:4]))
    goes_on = [requests("stop", moment, 10 + number) for number, moment in enumerate(moments)]
    pauses = [requests("abort", "09-01T12:00:00", 5), requests("abort", "09-03T07:20:30", 1)]
    land(home, "vllm", "first.prom", goes_on + pauses)
    assert build(home.root).is_full
    first, gap, fall = ("2026-09-03 00:00:10",), ("2026-09-03 00:00:40",), ("2026-09-03 07:20:00",)
    assert falls_and_steps() == ([("2026-09-01 12:00:00",)], [first, gap, fall])
    land(home, "vllm", "late.prom", [requests("abort", "09-01T23:10:00", 0)])
    follow(home)
    assert falls_and_steps() == ([("2026-09-01 12:00:00",)], [first, gap])


def test_a_sample_stands_until_that_of_another_metric_on_the_next_day(home: Home) -> None:
    """How busy a GPU is, two metrics say; the exporter goes over to the other at midnight."""
    clocks = ("22:00:00", "22:10:00", "22:20:00", "23:50:00")
    name, other = "DCGM_FI_PROF_GR_ENGINE_ACTIVE", "DCGM_FI_DEV_GPU_UTIL"
    land(home, "dcgm", "first.prom", [line(name, GPU, f"2026-09-01T{clock}", 0.5) for clock in clocks])
    assert build(home.root).is_full
    covered = (
        "select covered_seconds::int from int_gpu_busy_hourly where sampled_date = '2026-09-01' order by hour_start"
    )
    assert work_rows(home, covered) == [(1800,), (600,)]
    land(home, "dcgm", "next.prom", [line(other, GPU, "2026-09-02T00:05:00", 50)])
    follow(home)
    # The hour after midnight has five minutes of the sample before it.
    assert work_rows(home, covered) == [(1800,), (600,), (300,)]


def test_a_sample_that_is_there_twice_is_found_on_the_days_a_run_touches(home: Home, tmp_path: Path) -> None:
    """Staging lets none through: the followed run's test is asked of a staging that does."""
    for name, day in (("first.prom", "2026-09-01"), ("next.prom", "2026-09-20")):
        land(home, "dcgm", name, [line("DCGM_FI_DEV_GPU_UTIL", GPU, f"{day}T12:00:00", 50)])
        build(home.root)
    (test,) = (home.warehouse / "dbt" / "target" / "compiled").rglob("unique_samples_stg_dcgm*.sql")
    work = Path(shutil.copy(home.warehouse / "work.duckdb", tmp_path / "work.duckdb"))
    with duckdb.connect(str(work)) as connection:
        connection.execute("create table samples as select * from stg_dcgm__samples")
        found = {}
        for day in ("2026-09-01", "2026-09-20"):
            twice = f"select * from samples union all select * from samples where sampled_at::date = '{day}'"
            connection.execute(f"create or replace view stg_dcgm__samples as {twice}")
            found[day] = len(connection.execute(test.read_text()).fetchall())
    assert found == {"2026-09-01": 0, "2026-09-20": 1}
