"""The order of a run and what stops it, with marts that stand in for what dbt builds."""

import io
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets import warehouse
from assets.gates import CheckError
from assets.publish import current_manifest
from assets.warehouse import Built, Inputs
from pipelines.progress import LineProgress
from pipelines.run import RunResult, run
from sources.home import Home, init_home
from tests.unit.assets.reports.small_marts import build_marts

TASKS = "task_id,tenant_id,feature_id,task_type,started_at,ended_at,outcome,reopened_at\n"
TASK = "t-1,acme,search,question,2026-11-10T08:00:00Z,2026-11-10T08:05:00Z,resolved,\n"
WEEK = date(2026, 11, 9)
Run = Callable[..., RunResult]


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_marts(tmp_path_factory.mktemp("marts") / "marts.duckdb")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-18T06:00:00Z")
    home = init_home(tmp_path)
    (home.landing / "business/tasks/tasks_2026-11-10.csv").write_text(TASKS + TASK)
    return home


class Warehouse:
    """Stands in for dbt: builds the small marts after `changes`, and counts how often."""

    def __init__(self, marts: Path) -> None:
        self.marts = marts
        self.builds = self.threads = 0
        self.changes: list[str] = []

    def build(self, home: Home, inputs: Inputs, *arguments: Any, full: bool, threads: int) -> Built:
        self.builds += 1
        self.threads = threads
        path = Path(shutil.copy(self.marts, home.warehouse / "build.duckdb"))
        with duckdb.connect(str(path)) as connection:
            for change in self.changes:
                connection.execute(change)
        warehouse.mark_built(home, inputs)
        return Built(1, 1, ())


@pytest.fixture
def builder(marts: Path, monkeypatch: pytest.MonkeyPatch) -> Warehouse:
    stand_in = Warehouse(marts)
    monkeypatch.setattr(warehouse, "build", stand_in.build)
    return stand_in


def do_run(home: Home, week: date | None = None, with_report: bool = True, full: bool = False) -> tuple[RunResult, str]:
    said = io.StringIO()
    return run(home, week, with_report, LineProgress(said), "inferledger run", full), said.getvalue()


def test_a_run_ends_with_report_chargeback_and_database(home: Home, builder: Warehouse) -> None:
    result, said = do_run(home)
    assert result.week == WEEK
    assert result.report == home.reports / "2026-W46" / "weekly.html"
    assert [str(path.relative_to(home.reports)) for path in result.written] == [
        "2026-W46/weekly.html",
        "explorer.html",
        *(f"2026-{month}/chargeback.csv" for month in ("08", "09", "10", "11")),
    ]
    assert all(path.is_file() for path in (*result.written, result.database))
    assert any(warning.startswith("expected_files_arrived") for warning in result.warnings)
    steps = [line.split(":")[0] for line in said.splitlines() if ":" in line]
    assert steps == [
        "ingest",
        "check lake",
        "prices",
        "build",
        "publish",
        "check marts",
        "report",
        "explorer",
        "chargeback",
    ]


def test_nothing_new_builds_and_writes_nothing(home: Home, builder: Warehouse) -> None:
    do_run(home)
    result, said = do_run(home)
    assert (builder.builds, result.is_new, result.written) == (1, False, [])
    assert "nothing new" in said


def test_a_full_run_of_the_same_inputs_says_whether_rows_are_others(home: Home, builder: Warehouse) -> None:
    do_run(home)
    same, said = do_run(home, full=True)
    assert (builder.builds, same.written) == (2, [])
    assert f"version {same.version_id}: built anew, the same rows as published" in said
    builder.changes = ["update cost_per_tenant_weekly set total_cost_usd = 0 where tenant_id = 'blue'"]
    other, said = do_run(home, full=True)
    assert "the same rows" not in said
    assert other.version_id == same.version_id
    [warning] = [warning for warning in other.warnings if "other rows" in warning]
    assert "are published now: cost_per_tenant_weekly;" in warning
    assert home.reports / "2026-W46" / "weekly.html" in other.written


def test_a_new_day_builds_again_since_bills_become_final(
    home: Home, builder: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = do_run(home, with_report=False)
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-19T06:00:00Z")
    second, _ = do_run(home, with_report=False)
    assert builder.builds == 2
    assert second.version_id != first.version_id


def test_so_many_models_are_built_at_a_time_as_the_settings_say(home: Home, builder: Warehouse) -> None:
    settings = home.config / "inferledger.yml"
    settings.write_text(settings.read_text().replace("threads: 2", "threads: 6"))
    do_run(home, with_report=False)
    assert builder.threads == 6


def test_a_build_that_was_not_published_is_published_without_building_again(
    home: Home, builder: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*arguments: Any, **options: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pipelines.run.publish", killed)
        with pytest.raises(KeyboardInterrupt):
            do_run(home, with_report=False)
    result, _ = do_run(home, with_report=False)
    assert (builder.builds, result.is_new) == (1, True)
    assert current_manifest(home) is not None


def test_a_broken_contract_publishes_nothing(home: Home, builder: Warehouse) -> None:
    builder.changes = ["update cost_per_tenant_weekly set tenant_id = null where tenant_id = 'blue'"]
    with pytest.raises(CheckError, match="nothing was published") as caught:
        do_run(home)
    assert [result.name for result in caught.value.results] == ["cost_per_tenant_weekly_holds_contract"]
    assert current_manifest(home) is None
    assert not (home.reports / "2026-W46").exists()


def test_a_broken_limit_publishes_but_writes_no_report_each_time(home: Home, builder: Warehouse) -> None:
    builder.changes = [f"update unit_economics_weekly set unpriced_calls = calls where week_start = '{WEEK}'"]
    for _ in range(2):
        with pytest.raises(CheckError, match="unpriced_share_within_limit"):
            do_run(home)
        assert current_manifest(home) is not None
        assert not (home.reports / "2026-W46").exists()
    assert builder.builds == 1


def test_a_run_that_is_stopped_says_what_it_had_to_warn_of(home: Home, builder: Warehouse) -> None:
    (home.landing / "business/tasks/cut.csv").write_text("")
    builder.changes = [f"update unit_economics_weekly set unpriced_calls = calls where week_start = '{WEEK}'"]
    said = io.StringIO()
    with pytest.raises(CheckError, match="unpriced_share_within_limit"):
        run(home, None, True, LineProgress(said), "inferledger run")
    assert "warning: landing/business/tasks/cut.csv: could not be read: file: file is empty" in said.getvalue()


def test_a_limit_counts_in_the_week_of_the_report(home: Home, builder: Warehouse) -> None:
    builder.changes = ["update unit_economics_weekly set unpriced_calls = calls where week_start = '2026-11-02'"]
    result, _ = do_run(home)
    assert result.report is not None
    with pytest.raises(CheckError, match="unpriced_share_within_limit"):
        do_run(home, week=date(2026, 11, 2))


def test_without_a_report_the_marts_are_published_and_checked(home: Home, builder: Warehouse) -> None:
    result, said = do_run(home, with_report=False)
    assert (result.report, result.written) == (None, [])
    assert "check marts" in said
    assert current_manifest(home) is not None
