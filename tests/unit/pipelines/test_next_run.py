"""What `inferledger status` says of the next run: what it touches, and why."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner

from assets import spark, warehouse
from assets.accounting import snapshots
from assets.ingest import derive, take_in
from assets.publish import current_manifest, publish
from assets.touched import Touched, going_on, read_files
from pipelines.cli import cli
from sources.home import Home, init_home
from sources.settings import ENGINE_VARIABLE, load_settings
from tests.unit.pipelines.small_marts import SCRIPT
from tests.unit.sources.landed import PAYLOADS, LandedHome, log_lines, log_row

HANGS_ON = "; and what hangs on them: weeks, months, other days of the same calls"
NOTHING = "nothing to do: nothing landed or changed since the last"


def land_calls(home: Home, *days: str) -> None:
    rows = (log_row(request_id=day, startTime=f"{day} 09:00:00", endTime=f"{day} 09:00:01") for day in days)
    LandedHome(home.root).land(f"litellm/spend_logs/{days[0]}.ndjson", log_lines(*rows))


def take_in_all(home: Home) -> warehouse.Inputs:
    settings = load_settings(home)
    take_in(home, settings, lambda done, total, name: None)
    derive(home, settings)
    return warehouse.read_inputs(home)


def build(home: Home) -> warehouse.Inputs:
    """What a complete build leaves behind, of marts that stand in for its own."""
    inputs = take_in_all(home)
    with going_on(home, Touched(is_full=True), inputs.parts, read_files(home), warehouse._parsed(warehouse.PROJECT)):
        (home.warehouse / "build.duckdb").unlink(missing_ok=True)
        with duckdb.connect(str(home.warehouse / "build.duckdb")) as connection:
            connection.execute(SCRIPT)
    warehouse.mark_built(home, inputs)
    return inputs


def run(home: Home) -> None:
    inputs = build(home)
    publish(home, inputs.version_id, lambda *_: None, keep=1)
    warehouse.mark_applied(home, inputs)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """After a run of a day's calls."""
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-18T06:00:00Z")
    home = init_home(tmp_path)
    with (home.config / "billing_accounts.csv").open("a") as accounts:
        accounts.write("openai,org-1,litellm,openai-main,1,USD,2026-08-01,\n")
    land_calls(home, "2026-11-10")
    run(home)
    return home


def told(home: Home) -> str:
    """The line of the next run."""
    shown = CliRunner().invoke(cli, ["status", "--home", str(home.root)])
    assert shown.exit_code == 0, shown.output
    [line] = [line for line in shown.stdout.splitlines() if line.startswith("next run")]
    return line.removeprefix("next run").strip()


def told_machines(home: Home) -> dict[str, Any]:
    shown = CliRunner().invoke(cli, ["status", "--home", str(home.root), "--json"])
    found: dict[str, Any] = json.loads(shown.stdout)["next_run"]
    return found


def test_nothing_is_to_do_until_something_lands(home: Home) -> None:
    assert told(home) == NOTHING
    land_calls(home, "2026-11-16", "2026-11-17")
    before = told(home)
    assert before == f"reads 1 landed file, builds the days of what it reads, known once it is read{HANGS_ON}"
    take_in_all(home)
    built = "builds 2 days, 2026-11-16 and 2026-11-17, of 1 file read since the last build"
    assert told(home) == f"{built}{HANGS_ON}"
    land_calls(home, "2026-11-15")
    both = (
        f"reads 1 landed file, builds the days of what it reads, known once it is read; {built.removeprefix('builds ')}"
    )
    assert told(home) == f"{both}{HANGS_ON}"
    found = told_machines(home)
    assert (found["landed_files"], found["read_files"], found["days"]) == (1, 1, ["2026-11-16", "2026-11-17"])
    run(home)
    assert told(home) == NOTHING


def test_of_many_days_the_first_and_the_last_are_said(home: Home) -> None:
    land_calls(home, *(f"2026-10-{day:02}" for day in range(1, 9)))
    take_in_all(home)
    assert told(home).startswith("builds 8 days, 2026-10-01 to 2026-10-08, of 1 file read since the last build; and ")


def test_a_bill_touches_the_days_it_is_of(home: Home) -> None:
    for path in (PAYLOADS / "openai" / "costs" / "org-example").iterdir():
        LandedHome(home.root).land(f"openai/costs/org-example/{path.name}", path.read_bytes())
    assert told(home).startswith("reads 1 landed file, builds the days of what it reads, known once it is read")
    take_in_all(home)
    found = told_machines(home)
    assert (found["landed_files"], found["read_files"], found["is_full"]) == (0, 1, False)
    assert found["days"]
    assert f"of 1 file read since the last build{HANGS_ON}" in told(home)


def test_a_file_that_is_gone_from_the_ledger_touches_days_the_build_knows(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.next_run.read_files", lambda home: {})
    monkeypatch.setattr(warehouse, "read_files", lambda home: {})
    # As if the lake's tables had been written again too.
    monkeypatch.setattr(warehouse, "built_inputs", lambda home: None)
    monkeypatch.setattr(warehouse, "applied_inputs", lambda home: None)
    assert told(home) == f"builds the days of 1 file other or gone since{HANGS_ON}"


@pytest.mark.parametrize(
    ("file", "change", "said"),
    [
        ("markups.csv", lambda text: f"{text},,20,,,\n", "config/markups"),
        ("contracts.yml", lambda text: text.replace("contracts: []", CONTRACT), "prices"),
    ],
)
def test_a_change_that_days_follow_from_is_named(
    home: Home, file: str, change: Callable[[str], str], said: str
) -> None:
    path = home.config / file
    text = path.read_text()
    path.write_text(change(text))
    assert path.read_text() != text
    assert told(home) == f"builds the days that changes lead to: {said}{HANGS_ON}"


CONTRACT = """contracts:
- {contract_id: ours, service_provider: openai, models: ["*"], service_tier: any, percent_off: "10",
   valid_from: 2026-01-01, source: order form}
"""


def test_another_day_makes_bills_final(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-19T06:00:00Z")
    assert told(home) == f"builds the days that changes lead to: day (bills become final with time){HANGS_ON}"


def test_a_setting_that_decides_about_every_call_builds_everything(home: Home) -> None:
    with (home.config / "tenants.csv").open("a") as tenants:
        tenants.write("acme,Acme,enterprise,CC-100,false\n")
    assert told(home) == "builds everything: config/tenants changed"


def test_a_changed_project_builds_everything(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warehouse, "folder_hash", lambda project: "another")
    assert told(home) == "builds everything: rules changed"


def test_a_closed_month_is_posted_by_the_next_run(home: Home) -> None:
    folder = home.closed / "2026-10"
    folder.mkdir(parents=True)
    manifest = {"files": {snapshots.POSTINGS: {"rows": 3}}, "closed_at": "2026-11-18T05:00:00+00:00"}
    (folder / snapshots.MANIFEST).write_text(json.dumps(manifest))
    assert told(home) == f"builds the days that changes lead to: closed month 2026-10{HANGS_ON}"


def test_a_build_that_was_not_published_is_published(home: Home) -> None:
    land_calls(home, "2026-11-16")
    build(home)
    assert told(home) == "publishes what was built"


def test_a_build_that_did_not_end_is_done_again(home: Home) -> None:
    shutil.rmtree(home.published)
    home.published.mkdir()
    (home.warehouse / "built_inputs.json").unlink()
    assert current_manifest(home) is None
    assert told(home) == f"builds what the last build did not end{HANGS_ON}"


def test_on_spark_it_says_why_everything_is_built_and_when_nothing_is(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENGINE_VARIABLE, "spark")
    monkeypatch.setattr(spark, "engine_version", lambda: "spark 4.1.4")
    assert told(home) == "builds everything: every build on Spark is full, engine changed"
    run(home)
    assert told(home) == NOTHING
    land_calls(home, "2026-11-16")
    assert told(home) == "reads 1 landed file, builds everything: every build on Spark is full"
    take_in_all(home)
    why = "every build on Spark is full, 1 file read, other or gone since the last build"
    assert told(home) == f"builds everything: {why}"


def test_where_the_engine_is_not_there_it_says_that_a_run_ends(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINE_VARIABLE, "spark")
    # Where the extra is installed, it is Java that is missing.
    monkeypatch.setenv("JAVA_HOME", str(home.root / "java"))
    assert told(home).startswith("ends at once here: engine: spark needs ")
    assert told_machines(home)["refused"].startswith("engine: spark needs ")


def test_settings_that_cannot_be_are_what_a_run_ends_with(home: Home) -> None:
    path = home.config / "inferledger.yml"
    path.write_text(path.read_text().replace("  unpriced_share:", "  unpriced_shar:"))
    assert told(home).startswith("ends at once here: 1 problem in the settings:")
