"""Processes that Spark starts, and their end."""

import os
import signal
from contextlib import suppress
from pathlib import Path

EXECUTOR = "org.apache.spark.executor.CoarseGrainedExecutorBackend"


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def descendants(pid: int) -> list[int]:
    """A process's children, theirs, and so on."""
    found = [pid]
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            # The name, in brackets, may hold spaces.
            parent = int(path.read_text().rsplit(")", 1)[1].split()[1])
            children.setdefault(parent, []).append(int(path.parent.name))
    for one in found:
        found += children.get(one, [])
    return found[1:]


def command_of(pid: int) -> str:
    with suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    return ""


def executors_of(pid: int) -> list[int]:
    return [one for one in descendants(pid) if EXECUTOR in command_of(one)]
