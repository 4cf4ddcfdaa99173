"""A made-up company after an undisturbed run, and ways to disturb copies of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest
from click.testing import CliRunner

from pipelines.cli import cli
from sources.clock import NOW_VARIABLE
from sources.home import Home

if TYPE_CHECKING:
    from tests.conftest import Company

ROOT = Path(__file__).resolve().parents[2]
NOW = "2026-11-18T06:00:00Z"
Command = Callable[..., "subprocess.CompletedProcess[str]"]


def environment() -> dict[str, str]:
    return {**os.environ, NOW_VARIABLE: NOW, "PYTHONPATH": str(ROOT)}


def start(home: Home, *arguments: str) -> "subprocess.Popen[str]":
    """An `inferledger` process at work on the home; its progress comes line by line on stderr."""
    command = [sys.executable, "-m", "pipelines.cli", arguments[0], "--home", str(home.root), *arguments[1:]]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment(), text=True, stdout=pipe, stderr=pipe)


def inferledger(home: Home, *arguments: str, now: str = NOW) -> "subprocess.CompletedProcess[str]":
    """An `inferledger` command, from start to end, in the process of the test: to start another takes CPU seconds."""
    typed = [*arguments, "--home", str(home.root)]
    done = CliRunner(env={NOW_VARIABLE: now}).invoke(cli, typed, catch_exceptions=False)
    return subprocess.CompletedProcess(typed, done.exit_code, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def finished(company_of: "Callable[[int], Company]") -> Home:
    """The home after one run that nothing disturbed. Read only: tests work on copies."""
    return company_of(7).home


@pytest.fixture
def fresh_home(finished: Home, tmp_path: Path) -> Home:
    """A copy to disturb, before its first run."""
    return copy_of(finished, tmp_path / "home", ["config", "landing"])


@pytest.fixture
def built_home(finished: Home, tmp_path: Path) -> Home:
    """A copy to disturb, whose first run has built the marts and published nothing yet."""
    home = copy_of(finished, tmp_path / "home", ["config", "landing", "prices", "lake", "warehouse"])
    (home.warehouse / "applied_inputs.json").unlink()
    return home


@pytest.fixture
def run_home(finished: Home, tmp_path: Path) -> Home:
    """A copy to disturb, after its first run."""
    return copy_of(finished, tmp_path / "home")


def copy_of(home: Home, target: Path, folders: Sequence[str] | None = None) -> Home:
    """A copy of a home, of these folders of it only if they are given."""
    for name in folders or [path.name for path in home.root.iterdir()]:
        path = home.root / name
        if path.is_dir():
            shutil.copytree(path, target / name, symlinks=True)
        else:
            shutil.copy2(path, target / name)
    return Home(target)


def published_rows(home: Home) -> dict[str, tuple[int, int, int]]:
    """Row count and two order-free hashes of every published mart."""
    with duckdb.connect(str((home.published / "marts.duckdb").resolve()), read_only=True) as connection:
        tables = connection.execute("select table_name from duckdb_tables() where not internal").fetchall()
        return {
            table: connection.execute(
                f"select count(*), coalesce(bit_xor(hash(mart)), 0), coalesce(sum(hash(mart)), 0) from {table} as mart"
            ).fetchall()[0]
            for (table,) in tables
        }


def leftovers(home: Home) -> list[str]:
    """Files that a finished run does not leave behind."""
    return sorted(
        str(path.relative_to(home.root))
        for folder in (home.lake, home.published, home.reports)
        for path in folder.rglob("*")
        if path.name.endswith((".tmp", ".unfinished"))
    )


@pytest.fixture
def processes() -> Iterator[list["subprocess.Popen[str]"]]:
    """Processes a test starts; whatever is left of them ends with it."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.communicate()
