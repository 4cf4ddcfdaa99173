"""Langfuse's observations: every spelling of the counts, formats of the export, and what is set aside."""

import csv
import io
import json
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sources.langfuse.feed import _DETAILS, _PARTS
from sources.user_keys import user_key
from tests.unit.sources.landed import HASH_KEY, PAYLOADS, LandedHome

TOKENS = (
    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "output_tokens",
    "reasoning_tokens",
)  # fmt: skip
FOLDER = "langfuse/observations"


def observation(**changes: Any) -> dict[str, Any]:
    return {
        "id": "o",
        "type": "GENERATION",
        "start_time": "2026-08-10T09:00:00.000Z",
        "provided_model_name": "m",
        "usage_details": {"input": 10, "output": 5},
    } | changes


def read(home: LandedHome, *rows: dict[str, Any]) -> list[dict[str, Any]]:
    home.land(f"{FOLDER}/a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    home.ingest()
    return home.lake(FOLDER).to_dicts()


def tokens(row: dict[str, Any]) -> tuple[int, ...]:
    return tuple(row[name] for name in TOKENS)


def test_the_payload_row_by_row(home: LandedHome) -> None:
    home.land(f"{FOLDER}/a.jsonl", (PAYLOADS / FOLDER / "observations_2026-08-10.jsonl").read_bytes())
    home.ingest()
    anthropic, inside, beside = home.lake(FOLDER).to_dicts()
    assert tokens(anthropic) == (100, 400, 50, 0, 30, 12)
    assert (anthropic["gateway_provider"], anthropic["tag_tenant"], anthropic["tool_calls"]) == (
        "anthropic",
        "larch",
        1,
    )
    assert anthropic["reported_cost_usd"] == Decimal("0.0004125")
    assert anthropic["user_key"] == user_key("ana", HASH_KEY)
    # Two versions of one call, the details once inside the counts and once beside them: the same tokens.
    assert tokens(inside) == tokens(beside) == (40, 20, 0, 0, 20, 30)
    assert inside["version_at"] < beside["version_at"]


@pytest.mark.parametrize(
    ("column", "key"),
    [(column, key) for group in (_PARTS, _DETAILS) for column, keys in group.items() for key in keys],
)
def test_every_spelling_of_a_part_stands_beside_the_counts(home: LandedHome, column: str, key: str) -> None:
    [row] = read(home, observation(usage_details={"input": 10, "output": 5, key: 7, "total": 22}))
    writes = row["cache_write_5m_tokens"] + row["cache_write_1h_tokens"]
    counts = (row["input_tokens"] + row["cache_read_tokens"] + writes, row["output_tokens"] + row["reasoning_tokens"])
    is_output = column in ("reasoning", "output_audio", "output_image", "accepted", "rejected")
    is_output = is_output or column in ("detail_reasoning", "detail_output_audio")
    assert counts == ((10, 12) if is_output else (17, 5))


def test_a_count_of_both_cache_lifetimes_beside_the_two(home: LandedHome) -> None:
    usage = {"input_cache_creation": 70, "input_cache_creation_5m": 50, "input_cache_creation_1h": 20, "input": 1}
    [row] = read(home, observation(usage_details=usage))
    assert tokens(row) == (1, 0, 50, 20, 0, 0)


@pytest.mark.parametrize(
    ("parameters", "tier"),
    [
        ({"speed": "fast"}, "fast"),
        ({"speed": "fast", "service_tier": "batch"}, "batch"),
        ('{"service_tier": "priority"}', "priority"),
        ({}, "standard"),
    ],
)
def test_the_tier_is_that_of_the_parameters(home: LandedHome, parameters: Any, tier: str) -> None:
    [row] = read(home, observation(model_parameters=parameters))
    assert row["service_tier"] == tier


def test_a_token_class_nobody_knows_fails_the_file(home: LandedHome) -> None:
    rows = [observation(), observation(usage_details={"input": 1, "input_dreams": 3})]
    home.land(f"{FOLDER}/a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    home.ingest()
    [file] = home.ledger()
    assert file.status == "failed"
    assert "input_dreams" in (file.reason or "")


def test_csv_and_parquet_hold_the_same_call(home: LandedHome) -> None:
    usage = {"input": 100, "input_cached_tokens": 40, "output": 9, "output_reasoning_tokens": 3}
    flat = observation() | {"usage_details": json.dumps(usage), "total_cost": "0.000000000123"}
    text = io.StringIO()
    writer = csv.DictWriter(text, list(flat))
    writer.writeheader()
    writer.writerow(flat)
    home.land(f"{FOLDER}/a.csv", text.getvalue())
    nested = pl.DataFrame([flat | {"id": "p", "usage_details": usage}])
    path = home.land(f"{FOLDER}/b.parquet", b"")
    nested.write_parquet(path)
    home.ingest()
    rows = home.lake(FOLDER).to_dicts()
    assert {row["response_id"] for row in rows} == {"o", "p"}
    assert {tokens(row) for row in rows} == {(100, 40, 0, 0, 9, 3)}
    assert {row["reported_cost_usd"] for row in rows} == {Decimal("0.000000000123")}


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"is_deleted": "maybe"}, "is_deleted", 'found "maybe"; expected true or false'),
        ({"start_time": "soon"}, "start_time", 'found "soon"'),
        ({"provided_model_name": None}, "provided_model_name", "missing"),
        ({"usage_details": {"input": "many"}}, "usage_details.input", 'found "many"; expected a whole number'),
        ({"model_parameters": {"service_tier": "warp"}}, "model_parameters.service_tier", 'found "warp"'),
        (
            {"usage_details": {"input": 5, "output": 5, "total": 10, "prompt_details.cache_read": 6}},
            "usage_details",
            "holds parts that are larger than its input",
        ),
    ],
)
def test_a_row_that_does_not_fit_is_set_aside(
    home: LandedHome, changes: dict[str, Any], field: str, reason: str
) -> None:
    rows = read(home, observation(id="good"), observation(**changes))
    assert [row["response_id"] for row in rows] == ["good"]
    [(line, at, why)] = home.rejects()
    assert (line, at) == (2, field)
    assert reason in why


def test_a_deletion_is_kept_for_staging_to_take_its_call_away(home: LandedHome) -> None:
    rows = read(home, observation(), observation(is_deleted=1), observation(id="b", is_deleted="false"))
    assert [(row["response_id"], row["is_deleted"]) for row in rows] == [("o", False), ("o", True), ("b", False)]
    assert home.rejects() == []


def test_only_generations_and_embeddings_are_calls(home: LandedHome) -> None:
    rows = read(home, *(observation(id=kind, type=kind) for kind in ("SPAN", "TOOL", "AGENT", "EMBEDDING", "EVENT")))
    assert [(row["response_id"], row["operation"]) for row in rows] == [("EMBEDDING", "embeddings")]
