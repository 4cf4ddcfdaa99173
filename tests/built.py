"""Marts of a small home, without what a run does beside building them: no tests of dbt, no checks, no report."""

import duckdb
import pytest

from assets.ingest import derive, require_lake, take_in
from assets.warehouse import dbt
from sources.clock import NOW_VARIABLE
from sources.home import Home
from sources.memory import memory_of
from sources.settings import load_settings
from tests.faults.conftest import NOW


def built_marts(home: Home, *marts: str) -> duckdb.DuckDBPyConnection:
    """The named marts of what has landed in the home, and all models they are made of, in one process with the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(NOW_VARIABLE, NOW)
        settings = load_settings(home)
        take_in(home, settings, lambda done, total, name: None)
        require_lake(home)
        derive(home, settings)
        select = [argument for mart in marts for argument in ("--select", f"+{mart}")]
        without = ["--exclude-resource-type", "test", "--exclude-resource-type", "unit_test"]
        done = dbt(home, ["build", *select, *without], memory_of(home.root, settings.limits))
    assert done.success, done.exception or [run.message for run in done.result.results if run.status == "error"]
    return duckdb.connect(str(home.warehouse / "build.duckdb"), read_only=True)
