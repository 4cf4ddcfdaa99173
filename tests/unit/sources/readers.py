"""Readers of spend logs with something amiss. A worker imports them by name, so they stand where it imports little."""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

import duckdb

from sources.feed import LandedFile, ReadContext, ReadResult
from sources.litellm.feed import SPEND_LOGS


def raise_on(
    errors: Mapping[str, Exception], file: LandedFile, context: ReadContext, parquet: Path, rejects: Path
) -> ReadResult:
    if file.name in errors:
        raise errors[file.name]
    return SPEND_LOGS.read(file, context, parquet, rejects)


def run_short_elsewhere(
    process: int, name: str, file: LandedFile, context: ReadContext, parquet: Path, rejects: Path
) -> ReadResult:
    """Has memory enough for the file in one process only."""
    if file.name == name and os.getpid() != process:
        raise duckdb.OutOfMemoryException("failed to allocate")
    return SPEND_LOGS.read(file, context, parquet, rejects)


def die_on(name: str, file: LandedFile, context: ReadContext, parquet: Path, rejects: Path) -> ReadResult:
    result = SPEND_LOGS.read(file, context, parquet, rejects)
    if file.name == name:
        os.kill(os.getpid(), signal.SIGKILL)
    return result


def wait_in(folder: Path, file: LandedFile, context: ReadContext, parquet: Path, rejects: Path) -> ReadResult:
    """Says which process is at it, half done, and stays there until it is let go."""
    parquet.write_bytes(b"half")
    (folder / str(os.getpid())).touch()
    while not (folder / "go").exists():
        time.sleep(0.01)
    return SPEND_LOGS.read(file, context, parquet, rejects)
