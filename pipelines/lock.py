"""One lock for each home: runs of the CLI and of Dagster take turns.

The kernel holds the lock (flock), so it goes with the process, however that ends. The text in the lock file only says
who holds it. dbt and ingest run inside the process that holds the lock: nothing of a killed run goes on writing.
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

LOCK_FILE = ".lock"
# Short against any run, long against the cost of asking: a waiting run starts at most this much late.
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Holder:
    """Who holds a home, as its lock file tells."""

    pid: int
    host: str
    command: str
    started_at: str

    def __str__(self) -> str:
        return f"`{self.command}` (process {self.pid} on {self.host}, since {self.started_at})"


class HomeInUseError(Exception):
    """Another run held the home for longer than this one was to wait."""

    def __init__(self, root: Path, holder: Holder | None, waited_seconds: float) -> None:
        self.holder = holder
        who = str(holder) if holder else "a process that left no name"
        super().__init__(
            f"{root} is in use by {who}; waited {waited_seconds:.0f} s. Run again when it is done, or raise "
            "limits.lock_wait_seconds in config/inferledger.yml"
        )


def read_holder(root: Path) -> Holder | None:
    """Who holds the home now, or None when nobody does."""
    try:
        descriptor = os.open(root / LOCK_FILE, os.O_RDONLY)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        return None
    except BlockingIOError:
        return _named_in(descriptor) or Holder(0, "unknown", "unknown", "unknown")
    finally:
        os.close(descriptor)


@contextmanager
def home_lock(
    root: Path, command: str, wait_seconds: float, on_wait: Callable[[Holder], None] = lambda holder: None
) -> Iterator[None]:
    """Hold the home; `on_wait` is told once whom this run waits for. HomeInUseError after `wait_seconds`."""
    descriptor = os.open(root / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(descriptor, root, wait_seconds, on_wait)
        started_at = datetime.now(UTC).isoformat(timespec="seconds")
        _write(descriptor, json.dumps(asdict(Holder(os.getpid(), socket.gethostname(), command, started_at))))
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, root: Path, wait_seconds: float, on_wait: Callable[[Holder], None]) -> None:
    started = time.monotonic()
    is_told = False
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            waited = time.monotonic() - started
            if waited >= wait_seconds:
                raise HomeInUseError(root, _named_in(descriptor), waited) from None
            if not is_told and (holder := _named_in(descriptor)):
                on_wait(holder)
                is_told = True
            time.sleep(min(POLL_SECONDS, wait_seconds - waited))


def _named_in(descriptor: int) -> Holder | None:
    """What the lock file says; None while its holder has not written it yet."""
    try:
        return Holder(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):
        return None


def _write(descriptor: int, text: str) -> None:
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, text.encode(), 0)
