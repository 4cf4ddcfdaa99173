"""Several processes give what one does, and leave nothing behind wherever they end."""

import gzip
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from sources import ahead, ingest
from sources.feed import Reader
from sources.lake import LEDGER_NAME, ledger_path
from sources.ledger import FileLedger
from sources.litellm.feed import SPEND_LOGS
from sources.memory import Memory
from tests.unit.sources.landed import MAPPED_FEEDS, PAYLOADS, ROOT, LandedHome, log_lines, log_row
from tests.unit.sources.readers import die_on, raise_on, run_short_elsewhere

LOGS = "litellm/spend_logs"
TASKS = "business/tasks"
TASK_HEADER = "task_id,tenant_id,feature_id,task_type,started_at,ended_at,outcome,reopened_at"
BAD = {"empty": b"", "garbage": b"\xff\xfe no rows of any kind\n\x01{[", "other": b'{"some": {"other": "thing"}}\n'}
NAMES = ("a", "b", "c", "d", "e", "f")
# Only a run that hangs comes to it, on a machine however busy.
DEADLINE_SECONDS = 3_600
# What a run is that reads with three processes, and waits in each.
RUN = """
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from sources import ingest
from sources.litellm.feed import SPEND_LOGS
from tests.unit.sources.landed import LandedHome
from tests.unit.sources.readers import wait_in

ingest.BYTES_WORTH_WORKERS = 0
waiting = replace(SPEND_LOGS, read=partial(wait_in, Path(sys.argv[2])))
LandedHome(Path(sys.argv[1])).ingest(processes=3, feeds=(waiting,))
"""


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list["subprocess.Popen[bytes]"]:
    """The workers that a test's ingests start, as soon as there are two files to read."""
    processes: list[subprocess.Popen[bytes]] = []

    class Started(subprocess.Popen[bytes]):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            processes.append(self)

    monkeypatch.setattr(ingest, "BYTES_WORTH_WORKERS", 0)
    monkeypatch.setattr(ahead, "Popen", Started)
    return processes


def seen(home: LandedHome) -> dict[str, list[Any]]:
    """Every row of every table of the ledger, without the times of landed files."""
    with sqlite3.connect(home.root / "lake" / LEDGER_NAME) as ledger:
        tables = [name for (name,) in ledger.execute("select name from sqlite_master where type = 'table'")]
        columns = {name: "path, identity" if name == "paths" else "*" for name in tables}
        return {name: sorted(ledger.execute(f"select {columns[name]} from {name}"), key=repr) for name in tables}


def files_of(home: LandedHome) -> list[str]:
    return sorted(str(path.relative_to(home.root)) for path in (home.root / "lake").rglob("*"))


def log(name: str, *more: str, rows: int = 30) -> str:
    return log_lines(*(log_row(request_id=f"{name}-{number}") for number in range(rows)), *more)


def land_everything(home: LandedHome) -> None:
    """Files of every feed, bad ones of each, copies, compressed ones, and of too late calls."""
    for path in sorted(path for path in PAYLOADS.rglob("*") if path.is_file()):
        home.land(str(path.relative_to(PAYLOADS)), path.read_bytes())
    for table in MAPPED_FEEDS:
        for name, content in BAD.items():
            target = f"{table.feed}/{table.table}/acme/{name}__at-20260810T100000Z__retrieved-20260904T060000Z"
            home.land(f"{target}{table.suffixes[0]}", content)
    for name in ("a", "b", "copy/of-a", "c"):
        home.land(f"{LOGS}/{name}.ndjson", log("c" if name == "c" else "a" if "a" in name else "b", "{bad"))
    home.land(f"{LOGS}/packed.ndjson.gz", gzip.compress(log("packed").encode(), mtime=0))
    home.land(f"{LOGS}/cut.ndjson.gz", gzip.compress(log("cut", rows=2_000).encode(), mtime=0)[:-900])
    home.land(f"{LOGS}/old.ndjson", log("old") + log_lines(log_row(startTime="2026-01-01 00:00:00")))
    home.land("openai/usage_completions/acme/without-a-time.json", b"{}")
    home.land("declared/calls/nobody/a.ndjson", b"{}\n")
    home.land(f"{TASKS}/tasks_1.csv", f"{TASK_HEADER}\nt-1,larch,answers,question,2026-08-10T09:00:00Z,,resolved,\n")


def close_months(home: LandedHome) -> None:
    """As after calls before August went: the old row of a log is too late."""
    home.ingest(feeds=())
    with FileLedger(ledger_path(home.root)) as ledger:
        ledger.keep_calls(date(2026, 8, 1), date(2026, 8, 1), {}, [])


def test_everything_that_is_read_can_be_handed_to_a_worker() -> None:
    for table in MAPPED_FEEDS:
        assert pickle.loads(pickle.dumps(table)).name == table.name


def test_three_processes_give_what_one_does(tmp_path: Path, started: list["subprocess.Popen[bytes]"]) -> None:
    turns: dict[int, list[tuple[int, int, str]]] = {1: [], 3: []}
    homes = {processes: LandedHome(tmp_path / str(processes)) for processes in (1, 3)}

    def run(processes: int, **changes: Any) -> ingest.IngestSummary:
        def note(*turn: Any) -> None:
            turns[processes].append(turn)

        return homes[processes].ingest(processes=processes, progress=note, **changes)

    for home in homes.values():
        close_months(home)
        land_everything(home)
    alone, together = run(1), run(3)
    assert len(started) == 3
    assert {process.poll() for process in started} == {-signal.SIGKILL}
    assert alone.files_failed > 50
    assert alone.files_duplicate == 1
    assert together == alone
    # A sheet and a log in other words, a bill again, rates that have gone.
    for home in homes.values():
        home.land(
            f"{TASKS}/tasks_1.csv", f"{TASK_HEADER}\nt-2,larch,answers,question,2026-08-10T09:00:00Z,,resolved,\n"
        )
        home.land(f"{LOGS}/a.ndjson", log("a", "{bad", "{worse"))
    assert run(3, currencies={"USD"}) == run(1, currencies={"USD"})
    assert len(started) == 6
    assert turns[3] == turns[1]
    assert homes[3].bytes() == homes[1].bytes()
    assert files_of(homes[3]) == files_of(homes[1])
    assert seen(homes[3]) == seen(homes[1])
    assert run(3, currencies={"USD"}).files_new == 0
    assert len(started) == 6


def land_logs(home: LandedHome) -> LandedHome:
    for name in NAMES:
        home.land(f"{LOGS}/{name}.ndjson", log(name, "{bad"))
    return home


def read_by(reader: Reader) -> dict[str, Any]:
    return {"feeds": (replace(SPEND_LOGS, read=reader),)}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> LandedHome:
    """Read only."""
    home = land_logs(LandedHome(tmp_path_factory.mktemp("undisturbed")))
    home.ingest(feeds=(SPEND_LOGS,))
    return home


def is_put_right(home: LandedHome, undisturbed: LandedHome) -> bool:
    """Whether one more run makes the home that of runs which nobody disturbed."""
    home.ingest(feeds=(SPEND_LOGS,))
    same_files = (home.bytes(), files_of(home)) == (undisturbed.bytes(), files_of(undisturbed))
    return same_files and seen(home) == seen(undisturbed)


@pytest.mark.parametrize("name", ["a", "e"])
def test_a_worker_that_is_killed_stops_the_run_and_the_next_one_puts_it_right(
    home: LandedHome, undisturbed: LandedHome, started: list["subprocess.Popen[bytes]"], name: str
) -> None:
    land_logs(home)
    with pytest.raises(ChildProcessError) as stopped:
        home.ingest(processes=2, **read_by(partial(die_on, f"{name}.ndjson")))
    assert str(stopped.value).startswith(
        f"landing/{LOGS}/{name}.ndjson: the process that read it was ended by signal 9;"
    )
    assert [row.file_name for row in home.ledger()] == [f"{other}.ndjson" for other in NAMES if other < name]
    assert all(process.poll() is not None for process in started)
    assert is_put_right(home, undisturbed)


def test_errors_of_a_worker_are_those_of_one_process(tmp_path: Path, started: list["subprocess.Popen[bytes]"]) -> None:
    errors = {"b.ndjson": ValueError("a prompt"), "d.ndjson": OSError(28, "No space left on device")}
    homes = [land_logs(LandedHome(tmp_path / name)) for name in ("one", "two")]
    for home, processes in zip(homes, (1, 2), strict=True):
        with pytest.raises(OSError, match="No space left on device") as stopped:
            home.ingest(processes=processes, **read_by(partial(raise_on, errors)))
        assert stopped.value.errno == 28
    assert [row.reason for row in homes[1].ledger() if row.status == "failed"] == [
        "the reader stopped with ValueError; this is a defect"
    ]
    assert seen(homes[1]) == seen(homes[0])
    assert len(started) == 2


def test_a_file_that_changes_after_it_was_read_ahead_waits_for_the_next_run(
    home: LandedHome, undisturbed: LandedHome, started: list["subprocess.Popen[bytes]"]
) -> None:
    land_logs(home)

    def grow(number: int, total: int, name: str) -> None:
        if name == f"{LOGS}/b.ndjson":
            home.land(f"{LOGS}/c.ndjson", log("c", "{bad", "{worse"))

    summary = home.ingest(processes=2, progress=grow, feeds=(SPEND_LOGS,))
    assert len(started) == 2
    assert f"landing/{LOGS}/c.ndjson: still being written; it is read next time" in summary.warnings
    assert "c.ndjson" not in [row.file_name for row in home.ledger()]
    home.land(f"{LOGS}/c.ndjson", log("c", "{bad"))
    assert is_put_right(home, undisturbed)


def test_a_file_too_large_for_a_worker_is_read_with_the_memory_of_all(
    home: LandedHome, undisturbed: LandedHome, started: list["subprocess.Popen[bytes]"]
) -> None:
    land_logs(home)
    summary = home.ingest(processes=2, **read_by(partial(run_short_elsewhere, os.getpid(), "c.ndjson")))
    assert summary.files_new == len(NAMES)
    assert len(started) == 2
    assert home.bytes() == undisturbed.bytes()
    assert seen(home) == seen(undisturbed)


def test_little_memory_and_few_bytes_are_read_by_one_process(
    home: LandedHome, started: list["subprocess.Popen[bytes]"], monkeypatch: pytest.MonkeyPatch
) -> None:
    land_logs(home)
    home.ingest(processes=3, feeds=(SPEND_LOGS,), memory=Memory("0.8GB", home.root / "spill"))
    for name in NAMES:
        home.land(f"{LOGS}/more/{name}.ndjson", log(f"more-{name}"))
    monkeypatch.setattr(ingest, "BYTES_WORTH_WORKERS", 4_000_000 * len(NAMES))
    home.ingest(processes=3, feeds=(SPEND_LOGS,))
    assert not started


@pytest.fixture
def killed_run(home: LandedHome, tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", list[int]]]:
    """A run whose three workers are each at a file, and their process ids."""
    land_logs(home)
    folder = tmp_path / "waiting"
    folder.mkdir()
    command = [sys.executable, "-c", RUN, str(home.root), str(folder)]
    run = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True)
    workers: list[int] = []
    try:
        until(lambda: len(list(folder.iterdir())) == 3 or run.poll() is not None)
        workers = sorted(int(path.name) for path in folder.iterdir())
        yield run, workers
    finally:
        for process in (run.pid, *workers):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        run.wait()


def until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def has_ended(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.parametrize("ending", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_workers_end_with_their_run(
    home: LandedHome,
    undisturbed: LandedHome,
    killed_run: tuple["subprocess.Popen[str]", list[int]],
    ending: signal.Signals,
) -> None:
    run, workers = killed_run
    assert len(workers) == 3
    assert run.pid not in workers
    # Ctrl-C goes to all of them.
    (os.killpg if ending == signal.SIGINT else os.kill)(run.pid, ending)
    said = run.communicate()[1]
    assert run.returncode == -ending
    assert said.count("Traceback") == (ending == signal.SIGINT)
    until(lambda: all(has_ended(worker) for worker in workers))
    assert is_put_right(home, undisturbed)


def test_workers_that_outlive_their_run_are_in_nobodys_way(
    home: LandedHome, undisturbed: LandedHome, killed_run: tuple["subprocess.Popen[str]", list[int]]
) -> None:
    run, workers = killed_run
    for worker in workers:
        os.kill(worker, signal.SIGSTOP)
    run.kill()
    run.wait()
    assert is_put_right(home, undisturbed)
    for worker in workers:
        os.kill(worker, signal.SIGCONT)
    until(lambda: all(has_ended(worker) for worker in workers))
    assert home.bytes() == undisturbed.bytes()
    assert files_of(home) == files_of(undisturbed)
