"""The lock of a home: one holder at a time, named, and gone with its process."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.lock import LOCK_FILE, Holder, HomeInUseError, home_lock, read_holder

HOLD = textwrap.dedent("""
    import sys, time
    from pathlib import Path
    from pipelines.lock import home_lock
    with home_lock(Path(sys.argv[1]), "inferledger run", 0):
        print("held", flush=True)
        time.sleep(60)
""")


@pytest.fixture
def other_process(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that holds the lock of tmp_path."""
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_holder_is_named_and_forgotten(tmp_path: Path) -> None:
    assert read_holder(tmp_path) is None
    with home_lock(tmp_path, "inferledger run", 0):
        holder = read_holder(tmp_path)
        assert holder is not None
        assert (holder.pid, holder.command) == (os.getpid(), "inferledger run")
    assert read_holder(tmp_path) is None


def test_second_run_names_the_holder_and_gives_up(tmp_path: Path, other_process: subprocess.Popen[str]) -> None:
    told: list[Holder] = []
    lock = home_lock(tmp_path, "inferledger report", 0.3, told.append)
    with pytest.raises(HomeInUseError, match=f"`inferledger run` .process {other_process.pid} on") as caught, lock:
        pytest.fail("two runs hold one home")
    assert told == [caught.value.holder]


def test_second_run_waits_its_turn(tmp_path: Path, other_process: subprocess.Popen[str]) -> None:
    # kill: a process started by a test runner that has SIGTERM blocked would outlive terminate.
    threading.Timer(0.3, other_process.kill).start()
    with home_lock(tmp_path, "inferledger report", 30):
        holder = read_holder(tmp_path)
    assert holder is not None
    assert holder.command == "inferledger report"


def test_killed_holder_leaves_no_lock(tmp_path: Path, other_process: subprocess.Popen[str]) -> None:
    os.kill(other_process.pid, signal.SIGKILL)
    other_process.wait()
    assert read_holder(tmp_path) is None
    with home_lock(tmp_path, "inferledger run", 0):
        pass


def test_failing_run_releases_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), home_lock(tmp_path, "inferledger run", 0):
        raise ZeroDivisionError
    with home_lock(tmp_path, "inferledger run", 0):
        pass


def test_half_written_name_is_no_error(tmp_path: Path, other_process: subprocess.Popen[str]) -> None:
    (tmp_path / LOCK_FILE).write_text('{"pid": 1')
    holder = read_holder(tmp_path)
    assert holder is not None
    assert holder.command == "unknown"
