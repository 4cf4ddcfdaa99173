"""Logs of JSON lines are read in one pass or, where anything is wrong, the careful way: both must say the same."""

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sources.feed import PROVENANCE_COLUMNS, FeedTable, LandedFile, ReadContext, UnreadableFileError
from sources.langfuse.feed import OBSERVATIONS
from sources.log_lines import _is_copied, read_log
from sources.mapped import Layout, Value, read_mapped
from sources.quarantine import read_rejects
from sources.registry import FEEDS
from tests.unit.sources.landed import HASH_KEY, NOW, PAYLOADS

# Every kind of place: of the record, in an object, in JSON text, in an object of that; a closed list, a filter.
LAYOUT = Layout(
    columns={
        "id": "VARCHAR", "started_at": "TIMESTAMP", "input": "BIGINT", "output": "BIGINT", "cost": "DECIMAL(26,12)",
        "tenant": "VARCHAR", "provider": "VARCHAR", "host": "VARCHAR", "tools": "VARCHAR", "is_deleted": "BOOLEAN",
        **PROVENANCE_COLUMNS,
    },
    values={
        "id": Value(("/id",), is_required=True),
        "started_at": Value(("/start_time", "/startTime"), "moment", is_required=True, is_past=True),
        "input": Value(("/usage//input", "/usage//prompt_tokens", "/usageDetails//input"), "count", default="0"),
        "output": Value(("/usage//output", "/usageDetails//output"), "count", default="0"),
        "cost": Value(("/total_cost",), "money"),
        "tenant": Value(("/metadata//tenant",)),
        "provider": Value(("/metadata//attributes/gen_ai.system",), spellings={"aws": "bedrock"}),
        "host": Value(("/server/host",)),
        "tools": Value(("/tools",)),
        "is_deleted": Value(("/is_deleted",), "boolean", default="false"),
    },
    time_column="started_at",
    problems=[("output > input", "usage.output", "'is more than the input'")],
    known_fields=frozenset(("id", "type", "start_time", "usage", "metadata", "total_cost", "server", "tools")),
    only=("/type", frozenset(("GENERATION", "EMBEDDING"))),
    closed=((("/usage",), frozenset(("input", "output", "prompt_tokens"))),),
)  # fmt: skip
GOOD = {
    "id": "a", "type": "GENERATION", "start_time": "2026-08-10T09:00:00.000Z",
    "usage": {"input": 10, "output": 5}, "metadata": {"tenant": "larch"}, "server": {"host": "h"},
}  # fmt: skip


@pytest.fixture(scope="module")
def context(tmp_path_factory: pytest.TempPathFactory) -> ReadContext:
    connection = duckdb.connect(config={"threads": 1})
    return ReadContext(NOW, HASH_KEY, frozenset({"USD"}), connection, tmp_path_factory.mktemp("work"))


def landed(path: Path) -> LandedFile:
    return LandedFile("langfuse", "observations", path, path.name, "c" * 64, 1, "f" * 64, None, None)


def both_ways(
    path: Path, context: ReadContext, layout: Layout = LAYOUT
) -> list[tuple[list[dict[str, Any]], list[Any], object]]:
    """What both make of a file: rows, rejects, the result or the error."""
    found: list[tuple[list[dict[str, Any]], list[Any], object]] = []
    for read in (read_log, read_mapped):
        parquet, rejects = context.work_dir / "rows.parquet", context.work_dir / "rejects.parquet"
        try:
            result: object = read(layout, landed(path), context, parquet, rejects)
        except UnreadableFileError as error:
            found.append(([], [], (error.reason, error.field, error.line)))
        else:
            found.append((pl.read_parquet(parquet).to_dicts(), read_rejects(rejects), result))
    return found


def is_copied(layout: Layout, path: Path, context: ReadContext) -> bool:
    return _is_copied(layout, landed(path), context, context.work_dir / "rows.parquet")


def write(folder: Path, *lines: dict[str, Any] | str) -> Path:
    path = folder / "log.jsonl"
    texts = [line if isinstance(line, str) else json.dumps(line) for line in lines]
    path.write_text("".join(f"{text}\n" for text in texts), encoding="utf-8", errors="surrogatepass")
    return path


LOGS = [
    (table, path)
    for table in FEEDS
    for path in sorted((PAYLOADS / table.feed / table.table).rglob("*.*"))
    if getattr(table.read, "func", None) is read_log and path.suffix in (".jsonl", ".ndjson")
]


@pytest.mark.parametrize(("table", "path"), LOGS, ids=[table.name for table, _ in LOGS])
def test_every_payload_of_lines_gives_the_same_rows(table: FeedTable, path: Path, context: ReadContext) -> None:
    layout: Layout = table.read.args[0]  # type: ignore[attr-defined]
    fast, careful = both_ways(path, context, layout)
    assert fast == careful
    assert fast[0]


def test_langfuses_payload_is_read_in_one_pass(context: ReadContext) -> None:
    path = PAYLOADS / "langfuse" / "observations" / "observations_2026-08-10.jsonl"
    assert is_copied(OBSERVATIONS.read.args[0], path, context)  # type: ignore[attr-defined]


def test_gzipped_lines_are_read_in_one_pass_too(tmp_path: Path, context: ReadContext) -> None:
    path = tmp_path / "log.jsonl.gz"
    path.write_bytes(gzip.compress(write(tmp_path, GOOD, GOOD | {"id": "b"}).read_bytes()))
    assert is_copied(LAYOUT, path, context)
    fast, careful = both_ways(path, context)
    assert fast == careful
    assert [row["row_number"] for row in fast[0]] == [1, 2]


@pytest.mark.parametrize(
    "line",
    [
        "null", "5", '"x"', "[1]", '[{"id": "b"}]', "{}", "", "  ", "\r", "\ufeff{}", "\u00a0", "{'id': 1}",
        '{"id": "b"',
        '{"id": "b"} {"id": "c"}', '{"id": "b", "id": "c"}', '{"id": "\\ud800"}', '{"id": "\ud800"}', '{"id": NaN}',
        '{"type": null}', '{"type": "SPAN"}', '{"type": "SPAN", "id": {"a": 1}}', '{"Type": "GENERATION"}',
    ],
)  # fmt: skip
def test_lines_that_are_no_rows(line: str, tmp_path: Path, context: ReadContext) -> None:
    fast, careful = both_ways(write(tmp_path, GOOD, line, GOOD | {"id": "z"}), context)
    assert fast == careful
    assert [row["id"] for row in fast[0]] == ["a", "z"]


@pytest.mark.parametrize(
    "field",
    [
        '"usage": "{\\"input\\": 10, \\"output\\": \\"5\\"}"', '"usage": null', '"usage": 5',
        '"usage": [1]', '"usage": ""', '"usage": "null"', '"usage": "no JSON"',
        '"usage": {"input": 1, "input": 2}', '"usage": {"input": 1.0, "output": 1e1}',
        '"usage": {"input": 1.5}', '"usage": {"input": -1}', '"usage": {"input": "12x"}',
        '"usage": {"input": {"a": 1}}', '"usage": {"input": null, "prompt_tokens": 3}',
        '"usage": {"input": 3}, "usageDetails": {"input": 4, "output": 9}',
        '"usage": {"input_video": 3}', '"usage": {"input": 99999999999999999999}',
        '"metadata": {"attributes": 5}', '"metadata": {"attributes": {"gen_ai.system": "aws"}}',
        '"metadata": "{\\"attributes\\": {\\"gen_ai.system\\": \\"aws\\"}}"', '"metadata": [{"tenant": "x"}]',
        '"metadata": {"attributes": "{\\"gen_ai.system\\": \\"aws\\"}"}', '"metadata": {"tenant": {"a": [1, 2.0]}}',
        '"metadata": {"a/b": 1, "tenant": "x", "tenant": "y"}', '"metadata": "  "',
        '"server": "h:1"',
        '"total_cost": 1e-7', '"total_cost": "1,2"', '"total_cost": 0.1234567890123456', '"type": "EMBEDDING"',
        '"start_time": "yesterday"', '"start_time": "2027-01-01T00:00:00Z"', '"is_deleted": 1', '"id": ""',
        '"id": "\\u00e9\\u0000"', '"unknown": {"id": 1, "id": 2}',
    ],
)  # fmt: skip
def test_fields_good_and_bad(field: str, tmp_path: Path, context: ReadContext) -> None:
    name = json.loads(f"{{{field}}}").keys()
    rest = json.dumps({key: value for key, value in GOOD.items() if key not in name} | {"version": "r2"})
    fast, careful = both_ways(write(tmp_path, GOOD, f"{rest[:-1]}, {field}}}"), context)
    assert fast == careful


TEXTS = st.sampled_from(
    ["", "x", "7", "7.0", "1e2", "null", "true", "{}", '{"input": 3}', '{"tenant": "t"', "\u00e9\n"]
)
SCALARS = st.one_of(st.none(), st.booleans(), st.integers(-1, 10**20), st.floats(0, 1e6), TEXTS)
KEYS = st.sampled_from(["input", "output", "total", "tenant", "attributes", "gen_ai.system", "host"])
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(KEYS, inner, max_size=3))
FIELDS = st.sampled_from(["usage", "usageDetails", "metadata", "server", "total_cost", "tools"])


@given(st.lists(st.dictionaries(FIELDS, VALUES | VALUES.map(json.dumps), max_size=3), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_values_are_read_alike(tmp_path: Path, context: ReadContext, changes: list[dict[str, Any]]) -> None:
    path = write(tmp_path, *(GOOD | change for change in changes))
    fast, careful = both_ways(path, context)
    assert fast == careful


@pytest.mark.parametrize("place", ["/usage/input", "/server", "/metadata//attributes", "/spans/0/id", "/ID"])
def test_a_mapping_that_one_pass_cannot_serve_is_read_the_careful_way(
    place: str, tmp_path: Path, context: ReadContext
) -> None:
    layout = replace(LAYOUT, values={**LAYOUT.values, "more": Value((place,))})
    assert not is_copied(layout, write(tmp_path, GOOD), context)
