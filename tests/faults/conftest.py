"""One small made-up company, one undisturbed run of it, and ways to disturb copies of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import pytest

from sources.home import Home

ROOT = Path(__file__).resolve().parents[2]
NOW = "2026-11-18T06:00:00Z"
Command = Callable[..., "subprocess.CompletedProcess[str]"]


def environment() -> dict[str, str]:
    return {**os.environ, "INFERLEDGER_NOW": NOW, "PYTHONPATH": str(ROOT)}


def start(home: Home, *arguments: str) -> "subprocess.Popen[str]":
    """An `inferledger` process at work on the home; its progress comes line by line on stderr."""
    command = [sys.executable, "-m", "pipelines.cli", arguments[0], "--home", str(home.root), *arguments[1:]]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment(), text=True, stdout=pipe, stderr=pipe)


def inferledger(home: Home, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """An `inferledger` command, from start to end."""
    process = start(home, *arguments)
    stdout, stderr = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, stdout, stderr)


@pytest.fixture(scope="session")
def landed(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The company's home before any run. Read only: tests work on copies."""
    folder = tmp_path_factory.mktemp("company")
    command = [sys.executable, "-m", "examples.company", "--out", str(folder), "--scale", "0.03", "--seed", "7"]
    subprocess.run(command, cwd=ROOT, env=environment(), check=True, capture_output=True)
    return Home(folder / "home")


@pytest.fixture(scope="session")
def finished(landed: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The home after one run that nothing disturbed. Read only: tests work on copies."""
    home = copy_of(landed, tmp_path_factory.mktemp("finished") / "home")
    result = inferledger(home, "run")
    assert result.returncode == 0, result.stderr
    return home


@pytest.fixture
def fresh_home(landed: Home, tmp_path: Path) -> Home:
    """A copy to disturb, before its first run."""
    return copy_of(landed, tmp_path / "home")


@pytest.fixture
def run_home(finished: Home, tmp_path: Path) -> Home:
    """A copy to disturb, after its first run."""
    return copy_of(finished, tmp_path / "home")


def copy_of(home: Home, target: Path) -> Home:
    shutil.copytree(home.root, target, symlinks=True, copy_function=shutil.copy2)
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
