"""How much memory DuckDB may use, and where it puts what does not fit: every connection is opened here."""

import hashlib
import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from pathlib import Path

import duckdb

from sources.settings.models import Limits

_IN_MEMORY = ":memory:"
_AMOUNT = re.compile(r"^([\d.]+)(\w+)$")
# DuckDB holds more than it counts, so it is told less than it may take. Told 1.5 or 1.7 GB, a full run of 50 million
# calls held up to 1.05 beside it: Python's 0.36, and what grows with the tables that it has made.
_COUNTED = Decimal("0.7")
_NUMBERS = count(1)
_GIGABYTES = {
    **{unit: Decimal(1000) ** power for power, unit in enumerate(("KB", "MB", "GB", "TB"), -2)},
    **{unit: Decimal(1024) ** power / Decimal("1e9") for power, unit in enumerate(("KiB", "MiB", "GiB", "TiB"), 1)},
}


@dataclass(frozen=True)
class Memory:
    """`spill` is a folder of this home alone: DuckDB gives what it spills the same names in every process."""

    limit: str
    spill: Path

    @property
    def gigabytes(self) -> Decimal:
        """What DuckDB is told, in units of 10^9 bytes."""
        number, unit = _AMOUNT.findall(self.limit)[0]
        return Decimal(number) * _GIGABYTES[unit]

    def part(self, of: int) -> "Memory":
        """What each of so many processes may take that work on a home together."""
        number, unit = _AMOUNT.findall(self.limit)[0]
        return Memory(f"{Decimal(number) / of:.4f}{unit}", self.spill)

    def emptied(self) -> "Memory":
        """The same, without what a killed run left in its folder. The caller holds the home."""
        shutil.rmtree(self.spill, ignore_errors=True)
        return self


def memory_of(home: Path, limits: Limits) -> Memory:
    """By the settings of a home: its warehouse's disk takes what does not fit, unless they name a folder."""
    told = _told(limits.memory)
    if limits.spill_folder is None:
        return Memory(told, home / "warehouse" / "spill")
    name = hashlib.sha256(str(home.resolve()).encode()).hexdigest()[:12]
    return Memory(told, Path(limits.spill_folder).expanduser() / f"inferledger-{name}")


def connect(
    database: Path | str = _IN_MEMORY,
    memory: Memory | None = None,
    *,
    limit: str = Limits().memory,
    read_only: bool = False,
) -> duckdb.DuckDBPyConnection:
    """A connection within the memory of a home that the caller holds; else within `limit`, with a spill of its own.

    Left to itself DuckDB takes four fifths of the machine, and spills into the folder it was started in.
    """
    memory = memory or Memory(_told(limit), _spill_of_its_own(database))
    connection = duckdb.connect(str(database), read_only=read_only)
    connection.execute("set enable_progress_bar = false")  # it writes into stdout even when piped
    set_limit(connection, memory)
    # Fetched to its end, as the connection else answers nothing else.
    # A file is open once a process: what another connection to it has set stands, and may be in use.
    if connection.execute("select current_setting('temp_directory')").fetchall() != [(str(memory.spill),)]:
        path = str(memory.spill).replace("'", "''")
        connection.execute(f"set temp_directory = '{path}'")
    return connection


def set_limit(connection: duckdb.DuckDBPyConnection, memory: Memory) -> None:
    connection.execute(f"set memory_limit = '{memory.limit}'")


def _told(limit: str) -> str:
    number, unit = _AMOUNT.findall(limit)[0]
    return f"{Decimal(number) * _COUNTED}{unit}"


def _spill_of_its_own(database: Path | str) -> Path:
    name = next(_NUMBERS) if database == _IN_MEMORY else hashlib.sha256(str(database).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"inferledger-{os.getpid()}-{name}"
