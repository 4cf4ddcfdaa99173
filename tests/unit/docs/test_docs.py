"""What the documentation names is there: files, links, commands, make targets, marts and columns."""

import re
from pathlib import Path

import duckdb
import pytest

from assets.accounting.history import CHANGES, NO_RECORDS
from docs import generate
from pipelines.cli import cli

ROOT = generate.ROOT
PAGES = sorted(
    [*(ROOT / "docs").rglob("*.md"), *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md"))]
)
GENERATED = generate.pages().keys()
WRITTEN = [path for path in PAGES if path.name not in GENERATED]
COMMANDS = dict(generate.commands(cli))
CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
SQL = re.compile(r"```sql\n(.*?)```", re.DOTALL)
OWN_FOLDERS = ("sources", "assets", "pipelines", "dbt_project", "docs", "examples", "tests", "benchmarks")


def page_id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def code_of(path: Path) -> str:
    return "\n".join(CODE.findall(path.read_text())).replace("\\\n", " ")


def anchors(path: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", path.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_relative_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if link.startswith("https://"):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", WRITTEN, ids=page_id)
def test_named_files_exist(page: Path) -> None:
    for name in re.findall(rf"`((?:{'|'.join(OWN_FOLDERS)})/[\w./-]+)`", page.read_text()):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("page", WRITTEN, ids=page_id)
def test_named_commands_and_options_exist(page: Path) -> None:
    for words in re.findall(r"(?:^|bin/|`)inferledger +([a-z][^\n`#]*)", code_of(page), re.MULTILINE):
        known = [name for name in COMMANDS if words == name or words.startswith(f"{name} ")]
        assert known, f"inferledger {words}"
        options = {option for parameter in COMMANDS[known[0]].params for option in parameter.opts}
        assert set(re.findall(r"(?<!\S)--[a-z-]+", words)) <= options | {"--help"}, words


@pytest.mark.parametrize("page", WRITTEN, ids=page_id)
def test_named_make_targets_exist(page: Path) -> None:
    assert set(re.findall(r"(?:^|`)make ([a-z-]+)", code_of(page), re.MULTILINE)) <= generate.make_targets().keys()


def test_every_command_is_named_in_the_guides() -> None:
    text = "\n".join(code_of(path) for path in WRITTEN)
    assert [name for name in COMMANDS if f"inferledger {name}" not in text] == []


@pytest.fixture(scope="module")
def empty_marts() -> duckdb.DuckDBPyConnection:
    """Every mart as its contract says, without rows: enough to bind a query's tables, columns and types."""
    connection = duckdb.connect()
    for name, mart in generate.marts().items():
        columns = ", ".join(f'"{column["name"]}" {column["data_type"]}' for column in mart["columns"])
        connection.execute(f"create table {name} ({columns})")
    connection.execute(f"create view recorded_totals as {NO_RECORDS['totals']}")
    connection.execute(f"create table posting_history as select now()::timestamp as recorded_at, * from ({CHANGES})")
    return connection


QUERIES = [(page_id(page), query) for page in WRITTEN for query in SQL.findall(page.read_text())]


@pytest.mark.parametrize(("page", "query"), QUERIES)
def test_sql_runs_on_the_published_columns(page: str, query: str, empty_marts: duckdb.DuckDBPyConnection) -> None:
    on_tables = re.sub(r"read_parquet\('[^']*/(?:marts/(\w+)|(posting_history))[^']*'\)", r"\1\2", query)
    assert empty_marts.execute(on_tables).description
