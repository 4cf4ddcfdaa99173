"""The command line: what it says, how it exits, what it never does."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipelines.cli import EXIT_CODES, cli, exit_code
from pipelines.cli.work import Week
from pipelines.lock import home_lock
from sources.home import Home, init_home
from tests.unit.sources.landed import LandedHome, log_lines, log_row


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.delenv("INFERLEDGER_HOME", raising=False)
    return CliRunner()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(tmp_path / "acme")


def test_help_names_every_command_and_shows_examples(runner: CliRunner) -> None:
    shown = runner.invoke(cli, ["--help"])
    assert shown.exit_code == 0
    for command in ("init", "run", "status", "report", "export", "explain", "quarantine", "prices", "audit", "doctor"):
        assert f"\n  {command} " in shown.stdout
    assert "inferledger run --home acme" in shown.stdout
    assert "Exit codes: 0 done, 1 a check failed, 2 wrong usage or settings, 3 the home is in use." in shown.stdout


def test_a_reader_that_has_seen_enough_ends_a_command_without_a_word() -> None:
    command = subprocess.Popen(
        [sys.executable, "-m", "pipelines.cli", "config", "check", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    assert command.stdout is not None
    command.stdout.close()
    assert command.communicate()[1] == b""
    assert command.returncode == 1


@pytest.mark.parametrize("command", sorted(cli.commands))
def test_every_command_says_what_it_does(runner: CliRunner, command: str) -> None:
    shown = runner.invoke(cli, [command, "--help"])
    assert shown.exit_code == 0
    assert cli.commands[command].get_short_help_str(200).endswith(".")


def test_help_imports_no_heavy_library() -> None:
    # Regression guard for start-up time: these cost 0.2 to 8 CPU seconds each.
    heavy = ["dagster", "dbt", "great_expectations", "pandera", "altair", "duckdb", "polars"]
    code = f"import sys, pipelines.cli; print([name for name in {heavy} if name in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_init_lays_out_a_home_and_keeps_what_is_there(runner: CliRunner, tmp_path: Path) -> None:
    directory = tmp_path / "acme"
    first = runner.invoke(cli, ["init", str(directory)])
    assert first.exit_code == 0
    assert f"Next: inferledger run --home {directory}" in first.stdout
    tenants = directory / "config" / "tenants.csv"
    tenants.write_text("tenant_id,tenant_name,plan\nacme,Acme,pro\n")
    assert runner.invoke(cli, ["init", str(directory)]).exit_code == 0
    assert tenants.read_text() == "tenant_id,tenant_name,plan\nacme,Acme,pro\n"


@pytest.mark.parametrize("command", [["run"], ["status"], ["doctor"], ["report", "--week", "2026-W46"]])
def test_without_a_home_a_command_says_how_to_name_one(runner: CliRunner, command: list[str]) -> None:
    result = runner.invoke(cli, command)
    assert result.exit_code == 2
    assert "pass --home DIR or set INFERLEDGER_HOME" in result.stderr
    assert "Traceback" not in result.output


def test_home_comes_from_the_environment(runner: CliRunner, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERLEDGER_HOME", str(home.root))
    result = runner.invoke(cli, ["status"])
    assert (result.exit_code, result.stderr) == (0, "")
    assert "no file has been taken in yet" in result.stdout


def test_settings_that_cannot_be_are_named_with_file_and_line(runner: CliRunner, home: Home) -> None:
    (home.config / "inferledger.yml").write_text("company: Acme\nlimits:\n  unpriced_shar: 0.1\n")
    result = runner.invoke(cli, ["run", "--home", str(home.root)])
    assert result.exit_code == 2
    assert "inferledger.yml, line 3" in result.stderr
    assert "unpriced_share" in result.stderr
    assert "Traceback" not in result.output


def test_a_home_in_use_is_exit_3_and_names_the_holder(runner: CliRunner, home: Home) -> None:
    settings = home.config / "inferledger.yml"
    settings.write_text("company: Acme\nlimits:\n  lock_wait_seconds: 0\n")
    with home_lock(home.root, "inferledger run", 0):
        result = runner.invoke(cli, ["run", "--home", str(home.root)])
        status = runner.invoke(cli, ["doctor", "--home", str(home.root), "--json"])
    assert result.exit_code == 3
    assert "is in use by `inferledger run` (process" in result.stderr
    findings = {finding["name"]: finding for finding in json.loads(status.stdout)}
    assert findings["lock"]["state"] == "warn"


def test_a_run_of_a_home_without_files_says_where_they_go(runner: CliRunner, home: Home) -> None:
    result = runner.invoke(cli, ["run", "--home", str(home.root)])
    assert result.exit_code == 0, result.output
    assert f"{home.landing} holds no file that could be read: nothing was built" in result.stdout
    assert f"Next: put exports in {home.landing}/<feed>/<table>/" in result.stdout
    assert not (home.published / "current").exists()


def test_doctor_finds_nothing_wrong_with_an_empty_home(runner: CliRunner, home: Home) -> None:
    result = runner.invoke(cli, ["doctor", "--home", str(home.root)])
    assert result.exit_code == 0, result.output
    assert "settings" in result.stdout
    assert "fail" not in result.stdout


def test_doctor_fails_on_wrong_settings(runner: CliRunner, home: Home) -> None:
    (home.config / "inferledger.yml").write_text("{}\n")
    result = runner.invoke(cli, ["doctor", "--home", str(home.root)])
    assert result.exit_code == 1
    assert "company" in result.stdout


@pytest.mark.parametrize(
    ("text", "message"),
    [("46", "is no week"), ("2026-W54", "is no week"), ("2026-11-10", "is a Tuesday; write a Monday")],
)
def test_a_week_that_is_none_is_refused(runner: CliRunner, home: Home, text: str, message: str) -> None:
    result = runner.invoke(cli, ["report", "--home", str(home.root), "--week", text])
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_week_is_its_monday() -> None:
    assert Week().convert("2026-W46", None, None) == Week().convert("2026-11-09", None, None)
    assert f"{Week().convert('2026-W01', None, None)}" == "2025-12-29"


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["report", "--week", "2026-W46"], "nothing is published yet"),
        (["export", "chargeback", "--period", "2026-10"], "nothing is published yet"),
        (["explain", "cost_per_tenant_weekly", "week_start=2026-W46"], "no published marts"),
        (["explain", "fct_usage", "call_id=x"], "no mart that can be walked back; allowed are cost_per_tenant_weekly"),
    ],
)
def test_before_the_first_run_commands_say_what_to_do(
    runner: CliRunner, home: Home, command: list[str], message: str
) -> None:
    result = runner.invoke(cli, [*command, "--home", str(home.root)])
    assert result.exit_code == 2
    assert message in result.stderr


def test_every_known_error_exists() -> None:
    for name in EXIT_CODES:
        module, _, error = name.rpartition(".")
        assert issubclass(getattr(import_module(module), error), Exception)
    assert exit_code(FileNotFoundError("gone")) == 1
    assert exit_code(ZeroDivisionError()) is None


def test_compact_merges_the_lake_once_and_leaves_a_home_in_use_alone(runner: CliRunner, home: Home) -> None:
    landed = LandedHome(home.root)
    for number in range(3):
        landed.land(f"litellm/spend_logs/{number}.ndjson", log_lines(log_row(request_id=f"{number}")))
    landed.ingest()
    with home_lock(home.root, "another", 0):
        (home.config / "inferledger.yml").write_text("company: Acme\nlimits: {lock_wait_seconds: 0}\n")
        assert runner.invoke(cli, ["compact", "--home", str(home.root)]).exit_code == 3
    shown = [runner.invoke(cli, ["compact", "--home", str(home.root)]) for _ in range(2)]
    assert [one.output for one in shown] == [
        "merged     litellm.spend_logs: 3 files into 1\n",
        "nothing to merge\n",
    ]
    assert sorted(landed.lake("litellm/spend_logs")["request_id"]) == ["0", "1", "2"]
