"""Running dbt on a home, with a project of two models."""

import os
import shutil
from pathlib import Path

import duckdb
import pytest
import yaml

from assets import warehouse
from assets.warehouse import Inputs, Node, WarehouseError
from sources.home import Home
from sources.lake import ledger_path
from sources.ledger import FileLedger, LedgerRow
from sources.memory import Memory

PROJECT = {
    "dbt_project.yml": "{name: tiny, version: '1.0', profile: tiny, models: {tiny: {+materialized: table}}}",
    "profiles.yml": """
tiny:
  target: duckdb
  outputs:
    duckdb:
      type: duckdb
      path: "{{ env_var('INFERLEDGER_WAREHOUSE') }}/build.duckdb"
      settings: {memory_limit: "{{ env_var('INFERLEDGER_MEMORY_LIMIT') }}"}
""",
    # How the tests of the real project run.
    "macros/test.sql": (warehouse.PROJECT / "macros/materializations/test.sql").read_text(),
    "models/costs.sql": "select * from read_parquet('{{ env_var(\"INFERLEDGER_LAKE\") }}/costs.parquet')",
    "models/totals.sql": "select sum(cost) as cost from {{ ref('costs') }}",
    "models/models.yml": """
models:
  - name: costs
    columns:
      - name: tenant_id
        data_tests:
          - not_null: {description: every cost has a tenant}
unit_tests:
  - name: test_totals_add_up
    model: totals
    given: [{input: ref('costs'), rows: [{cost: 1}]}]
    expect: {rows: [{cost: 2}]}
""",
}
GOOD = "select 'acme' as tenant_id, 2 as cost"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for name, text in PROJECT.items():
        path = tmp_path / "project" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "project"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.lake.mkdir(parents=True)
    home.warehouse.mkdir()
    write_costs(home, GOOD)
    return home


def write_costs(home: Home, sql: str) -> None:
    with duckdb.connect() as connection:
        connection.execute(f"copy ({sql}) to '{home.lake / 'costs.parquet'}' (format parquet)")


def build(
    home: Home, project: Path, nodes: list[Node] | None = None, memory_limit: str = "1GB", threads: int = 2
) -> warehouse.Built:
    told = nodes if nodes is not None else []
    inputs, memory = warehouse.read_inputs(home, project), Memory(memory_limit, home.warehouse / "spill")
    return warehouse.build(home, inputs, memory, told.append, project=project, threads=threads)


def test_builds_from_nothing_and_lets_go_of_the_file(home: Home, project: Path) -> None:
    for name in ("build.duckdb", "build.duckdb.wal", "work.duckdb"):
        (home.warehouse / name).write_text("what a killed run left")
    nodes: list[Node] = []
    built = build(home, project, nodes)
    assert (built.models, built.tests, built.warnings) == (2, 1, ())
    assert {(node.name, node.total) for node in nodes} == {("costs", 3), ("totals", 3), ("not_null_costs_tenant_id", 3)}
    with duckdb.connect(str(home.warehouse / "build.duckdb"), read_only=True) as connection:
        assert connection.execute("select cost from totals").fetchall() == [(2,)]
    assert warehouse.built_inputs(home) == warehouse.read_inputs(home, project)
    assert "INFERLEDGER_WAREHOUSE" not in os.environ
    assert {path.name for path in project.iterdir()} == {*(Path(name).parts[0] for name in PROJECT), "target"}
    log = (home.warehouse / "dbt/logs/dbt.log").read_text()
    assert "PASS not_null_costs_tenant_id" in log
    assert " debug " not in log


def test_a_changed_project_is_read_again(home: Home, project: Path) -> None:
    build(home, project)
    (project / "models/totals.sql").write_text("select sum(cost) * 2 as cost from {{ ref('costs') }}")
    build(home, project)
    with duckdb.connect(str(home.warehouse / "build.duckdb"), read_only=True) as connection:
        assert connection.execute("select cost from totals").fetchall() == [(4,)]


def test_a_project_in_a_folder_that_cannot_be_written_is_built(
    home: Home, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != project)
    assert build(home, project).models == 2
    assert not (project / "target").exists()


def test_failing_test_is_named_with_its_rows_and_sql(home: Home, project: Path) -> None:
    build(home, project)
    write_costs(home, f"{GOOD} union all select null, 3")
    with pytest.raises(WarehouseError, match="1 of 3 models and tests failed") as caught:
        build(home, project)
    (failure,) = (failure for failure in caught.value.failures)
    assert (failure.name, failure.model, failure.rows) == ("not_null_costs_tenant_id", "costs", 1)
    assert failure.message == "every cost has a tenant"
    assert failure.sql is not None
    assert "is null" in failure.sql.read_text()
    assert warehouse.built_inputs(home) is None


def test_one_look_finds_a_key_that_stands_twice_a_null_and_a_word_of_no_list(home: Home, project: Path) -> None:
    models = {
        "sound": "select 1 as id, 'a' as word union all select 2, null",
        "twice": "select 1 as id, 'a' as word union all select 1, 'b'",
        "missing": "select cast(null as integer) as id, 'a' as word",
        "unknown": "select 1 as id, 'c' as word",
    }
    arguments = {"key": ["id"], "never_null": ["id"], "accepted_values": {"word": ["a", "b"]}}
    test = {"sound_rows": {"description": "ids, each once", "arguments": arguments}}
    described = {"models": [{"name": name, "data_tests": [test]} for name in models]}
    (project / "models/models.yml").write_text(yaml.safe_dump(described))
    for name, sql in models.items():
        (project / f"models/{name}.sql").write_text(sql)
    (project / "tests/generic").mkdir(parents=True)
    shutil.copy(warehouse.PROJECT / "tests/generic/sound_rows.sql", project / "tests/generic")
    with pytest.raises(WarehouseError) as caught:
        build(home, project)
    assert {(failure.model, failure.rows) for failure in caught.value.failures} == {
        (name, 1) for name in models if name != "sound"
    }


def test_broken_model_is_named_with_its_file(home: Home, project: Path) -> None:
    (project / "models/costs.sql").write_text("select no_such_column from range(1)")
    with pytest.raises(WarehouseError, match="no_such_column") as caught:
        build(home, project)
    assert [(failure.kind, failure.model) for failure in caught.value.failures] == [("model", "models/costs.sql")]


def test_a_model_that_runs_out_of_memory_says_which_setting_gives_it_more(home: Home, project: Path) -> None:
    (project / "models/costs.sql").write_text("select list(range) as every_one from range(20000000)")
    with pytest.raises(WarehouseError) as caught:
        build(home, project, memory_limit="50MB")
    [failure] = [failure for failure in caught.value.failures if failure.name == "costs"]
    assert "Out of Memory" in failure.message
    assert failure.message.endswith("limits.memory of config/inferledger.yml: give it more")
    assert "threads" not in failure.message


@pytest.mark.parametrize(
    ("rows", "asked", "threads"),
    [(10_000_000, 2, 2), (10_000_001, 2, 1), (5_000_000, 4, 4), (5_000_001, 4, 3), (30_000_000, 4, 1)],
)
def test_so_many_models_are_made_at_a_time_as_are_asked_for_and_fit_together(
    home: Home, project: Path, rows: int, asked: int, threads: int
) -> None:
    with FileLedger(ledger_path(home.root)) as ledger:
        for name, kept in (("a", rows - 1), ("b", 1)):
            row = LedgerRow("litellm", "spend_logs", name, name, 3, name, name, name, 1, "committed", kept, kept)
            ledger.commit(row, name, {})
    build(home, project, threads=asked)
    assert f"Concurrency: {threads} threads" in (home.warehouse / "dbt/logs/dbt.log").read_text()


def test_project_that_cannot_be_read_says_why(home: Home, project: Path) -> None:
    (project / "models/costs.sql").write_text("{{ ref('nowhere') }}")
    with pytest.raises(WarehouseError, match="nowhere"):
        build(home, project)


def test_manifest_is_written_when_the_project_changed(project: Path) -> None:
    manifest = warehouse.prepare_manifest(project)
    first = manifest.stat().st_mtime_ns
    assert warehouse.prepare_manifest(project).stat().st_mtime_ns == first
    (project / "models/more.sql").write_text("select 1 as one")
    assert warehouse.prepare_manifest(project).stat().st_mtime_ns > first
    (manifest.parent / warehouse.PARSED).unlink()
    warehouse.prepare_manifest(project)
    assert (manifest.parent / warehouse.PARSED).is_file()
    assert '"model.tiny.more"' in manifest.read_text()


def test_inputs_change_with_state_rules_and_day(home: Home, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-18T06:00:00Z")
    table = home.lake / "meta" / "files" / "current.parquet"
    table.parent.mkdir(parents=True)
    table.write_bytes(b"one file")
    first = warehouse.read_inputs(home, project)
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-18T18:00:00Z")
    assert warehouse.read_inputs(home, project) == first
    assert warehouse.read_inputs(home, project).version_id == first.version_id

    table.write_bytes(b"two files")
    (project / "models/totals.sql").write_text("select 1 as cost")
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-19T06:00:00Z")
    second = warehouse.read_inputs(home, project)
    assert second.changes_since(first) == ["day", "meta/files", "rules"]
    assert second.version_id != first.version_id
    assert Inputs({"a": "1"}).changes_since(None) == ["a"]


def test_applied_inputs_are_remembered(home: Home) -> None:
    assert warehouse.applied_inputs(home) is None
    warehouse.mark_applied(home, Inputs({"rules": "1"}))
    assert warehouse.applied_inputs(home) == Inputs({"rules": "1"})
