"""What a feed is: the types every reader and the ingest loop share.

Readers live in sources/<feed>/; finding files, committing them and quarantine live in landing, lake, ingest and
quarantine. Nothing here reads or writes a file.

Times in these types are naive UTC, as the lake stores them; only `ReadContext.now` carries its zone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Literal

import duckdb

# Every lake table ends with these: which landed file a row came from, and which row of it (1-based).
PROVENANCE_COLUMNS: Mapping[str, str] = {"file_hash": "VARCHAR", "row_number": "BIGINT"}

Identity = Literal["content", "folder", "snapshot"]


class UnreadableFileError(Exception):
    """A whole landed file cannot be read: the file is recorded as failed and the run goes on."""

    def __init__(self, reason: str, field: str | None = None, line: int | None = None) -> None:
        super().__init__(reason if field is None else f"{field}: {reason}")
        self.reason = reason
        self.field = field
        self.line = line


@dataclass(frozen=True)
class LandedFile:
    """A file under landing/<feed>/<table>/. `identity` is what makes it the same file when it comes again.

    `zone` is what its sidecar says its local times are in, and part of its identity.
    """

    feed: str
    table: str
    path: Path
    name: str
    content_sha256: str
    size_bytes: int
    identity: str
    retrieved_at: datetime | None
    account_id: str | None
    zone: str | None = None


@dataclass(frozen=True)
class ReadContext:
    """What a reader may know besides the file: the clock, the key for user hashes, currencies that have a rate."""

    now: datetime
    hash_key: bytes
    currencies: frozenset[str]
    connection: duckdb.DuckDBPyConnection
    work_dir: Path


@dataclass(frozen=True)
class ReadResult:
    """What one read gave. rows_read = rows_kept + rows_quarantined; notes on the file as a whole are not rows."""

    rows_read: int
    rows_kept: int
    rows_quarantined: int
    first_event_at: datetime | None = None
    last_event_at: datetime | None = None
    days: Mapping[date, int] = field(default_factory=dict)
    unknown_fields: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Rule:
    """What a lake column must hold. sources.contracts turns these into the pandera contract of the table."""

    is_required: bool = False
    minimum: int | None = None
    allowed: frozenset[str] | None = None


Reader = Callable[[LandedFile, ReadContext, Path, Path], ReadResult]


@dataclass(frozen=True)
class FeedTable:
    """One table of one feed: its files, its reader `read(file, context, out_parquet, out_rejects)`, its lake columns.

    `read` writes `out_parquet` with exactly `columns` (which include the provenance columns, in order) and
    `out_rejects` with sources.quarantine.write_rejects; it raises UnreadableFileError when nothing can be kept. It is
    handed to other processes (sources.ahead): a function of a module, or a partial of one.
    `identity` is "snapshot" where the file's name or retrieval time carries meaning, "folder" where the folder alone
    does, else "content". `folder_keys` names for each folder how settings have it read, where they do: a file whose
    key changed is read again.
    """

    feed: str
    table: str
    reader_version: int
    columns: Mapping[str, str]
    identity: Identity
    suffixes: tuple[str, ...]
    read: Reader
    contract: Mapping[str, Rule]
    description: str
    needs_retrieved_at: bool = False
    # True where a file is the truth for its name and retrieval time: new bytes under the same name replace the old.
    replaces_same_name: bool = False
    folder_keys: Mapping[str, str] | None = None

    @property
    def name(self) -> str:
        return f"{self.feed}.{self.table}"

    @property
    def is_samples(self) -> bool:
        """Telemetry of GPUs or serving engines, which may go when what it says is kept."""
        return "sampled_at" in self.columns and bool({"gpu_uuid", "engine"} & self.columns.keys())

    @property
    def is_calls(self) -> bool:
        """A log of calls, which may go when what was made of them is kept."""
        return {"started_at", "model_id"} <= self.columns.keys()
