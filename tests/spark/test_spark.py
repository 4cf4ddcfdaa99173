"""The same marts from Spark as from DuckDB, with executors in processes of their own, whoever is killed.

One home is built by each engine, twice: the second time more has landed. Spark builds everything again, DuckDB goes on
from its first tables.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from assets.publish import DATABASE, current_manifest
from assets.spark import ENGINE, emptied
from assets.touched import kept_of_calls
from sources import kept
from sources.clock import NOW_VARIABLE
from sources.home import Home
from sources.lake import ledger_path
from sources.ledger import FileLedger
from sources.memory import Memory
from sources.reading import literal
from sources.settings import ENGINE_VARIABLE
from tests.faults.conftest import NOW, ROOT, copy_of, environment, inferledger, leftovers, published_rows
from tests.faults.test_closed_periods import close
from tests.integration.test_incremental_builds import build
from tests.spark.cluster import thrift_server
from tests.spark.decimals import cut_decimals, misjudged
from tests.spark.equality import differences, differences_of, parquet_of, tables_of
from tests.spark.hard_cases import CLOSED, OLD_BEFORE, OLD_WEEK, land_what_comes_later, make_home
from tests.spark.plans import models, plan_of, spark_session
from tests.spark.processes import command_of, descendants, executors_of, kill

DRIVER = "org.apache.spark.deploy.SparkSubmit"
# Only a run that hangs comes to it, on a machine however busy.
DEADLINE_SECONDS = 3_600
# What Spark says of a task whose executor is gone: while it ran, or before it had begun.
TASK_LOST = ("Lost task", "its executor exited")
# Of the build, where rows come of hard cases alone: without them, nothing would have been compared.
FILLED = [
    "optimization_backlog_weekly where lever = 'commit_gpus' and saving_usd * 1000000 % 1 <> 0 and evidence_value < 1",
    "optimization_backlog_weekly where lever = 'other_architecture' and changed_cost_usd > 0",
    "architecture_comparison_monthly where break_even_calls > 1000000000",
    "architecture_comparison_monthly where break_even_calls < 0.001",
    "contract_terms_monthly where reported_remaining_usd > 10000000000 and reported_on is not null",
    "contract_terms_monthly where reported_remaining_usd < 0",
]
# Of d, a decimal(38, 12); e, a decimal(26, 12); f, a decimal(38, 0); and what is said of it.
CUT = {
    "d - d": "Spark keeps 11 of 12 decimals",
    "cast(sum(d - d) as decimal(26, 12))": "Spark keeps 11 of 12 decimals",
    "e * e": "Spark keeps 9 of 24 decimals",
    "d * 7": "Spark keeps 10 of 12 decimals",
    "sum(e) / 1000000": "DuckDB makes a double of it",
    "avg(e)": "DuckDB makes a double of it",
    "coalesce(d, f)": "becomes decimal(38, 0)",
    "case when d > 0 then e else f end": "becomes decimal(38, 0)",
    "count(*) filter (where d = f)": "becomes decimal(38, 0)",
    "(select max(g) from (select d as g union all select f as g from amounts))": "becomes decimal(38, 0)",
    "cast(e as int)": "Spark cuts what DuckDB rounds",
    "cast(cast(f as double) / 7 as bigint)": "Spark cuts what DuckDB rounds",
    "cast(percentile_cont(0.5) within group (order by f) as bigint)": "Spark cuts what DuckDB rounds",
    "cast(case when d > 0 then floor(e) else e end as bigint)": "Spark cuts what DuckDB rounds",
    "cast(e * 1000000 as bigint)": "Spark cuts what DuckDB rounds",
}
KEPT = [
    "cast(floor(e) as int)",
    "cast(case when d > 0 then ceil(e) else 2 end as bigint)",
    "cast(sum(f) as bigint)",
    "cast(e * 1000000000000 as bigint)",
    "cast(round(cast(f as double) / 7, 0) as bigint)",
    "cast(cast(f - f % 7 as double) / 7 as bigint)",
    "cast(cast(count(*) as decimal(12, 2)) * 3 as bigint)",
    "e - e",
    "d % e",
    "sum(e)",
    "e * 7",
    "e * 1000000000000",
    "cast(d as double) / f",
    "coalesce(d, e)",
    "max(f) - 1",
]
# In the old week no pod has labels, and no engine started anew.
KEPT_OF_NOTHING = ["gpu_pod_labels", "engine_falls"]


class Homes(NamedTuple):
    """The same landing, to be built by each engine."""

    duckdb: Home
    spark: Home


@dataclass(frozen=True)
class Run:
    """An `inferledger run` on Spark; what it and Spark say goes to a file."""

    home: Home
    process: "subprocess.Popen[str]"
    log: Path
    started_at: float

    def said(self) -> str:
        return self.log.read_text(errors="replace")

    def wait_for_tables(self, number: int) -> None:
        """Until Spark has written so many. Those of the run before are there until it begins."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while self._tables() < number:
            assert self.process.poll() is None, self.said()
            assert time.monotonic() < deadline, self.said()
            time.sleep(0.5)

    def _tables(self) -> int:
        written = 0
        for path in (self.home.warehouse / ENGINE).glob("*/_SUCCESS"):
            with suppress(FileNotFoundError):
                written += path.stat().st_mtime > self.started_at
        return written

    def kill_an_executor_with_a_task(self) -> None:
        """Stopped, it keeps the next task it is given until it is killed. If it was given none, another is killed."""
        while not any(loss in self.said() for loss in TASK_LOST):
            assert self.process.poll() is None, self.said()
            for pid in self.executors()[:1]:
                os.kill(pid, signal.SIGSTOP)
                time.sleep(15)
                kill(pid)
            time.sleep(5)

    def executors(self) -> list[int]:
        return executors_of(self.process.pid)

    def driver(self) -> int:
        [pid] = [pid for pid in descendants(self.process.pid) if DRIVER in command_of(pid)]
        return pid


@contextmanager
def running_on_spark(home: Home, variables: Mapping[str, str] | None = None) -> Iterator[Run]:
    log, configured = home.root / "run.log", home.root / "spark"
    if not configured.exists():
        shutil.copytree(ROOT / "examples/spark", configured)
        logging = configured / "log4j2.properties"
        # A task that was given to an executor and not begun is lost without a warning.
        logging.write_text(logging.read_text().replace("logger.tasks.level = warn", "logger.tasks.level = info"))
    told = environment() | {ENGINE_VARIABLE: ENGINE, "SPARK_CONF_DIR": str(configured)} | dict(variables or {})
    command = [sys.executable, "-m", "pipelines.cli", "run", "--home", str(home.root)]
    started_at = time.time()
    with log.open("w") as output:
        process = subprocess.Popen(command, cwd=ROOT, env=told, text=True, stdout=output, stderr=output)
    started = [process.pid]
    try:
        yield Run(home, process, log, started_at)
    finally:
        started += descendants(process.pid)
        for pid in started:
            kill(pid)
        process.wait()


def assert_equal(homes: Homes) -> None:
    """What Spark wrote, and what is published of it, are what DuckDB built of the same files."""
    build = homes.duckdb.warehouse / "build.duckdb"
    assert differences(build, parquet_of(homes.spark.warehouse / ENGINE)) == []
    assert differences(build, tables_of((homes.spark.published / DATABASE).resolve())) == []


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> Homes:
    home = make_home(tmp_path_factory.mktemp("company"))
    return Homes(home, copy_of(home, tmp_path_factory.mktemp("spark") / "home"))


@pytest.fixture(scope="module")
def built(homes: Homes) -> Homes:
    """After a run of each; on Spark, an executor was killed while it had a task."""
    done = inferledger(homes.duckdb, "run")
    assert done.returncode == 0, done.stderr
    with running_on_spark(homes.spark) as run:
        run.wait_for_tables(60)
        assert len(run.executors()) == 2
        run.kill_an_executor_with_a_task()
        assert run.process.wait() == 0, run.said()
    return homes


def test_a_build_that_loses_an_executor_ends_with_the_rows_of_duckdb(built: Homes) -> None:
    assert_equal(built)


@pytest.mark.parametrize("rows", FILLED)
def test_what_comes_of_hard_cases_is_compared(built: Homes, rows: str) -> None:
    with duckdb.connect(str(built.duckdb.warehouse / "build.duckdb"), read_only=True) as connection:
        assert connection.execute(f"select 1 from {rows} limit 1").fetchall() == [(1,)]


def test_only_a_table_of_closed_months_has_no_rows(built: Homes) -> None:
    with duckdb.connect(str(built.duckdb.warehouse / "build.duckdb"), read_only=True) as connection:
        names = connection.execute("select table_name from information_schema.tables").fetchall()
        empty = [name for (name,) in names if not connection.execute(f"select 1 from {name} limit 1").fetchall()]
    assert empty == ["fct_closed_allocations"]


@pytest.fixture(scope="module")
def spark(built: Homes) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SPARK_CONF_DIR", str(built.spark.root / "spark"))
        with spark_session(built.spark) as session:
            yield session


def test_what_spark_cuts_is_found(spark: Any) -> None:
    rows = "(select cast(1 as decimal(38, 12)) as d, cast(1 as decimal(26, 12)) as e, cast(1 as decimal(38, 0)) as f)"
    queries = {one: f"with amounts as {rows} select {one} from amounts" for one in [*CUT, *KEPT]}
    found = {one: " ".join(cut_decimals(plan_of(spark, sql))) for one, sql in queries.items()}
    assert [one for one, said in CUT.items() if said not in found[one]] == []
    assert [one for one in KEPT if found[one]] == []


def test_dbt_asks_spark_to_fail_where_a_number_does_not_fit(tmp_path: Path) -> None:
    connections: Any = import_module("dbt.adapters.spark.connections")
    session = {"method": connections.SparkConnectionMethod.SESSION, "host": "NA", "schema": "inferledger"}
    with emptied(Home(tmp_path), Memory("1GB", tmp_path / "spill")):
        asked = connections.SparkCredentials(**session)
    assert asked.server_side_parameters == {"spark.sql.ansi.enabled": "true"}


def test_no_model_has_fewer_decimals_on_spark(built: Homes, spark: Any) -> None:
    plans = {name: plan_of(spark, sql) for name, sql in models(built.spark).items()}
    assert [f"{name}: {line}" for name, plan in plans.items() for line in misjudged(plan)] == []
    cut = [f"{name}: {line}" for name, plan in plans.items() for line in cut_decimals(plan)]
    assert cut == [], "\n".join(cut)


def test_the_report_and_the_bills_of_tenants_are_those_of_duckdb(built: Homes) -> None:
    here, there = (reports_of(home) for home in built)
    assert here.keys() == there.keys()
    assert [name for name in here if here[name] != there[name]] == []


def reports_of(home: Home) -> dict[str, str]:
    """Every page and chargeback file, by path; without the version of the marts, which names the engine."""
    manifest = current_manifest(home)
    assert manifest
    paths = [*home.reports.rglob("*.html"), *home.reports.glob("*/*.csv")]
    assert {path.name for path in paths} == {"weekly.html", "explorer.html", "weekly.csv", "chargeback.csv"}
    return {str(path.relative_to(home.reports)): path.read_text().replace(manifest.version_id, "") for path in paths}


@pytest.fixture(scope="module")
def later(built: Homes) -> Homes:
    """When old months are closed and more has landed, and nothing has run since."""
    for home, engine in zip(built, ("duckdb", ENGINE), strict=True):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(ENGINE_VARIABLE, engine)
            for period in CLOSED:
                done = close(home, period)
                assert done.returncode == 0, done.stdout + done.stderr
        land_what_comes_later(home)
    return built


@contextmanager
def nothing_published(home: Home) -> Iterator[None]:
    """What happens in the block leaves what is published as it was."""
    before, rows = current_manifest(home), published_rows(home)
    yield
    assert current_manifest(home) == before
    assert published_rows(home) == rows
    assert leftovers(home) == []


def test_a_run_whose_driver_is_killed_publishes_nothing(later: Homes) -> None:
    with nothing_published(later.spark), running_on_spark(later.spark) as run:
        run.wait_for_tables(40)
        kill(run.driver())
        assert run.process.wait() == 1, run.said()


def test_a_run_whose_thrift_server_is_killed_publishes_nothing(later: Homes, tmp_path: Path) -> None:
    with (
        nothing_published(later.spark),
        thrift_server(tmp_path / "cluster", later.spark.root / "spark") as cluster,
        running_on_spark(later.spark, cluster.variables) as run,
    ):
        run.wait_for_tables(40)
        cluster.kill_thrift_server()
        assert run.process.wait() == 1, run.said()


def test_the_next_run_on_a_cluster_ends_with_the_rows_of_a_duckdb_build_that_goes_on(
    later: Homes, tmp_path: Path
) -> None:
    before = current_manifest(later.spark)
    with thrift_server(tmp_path / "cluster", later.spark.root / "spark") as cluster:
        # Its catalog outlives runs: other things have names of ours, as after another version, and a folder is gone.
        cluster.execute(
            "create schema inferledger",
            "create view inferledger.fct_usage as select 1 as other",
            f"create table inferledger.dim_models using parquet location '{tmp_path / 'gone'}' as select 1 as other",
        )
        shutil.rmtree(tmp_path / "gone")
        with running_on_spark(later.spark, cluster.variables) as run:
            assert run.process.wait() == 0, run.said()
            assert executors_of(run.process.pid) == []
        assert len(cluster.executors()) == 2
        [(calls,)] = cluster.execute("select count(*) from inferledger.fct_usage")
    assert calls == published_rows(later.spark)["fct_usage"][0]
    assert current_manifest(later.spark) != before
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NOW_VARIABLE, NOW)
        plan = build(later.duckdb.root)
    assert not plan.is_full, plan.reasons
    assert plan.files
    assert_equal(later)


def test_what_either_engine_kept_of_samples_and_calls_that_went_is_the_same(later: Homes) -> None:
    """The second run of each read it in place of the samples and calls."""
    calls_from = date.fromisoformat(OLD_WEEK[1]) + timedelta(days=1)
    for home in later:
        with FileLedger(ledger_path(home.root)) as ledger:
            assert ledger.kept_samples() == [OLD_BEFORE]
            assert ledger.kept_calls() == [(calls_from, OLD_BEFORE)]
    with duckdb.connect() as connection:
        went = dict.fromkeys(kept.KEPT, OLD_BEFORE) | dict.fromkeys(kept_of_calls(later.spark), calls_from)
        for table, before in went.items():
            path = Path(kept.KEPT_FOLDER, table, kept.kept_name(before))
            here, there = (f"read_parquet({literal(home.lake / path)})" for home in later)
            assert (connection.execute(f"from {here} limit 1").fetchall() == []) == (table in KEPT_OF_NOTHING), table
            assert list(differences_of(connection, here, there)) == [], table
