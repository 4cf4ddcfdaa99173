"""Spark's analysed plan of each model of a home it has built, where every column has its type. No row is read."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from assets.spark import ENGINE
from assets.warehouse import PROJECT
from sources.home import Home

COMPILED = Path("dbt", "spark_target", "compiled", "inferledger", "models")


@contextmanager
def spark_session(home: Home) -> Iterator[Any]:
    """Spark in one process on this machine, with what its results depend on, and the tables of the home's build."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    target = yaml.safe_load((PROJECT / "profiles.yml").read_text())["inferledger"]["outputs"]["spark"]
    builder: Any = SparkSession.builder
    elsewhere = {"spark.master": "local[1]", "spark.sql.warehouse.dir": str(home.root / "plans")}
    for name, value in (target["server_side_parameters"] | elsewhere).items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    try:
        session.sql("create database inferledger")
        for folder in sorted(path.parent for path in (home.warehouse / ENGINE).glob("*/_SUCCESS")):
            session.sql(f"create table inferledger.{folder.name} using parquet location '{folder}'")
        for sql in models(home).values():
            for name in dict.fromkeys(re.findall(r"inferledger\.(lake__\w+)", sql)):
                folder = home.lake.joinpath(*name.split("__")[-2:])
                session.sql(
                    f"create table inferledger.{name} using parquet options (mergeSchema 'true', path '{folder}')"
                )
        _make_views(session, {name: sql for name, sql in models(home).items() if name.startswith("stg_")})
        yield session
    finally:
        session.stop()
        gateway: Any = SparkContext._gateway
        gateway.shutdown()
        # Spark's process ends with it.
        gateway.proc.stdin.close()
        SparkContext._gateway = SparkContext._jvm = None


def models(home: Home) -> dict[str, str]:
    """What dbt made of each model for Spark."""
    found = {path.stem: path.read_text() for path in sorted((home.warehouse / COMPILED).rglob("*.sql"))}
    assert found.keys() == {path.stem for path in (PROJECT / "models").rglob("*.sql")}
    return found


def plan_of(session: Any, sql: str) -> str:
    """As JSON."""
    return str(session.sql(sql)._jdf.queryExecution().analyzed().toJSON())


def _make_views(session: Any, views: dict[str, str]) -> None:
    """Each after those it reads."""
    while views:
        first = next(
            name for name, sql in views.items() if not set(re.findall(r"inferledger\.(\w+)", sql)) & views.keys()
        )
        session.sql(f"create view inferledger.{first} as {views.pop(first)}")
