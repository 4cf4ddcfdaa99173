"""Dagster runs the same steps: the same rows come out, and a blocking check keeps the rest from starting."""

import dagster as dg
import duckdb
import pytest

from pipelines.definitions import defs
from pipelines.lock import read_holder
from sources.home import Home
from tests.faults.conftest import NOW, published_rows


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.setenv("INFERLEDGER_NOW", NOW)
    return monkeypatch


def test_a_dagster_run_publishes_what_the_command_does(
    fresh_home: Home, finished: Home, environment: pytest.MonkeyPatch
) -> None:
    environment.setenv("INFERLEDGER_HOME", str(fresh_home.root))
    with dg.DagsterInstance.ephemeral() as instance:
        built = defs.resolve_job_def("build_marts").execute_in_process(instance=instance)
        checks = {evaluation.check_name: evaluation.passed for evaluation in built.get_asset_check_evaluations()}
        assert checks["marts_hold_contract"]
        assert checks["limits_hold"]
        assert published_rows(fresh_home) == published_rows(finished)

        job = defs.resolve_job_def("report_week")
        report = job.execute_in_process(instance=instance, partition_key="2026-11-09")
        (event,) = report.get_asset_materialization_events()
    metadata = event.step_materialization_data.materialization.metadata
    assert metadata["path"].value == str(fresh_home.reports / "2026-W46" / "weekly.html")
    assert isinstance(metadata["cost_per_resolved_task_usd"].value, float)
    written = (fresh_home.reports / "2026-W46" / "weekly.html").read_bytes()
    assert written == (finished.reports / "2026-W46" / "weekly.html").read_bytes()
    assert read_holder(fresh_home.root) is None


def test_a_broken_lake_file_stops_the_dagster_run_before_dbt(run_home: Home, environment: pytest.MonkeyPatch) -> None:
    environment.setenv("INFERLEDGER_HOME", str(run_home.root))
    before = published_rows(run_home)
    lake_file = next((run_home.lake / "openai/costs").glob("*-v*.parquet"))
    copy = lake_file.with_suffix(".copy")
    with duckdb.connect() as connection:
        connection.execute(f"copy (select * exclude (currency) from '{lake_file}') to '{copy}' (format parquet)")
    copy.replace(lake_file)
    with dg.DagsterInstance.ephemeral() as instance:
        run = defs.resolve_job_def("build_marts").execute_in_process(instance=instance, raise_on_error=False)
    failed = [evaluation for evaluation in run.get_asset_check_evaluations() if not evaluation.passed]
    assert [evaluation.asset_key.to_user_string() for evaluation in failed] == ["openai/costs"]
    assert "currency" in str(failed[0].metadata["failure 1"].value)
    started = {event.step_key for event in run.all_events if event.is_step_start}
    assert "warehouse" not in started
    assert published_rows(run_home) == before
