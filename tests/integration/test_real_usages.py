"""1,577 real usage blocks of providers: no token is lost or doubled, each costs what genai-prices makes of it.

The blocks are test data of genai-prices (MIT) and lie in the shared data folder. A reader with the token convention of
the block's API reads them, the macro of every gateway's staging model makes the classes disjoint, the pipeline's price
tables and SQL price them. Where genai-prices' own reading of a block costs something else, `usage_differences.csv` says
why and how often: it tries every reader of every provider on a block, other APIs' too.
"""

import csv
import gzip
import json
import os
import warnings
from collections import Counter
from collections.abc import Mapping
from dataclasses import astuple
from datetime import UTC, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import jinja2
import pytest

from sources.feed import LandedFile, ReadContext
from sources.gateway import Convention, count, gateway_table, service_tier
from sources.mapped import Value
from sources.pricing import book
from tests.integration.priced import COUNTS, price_calls
from tests.unit.sources.pricing.agreement import as_reported, reference_price

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = ROOT.parent / "shared" / "data" / "llm" / "genai_prices" / "usages.json.gz"
MACROS = [
    ROOT / "dbt_project" / "macros" / "usage" / name for name in ("gateway_calls.sql", "billable_audio_seconds.sql")
]
DIFFERENCES = Path(__file__).with_name("usage_differences.csv")
NOON = datetime(2026, 11, 18, 12)
STEP = Decimal("0.000000000001")
# Blocks that name no model, most of them of Bedrock, are priced as one of the API's, on both sides.
STAND_INS = {
    "bedrock": "anthropic.claude-sonnet-4-5-20250929-v1:0",
    "cohere": "command-r-plus",
    "gemini": "gemini-2.5-pro",
    "responses": "gpt-5",
}
# Reasons for no price that genai-prices does not know: it counts such usage as nothing.
UNPRICED = ("which the call used", "no price of a meter that calls have")
TOTALS = ("total_tokens", "totalTokenCount", "totalTokens")


class Api(NamedTuple):
    """An API's usage block: the key that only it has, where its counts stand, and what they contain."""

    key: str
    counts: Mapping[str, Value]
    convention: Convention


def summed(details: str, name: str, value: str, amount: str) -> str:
    """SQL: the tokens that a list of details has of one kind."""
    items = f"""from_json(v_{details}, '[{{"{name}": "VARCHAR", "{amount}": "BIGINT"}}]')"""
    of_it = f"list_filter({items}, lambda item: item.{name} = '{value}')"
    return f"coalesce(list_sum(list_transform({of_it}, lambda item: item.{amount})), 0)"


def modality(name: str, details: str) -> str:
    return summed(details, "modality", name, "tokenCount")


def tokens(*names: str) -> Value:
    return count(*(f"/usage/{name}" for name in names))


CHAT_INPUT, CHAT_OUTPUT = "prompt_tokens_details", "completion_tokens_details"
APIS = {
    "anthropic": Api(
        "cache_creation_input_tokens",
        {
            "input_tokens": tokens("input_tokens"),
            "cache_read_tokens": tokens("cache_read_input_tokens"),
            "cache_write_5m_tokens": tokens("cache_creation/ephemeral_5m_input_tokens", "cache_creation_input_tokens"),
            "cache_write_1h_tokens": tokens("cache_creation/ephemeral_1h_input_tokens"),
            "output_tokens": tokens("output_tokens"),
            "reasoning_tokens": tokens("output_tokens_details/thinking_tokens"),
            "searches": tokens("server_tool_use/web_search_requests"),
            "service_tier": service_tier("/usage/service_tier"),
        },
        Convention(input_has_cache_read=False, input_has_cache_write=False, output_has_reasoning=True),
    ),
    "gemini": Api(
        "promptTokenCount",
        {
            "prompt": tokens("promptTokenCount"),
            "tool_prompt": tokens("toolUsePromptTokenCount"),
            "input_tokens": Value(sql="v_prompt + v_tool_prompt"),
            "cache_read_tokens": tokens("cachedContentTokenCount"),
            "prompt_details": Value(("/usage/promptTokensDetails",)),
            "cache_details": Value(("/usage/cacheTokensDetails",)),
            "candidates_details": Value(("/usage/candidatesTokensDetails",)),
            # What was read from the cache is counted there.
            "input_audio_tokens": Value(
                sql=f"{modality('AUDIO', 'prompt_details')} - {modality('AUDIO', 'cache_details')}"
            ),
            "input_image_tokens": Value(
                sql=f"{modality('IMAGE', 'prompt_details')} - {modality('IMAGE', 'cache_details')}"
            ),
            "output_tokens": tokens("candidatesTokenCount"),
            "reasoning_tokens": tokens("thoughtsTokenCount"),
            "output_audio_tokens": Value(sql=modality("AUDIO", "candidates_details")),
            "output_image_tokens": Value(sql=modality("IMAGE", "candidates_details")),
            "service_tier": service_tier("/usage/serviceTier"),
        },
        Convention(input_has_cache_read=True, input_has_cache_write=True, output_has_reasoning=False),
    ),
    "responses": Api(
        "input_tokens_details",
        {
            "input_tokens": tokens("input_tokens"),
            "cache_read_tokens": tokens("input_tokens_details/cached_tokens"),
            "cache_write_5m_tokens": tokens("input_tokens_details/cache_write_tokens"),
            "output_tokens": tokens("output_tokens"),
            "reasoning_tokens": tokens("output_tokens_details/reasoning_tokens"),
        },
        Convention(input_has_cache_read=True, input_has_cache_write=True, output_has_reasoning=True),
    ),
    "chat": Api(
        "prompt_tokens",
        {
            "input_tokens": tokens("prompt_tokens"),
            "cache_read_tokens": tokens(
                f"{CHAT_INPUT}/cached_tokens", "num_cached_tokens", "cached_tokens", "prompt_cache_hit_tokens"
            ),
            "cache_write_5m_tokens": tokens(f"{CHAT_INPUT}/cache_write_tokens"),
            "input_audio_tokens": tokens(f"{CHAT_INPUT}/audio_tokens"),
            "input_image_tokens": tokens(f"{CHAT_INPUT}/image_tokens"),
            "output_tokens": tokens("completion_tokens"),
            "reasoning_tokens": tokens(f"{CHAT_OUTPUT}/reasoning_tokens"),
            "output_audio_tokens": tokens(f"{CHAT_OUTPUT}/audio_tokens"),
            "output_image_tokens": tokens(f"{CHAT_OUTPUT}/image_tokens"),
        },
        Convention(input_has_cache_read=True, input_has_cache_write=True, output_has_reasoning=True),
    ),
    "bedrock": Api(
        "inputTokens",
        {
            "input_tokens": tokens("inputTokens"),
            "cache_read_tokens": tokens("cacheReadInputTokens"),
            "cache_written": tokens("cacheWriteInputTokens"),
            "cache_details": Value(("/usage/cacheDetails",)),
            "cache_write_1h_tokens": Value(sql=summed("cache_details", "ttl", "1h", "inputTokens")),
            "cache_write_5m_tokens": Value(sql="v_cache_written - v_cache_write_1h_tokens"),
            "output_tokens": tokens("outputTokens"),
        },
        Convention(input_has_cache_read=False, input_has_cache_write=False, output_has_reasoning=True),
    ),
    "cohere": Api(
        "billed_units",
        {"input_tokens": tokens("billed_units/input_tokens"), "output_tokens": tokens("billed_units/output_tokens")},
        Convention(input_has_cache_read=False, input_has_cache_write=False, output_has_reasoning=True),
    ),
}


def usage_of(body: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = body.get("usage") or body.get("usageMetadata") or body["meta"]
    return found


def api_of(body: Mapping[str, Any]) -> str:
    usage = usage_of(body)
    return next(name for name, api in APIS.items() if api.key in usage)


def classes(blocks: list[dict[str, Any]], folder: Path) -> list[dict[str, Any]]:
    """Each block's disjoint token classes and totals, by a reader and the macro of every gateway's staging model."""
    found: dict[int, dict[str, Any]] = {}
    for name, api in APIS.items():
        path, lake = folder / f"{name}.ndjson", folder / f"{name}.parquet"
        of_api = [number for number, block in enumerate(blocks) if api_of(block["body"]) == name]
        lines = [
            {"id": number, "at": NOON.isoformat() + "Z", "model": "any", "usage": usage_of(blocks[number]["body"])}
            for number in of_api
        ]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        values = {
            "response_id": Value(("/id",), is_required=True),
            "started_at": Value(("/at",), "moment", is_required=True),
            "model_id": Value(("/model",), is_required=True),
            **api.counts,
        }
        table = gateway_table(name, "usages", values, api.convention, "Usage blocks of one API.")
        file = LandedFile(name, "usages", path, path.name, name, path.stat().st_size, name, None, None)
        with duckdb.connect() as connection:
            context = ReadContext(NOON.replace(tzinfo=UTC), b"key", frozenset({"USD"}), connection, folder)
            result = table.read(file, context, lake, folder / f"{name}.rejects")
            assert (result.rows_kept, result.rows_quarantined) == (len(of_api), 0)
            connection.read_parquet(str(lake)).create_view("lake")
            text = "".join(macro.read_text() for macro in MACROS)
            macros: Any = jinja2.Environment().from_string(text, {"raw": lambda *_: "lake"}).module
            sql = macros.gateway_calls(name, "usages", *astuple(api.convention))
            columns = [*COUNTS, "total_input_tokens", "total_output_tokens", "service_tier"]
            said = ", ".join(columns).replace("service_tier", "logged_tier")
            rows = connection.execute(f"select response_id, {said} from ({sql})").fetchall()
        found |= {int(number): dict(zip(columns, row, strict=True)) for number, *row in rows}
    return [found[number] for number in range(len(blocks))]


class Compared(NamedTuple):
    """One block under one provider: what the pipeline says, and genai-prices of the same classes and of its own."""

    reading: tuple[str, str, str]
    cost: Decimal | None
    reason: str | None
    of_our_classes: Decimal
    of_its_reading: Decimal


def compared(blocks: list[dict[str, Any]], disjoint: list[dict[str, Any]]) -> list[Compared]:
    calls, expected = [], []
    for block, counts in zip(blocks, disjoint, strict=True):
        api = api_of(block["body"])
        for extractor in (extractor for extracted in block["extracted"] for extractor in extracted["extractors"]):
            provider, flavor = extractor["provider_id"], extractor["api_flavor"]
            model = book.find_model(provider, block.get("model") or STAND_INS[api])
            if model.match is None:
                continue
            _, usage = model.match.provider.extract_usage(block["body"], api_flavor=flavor)
            ours, its = (
                reference_price(model.match, used, "standard", NOON.date()) for used in (as_reported(counts), usage)
            )
            expected.append(
                ((api, provider, flavor), ours.quantize(STEP, ROUND_HALF_UP), its.quantize(STEP, ROUND_HALF_UP))
            )
            known = {"service_provider": provider, "model_id": model.model_id, "started_at": NOON}
            calls.append(known | {name: counts[name] for name in (*COUNTS, "service_tier")})
    return [
        Compared(reading, *priced, ours, its)
        for (reading, ours, its), priced in zip(expected, price_calls(calls), strict=True)
    ]


@pytest.fixture(scope="module")
def blocks() -> list[dict[str, Any]]:
    """The blocks; none where the shared data is missing, which fails in CI and is said aloud elsewhere."""
    if not BLOCKS.exists():
        message = f"{BLOCKS} is missing: real usage blocks were NOT priced"
        if os.environ.get("CI"):
            pytest.fail(message)
        warnings.warn(message, stacklevel=2)
        return []
    with gzip.open(BLOCKS) as file:
        read: list[dict[str, Any]] = json.load(file)
    assert len(read) == 1_577
    return read


@pytest.fixture(scope="module")
def disjoint(blocks: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    return classes(blocks, tmp_path_factory.mktemp("usages")) if blocks else []


def test_the_classes_add_up_to_the_totals_of_the_block(
    blocks: list[dict[str, Any]], disjoint: list[dict[str, Any]]
) -> None:
    with_total, unaccounted = 0, []
    for block, counts in zip(blocks, disjoint, strict=True):
        parts = [counts[name] for name in COUNTS if name != "searches"]
        assert min(parts) >= 0
        total = counts["total_input_tokens"] + counts["total_output_tokens"]
        assert sum(parts) == total
        said = next((usage_of(block["body"])[name] for name in TOTALS if name in usage_of(block["body"])), None)
        with_total += said is not None
        if said not in (None, total):
            unaccounted.append((block["model"], said - total))
    # Thoughts that Gemini's OpenAI-compatible API counts in its total only; LiteLLM's reader rejects such a row.
    assert unaccounted == [("gemini-2.5-pro-preview-05-06", 62), ("gemini-2.5-pro-preview-05-06", 28)][: len(blocks)]
    assert with_total == (1_323 if blocks else 0)


def test_each_block_costs_what_genai_prices_makes_of_it(
    blocks: list[dict[str, Any]], disjoint: list[dict[str, Any]]
) -> None:
    if not blocks:
        return
    found = compared(blocks, disjoint)
    differing: Counter[tuple[str, ...]] = Counter()
    for one in found:
        if one.cost is None:
            assert any(reason in str(one.reason) for reason in UNPRICED), one
        else:
            assert one.cost == one.of_our_classes, one
        if one.cost != one.of_its_reading:
            differing[*one.reading, "no" if one.cost is None else "yes"] += 1
    listed = {
        (row["api"], row["provider"], row["reader"], row["priced"]): int(row["blocks"])
        for row in csv.DictReader(DIFFERENCES.open(encoding="utf-8"))
    }
    assert differing == listed
    assert len(found) - differing.total() > 3_400
