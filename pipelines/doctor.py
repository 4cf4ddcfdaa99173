"""Looks at a home and at this installation for what would stop a run. Changes nothing."""

import os
import re
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from assets.version import ROOT
from pipelines.lock import read_holder
from sources.home import Home, HomeError
from sources.settings import Settings, load_settings

LOCK = ROOT / "requirements.lock"
# The packages whose version changes numbers, files or SQL.
PACKAGES = (
    "duckdb",
    "dbt-core",
    "dbt-duckdb",
    "dagster",
    "dagster-dbt",
    "polars",
    "pyarrow",
    "pandera",
    "genai-prices",
)
PYTHONS = ((3, 11), (3, 14))
# A run writes the lake, two build files and a new version beside the old ones.
FREE_FACTOR = 2
LEAST_FREE = 1 << 30
UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}

State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at. `fail` would stop a run, `warn` may."""

    name: str
    state: State
    text: str


def examine(home: Home) -> list[Finding]:
    """Every finding, in the order to mend them."""
    settings, finding = _settings(home)
    findings = [_python(), _packages(LOCK), finding, _writable(home), _disk(home), _lock(home)]
    if settings:
        findings.append(_memory(settings.limits.memory))
    return [*findings, _published(home)]


def _python() -> Finding:
    found = sys.version_info[:2]
    text = ".".join(map(str, sys.version_info[:3]))
    if PYTHONS[0] <= found < PYTHONS[1]:
        return Finding("python", "ok", text)
    allowed = f"from {'.'.join(map(str, PYTHONS[0]))} up to, not including, {'.'.join(map(str, PYTHONS[1]))}"
    return Finding("python", "fail", f"{text}; allowed is {allowed}")


def _packages(lock: Path) -> Finding:
    if not lock.is_file():
        return Finding("packages", "warn", f"{lock} is not there: versions cannot be compared")
    locked = dict(re.findall(r"^([a-z0-9-]+)==([^\s;]+)", lock.read_text(), re.MULTILINE))
    wrong = list(_differences(locked))
    if wrong:
        return Finding("packages", "warn", f"not as locked: {'; '.join(wrong)}. `make setup` installs the locked ones")
    return Finding("packages", "ok", ", ".join(f"{name} {locked[name]}" for name in PACKAGES if name in locked))


def _differences(locked: dict[str, str]) -> Iterator[str]:
    for name in PACKAGES:
        try:
            found = version(name)
        except PackageNotFoundError:
            yield f"{name} is not installed"
            continue
        if name in locked and found != locked[name]:
            yield f"{name} is {found}, locked is {locked[name]}"


def _settings(home: Home) -> tuple[Settings | None, Finding]:
    try:
        settings = load_settings(home)
        home.hash_key()
    except HomeError as error:
        return None, Finding("settings", "fail", str(error))
    return settings, Finding("settings", "ok", f"{len(settings.tenants)} tenants, {len(settings.features)} features")


def _writable(home: Home) -> Finding:
    folders = (home.root, home.lake, home.warehouse, home.published, home.reports)
    closed = [str(folder) for folder in folders if folder.exists() and not os.access(folder, os.W_OK | os.X_OK)]
    if closed:
        return Finding("home", "fail", f"cannot be written to: {', '.join(closed)}")
    return Finding("home", "ok", str(home.root))


def _disk(home: Home) -> Finding:
    used = sum(_size(folder) for folder in (home.lake, home.warehouse))
    free, needed = shutil.disk_usage(home.root).free, max(LEAST_FREE, FREE_FACTOR * used)
    text = f"{_gigabytes(free)} free; lake and warehouse hold {_gigabytes(used)}"
    return Finding("disk", "ok" if free >= needed else "warn", f"{text}, a run may need {_gigabytes(needed)}")


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _gigabytes(size: int) -> str:
    return f"{size / 10**9:.1f} GB"


def _lock(home: Home) -> Finding:
    holder = read_holder(home.root)
    return Finding("lock", "warn", f"in use by {holder}") if holder else Finding("lock", "ok", "free")


def _memory(limit: str) -> Finding:
    wanted = _bytes(limit)
    try:
        available = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return Finding("memory", "warn", f"cannot be measured here; limits.memory is {limit}")
    text = f"{_gigabytes(total)}, of which {_gigabytes(available)} are unused; limits.memory is {limit}"
    return Finding("memory", "ok" if wanted < total else "fail", text)


def _bytes(limit: str) -> int:
    number = limit.rstrip("KMGTiB")
    return int(Decimal(number) * UNITS[limit.removeprefix(number)])


def _published(home: Home) -> Finding:
    from assets.marts import MartsError, open_marts
    from assets.publish import DATABASE, current_manifest

    manifest = current_manifest(home)
    if manifest is None:
        return Finding("published", "warn", "nothing yet; `inferledger run` publishes the marts")
    try:
        with open_marts(home.published / DATABASE) as marts:
            tables = marts.execute("select count(*) from duckdb_tables() where not internal").fetchall()[0][0]
    except (MartsError, OSError) as error:
        return Finding("published", "fail", str(error))
    return Finding("published", "ok", f"{tables} marts, version {manifest.version_id} of {manifest.published_at}")
