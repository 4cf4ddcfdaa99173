"""Apache Spark as the engine: what a run needs beside dbt to build on it. Imports of pyspark are late: it is an extra.

Each model becomes a folder of Parquet below warehouse/spark, which DuckDB then reads in place of building the model
(dbt_project/macros/materializations/created_once.sql). So tests, checks and publishing are those of DuckDB.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from assets.version import ROOT
from sources.home import Home, HomeError
from sources.memory import Memory

ENGINE = "spark"
# Where a cluster's thrift server is; without, the run starts Spark itself.
HOST_VARIABLE = "INFERLEDGER_SPARK_HOST"
# A target of the profiles by its name, such as databricks.
TARGET_VARIABLE = "INFERLEDGER_SPARK_TARGET"
_PROFILES = ROOT / "dbt_project" / "profiles.yml"
_CONFIGURATION_VARIABLE = "SPARK_CONF_DIR"
_LOOK_AGAIN_SECONDS = 0.2


class EngineError(HomeError):
    """The engine the home asks for is not installed."""


def engine_version() -> str:
    """Such as spark 4.1.4; EngineError when it cannot be used here."""
    try:
        version("dbt-spark")
        number = version("pyspark")
    except PackageNotFoundError as error:
        raise EngineError(
            f"engine: spark needs the extra `spark`, and {error.name} is not installed: type `make spark`"
        ) from error
    java = Path(os.environ["JAVA_HOME"], "bin/java") if os.environ.get("JAVA_HOME") else "java"
    if target() == "spark" and not shutil.which(java):
        raise EngineError(f"engine: spark needs Java 17, and {java} is not there: install it, or set JAVA_HOME")
    return f"spark {number}"


def made(engine: str) -> bool:
    """Whether an engine, as the inputs of a build name it, is Spark."""
    return engine.startswith(f"{ENGINE} ")


def target() -> str:
    """The target of dbt_project/profiles.yml; EngineError where one is named that it has not, or that is DuckDB's."""
    named = os.environ.get(TARGET_VARIABLE)
    if not named:
        return "spark_thrift" if os.environ.get(HOST_VARIABLE) else "spark"
    outputs = yaml.safe_load(_PROFILES.read_text())["inferledger"]["outputs"]
    targets = sorted(name for name, output in outputs.items() if output["type"] != "duckdb")
    if named not in targets:
        raise EngineError(f"{TARGET_VARIABLE}: {named} is no target of {_PROFILES} for Spark: {', '.join(targets)}")
    return named


@contextmanager
def emptied(home: Home, memory: Memory) -> Iterator[dict[str, str]]:
    """Around dbt's build on Spark, which needs an empty folder: what it has to find in its environment."""
    shutil.rmtree(home.warehouse / ENGINE, ignore_errors=True)
    configured = os.environ.get(_CONFIGURATION_VARIABLE) or str(ROOT / "examples/spark")
    try:
        with _dbt_spark_mended():
            # What a killed run leaves there goes with the rest of the folder.
            yield {_CONFIGURATION_VARIABLE: configured, "SPARK_LOCAL_DIRS": str(memory.emptied().spill / ENGINE)}
    finally:
        _stop()


@contextmanager
def _dbt_spark_mended() -> Iterator[None]:
    """It turns ANSI off, whatever a profile says: numbers that do not fit would become others, without a word.

    And it looks only in whole seconds whether a server has done a statement: most of ours take less than one.
    """
    # By name: what looks at types has no extra to look into.
    connections: Any = import_module("dbt.adapters.spark.connections")
    credentials, connection = connections.SparkCredentials, connections.PyhiveConnectionWrapper
    complete = credentials.__post_init__

    def complete_with_ansi(self: Any) -> None:
        complete(self)
        self.server_side_parameters["spark.sql.ansi.enabled"] = "true"

    credentials.__post_init__ = complete_with_ansi
    connection.poll_interval = property(lambda self: _LOOK_AGAIN_SECONDS, lambda self, seconds: None)
    try:
        yield
    finally:
        credentials.__post_init__ = complete
        del connection.poll_interval


def _stop() -> None:
    """End the executors of this process, if it started any."""
    from pyspark import SparkContext

    context: Any = SparkContext._active_spark_context
    if context:
        context.stop()
