"""A home that asks for Spark, where it is not there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from assets.spark import HOST_VARIABLE, TARGET_VARIABLE, EngineError, target
from sources.home import init_home
from sources.settings import ENGINE_VARIABLE
from tests.faults.conftest import ROOT


def test_a_run_without_the_engine_ends_before_it_reads_a_file(tmp_path: Path) -> None:
    home = init_home(tmp_path)
    # Where the extra is installed, it is Java that is missing.
    environment = {**os.environ, ENGINE_VARIABLE: "spark", "JAVA_HOME": str(tmp_path / "java")}
    command = [sys.executable, "-m", "pipelines.cli", "run", "--home", str(home.root)]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 2
    assert "engine: spark needs" in done.stderr
    assert not list(home.lake.rglob("*.parquet"))


def test_a_cluster_is_reached_where_its_host_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in (HOST_VARIABLE, TARGET_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    assert target() == "spark"
    monkeypatch.setenv(HOST_VARIABLE, "spark.example.com")
    assert target() == "spark_thrift"


def test_a_target_of_the_profiles_is_chosen_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOST_VARIABLE, "spark.example.com")
    monkeypatch.setenv(TARGET_VARIABLE, "databricks")
    assert target() == "databricks"
    for other in ("duckdb", "nowhere"):
        monkeypatch.setenv(TARGET_VARIABLE, other)
        with pytest.raises(EngineError, match=f"{other} is no target of .*: databricks, spark, spark_thrift"):
            target()
