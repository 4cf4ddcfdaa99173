"""What dbt says of tasks and their calls after a run is false as soon as a row is wrong: a new one or an older one."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets import warehouse
from sources.clock import NOW_VARIABLE
from tests.conftest import Company
from tests.faults.conftest import copy_of
from tests.integration.test_incremental_builds import LATER, NEW, build, land_logs, lines_of, on

ADD_UP = "assert_tasks_and_their_calls_add_up"
ONE_NEW, OTHER_NEW, ONE_OLD = (
    f"(select {found}(task_id) from fct_tasks where {ended})"
    for found, ended in [
        ("max", f"ended_date = date '{NEW}'"),
        ("min", f"ended_date = date '{NEW}'"),
        ("max", "ended_date < date '2026-10-01'"),
    ]
)
WEEKLY_CALLS = "work.main.int_task_calls_aggregated"
FAULTS = {
    "a new task costs more": f"update fct_tasks set cost_usd = cost_usd + 1 where task_id = {ONE_NEW}",
    "a new task has the cost of another": f"""
        update fct_tasks set cost_usd = cost_usd + case when task_id = {ONE_NEW} then 1 else -1 end
        where task_id in ({ONE_NEW}, {OTHER_NEW})""",
    "an old task costs more": f"update fct_tasks set cost_usd = cost_usd + 1 where task_id = {ONE_OLD}",
    "an old call is in its task twice": f"""
        update {WEEKLY_CALLS} set cost_usd = cost_usd + 1 where rowid = (
            select min(rowid) from {WEEKLY_CALLS} where week_start < date '2026-09-28' and cost_usd is not null
        )""",
    "a new call of a task counts as one of none": f"""
        update fct_usage set task_id = null where call_id = (
            select min(call_id) from fct_usage
            where usage_date = date '{NEW}' and task_id is not null and effective_cost_usd > 0
        )""",
    "an old call costs more": """
        update fct_usage set effective_cost_usd = effective_cost_usd + 1 where call_id = (
            select min(call_id) from fct_usage where usage_date < date '2026-10-01' and effective_cost_usd > 0
        )""",
    "an ended task is in no week": """
        update cost_per_task_weekly set tasks = tasks - 1
        where rowid = (select min(rowid) from cost_per_task_weekly where tasks > 0)""",
}


@pytest.fixture(scope="module")
def followed(company_of: Callable[[int], Company], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The databases of a run that follows a new day, before it ends; and the test's query as it is in that run."""
    folder, company = tmp_path_factory.mktemp("tasks"), company_of(7)
    real: Any = warehouse.dbt

    def models_and_test(home: Any, arguments: list[str], *rest: Any) -> Any:
        done = real(home, [*arguments, "--exclude-resource-type", "test"], *rest)
        tested = real(home, ["test", "--select", ADD_UP], *rest)
        assert tested.success, tested.exception
        shutil.copytree(home.warehouse, folder / "warehouse")
        return done

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NOW_VARIABLE, LATER)
        patch.setattr(warehouse, "dbt", models_and_test)
        home = copy_of(company.home, folder / "home")
        new = [on(NEW, line, request_id=f"{line['request_id']}-n") for line in lines_of(home, "2026-11-13")]
        land_logs(home, f"spend_logs_{NEW}.ndjson", new)
        assert not build(home.root).is_full
    return folder / "warehouse"


def rows_that_differ(followed: Path, fault: str) -> int:
    [query] = followed.glob(f"dbt/target/compiled/**/{ADD_UP}.sql")
    assert "touched_tasks" in query.read_text(), "not the query of a run that follows"
    with duckdb.connect() as connection:
        for database in ("build", "work"):
            connection.execute(f"attach '{followed / database}.duckdb' as {database}")
        connection.execute("use build")
        connection.execute("begin")
        [(changed,)] = connection.execute(fault).fetchall()
        assert changed
        found = connection.execute(query.read_text()).fetchall()
        connection.execute("rollback")
    return len(found)


def test_right_rows_pass(followed: Path) -> None:
    assert not rows_that_differ(followed, "select 1")


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_wrong_row_is_found(followed: Path, fault: str) -> None:
    assert rows_that_differ(followed, fault)
