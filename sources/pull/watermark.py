"""How far a pull has come, in a file per landing table and account, written when what it speaks of is on disk."""

import json
import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True)
class Watermark:
    """Every day from `first` up to, not including, `settled` was asked for when its bill was final."""

    first: date
    settled: date


def read_watermark(path: Path) -> Watermark | None:
    """None when nothing has landed yet. One that cannot be read only means that all is asked for again."""
    try:
        said = json.loads(path.read_bytes())
        return Watermark(date.fromisoformat(said["first"]), date.fromisoformat(said["settled"]))
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return None


def write_watermark(path: Path, mark: Watermark) -> None:
    write_whole(path, json.dumps({"first": str(mark.first), "settled": str(mark.settled)}).encode())


def write_whole(path: Path, content: bytes) -> None:
    """The file with all of the content, or as it was."""
    temporary = path.with_name(f".{path.name}.part")
    write_synced(temporary, content)
    temporary.rename(path)
    sync_folder(path.parent)


def write_synced(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """A rename is on disk when its folder is; a watermark must not get there before the pages it speaks of."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
