"""The unit tests of the dbt models, each with literal rows: `dbt test` on a built home, whose tables give the types."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sources.home import Home
from tests.faults.conftest import ROOT, environment
from tests.integration.conftest import Company

PROJECT = ROOT / "dbt_project"


def dbt(home: Home, target: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    folders = {"INFERLEDGER_LAKE": str(home.lake), "INFERLEDGER_WAREHOUSE": str(home.warehouse)}
    options = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--target-path", str(target)]
    return subprocess.run(
        [str(Path(sys.executable).with_name("dbt")), "--quiet", *arguments, *options, "--log-path", str(target)],
        cwd=ROOT,
        env=environment() | folders | {"DO_NOT_TRACK": "1", "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )


@pytest.fixture(scope="module")
def warehouse(company_of: Callable[[int], Company], tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The lake of a built home, and a copy of its warehouse: unit tests write into it."""
    built = company_of(7).home
    home = Home(tmp_path_factory.mktemp("home"))
    home.lake.symlink_to(built.lake)
    shutil.copytree(built.warehouse, home.warehouse)
    return home


def test_every_unit_test_of_the_models_passes(warehouse: Home, tmp_path: Path) -> None:
    result = dbt(warehouse, tmp_path, "test", "--select", "test_type:unit")
    results = json.loads((tmp_path / "run_results.json").read_text())["results"]
    failed = {test["unique_id"]: test["message"] for test in results if test["status"] != "pass"}
    assert failed == {}
    assert result.returncode == 0, result.stdout
    assert len(results) > 50
