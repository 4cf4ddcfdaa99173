"""Files from an object store, a web server or a shared folder into landing, each once for each version of it.

fsspec reads the places; what lies there is copied as it is. Keys are the stores' own business (environment, instance
role). An address may hold a signature or a password, so only its path is ever shown or kept.
"""

import hashlib
import json
import posixpath
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from sources import clock
from sources.feed import FeedTable
from sources.home import Home, HomeError
from sources.lake import put
from sources.landing import IGNORED_SUFFIXES, SIDECAR_SUFFIX
from sources.pull import PullError
from sources.pull.http import ATTEMPTS, LONGEST_PAUSE_SECONDS
from sources.pull.pulling import Advance, Pulled, pulls_folder, tidy
from sources.pull.watermark import sync_folder, write_whole

Result = TypeVar("Result")
# What stores call the version of an object.
_VERSION_FIELDS = (
    "ETag", "etag", "md5Hash", "Content-MD5", "generation", "LastModified", "last_modified", "Last-Modified", "updated",
    "created", "mtime", "size",
)  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A file at the address, and where it goes below the landing folder."""

    path: str
    relative: str
    version: str


def pull_files(home: Home, url: str, table: FeedTable, account: str | None, advance: Advance) -> Pulled:
    """Every file at `url` (a file, a folder or a pattern) that the table takes and that has not landed as it is now."""
    place = _shown(url)
    system, path = _open(url)
    folder = home.landing / table.feed / table.table / (account or "")
    folder.mkdir(parents=True, exist_ok=True)
    pulls_folder(home).mkdir(exist_ok=True)
    name = hashlib.sha256(f"{place}\n{table.name}\n{account or ''}".encode()).hexdigest()[:16]
    mark_file = pulls_folder(home) / f"{table.name}.files.{name}.json"
    landed = _read_mark(mark_file)
    pulled = Pulled(table.feed, table.table, account or "")
    found = _patiently(place, partial(_list, system, path))
    new = [file for file in found if _is_taken(table, file.relative) and landed.get(file.relative) != file.version]
    for number, file in enumerate(new):
        advance(number, len(new), file.relative)
        _patiently(f"{place}: {file.relative}", partial(_copy, system, file, table, folder))
        landed[file.relative] = file.version
        write_whole(mark_file, json.dumps({"place": place, "files": landed}).encode())
        pulled.files += 1
    return pulled


def _shown(url: str) -> str:
    """The address without user, password and signature."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _open(url: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise HomeError("pulling from an address needs the extra `urls`: pip install 'inferledger[urls]'") from error
    try:
        system, path = url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise HomeError(f"{urlsplit(url).scheme}:// needs a package that is not installed: {error}") from error
    except ValueError as error:
        raise HomeError(f"{urlsplit(url).scheme}:// is no kind of address fsspec knows") from error
    return system, path


def _list(system: Any, path: str) -> list[Found]:
    is_web = path.startswith(("http://", "https://"))
    # In an address of the web, ? begins its parameters.
    if any(sign in path for sign in ("*[" if is_web else "*[?")):
        base = path[: min(path.index(sign) for sign in "*[?" if sign in path)].rpartition("/")[0]
        infos = system.glob(path, detail=True)
    elif is_web or system.isfile(path):
        base, infos = "", {path: system.info(path)}
    else:
        base, infos = path.rstrip("/"), system.find(path, detail=True)
        if not infos:
            raise FileNotFoundError(path)
    return sorted(_found(system, base, infos), key=lambda file: file.relative)


def _found(system: Any, base: str, infos: Mapping[str, Mapping[str, Any]]) -> Iterator[Found]:
    for path, info in infos.items():
        plain = urlsplit(path).path if "://" in path else path
        root = urlsplit(base).path if "://" in base else base
        relative = plain.removeprefix(root).strip("/") if base else posixpath.basename(plain)
        parts = relative.split("/")
        # A name with dots would lead out of landing or hide there.
        if info.get("type", "file") == "file" and not any(part.startswith(".") or not part for part in parts):
            # A list on a web page says nothing of the files.
            yield Found(path, relative, _version(info) or _version(system.info(path)))


def _is_taken(table: FeedTable, name: str) -> bool:
    return name.endswith(table.suffixes) and not name.endswith(IGNORED_SUFFIXES)


def _version(info: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={info[name]}" for name in _VERSION_FIELDS if info.get(name) is not None)


def _copy(system: Any, file: Found, table: FeedTable, folder: Path) -> None:
    """The file as it was between two looks at it that say the same."""
    target = folder / file.relative
    target.parent.mkdir(parents=True, exist_ok=True)
    tidy(target.parent)
    temporary = target.with_name(f".{target.name}.part")
    before = system.info(file.path)
    retrieved_at = clock.now()
    system.get_file(file.path, str(temporary))
    after = system.info(file.path)
    size = after.get("size")
    if _version(before) != _version(after) or (size is not None and size != temporary.stat().st_size):
        raise OSError("it changed while it was read, or did not come whole")
    if table.needs_retrieved_at and "__retrieved-" not in target.name:
        write_whole(
            target.with_name(target.name + SIDECAR_SUFFIX),
            json.dumps({"retrieved_at": f"{retrieved_at:%Y-%m-%dT%H:%M:%SZ}"}).encode(),
        )
    put(temporary, target)
    sync_folder(target.parent)


def _patiently(what: str, act: Callable[[], Result]) -> Result:
    """Stores say "not there" of what they could not reach, so that too is tried again."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return act()
        except PermissionError:
            raise PullError(f"{what}: may not be read") from None
        except Exception as error:
            # Its own text may hold the address with its signature.
            problem = type(error).__name__
        if attempt < ATTEMPTS:
            time.sleep(random.uniform(0, min(LONGEST_PAUSE_SECONDS, 2**attempt)))
    raise PullError(f"{what}: {problem}, {ATTEMPTS} times")


def _read_mark(path: Path) -> dict[str, str]:
    try:
        return dict(json.loads(path.read_bytes())["files"])
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return {}
