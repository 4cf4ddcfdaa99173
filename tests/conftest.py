"""Made-up companies, each built once for all the tests and workers that ask for it."""

import fcntl
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from sources.home import Home
from sources.settings import load_settings
from tests.faults.conftest import ROOT, environment, inferledger


class Company(NamedTuple):
    """A home after one run, and what really happened. Read only: tests work on copies."""

    home: Home
    truth: Path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One module that needs the company comes first: the next ones, golden's, need none, and nobody waits for it."""
    items.sort(key=lambda item: item.path.name != "test_blocking_checks.py")


@pytest.fixture(scope="session")
def company_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int], Company]:
    """The company of a seed. The first worker to ask builds it, the others wait for it."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def company(seed: int) -> Company:
        folder, truth, built = (shared / f"{name}-{seed}" for name in ("company", "truth", "built"))
        with (shared / f"lock-{seed}").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not built.exists():
                build(folder, seed, truth)
                built.touch()
        return Company(Home(folder / "home"), truth)

    return company


def build(folder: Path, seed: int, truth: Path) -> None:
    """Make a company and run its home, with the truth out of the run's reach. As small as the plan of it allows."""
    make = ["-m", "examples.company", "--out", str(folder), "--scale", "0.02", "--step", "1800", "--seed", str(seed)]
    subprocess.run([sys.executable, *make], cwd=ROOT, env=environment(), check=True, capture_output=True)
    (folder / "truth").rename(truth)
    home = Home(folder / "home")
    # A month of buckets of 5 minutes: of all there is they would be nine tenths of the marts' rows.
    settings = home.config / "inferledger.yml"
    settings.write_text(settings.read_text().replace("retention:\n", "retention:\n  gpu_5m_days: 30\n"))
    assert load_settings(home).general.retention.gpu_5m_days == 30
    result = inferledger(home, "run")
    assert result.returncode == 0, result.stderr
