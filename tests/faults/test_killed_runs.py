"""A run that is killed anywhere is taken up by the next one, with the rows of a run nobody disturbed."""

import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.lock import read_holder
from sources.home import Home
from tests.faults.conftest import inferledger, leftovers, published_rows, start

DEADLINE_SECONDS = 180


def lake_has_some_files(home: Home) -> bool:
    return len(list((home.lake / "litellm/spend_logs").glob("*-v*.parquet"))) >= 10


def dbt_writes_marts(home: Home) -> bool:
    return (home.warehouse / "build.duckdb").exists()


def publish_writes_files(home: Home) -> bool:
    return any((home.published / "versions").glob(".*.tmp/marts/fct_usage"))


def kill_when(home: Home, is_reached: Callable[[Home], bool]) -> None:
    """Start a run and kill it with SIGKILL as soon as it has come to a point."""
    process = start(home, "run")
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not is_reached(home):
            assert process.poll() is None, f"the run ended before: {process.communicate()[1]}"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        _, said = process.communicate()
    finally:
        process.kill()
    assert process.returncode == -signal.SIGKILL, said


@pytest.mark.parametrize("point", [lake_has_some_files, dbt_writes_marts, publish_writes_files])
def test_a_killed_run_is_taken_up(fresh_home: Home, finished: Home, point: Callable[[Home], bool]) -> None:
    kill_when(fresh_home, point)
    assert not (fresh_home.published / "current").exists(), "the kill came too late to show anything"
    assert read_holder(fresh_home.root) is None
    again = inferledger(fresh_home, "run")
    assert again.returncode == 0, again.stderr
    assert published_rows(fresh_home) == published_rows(finished)
    assert leftovers(fresh_home) == []
    assert report_of(fresh_home).read_bytes() == report_of(finished).read_bytes()


def report_of(home: Home) -> Path:
    return home.reports / "2026-W46" / "weekly.html"
