"""Writing an export: each file whole or not at all, and a manifest that holds the files to account."""

import hashlib
import json
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple


class File(NamedTuple):
    """What one file holds, or what writes it to a path; `rows` without header and totals."""

    content: bytes | Callable[[Path], None]
    rows: int


def write_files(out_dir: Path, name: str, files: Iterable[tuple[str, File]], facts: Mapping[str, Any]) -> list[Path]:
    """Write `files`, by their path below `out_dir`, and <name>.manifest.json; returns the paths, the manifest last.

    They are taken one after another, so only one is held at a time. The manifest is `facts` with name, rows, bytes and
    SHA-256 of each file. Files that only the manifest before names are removed: an export of fewer files leaves none of
    the old ones to be taken in again.
    """
    listed: list[dict[str, Any]] = []
    with _nothing_left_beside(out_dir) as begun:
        for path, file in files:
            begun.append(path)
            listed.append({"file": path, "rows": file.rows, **_write_beside(out_dir / path, file)})
    told = (json.dumps({"export": name, **facts, "files": listed}, indent=2) + "\n").encode()
    return _put(out_dir, out_dir / f"{name}.manifest.json", begun, told)


def copy_files(source: Path, out_dir: Path) -> list[Path]:
    """The files of an export that was written to `source`, byte for byte; returns the paths, the manifest last."""
    (kept,) = source.glob("*.manifest.json")
    told = kept.read_bytes()
    with _nothing_left_beside(out_dir) as begun:
        for path in (file["file"] for file in json.loads(told)["files"]):
            begun.append(path)
            shutil.copyfile(source / path, _beside(out_dir / path))
    return _put(out_dir, out_dir / kept.name, begun, told)


@contextmanager
def _nothing_left_beside(out_dir: Path) -> Iterator[list[str]]:
    """What is added to the list, paths below `out_dir`, is taken away from beside its place when an error comes."""
    begun: list[str] = []
    try:
        yield begun
    except BaseException:
        for path in begun:
            _beside(out_dir / path).unlink(missing_ok=True)
        raise


def _put(out_dir: Path, manifest: Path, paths: Sequence[str], told: bytes) -> list[Path]:
    """Put what stands beside its place there: all files are whole before the first one is another."""
    old = json.loads(manifest.read_text()).get("files", []) if manifest.is_file() else []
    for path in paths:
        _beside(out_dir / path).replace(out_dir / path)
    replace_file(manifest, told)
    for path in {file["file"] for file in old} - set(paths):
        (out_dir / path).unlink(missing_ok=True)
    return [*(out_dir / path for path in paths), manifest]


def _write_beside(path: Path, file: File) -> dict[str, Any]:
    temporary = _beside(path)
    if isinstance(file.content, bytes):
        temporary.write_bytes(file.content)
    else:
        file.content(temporary)
    with temporary.open("rb") as written:
        return {"bytes": temporary.stat().st_size, "sha256": hashlib.file_digest(written, "sha256").hexdigest()}


def _beside(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.with_name(path.name + ".tmp")


def replace_file(path: Path, content: bytes) -> None:
    """Written beside and renamed: a reader sees the old file or the whole new one."""
    temporary = _beside(path)
    temporary.write_bytes(content)
    temporary.replace(path)
