"""Runs take turns, and analysts who read during a run see one whole version after the other."""

import gzip
import json
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import duckdb

from sources.home import Home
from tests.faults.conftest import ROOT, environment, inferledger, published_rows, start

# Opens the marts as an analyst does, again and again, and compares two marts that must agree in every version.
# Rarely while the run reads and builds, which leaves what is published alone; often from when a version is written.
ANALYST = textwrap.dedent("""
    import json, os, sys, time
    import duckdb
    seen = {}
    versions = len(os.listdir(sys.argv[2]))
    while True:
        with duckdb.connect(sys.argv[1], read_only=True) as marts:
            weekly = marts.execute("select sum(total_cost_usd) from cost_per_tenant_weekly").fetchone()[0]
            ledger = marts.execute("select sum(effective_amount_usd) from fct_allocations").fetchone()[0]
            calls = marts.execute("select count(*) from fct_usage").fetchone()[0]
        seen[f"{calls} {weekly}"] = seen.get(f"{calls} {weekly}", 0) + 1
        print(json.dumps({"agree": weekly == ledger, "seen": seen}), flush=True)
        is_written = len(os.listdir(sys.argv[2])) > versions
        time.sleep(0.2 if is_written else 1)
""")
ANALYSTS = 10


def land_another_task_file(home: Home) -> None:
    """The newest task file once more with one outcome changed, as a later export would have it."""
    newest = max((home.landing / "business/tasks").glob("tasks_*.csv"))
    header, *tasks = newest.read_text().splitlines()
    resolved = next(task for task in tasks if ",resolved," in task)
    changed = resolved.replace(",resolved,", ",unresolved,")
    (home.landing / "business/tasks/tasks_2026-11-17.csv").write_text(f"{header}\n{changed}\n")


def land_another_day_of_logs(home: Home) -> None:
    """A day of logs that came late: the last one again, under ids of its own."""
    newest = max((home.landing / "litellm/spend_logs").glob("spend_logs_*.ndjson.gz"))
    lines = gzip.decompress(newest.read_bytes()).decode().splitlines()
    again = [json.dumps({**json.loads(line), "request_id": f"late-{number}"}) for number, line in enumerate(lines)]
    target = home.landing / "litellm/spend_logs/spend_logs_2026-11-16.ndjson.gz"
    target.write_bytes(gzip.compress("\n".join(again).encode()))


def test_a_second_run_waits_for_the_first(
    built_home: Home, finished: Home, processes: "list[subprocess.Popen[str]]"
) -> None:
    processes += [start(built_home, "run"), start(built_home, "run")]
    said = [process.communicate()[1] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert sum("waiting: the home is in use by `inferledger run` (process" in text for text in said) == 1
    assert sum("nothing new" in text for text in said) == 1
    assert published_rows(built_home) == published_rows(finished)


def land_what_cannot_be_read(home: Home) -> tuple[str, ...]:
    """Files beside the good ones that no reader is for, by their names."""
    files = {
        "litellm/spend_logs/spend_logs_2026-11-16_cut.ndjson.gz": b"\x1f\x8bnot gzip",
        "openai/costs/org-northwind/notes.txt": b"do not read me",
        "somewhere/else/file.csv": b"a,b\n",
    }
    for name, content in files.items():
        (home.landing / name).parent.mkdir(parents=True, exist_ok=True)
        (home.landing / name).write_bytes(content)
    return ("spend_logs_2026-11-16_cut.ndjson.gz", "openai/costs/org-northwind/notes.txt", "somewhere/else")


def resolved_tasks(published: Path) -> int:
    with duckdb.connect(str(published / "marts.duckdb"), read_only=True) as marts:
        [(found,)] = marts.execute("select count(*) from fct_tasks where is_resolved").fetchall()
    return int(found)


def test_ten_analysts_see_whole_versions_while_late_files_come_in(
    run_home: Home, processes: "list[subprocess.Popen[str]]", tmp_path: Path
) -> None:
    """A late day of logs, a task's later outcome and files that cannot be read: all in one run."""
    report = run_home.reports / "2026-W46" / "weekly.html"
    before, old = report.read_bytes(), (run_home.published / "current").resolve()
    resolved = resolved_tasks(old)
    land_another_task_file(run_home)
    land_another_day_of_logs(run_home)
    unreadable = land_what_cannot_be_read(run_home)
    published = run_home.published
    command = [sys.executable, "-c", ANALYST, str(published / "marts.duckdb"), str(published / "versions")]
    analysts: list[subprocess.Popen[str]] = []
    for number in range(ANALYSTS):
        # A file, since a pipe that nobody reads would stop the analyst after 64 kB.
        with (tmp_path / f"seen-{number}").open("w") as seen:
            analysts.append(
                subprocess.Popen(command, cwd=ROOT, env=environment(), text=True, stdout=seen, stderr=subprocess.PIPE)
            )
    processes += analysts
    while any(not seen_lines(tmp_path, number) for number in range(ANALYSTS)):
        assert_all_at_work(analysts)
        time.sleep(0.05)
    result = inferledger(run_home, "run")
    assert result.returncode == 0, result.stderr
    # Each looks once more at what was published last.
    looks = [len(seen_lines(tmp_path, number)) for number in range(ANALYSTS)]
    while any(len(seen_lines(tmp_path, number)) < looks[number] + 2 for number in range(ANALYSTS)):
        assert_all_at_work(analysts)
        time.sleep(0.05)
    for number, analyst in enumerate(analysts):
        analyst.kill()
        lines = [json.loads(line) for line in seen_lines(tmp_path, number)]
        assert all(line["agree"] for line in lines)
        assert len(lines[-1]["seen"]) == 2, f"one version before and one after, not {lines[-1]['seen']}"

    # The late facts rewrote the report and left old days alone.
    assert report.read_bytes() != before
    new = (run_home.published / "current").resolve()
    assert resolved_tasks(new) == resolved - 1
    day = "marts/fct_usage/usage_date=2026-09-01/data.parquet"
    assert (new / day).samefile(old / day)
    for name in unreadable:
        assert name in result.stdout


def seen_lines(folder: Path, number: int) -> list[str]:
    """The whole lines an analyst has written so far: the last one may be half written."""
    return (folder / f"seen-{number}").read_text().split("\n")[:-1]


def assert_all_at_work(analysts: "list[subprocess.Popen[str]]") -> None:
    failed = [analyst.communicate()[1] for analyst in analysts if analyst.poll() is not None]
    assert failed == []


def test_a_run_with_nothing_new_changes_nothing(run_home: Home) -> None:
    before = {path: path.stat().st_mtime_ns for path in run_home.published.rglob("*")}
    reports = {path: path.stat().st_mtime_ns for path in run_home.reports.rglob("*")}
    result = inferledger(run_home, "run")
    assert result.returncode == 0, result.stderr
    assert "nothing new" in result.stderr
    assert {path: path.stat().st_mtime_ns for path in run_home.published.rglob("*")} == before
    assert {path: path.stat().st_mtime_ns for path in run_home.reports.rglob("*")} == reports
