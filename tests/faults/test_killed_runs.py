"""A run that is killed anywhere is taken up by the next one, with the rows of a run nobody disturbed.

What the second run has left to do proves in which stage the first one was killed.
"""

import re
import shutil
import signal
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from assets.publish import MANIFEST
from pipelines.lock import read_holder
from sources.home import Home
from tests.faults.conftest import inferledger, leftovers, published_rows, start

# Only a run that hangs comes to it, on a machine however busy.
DEADLINE_SECONDS = 3_600


def kill_when(home: Home, is_reached: Callable[[], bool]) -> str:
    """Start a run and kill it with SIGKILL as soon as it has come to a point; what it said until then."""
    process = start(home, "run")
    try:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not is_reached():
            assert process.poll() is None, f"the run ended before: {process.communicate()[1]}"
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        _, said = process.communicate()
    finally:
        process.kill()
    assert process.returncode == -signal.SIGKILL, said
    assert not (home.published / "current").exists(), "the kill came too late to show anything"
    assert read_holder(home.root) is None
    return said


def run_again(home: Home, finished: Home) -> str:
    """The next run ends as one that nobody disturbed; what it said."""
    again = inferledger(home, "run")
    assert again.returncode == 0, again.stderr
    assert published_rows(home) == published_rows(finished)
    assert leftovers(home) == []
    assert report_of(home).read_bytes() == report_of(finished).read_bytes()
    return again.stderr


def report_of(home: Home) -> Path:
    return home.reports / "2026-W46" / "weekly.html"


def lake_files(home: Home) -> int:
    return sum("_superseded" not in path.parts for path in home.lake.glob("*/*/*-v*.parquet"))


def marts_built(home: Home, folder: Path) -> int:
    """The marts in the build file, counted in a copy: to open it would replay what the killed run left beside it."""
    folder.mkdir()
    for path in home.warehouse.glob("build.duckdb*"):
        shutil.copy(path, folder)
    with duckdb.connect(str(folder / "build.duckdb")) as build:
        return len(build.execute("select table_name from duckdb_tables() where not internal").fetchall())


def test_a_run_killed_while_it_reads_and_one_while_dbt_builds_are_taken_up(
    fresh_home: Home, finished: Home, tmp_path: Path
) -> None:
    """One home, killed twice: the second run reads what the first kill left, the third builds what the second left."""
    kill_when(fresh_home, lambda: len(list((fresh_home.lake / "litellm/spend_logs").glob("*-v*.parquet"))) >= 10)
    there, wanted = lake_files(fresh_home), lake_files(finished)
    assert 10 <= there < wanted
    log = fresh_home.warehouse / "build.duckdb.wal"
    # 148 bytes as soon as the file is opened; the first mart adds about a thousand.
    said = kill_when(fresh_home, lambda: log.exists() and log.stat().st_size > 1_000)
    found = re.search(r"ingest: files: (\d+) new", said)
    assert found, "the second run had nothing to read"
    # A file that was renamed into the lake, and not yet in the ledger, is read again.
    assert int(found[1]) in (wanted - there, wanted - there + 1)
    assert not (fresh_home.warehouse / "built_inputs.json").exists()
    assert 0 < marts_built(fresh_home, tmp_path / "build") < len(published_rows(finished))
    said = run_again(fresh_home, finished)
    assert "ingest: files: none new" in said
    assert "build: " in said


def test_a_run_killed_while_it_publishes_is_taken_up(built_home: Home, finished: Home) -> None:
    versions = built_home.published / "versions"
    kill_when(built_home, lambda: any(versions.glob(".*.tmp/marts/fct_usage")))
    [unfinished] = versions.iterdir()
    assert not (unfinished / MANIFEST).exists()
    wanted = (finished.published / "marts").resolve()
    written, all_files = (sum(path.is_file() for path in folder.rglob("*.parquet")) for folder in (unfinished, wanted))
    assert written < all_files
    said = run_again(built_home, finished)
    assert "ingest: files: none new" in said
    assert "build: " not in said
    assert "publish: version " in said
    assert not unfinished.exists()
