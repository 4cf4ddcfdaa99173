"""Writing an export: each file whole or not at all, and a manifest that holds the files to account."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple


class File(NamedTuple):
    """What one file holds; `rows` without header and totals."""

    content: bytes
    rows: int


def write_files(out_dir: Path, name: str, files: Mapping[str, File], facts: Mapping[str, Any]) -> list[Path]:
    """Write `files`, by their path below `out_dir`, and <name>.manifest.json; returns the paths, the manifest last.

    The manifest is `facts` with name, rows, bytes and SHA-256 of each file. Files that only the manifest before names
    are removed: an export of fewer files leaves none of the old ones to be taken in again.
    """
    manifest = out_dir / f"{name}.manifest.json"
    listed = [
        {"file": path, "rows": rows, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for path, (content, rows) in files.items()
    ]
    told = (json.dumps({"export": name, **facts, "files": listed}, indent=2) + "\n").encode()
    return _put(out_dir, manifest, {path: file.content for path, file in files.items()}, told)


def copy_files(source: Path, out_dir: Path) -> list[Path]:
    """The files of an export that was written to `source`, byte for byte; returns the paths, the manifest last."""
    (kept,) = source.glob("*.manifest.json")
    told = kept.read_bytes()
    files = {file["file"]: (source / file["file"]).read_bytes() for file in json.loads(told)["files"]}
    return _put(out_dir, out_dir / kept.name, files, told)


def _put(out_dir: Path, manifest: Path, files: Mapping[str, bytes], told: bytes) -> list[Path]:
    old = json.loads(manifest.read_text()).get("files", []) if manifest.is_file() else []
    for path, content in files.items():
        replace_file(out_dir / path, content)
    replace_file(manifest, told)
    for path in {file["file"] for file in old} - set(files):
        (out_dir / path).unlink(missing_ok=True)
    return [*(out_dir / path for path in files), manifest]


def replace_file(path: Path, content: bytes) -> None:
    """Written beside and renamed: a reader sees the old file or the whole new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_bytes(content)
    temporary.replace(path)
