"""Landed files: finding them and telling what they are. What became of them is in sources.ledger.

Landing is the user's: files are read where they lie and never changed.
"""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

from sources.feed import FeedTable, LandedFile

SIDECAR_SUFFIX = ".meta.json"
IGNORED_SUFFIXES = (".tmp", ".part", SIDECAR_SUFFIX)
_RETRIEVED = re.compile(r"__retrieved-(\d{8}T\d{6}Z)(?=\.)")


@dataclass(frozen=True)
class Candidate:
    """A file of a known table, as the folder shows it. `stamp` changes when its bytes or its sidecar may have."""

    feed_table: FeedTable
    path: Path
    landing_path: str
    logical_name: str
    size_bytes: int
    stamp: str


def discover(landing: Path, feeds: Iterable[FeedTable]) -> tuple[list[Candidate], list[str]]:
    """Every file of a known table in path order, and a warning for what lies where no table is."""
    tables = {(table.feed, table.table): table for table in feeds}
    found: list[Candidate] = []
    warnings: list[str] = []
    strangers: Counter[str] = Counter()
    for path in sorted(_files(landing)):
        relative = PurePosixPath(path.relative_to(landing).as_posix())
        table = tables.get((relative.parts[0], relative.parts[1])) if len(relative.parts) > 2 else None
        if table is None:
            strangers[str(PurePosixPath("landing", *relative.parts[:-1][:2]))] += 1
        elif not path.name.endswith(table.suffixes):
            warnings.append(f"landing/{relative}: not read; {table.name} takes {', '.join(table.suffixes)} files")
        else:
            with suppress(FileNotFoundError):  # taken away since the folder was read
                found.append(_candidate(table, path, relative))
    known = ", ".join(sorted(f"{feed}/{table}" for feed, table in tables))
    warnings += [
        f"{folder}: {count} file(s) not read; files go into landing/<feed>/<table>, one of {known}"
        for folder, count in sorted(strangers.items())
    ]
    return found, warnings


def _files(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if path.name.startswith(".") or path.name.endswith(IGNORED_SUFFIXES):
            continue
        if path.is_dir():
            yield from _files(path)
        elif path.is_file():
            yield path


def _candidate(table: FeedTable, path: Path, relative: PurePosixPath) -> Candidate:
    stats = [path.stat()]
    if (beside := sidecar(path)).is_file():
        stats.append(beside.stat())
    stamp = " ".join(f"{stat.st_size}:{stat.st_mtime_ns}" for stat in stats)
    return Candidate(table, path, str(relative), "/".join(relative.parts[2:]), stats[0].st_size, stamp)


def sidecar(path: Path) -> Path:
    return path.with_name(path.name + SIDECAR_SUFFIX)


def has_changed(candidate: Candidate) -> bool:
    """Whether the file is another than when it was found, or gone."""
    try:
        now = _candidate(candidate.feed_table, candidate.path, PurePosixPath(candidate.landing_path))
    except FileNotFoundError:
        return True
    return now.stamp != candidate.stamp


def identify(candidate: Candidate) -> LandedFile:
    """Hash the file and say which one it is, whatever it is called today."""
    with candidate.path.open("rb") as file:
        content = hashlib.file_digest(file, "sha256").hexdigest()
    table = candidate.feed_table
    retrieved_at, account_id, zone = _origin(candidate)
    identity = content
    if table.identity == "snapshot":
        text = f"{table.name}\n{slot(candidate.logical_name, retrieved_at)}\n{content}{zone or ''}"
        identity = hashlib.sha256(text.encode()).hexdigest()
    elif table.identity == "folder":
        identity = hashlib.sha256(f"{table.name}\n{account_id}\n{content}".encode()).hexdigest()
    return LandedFile(
        table.feed,
        table.table,
        candidate.path,
        candidate.path.name,
        content,
        candidate.size_bytes,
        identity,
        retrieved_at,
        account_id,
        zone,
    )


def slot(logical_name: str, retrieved_at: datetime | None) -> str:
    """What a snapshot is a snapshot of; there is one truth for it, the file that lies there now."""
    return f"{logical_name} {retrieved_at.isoformat() if retrieved_at else ''}"


def _origin(candidate: Candidate) -> tuple[datetime | None, str | None, str | None]:
    """When it was retrieved (from the name, else the sidecar), for which account (folder, else sidecar), its zone."""
    try:
        said = json.loads(sidecar(candidate.path).read_bytes())
    except (OSError, ValueError):
        said = {}
    said = said if isinstance(said, dict) else {}
    folder, _, _ = candidate.logical_name.rpartition("/")
    account = folder.split("/")[0] or said.get("account_id")
    match = _RETRIEVED.search(candidate.path.name)
    text = match[1] if match else said.get("retrieved_at")
    zone = said.get("zone")
    return _moment(text), str(account) if account else None, str(zone) if zone else None


def _moment(text: object) -> datetime | None:
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment
