"""A build that goes on from the last one ends with the rows of one from nothing, in every table it keeps.

The company's first run made each table in one piece, those from nothing make them in several, and those that go on
some days or a week at a time.
"""

import gzip
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets import warehouse
from assets.ingest import compact_lake, derive, take_in
from assets.publish import DATABASE, FOLLOWED_BY_DAY, WRITER, current_manifest, files_of, publish
from assets.touched import Touched, unpublished_days
from pipelines.config_diff import diff_settings
from sources.clock import NOW_VARIABLE
from sources.home import Home
from sources.lake import ledger_path
from sources.memory import memory_of
from sources.registry import FEEDS
from sources.retention import expire
from sources.settings import load_settings
from sources.settings.models import Retention
from tests.conftest import Company
from tests.faults.conftest import ROOT, copy_of, environment

LATER = "2026-11-19T06:00:00Z"
LOGS = "litellm/spend_logs"
# One after the company's history, the others in its middle.
NEW, TAKEN_AWAY, RESENT = "2026-11-17", "2026-09-08", "2026-09-22"
BUILD = """
import sys
from pathlib import Path
from tests.integration.test_incremental_builds import build
build(Path(sys.argv[1]))
"""
# The same, killed when touched tasks, made in several pieces, have left their table and are not in it again.
KILLED_WITHIN_TASKS = (
    """
import os
import re
import signal
from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper as Cursor

whole = Cursor.execute

def execute(cursor, sql, bindings=None):
    taken_out, *put_in = re.split(r"(?=insert into \\S+int_tasks\\S* from)", sql)
    if put_in and taken_out.count("insert into made_tasks") > 1:
        whole(cursor, taken_out)
        os.kill(os.getpid(), signal.SIGKILL)
    return whole(cursor, sql, bindings)

Cursor.execute = execute
"""
    + BUILD
)

CALLS_IN_PIECE = "INFERLEDGER_CALLS_IN_PIECE"
FEW, THIRD_OF_CALLS = "300", 2000

Rows = dict[str, tuple[int, int, int]]


@pytest.fixture
def home(company_of: Callable[[int], Company], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The company after its first run, on the morning after it."""
    monkeypatch.setenv(NOW_VARIABLE, LATER)
    monkeypatch.setenv(CALLS_IN_PIECE, FEW)
    return copy_of(company_of(7).home, tmp_path / "home")


def take_in_all(home: Home) -> warehouse.Inputs:
    settings = load_settings(home)
    take_in(home, settings, lambda done, total, name: None)
    derive(home, settings)
    return warehouse.read_inputs(home)


def build(root: Path, full: bool = False) -> Touched:
    home = Home(root)
    inputs = take_in_all(home)
    plan = warehouse.next_build(home, inputs, full)
    warehouse.build(home, inputs, memory_of(home.root, load_settings(home).limits), full=full)
    return plan


def build_models(home: Home) -> Touched:
    """A build without dbt's tests, of rows that are held against rows which have passed them."""
    plan = warehouse.next_build(home, take_in_all(home))
    without = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
    done = warehouse.dbt(home, ["build", *without], memory_of(home.root, load_settings(home).limits))
    assert done.success, done.exception
    return plan


def built_rows(home: Home) -> Rows:
    """Count and two order-free hashes of every table, but for what a run says about itself."""
    found = {}
    with duckdb.connect() as connection:
        for database in ("build", "work"):
            connection.execute(f"attach '{home.warehouse / database}.duckdb' as {database} (read_only)")
        tables = connection.execute(
            "select database_name, table_name from duckdb_tables() where database_name in ('build', 'work')"
        ).fetchall()
        for database, table in tables:
            if table not in ("data_status", "changed_files", "expired_files", "touched_days", "touched_tasks"):
                query = f"""
                    select count(*), coalesce(bit_xor(hash(entry)), 0), coalesce(sum(hash(entry)), 0)
                    from (select columns(lambda c: c <> 'restated_at_run') from {database}.main.{table}) as entry"""
                found[table] = connection.execute(query).fetchall()[0]
    return found


def tasks_of_many_weeks(home: Home) -> int:
    with duckdb.connect(str(home.warehouse / "build.duckdb"), read_only=True) as marts:
        [(found,)] = marts.execute(
            "select count(*) from fct_tasks where last_call_at > first_call_at + interval 40 day"
        ).fetchall()
    return int(found)


def weeks_of_tasks_without_calls(home: Home) -> int:
    with duckdb.connect(str(home.warehouse / "build.duckdb"), read_only=True) as marts:
        [(found,)] = marts.execute("""
            select count(distinct week_start) from cost_per_task_weekly
            where tasks > 0 and week_start not in (select week_start from fct_usage)""").fetchall()
    return int(found)


def size_of(home: Home) -> int:
    """Bytes of the warehouse's two files, and of what is not yet written back to them."""
    return sum(path.stat().st_size for path in home.warehouse.glob("*.duckdb*"))


def assert_equals_a_full_build(home: Home, tmp_path: Path) -> Rows:
    """From nothing, of a lake whose small files are merged, and after all that was read has gone from landing."""
    followed = built_rows(home)
    whole = copy_of(home, tmp_path / "whole", ["config", "landing", "prices", "lake"])
    whole.warehouse.mkdir()
    assert compact_lake(whole, load_settings(whole))
    landed = sum(path.is_file() for path in whole.landing.rglob("*"))
    in_a_week = datetime.now(UTC) + timedelta(days=7)
    assert expire(whole.root, now=in_a_week, feeds=FEEDS, retention=Retention(landing_days=1)) > 0.9 * landed
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CALLS_IN_PIECE, str(THIRD_OF_CALLS))
        assert build_models(whole).is_full
    anew = built_rows(whole)
    assert [table for table in anew if followed.get(table) != anew[table]] == []
    assert set(followed) == set(anew)
    return followed


def assert_published_as_built(home: Home) -> None:
    """Days that no build replaced are published unread: they have to be as the version before has them."""
    before, inputs = current_manifest(home), warehouse.built_inputs(home)
    assert before
    assert inputs
    assert unpublished_days(home, before.version_id, WRITER)
    published = publish(home, inputs.version_id, lambda *_: None, keep=2)
    assert published.is_new
    with duckdb.connect(str(published.path / DATABASE), read_only=True) as marts:
        whole = {name: file for table in FOLLOWED_BY_DAY for name, file in files_of(marts, table).items()}
    files = published.manifest.files
    assert {name: file for name, file in files.items() if name.split("/")[0] in FOLLOWED_BY_DAY} == whole


def lines_of(home: Home, day: str) -> list[dict[str, Any]]:
    with gzip.open(home.landing / LOGS / f"spend_logs_{day}.ndjson.gz", "rt") as file:
        return [json.loads(line) for line in file if line.startswith('{"request_id"') and line.endswith("}\n")]


def land_logs(home: Home, name: str, lines: Sequence[dict[str, Any]]) -> None:
    (home.landing / LOGS / name).write_text("".join(json.dumps(line) + "\n" for line in lines))


def on(day: str, line: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The line as if it had been written on another day."""
    moments = {
        name: f"{day}{line[name][10:]}" for name in ("startTime", "endTime", "completionStartTime") if line[name]
    }
    return line | moments | changes


def restate(home: Home, feed: str, change: Callable[[dict[str, Any]], None], monday: str = "2026-10-12") -> None:
    """A later retrieval of the bill of a week, with something changed."""
    folder = home.landing / "openai" / feed / "org-northwind"
    [path] = folder.glob(f"{monday}_*.json")
    bill = json.loads(path.read_text())
    change(bill)
    (folder / f"{path.name.split('__')[0]}__retrieved-20261118T230000Z.json").write_text(json.dumps(bill))


def dearer(bill: dict[str, Any]) -> None:
    result = bill["data"][2]["results"][0]
    result["amount"]["value"] = float(Decimal(str(result["amount"]["value"])) * 3)


def forget(home: Home, name: str) -> None:
    """As if the file had never come."""
    (home.landing / LOGS / name).unlink()
    with sqlite3.connect(ledger_path(home.root)) as ledger:
        ledger.execute(
            "delete from file_days where identity in (select identity from files where file_name = ?)", (name,)
        )
        ledger.execute("delete from files where file_name = ?", (name,))
    ledger.close()


def observation(number: int, **changes: Any) -> str:
    return json.dumps(
        {
            "id": f"obs-{number}", "type": "GENERATION", "start_time": f"2026-09-0{number}T23:59:00.000Z",
            "end_time": f"2026-09-0{number}T23:59:30.000Z", "provided_model_name": "gpt-5.4-mini",
            "usage_details": {"input": 10, "output": 5}, "updated_at": "2026-09-10T00:00:00.000Z",
        } | changes
    )  # fmt: skip


def land_observations(home: Home, name: str, *lines: str) -> None:
    folder = home.landing / "langfuse" / "observations"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("".join(line + "\n" for line in lines))


def land_a_day_with_calls_sent_again(home: Home) -> None:
    """A new day: of its lines some repeat calls of weeks before, one on another day, one an ask that began before."""
    new = [on(NEW, line, request_id=f"{line['request_id']}-n") for line in lines_of(home, "2026-11-13")]
    old = lines_of(home, RESENT)
    others = lines_of(home, "2026-10-01")
    land_logs(
        home,
        f"spend_logs_{NEW}.ndjson",
        [
            *new,
            *old[:5],
            # Tasks of weeks before go on.
            *(on(NEW, line, request_id=f"late-{number}") for number, line in enumerate(old[7:27])),
            # The later version of a call counts, wherever its day is.
            on("2026-09-23", old[6], updated_at="2026-11-16 10:00:00.000000+00:00"),
            # A second attempt, after midnight, of an ask whose first one was the last until now.
            on("2026-10-02", others[0], request_id="again-1", session_id=others[0]["request_id"]),
            on("2026-10-02", others[1], request_id="again-2", session_id=others[1].get("session_id") or "s"),
        ],
    )
    land_observations(home, "first.jsonl", *(observation(number) for number in (1, 2, 3)))
    # A task of a week without any calls.
    (home.landing / "business/tasks" / "tasks_2026-07-06.csv").write_text(
        "task_id,tenant_id,feature_id,task_type,started_at,ended_at,outcome,reopened_at\n"
        "quiet,brightmart,doc_qa,question,2026-07-07T00:50:08.261Z,2026-07-07T01:08:10.970Z,resolved,\n"
    )


@pytest.fixture(scope="module")
def touched(company_of: Callable[[int], Company], tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The home with a day emptied, a bill corrected, a price changed and a call deleted, after a day that was built."""
    home = copy_of(company_of(7).home, tmp_path_factory.mktemp("touched") / "home")
    land_a_day_with_calls_sent_again(home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NOW_VARIABLE, LATER)
        assert not build(home.root).is_full
    forget(home, f"spend_logs_{NEW}.ndjson")
    forget(home, f"spend_logs_{TAKEN_AWAY}.ndjson.gz")
    restate(home, "costs", dearer)
    contracts = home.config / "contracts.yml"
    text = contracts.read_text()
    assert "percent_off: '12'" in text
    contracts.write_text(text.replace("percent_off: '12'", "percent_off: '13'"))
    land_observations(home, "second.jsonl", observation(2, is_deleted=True, updated_at="2026-09-11T00:00:00.000Z"))
    return home


@pytest.fixture
def touched_again(touched: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv(NOW_VARIABLE, LATER)
    monkeypatch.setenv(CALLS_IN_PIECE, FEW)
    return copy_of(touched, tmp_path / "home")


def test_a_new_day_with_calls_sent_again_equals_a_full_build(home: Home, tmp_path: Path) -> None:
    assert {done.table for done in compact_lake(home, load_settings(home))} >= {"litellm.spend_logs", "openai.costs"}
    land_a_day_with_calls_sent_again(home)
    before = built_rows(home)
    plan = build(home.root)
    assert not plan.is_full, plan.reasons
    assert len(plan.files) == 3
    assert_published_as_built(home)
    # What it compiled for these days is of all of them.
    assert diff_settings(home) == []
    after = assert_equals_a_full_build(home, tmp_path)
    assert after["fct_usage"] != before["fct_usage"]
    assert after["fct_usage"][0] > 2 * THIRD_OF_CALLS
    assert tasks_of_many_weeks(home) > 0
    assert weeks_of_tasks_without_calls(home) == 1
    assert after["int_usage_duplicates"][0] == before["int_usage_duplicates"][0] + 6
    # Nothing has come since: nothing is touched, and what tables leave behind is used again.
    sizes = [size_of(home)]
    for _ in range(2):
        plan = build(home.root)
        assert (plan.is_full, plan.files) == (False, ())
        sizes.append(size_of(home))
    assert built_rows(home) == after
    assert max(sizes[1:]) < 1.3 * sizes[0], sizes


def test_what_is_corrected_and_taken_away_equals_a_full_build(touched_again: Home, tmp_path: Path) -> None:
    before = built_rows(touched_again)
    assert_published_as_built(touched_again)
    plan = build(touched_again.root)
    assert not plan.is_full, plan.reasons
    assert_published_as_built(touched_again)
    after = assert_equals_a_full_build(touched_again, tmp_path)
    assert after["fct_usage"][0] < before["fct_usage"][0]
    with duckdb.connect(str(touched_again.warehouse / "build.duckdb"), read_only=True) as marts:
        assert marts.execute("select count(*) from fct_usage where usage_date = $day", {"day": NEW}).fetchall() == [
            (0,)
        ]


def test_what_decides_about_savings_besides_calls_equals_a_full_build(home: Home, tmp_path: Path) -> None:
    """An architecture was judged again, and an answer of weeks ago turned out wrong: no call is another."""
    before = built_rows(home)
    scenarios = home.config / "scenarios.yml"
    scenarios.write_text(scenarios.read_text().replace("correct: 228", "correct: 227"))
    sheet = home.landing / "business" / "tasks" / "tasks_2026-10-26.csv"
    sheet.write_text(sheet.read_text().replace(",resolved,", ",unresolved,", 1))
    plan = build(home.root)
    assert not plan.is_full, plan.reasons
    after = assert_equals_a_full_build(home, tmp_path)
    changed = {"int_savings_weeks", "int_savings_calls", "int_savings_answers", "int_tco_bad_answers"}
    assert {table for table in changed if after[table] != before[table]} == changed
    assert after["fct_usage"] == before["fct_usage"]


def test_a_build_killed_in_the_middle_is_taken_up(touched_again: Home, tmp_path: Path) -> None:
    """Once when the days are found and some of their tables replaced, and once within one; more lands in between."""
    log = touched_again.warehouse / "dbt" / "logs" / "dbt.log"
    log.unlink()
    process = subprocess.Popen([sys.executable, "-c", BUILD, str(touched_again.root)], cwd=ROOT, env=later())
    while not (log.is_file() and "int_call_meters_anchored" in log.read_text()):
        assert process.poll() is None, "the build ended before"
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert warehouse.built_inputs(touched_again) is None
    land_logs(touched_again, "spend_logs_late.ndjson", lines_of(touched_again, RESENT)[8:10])
    killed = [sys.executable, "-c", KILLED_WITHIN_TASKS, str(touched_again.root)]
    assert subprocess.run(killed, cwd=ROOT, env=later(), check=False).returncode == -signal.SIGKILL
    plan = build(touched_again.root)
    assert not plan.is_full, plan.reasons
    assert_equals_a_full_build(touched_again, tmp_path)


def later() -> dict[str, str]:
    return environment() | {NOW_VARIABLE: LATER}


def test_a_setting_that_decides_about_every_call_makes_everything_new(home: Home) -> None:
    tenants = home.config / "tenants.csv"
    first, *others = tenants.read_text().splitlines()
    tenants.write_text("\n".join([first, *others, others[0].replace(others[0].split(",")[0], "another", 1)]) + "\n")
    plan = warehouse.next_build(home, take_in_all(home))
    assert (plan.is_full, plan.reasons) == (True, ("config/tenants changed",))
