"""What a run reads to replace days: of tables that grow with calls only those, by predicates that reach the storage."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb
import pytest
from dbt.adapters.duckdb.environments.local import DuckDBCursorWrapper

from assets import warehouse
from sources.clock import NOW_VARIABLE
from sources.home import Home
from tests.conftest import Company
from tests.faults.conftest import copy_of
from tests.integration.test_incremental_builds import LATER, NEW, build, land_logs, lines_of, on

# Columns in whose order tables and lake files are written; a lake file has one day, or few, and its hash.
STORED_BY = re.compile(
    r"\b(usage_date|sampled_date|week_start|month_start|ended_date|ended_week_start|last_call_at|bucket_start|file_hash)\b"
)
REPLACES = re.compile(r'\s*insert into\s+(?:"\w+"\."main"\.)?"?(\w+)"?\s+by name\s+(select .*)', re.DOTALL)
# By file and by task, and so not by a query of their own name.
REPLACED_TOO = {"int_usage_call_keys", "int_tasks"}
# What is read whole, and why.
READ_WHOLE = {
    "int_usage_call_keys",  # which other days a call or an ask is on
    "int_usage_duplicates",  # only lines that repeat a call
    "int_charge_calls",  # sums of calls; those of nobody follow settings and are made anew in every run
    "int_charges_traced",  # as they do
    "is_deleted",  # a deletion counts wherever the day of its call is
}


@pytest.fixture
def queries(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """By whose rows models replace their days, by model, in builds of the test."""
    found: dict[str, str] = {}
    execute: Any = DuckDBCursorWrapper.execute

    def noted(cursor: Any, sql: str, bindings: Any = None) -> Any:
        if " by name" in sql:
            for statement in duckdb.extract_statements(sql):
                if made := REPLACES.match(statement.query):
                    found[made[1]] = made[2]
        return execute(cursor, sql, bindings)

    monkeypatch.setattr(DuckDBCursorWrapper, "execute", noted)
    return found


def test_a_new_day_is_read_alone(
    company_of: Callable[[int], Company], queries: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NOW_VARIABLE, LATER)
    real: Any = warehouse.dbt
    without = ["--exclude-resource-type", "test"]
    monkeypatch.setattr(warehouse, "dbt", lambda home, arguments, *rest: real(home, [*arguments, *without], *rest))
    home = copy_of(company_of(7).home, tmp_path / "home")
    new = [on(NEW, line, request_id=f"{line['request_id']}-n") for line in lines_of(home, "2026-11-13")]
    land_logs(home, f"spend_logs_{NEW}.ndjson", new)
    assert not build(home.root).is_full
    assert queries.keys() > {"fct_usage", "made_tasks", "cost_per_task_weekly", "answer_quality_monthly"}
    found = read_whole(home, queries)
    assert {table: models for table, models in found.items() if table not in READ_WHOLE} == {}
    assert found.keys() == READ_WHOLE


def read_whole(home: Home, queries: Mapping[str, str]) -> dict[str, set[str]]:
    """Tables that are replaced by day, and lake tables of calls, that are scanned without any predicate on the day.

    With the models whose queries do.
    """
    found: dict[str, set[str]] = {}
    with duckdb.connect() as connection:
        for database in ("build", "work"):
            connection.execute(f"attach '{home.warehouse / database}.duckdb' as {database} (read_only)")
        connection.execute("use work")
        for model, query in queries.items():
            [(_, plan)] = connection.execute(f"explain (format json) {query}").fetchall()
            for scan in (scan for root in json.loads(plan) for scan in scans(root)):
                table = grown(scan, REPLACED_TOO.union(queries))
                if table and not STORED_BY.search(str(scan.get("Filters", ""))):
                    found.setdefault(table, set()).add(model)
    return found


def scans(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if not node["children"] and {"Table", "Function"} & set(node["extra_info"]):
        yield node["extra_info"]
    for child in node["children"]:
        yield from scans(child)


def grown(scan: dict[str, Any], replaced: set[str]) -> str | None:
    """The table that grows with calls; of lines in the lake a column."""
    if "Table" in scan:
        name = scan["Table"].rpartition(".")[2]
        return name if name in replaced else None
    columns = scan.get("Projections", [])
    return next((name for name in ("is_deleted", "response_id", "request_id") if name in columns), None)
