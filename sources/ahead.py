"""Landed files read ahead of their turn, each by one of a few processes. What has an order stays with sources.ingest.

A worker is a Python of its own that imports the readers alone: a fork has locks of threads it has not (DuckDB, Polars),
and multiprocessing imports the main program anew, be it Dagster. All it knows comes through a pipe, the hash key too.
It writes where nothing else does, and ends with the process that started it, wherever it is in a file.
"""

import os
import shutil
import sys
from collections import deque
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from queue import SimpleQueue
from subprocess import DEVNULL, Popen
from tempfile import mkdtemp
from threading import Thread
from types import TracebackType
from typing import Any, Self

import duckdb

from sources.feed import FeedTable, LandedFile, ReadContext, ReadResult, UnreadableFileError
from sources.landing import Candidate
from sources.memory import Memory, connect, set_limit

# Left to itself an ingest takes no more: each holds its own Python, and they share one disk and `limits.memory`.
WORKERS_AT_MOST = 4
# One that is read, and the next one.
_AHEAD_OF_EACH = 2
# The hands of Ctrl-C are the parent's: it ends its workers.
_PROGRAM = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
from multiprocessing.connection import Connection
pipe = Connection(int(sys.argv[1]))
sys.path[:] = pipe.recv()
from sources.ahead import serve
serve(pipe)
"""


def default_workers() -> int:
    return min(os.cpu_count() or 1, WORKERS_AT_MOST)


def read_file(table: FeedTable, landed: LandedFile, context: ReadContext, parquet: Path, rejects: Path) -> ReadResult:
    """What the reader gives. UnreadableFileError is the file's trouble, every other error the machine's."""
    if table.needs_retrieved_at and landed.retrieved_at is None:
        raise UnreadableFileError(
            "neither the file's name (..__retrieved-20260819T060000Z.json) nor its sidecar "
            f"({landed.name}.meta.json) says when it was retrieved",
            "retrieved_at",
        )
    try:
        return table.read(landed, context, parquet, rejects)
    except (OSError, MemoryError, duckdb.IOException, duckdb.OutOfMemoryException, UnreadableFileError):
        raise
    except Exception as error:
        # The message may quote the file's text, which must not leave landing; the chained error has it.
        raise UnreadableFileError(f"the reader stopped with {type(error).__name__}; this is a defect") from error


@dataclass(frozen=True)
class _Start:
    """What a worker is told before its first file."""

    now: datetime
    hash_key: bytes
    currencies: frozenset[str]
    work_dir: Path
    memory: Memory


@dataclass
class _Reading:
    """A file that is read ahead. `outcome` is None until a worker has answered."""

    candidate: Candidate
    landed: LandedFile
    parquet: Path
    rejects: Path
    outcome: ReadResult | Exception | None = None


class _Worker:
    def __init__(self, start: _Start) -> None:
        self.reading: _Reading | None = None
        self.pipe, theirs = Pipe()
        with theirs:
            command = [sys.executable, "-P", "-c", _PROGRAM, str(theirs.fileno())]
            self.process = Popen(command, stdin=DEVNULL, stdout=DEVNULL, pass_fds=[theirs.fileno()])
        # One that has ended is found out when it should answer.
        with suppress(OSError):
            self.pipe.send(sys.path)
            self.pipe.send(start)

    def read(self, reading: _Reading) -> None:
        self.reading = reading
        with suppress(OSError):
            self.pipe.send((reading.candidate.feed_table, reading.landed, reading.parquet, reading.rejects))

    def answer(self) -> ReadResult | Exception:
        """What came of its file. EOFError or OSError when it has ended."""
        self.reading = None
        answer: ReadResult | Exception = self.pipe.recv()
        return answer

    def end(self) -> int:
        """What it writes is scratch, so it may end anywhere; gives its exit code, or minus the signal that ended it."""
        self.process.kill()
        self.pipe.close()
        return self.process.wait()


class Ahead:
    """The workers of one run and the files they were given. Without workers, `read` reads here and now."""

    def __init__(self, context: ReadContext, memory: Memory, workers: int) -> None:
        self._context = context
        self._memory = memory
        self._readings: dict[str, _Reading] = {}
        self._queue: deque[_Reading] = deque()
        self._workers: list[_Worker] = []
        self._numbers = count(1)
        # Its name is of this run alone: what a worker might still do that outlives its run is in nobody's way.
        self._folder = Path(mkdtemp(dir=context.work_dir))
        self._spill = memory.spill / self._folder.name
        try:
            if workers:
                share = memory.part(workers + 1)
                set_limit(context.connection, share)
                self._workers.extend(self._start(share, str(number)) for number in range(workers))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def room(self) -> int:
        """So many files may wait for their turn: what is read of them takes disk."""
        return _AHEAD_OF_EACH * len(self._workers)

    def is_reading(self, landed: LandedFile) -> bool:
        """Whether a file with the same bytes has been added: this one is likely to be a copy, which nobody reads."""
        key = (landed.feed, landed.table, landed.identity)
        return any((one.landed.feed, one.landed.table, one.landed.identity) == key for one in self._readings.values())

    def add(self, candidate: Candidate, landed: LandedFile) -> None:
        """Have it read, after those that were added before."""
        path = self._folder / str(next(self._numbers))
        reading = _Reading(candidate, landed, path.with_suffix(".parquet"), path.with_suffix(".rejects"))
        self._readings[candidate.landing_path] = reading
        self._queue.append(reading)
        self._take_answers(timeout=0)

    def read(self, candidate: Candidate, landed: LandedFile, parquet: Path, rejects: Path) -> ReadResult:
        """What the file gives, read ahead or now: the same result, errors and files."""
        reading = self._readings.get(candidate.landing_path)
        while reading and reading.outcome is None and self._workers:
            self._take_answers(timeout=None)
        outcome = reading.outcome if reading else None
        if isinstance(outcome, duckdb.OutOfMemoryException):
            # Alone, this process has the memory of all.
            self.close()
        elif isinstance(outcome, Exception):
            raise outcome
        elif reading and outcome:
            reading.parquet.replace(parquet)
            reading.rejects.replace(rejects)
            return outcome
        return read_file(candidate.feed_table, landed, self._context, parquet, rejects)

    def forget(self, candidate: Candidate) -> None:
        """Its turn is over, whatever came of it."""
        self._readings.pop(candidate.landing_path, None)

    def close(self) -> None:
        """End the workers; whatever is read from now on is read here."""
        for worker in self._workers:
            worker.end()
        if self._workers:
            set_limit(self._context.connection, self._memory)
        self._workers.clear()
        self._queue.clear()
        self._readings.clear()
        shutil.rmtree(self._folder, ignore_errors=True)
        shutil.rmtree(self._spill, ignore_errors=True)

    def _start(self, share: Memory, name: str) -> _Worker:
        work_dir, spill = self._folder / name, self._spill / name
        work_dir.mkdir()
        # DuckDB makes one folder, not those above it.
        spill.parent.mkdir(parents=True, exist_ok=True)
        context = self._context
        start = _Start(context.now, context.hash_key, context.currencies, work_dir, Memory(share.limit, spill))
        return _Worker(start)

    def _take_answers(self, timeout: float | None) -> None:
        """Note what workers have answered, and give them what waits. None waits until one has."""
        busy = [(worker, worker.reading) for worker in self._workers if worker.reading]
        ready = wait([worker.pipe for worker, _ in busy], timeout) if busy else []
        for worker, reading in busy:
            if worker.pipe not in ready:
                continue
            try:
                reading.outcome = worker.answer()
            except (EOFError, OSError):
                self._workers.remove(worker)
                reading.outcome = _ended(reading, worker.end())
        for worker in self._workers:
            if not worker.reading and self._queue:
                worker.read(self._queue.popleft())


def _ended(reading: _Reading, code: int) -> ChildProcessError:
    how = f"was ended by signal {-code}" if code < 0 else f"ended with exit code {code}"
    return ChildProcessError(
        f"landing/{reading.candidate.landing_path}: the process that read it {how}; nothing of it was taken in, and "
        "the next run reads it again. If memory is short, limits.ingest_processes: 1 reads one file at a time"
    )


def serve(pipe: "Connection[Any, Any]") -> None:
    """A worker's life: files in, answers out, until the pipe ends."""
    messages: SimpleQueue[Any] = SimpleQueue()
    Thread(target=_receive, args=(pipe, messages), daemon=True).start()
    start: _Start = messages.get()
    with closing(connect(memory=start.memory)) as connection:
        connection.execute("set timezone = 'UTC'")
        context = ReadContext(start.now, start.hash_key, start.currencies, connection, start.work_dir)
        while True:
            table, landed, parquet, rejects = messages.get()
            answer: ReadResult | Exception
            try:
                answer = read_file(table, landed, context, parquet, rejects)
            except Exception as error:
                answer = error
            with suppress(BrokenPipeError):
                pipe.send(answer)


def _receive(pipe: "Connection[Any, Any]", messages: SimpleQueue[Any]) -> None:
    """Ends the worker with the process that started it, however that ended and whatever the worker is at."""
    with suppress(EOFError, OSError):
        while True:
            messages.put(pipe.recv())
    os._exit(1)
