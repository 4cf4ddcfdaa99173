"""`inferledger run --full`: who distrusts the numbers gets those that the data say."""

import shutil

import duckdb

from assets.publish import current_manifest
from sources.home import Home
from tests.faults.conftest import inferledger, leftovers, published_rows

WEEK = "2026-11-09"


def test_a_full_run_publishes_what_it_built_where_that_is_other_than_what_was_published(
    run_home: Home, finished: Home
) -> None:
    """As after a build that went wrong and told nobody: a mart, and with it the report, says something else."""
    report = run_home.reports / "2026-W46" / "weekly.html"
    right = report.read_bytes()
    shutil.rmtree(run_home.published / "versions")
    (run_home.published / "current").unlink()
    with duckdb.connect(str(run_home.warehouse / "build.duckdb")) as marts:
        marts.execute(
            f"update cost_per_tenant_weekly set total_cost_usd = total_cost_usd + 1000 where week_start = '{WEEK}'"
        )
    wrong = inferledger(run_home, "run")
    assert wrong.returncode == 0, wrong.stderr
    assert report.read_bytes() != right
    before = (run_home.published / "current").resolve()

    # What has not changed is not looked at, until it is asked for.
    assert "nothing new" in inferledger(run_home, "run").stderr
    full = inferledger(run_home, "run", "--full")
    assert full.returncode == 0, full.stderr
    assert "these had other rows than were published, and are published now: cost_per_tenant_weekly;" in full.stdout
    assert published_rows(run_home) == published_rows(finished)
    assert report.read_bytes() == right
    assert before.is_dir(), "readers may have it open"
    manifest = current_manifest(run_home)
    assert manifest
    assert manifest.version_id == before.name
    assert leftovers(run_home) == []

    # And when both are the same, what is published stays.
    versions = sorted((run_home.published / "versions").iterdir())
    written = report.stat().st_mtime_ns
    same = inferledger(run_home, "run", "--full")
    assert same.returncode == 0, same.stderr
    assert f"version {manifest.version_id}: built anew, the same rows as published" in same.stderr
    assert "other rows" not in same.stdout
    assert sorted((run_home.published / "versions").iterdir()) == versions
    assert report.stat().st_mtime_ns == written
