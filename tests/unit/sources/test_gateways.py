"""Gateways that a mapping reads: the committed payload of each, row by row, and what is set aside."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from sources.feed import FeedTable
from sources.gateway import is_gateway
from sources.registry import FEEDS
from sources.user_keys import user_key
from tests.unit.sources.landed import HASH_KEY, PAYLOADS, LandedHome

GATEWAYS = [table for table in FEEDS if is_gateway(table)]
TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "output_tokens", "reasoning_tokens")


def rows(home: LandedHome, table: str) -> dict[str, dict[str, Any]]:
    for file in sorted(path for path in (PAYLOADS / table).rglob("*") if path.is_file()):
        home.land(str(file.relative_to(PAYLOADS)), file.read_bytes())
    home.ingest()
    return {row["response_id"]: row for row in home.lake(table).to_dicts()}


def tokens(row: dict[str, Any]) -> tuple[int, ...]:
    return tuple(row[name] for name in TOKENS)


@pytest.mark.parametrize("table", GATEWAYS, ids=lambda table: table.name)
def test_every_gateway_has_a_payload_of_which_all_rows_are_kept(home: LandedHome, table: FeedTable) -> None:
    folder = f"{table.feed}/{table.table}"
    assert rows(home, folder)
    assert home.rejects() == []
    lake = home.lake(folder)
    assert lake.columns == list(table.columns)
    assert lake["row_number"].min() == 1


def test_openrouter_counts_native_tokens_and_who_bills(home: LandedHome) -> None:
    calls = rows(home, "openrouter/generations")
    routed, own_key, page = calls["gen-1"], calls["gen-2"], calls["gen-3"]
    assert tokens(routed) == (120, 30, 0, 50, 20)
    assert (routed["gateway_provider"], routed["model_id"]) == ("openrouter", "openai/gpt-5.4-mini")
    assert (routed["service_tier"], routed["reported_cost_usd"]) == ("priority", Decimal("0.0021"))
    assert routed["ended_at"] == datetime(2026, 8, 10, 9, 0, 1, 700000)
    assert routed["user_key"] == user_key("ana", HASH_KEY)
    assert (own_key["gateway_provider"], own_key["status"], own_key["service_tier"]) == (
        "anthropic",
        "failure",
        "standard",
    )
    assert own_key["billing_status"] == "billed"
    assert (tokens(page), page["reported_cost_usd"]) == ((7, 0, 0, 3, 0), Decimal("0.000012"))


def test_vercel_counts_cache_writes_and_searches_and_says_who_bills(home: LandedHome) -> None:
    calls = rows(home, "vercel/generations")
    routed, own_key, page = calls["gen_01LARCH"], calls["gen_02BIRCH"], calls["gen_03ALDER"]
    assert (tokens(routed), routed["searches"]) == ((1000, 600, 100, 80, 30), 2)
    assert (routed["gateway_provider"], routed["reported_cost_usd"]) == ("vercel", Decimal("0.0042"))
    assert routed["ended_at"] == datetime(2026, 8, 10, 9, 0, 1, 700000)
    assert routed["completion_started_at"] == datetime(2026, 8, 10, 9, 0, 0, 200000)
    assert (own_key["gateway_provider"], own_key["status"]) == ("openai", "failure")
    assert own_key["reported_cost_usd"] == Decimal("0.00031")
    assert (tokens(page), page["gateway_provider"]) == ((12, 0, 0, 3, 0), "vercel")


def test_a_vercel_generation_that_read_more_cache_than_input_is_rejected(home: LandedHome) -> None:
    row = {"created_at": "2026-08-10T11:00:00Z", "model": "m", "native_tokens_prompt": 10}
    bad = [
        row | {"id": "b", "native_tokens_cached": 8, "native_tokens_cache_creation": 3},
        row | {"id": "c", "native_tokens_prompt": "many"},
        row | {"id": "d", "created_at": "yesterday"},
    ]
    lines = [row | {"id": "a", "native_tokens_cached": 8, "native_tokens_cache_creation": 2}, *bad]
    home.land("vercel/generations/a.ndjson", "".join(f"{json.dumps(line)}\n" for line in lines))
    assert home.ingest().rows_kept == 1
    fields = [(line, field) for line, field, _ in home.rejects()]
    assert fields == [(2, "input_tokens"), (3, "native_tokens_prompt"), (4, "created_at")]


def test_portkeys_total_says_whether_the_counts_hold_the_cache(home: LandedHome) -> None:
    calls = rows(home, "portkey/logs")
    openai, anthropic, own = calls["chatcmpl-larch-1"], calls["msg_larch_2"], calls["msg_larch_3"]
    assert tokens(openai) == (1000, 600, 0, 200, 120)
    assert tokens(anthropic) == (550, 400, 50, 50, 0)
    assert (tokens(own), own["cache_write_1h_tokens"]) == ((380, 300, 50, 20, 0), 20)
    # Money is in cents.
    assert (openai["reported_cost_usd"], openai["service_tier"]) == (Decimal("0.00215"), "standard")
    assert openai["ended_at"] == datetime(2026, 8, 10, 9, 0, 1, 500000)
    assert (openai["tag_tenant"], openai["user_key"]) == ("larch", user_key("ana", HASH_KEY))
    hit, refused = (calls[f"b0a1c2d3-0000-4000-8000-00000000000{n}"] for n in (4, 5))
    assert (hit["billing_status"], refused["billing_status"]) == ("gateway_cache", "not_billed")
    assert (refused["gateway_provider"], refused["http_status"]) == ("azure", 429)


PORTKEY_ROW = {"id": "p", "created_at": "2026-08-10T11:00:00Z", "ai_model": "m", "req_units": 10, "res_units": 5}
PORTKEY_COUNTS = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}


def portkey_row(counts: dict[str, Any] | None, **changes: Any) -> str:
    return json.dumps(PORTKEY_ROW | {"response": {"id": "r", "usage": counts}} | changes)


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        (portkey_row(None), "response.usage", "nobody can say how many of the 10 req_units were cached"),
        # Of a total of 17, two are neither the cache nor the reasoning.
        (portkey_row(PORTKEY_COUNTS | {"total_tokens": 17}), "response.usage", "total 17"),
        (
            portkey_row(
                PORTKEY_COUNTS
                | {
                    "total_tokens": 19,
                    "prompt_tokens_details": {"cached_tokens": 4},
                    "completion_tokens_details": {"reasoning_tokens": 4},
                }
            ),
            "response.usage",
            "cannot be told apart: input 10, output 5, cache 4, reasoning 4, total 19",
        ),
        (
            portkey_row({"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}),
            "response.usage",
            "total missing",
        ),
        (portkey_row(PORTKEY_COUNTS, cache_status="LUKEWARM"), "cache_status", 'found "LUKEWARM"; expected one of'),
        (portkey_row(PORTKEY_COUNTS, id=None, response={"usage": PORTKEY_COUNTS}), "id", "missing"),
        (portkey_row(PORTKEY_COUNTS, cost_currency="EUR"), "cost_currency", 'found "EUR"'),
        (portkey_row(PORTKEY_COUNTS, created_at="yesterday"), "created_at", 'found "yesterday"'),
    ],
)
def test_portkey_rows_whose_classes_overlap_or_that_do_not_fit_are_set_aside(
    home: LandedHome, line: str, field: str, reason: str
) -> None:
    home.land("portkey/logs/a.jsonl", f"{portkey_row(PORTKEY_COUNTS)}\n{line}\n")
    assert home.ingest().rows_kept == 1
    [(number, at, why)] = home.rejects()
    assert (number, at) == (2, field)
    assert reason in why


def test_portkeys_geminis_reasoning_stands_beside_its_output(home: LandedHome) -> None:
    counts = PORTKEY_COUNTS | {"total_tokens": 19, "completion_tokens_details": {"reasoning_tokens": 4}}
    home.land("portkey/logs/a.jsonl", portkey_row(counts) + "\n")
    home.ingest()
    [row] = home.lake("portkey/logs").to_dicts()
    assert (row["output_tokens"], row["reasoning_tokens"]) == (9, 4)


def test_portkeys_speed_is_a_tier_of_its_own(home: LandedHome) -> None:
    lines = [portkey_row(PORTKEY_COUNTS | {"speed": speed}) for speed in ("standard", "fast", "warp-9")]
    home.land("portkey/logs/a.jsonl", "\n".join(lines) + "\n")
    home.ingest()
    assert home.lake("portkey/logs")["service_tier"].to_list() == ["standard", "fast"]
    [(line, field, reason)] = home.rejects()
    assert (line, field) == (3, "response.usage.speed")
    assert 'found "warp-9"; expected one of fast, standard' in reason


@pytest.mark.parametrize(
    ("inside", "shown"),
    [
        (None, "response.usage"),
        ("prompt_tokens_details", "response.usage.prompt_tokens_details"),
        ("output_tokens_details", "response.usage.completion_tokens_details"),
    ],
)
def test_a_token_class_new_to_portkeys_usage_fails_the_file(home: LandedHome, inside: str | None, shown: str) -> None:
    counts: dict[str, Any] = {"dream_tokens": 3}
    home.land("portkey/logs/a.jsonl", portkey_row(PORTKEY_COUNTS | ({inside: counts} if inside else counts)) + "\n")
    home.ingest()
    [file] = home.ledger()
    assert (file.status, file.reason) == ("failed", f'{shown}: unknown key "dream_tokens"')


def test_portkeys_images_and_thoughts_are_parts_of_the_counts(home: LandedHome) -> None:
    openai = {"prompt_tokens_details": {"image_tokens": 6}, "completion_tokens_details": {"image_tokens": 2}}
    anthropic = {"input_tokens": 10, "output_tokens": 5, "output_tokens_details": {"thinking_tokens": 3}}
    lines = portkey_row(PORTKEY_COUNTS | openai), portkey_row(anthropic, response={"id": "r-2", "usage": anthropic})
    home.land("portkey/logs/a.jsonl", "\n".join(lines) + "\n")
    home.ingest()
    names = ("input_tokens", "input_image_tokens", "output_tokens", "output_image_tokens", "reasoning_tokens")
    read = [tuple(row[name] for name in names) for row in home.lake("portkey/logs").sort("row_number").to_dicts()]
    assert read == [(10, 6, 5, 2, 0), (10, 0, 5, 0, 3)]


def test_openrouters_activity_csv_says_the_same_in_its_own_columns(home: LandedHome) -> None:
    calls = rows(home, "openrouter/generations")
    routed, own_key = calls["gen-4"], calls["gen-5"]
    assert tokens(routed) == (900, 400, 0, 60, 20)
    assert (routed["gateway_provider"], routed["model_id"]) == ("openrouter", "openai/gpt-5.4-mini")
    assert (routed["reported_cost_usd"], routed["finish_reason"]) == (Decimal("0.00123"), "stop")
    assert routed["started_at"] == datetime(2026, 8, 10, 12, 0, 0, 250000)
    assert routed["completion_started_at"] == datetime(2026, 8, 10, 12, 0, 0, 550000)
    assert (routed["user_key"], routed["api_key_id"]) == (user_key("ana", HASH_KEY), "answers-prod")
    assert (own_key["gateway_provider"], own_key["user_key"]) == ("anthropic", None)


def test_helicone_leaves_cache_and_thinking_out_of_its_counts(home: LandedHome) -> None:
    calls = rows(home, "helicone/requests")
    call = calls["22222222-2222-4222-8222-222222222222"]
    assert tokens(call) == (100, 400, 50, 30, 12)
    assert call["reported_cost_usd"] == Decimal("0.001234567")
    assert (call["tag_tenant"], call["tag_feature"], call["billing_status"]) == ("larch", "answers", "billed")
    refused = calls["33333333-3333-4333-8333-333333333333"]
    assert (refused["billing_status"], refused["http_status"], refused["tag_tenant"]) == ("not_billed", 429, "birch")
    assert calls["55555555-5555-4555-8555-555555555555"]["billing_status"] == "gateway_cache"


def test_helicones_audio_is_a_part_of_its_counts(home: LandedHome) -> None:
    row = {
        "request_id": "r-1", "request_created_at": "2026-08-10 09:00:00", "status": 200, "model": "gpt-audio",
        "provider": "OPENAI", "prompt_tokens": 100, "prompt_audio_tokens": 60, "completion_tokens": 30,
        "completion_audio_tokens": 20, "cost": 5,
    }  # fmt: skip
    beside = {**row, "request_id": "r-2", "prompt_audio_tokens": 101}
    home.land("helicone/requests/audio.jsonl", f"{json.dumps(row)}\n{json.dumps(beside)}\n")
    home.ingest()
    [kept] = home.lake("helicone/requests").to_dicts()
    assert (tokens(kept), kept["input_audio_tokens"], kept["output_audio_tokens"]) == ((100, 0, 0, 30, 0), 60, 20)
    [(line, field, reason)] = home.rejects()
    assert (line, field) == (2, "input_tokens")
    assert "its parts (input_audio_tokens, input_image_tokens) are 101" in reason


def test_cloudflare_reads_metadata_that_is_text(home: LandedHome) -> None:
    calls = rows(home, "cloudflare/logs")
    assert (tokens(calls["01A"]), calls["01A"]["tag_tenant"]) == ((15, 0, 0, 7, 0), "larch")
    assert calls["01B"]["billing_status"] == "gateway_cache"
    assert (calls["01C"]["gateway_provider"], calls["01C"]["billing_status"]) == ("vertex_ai", "not_billed")


def test_envoy_leaves_out_requests_that_name_no_model(home: LandedHome) -> None:
    calls = rows(home, "envoy/access_log")
    assert set(calls) == {"83b63da3", "refused"}
    call = calls["83b63da3"]
    assert (tokens(call), call["tag_tenant"], call["tag_session_id"]) == ((15, 5, 0, 7, 3), "larch", "s-1")
    assert (call["model_id"], call["gateway_provider"]) == (
        "gpt-5-nano-2025-08-07",
        "default/openai/route/aigw/rule/0/ref/0",
    )
    assert calls["refused"]["billing_status"] == "not_billed"


def test_bedrock_takes_the_model_out_of_its_profile(home: LandedHome) -> None:
    calls = rows(home, "bedrock/invocations")
    call = calls["req-1"]
    assert call["model_id"] == "us.anthropic.claude-haiku-4-5-20251001-v1:0"
    assert (tokens(call), call["region"], call["trace_id"]) == ((35, 1000, 200, 446, 0), "us-east-1", "t-1")
    assert (calls["req-2"]["status"], calls["req-2"]["billing_status"]) == ("failure", "not_billed")


def bedrock_row(**changes: Any) -> str:
    row = {
        "schemaType": "ModelInvocationLog",
        "timestamp": "2026-08-10T23:00:17Z",
        "requestId": "req",
        "modelId": "m",
        "input": {"inputTokenCount": 1},
        "output": {"outputTokenCount": 2},
    }
    return json.dumps(row | changes)


@pytest.mark.parametrize(
    ("line", "field", "reason"),
    [
        ("{broken", "line", "not valid JSON"),
        ("[1]", "line", "expected a JSON object"),
        (bedrock_row(requestId=None), "requestId", "missing; expected a value"),
        (bedrock_row(timestamp="yesterday"), "timestamp", 'found "yesterday"; expected a time such as'),
        (bedrock_row(timestamp="2027-08-10T23:00:17Z"), "timestamp", "date in the future: 2027-08-10"),
        (
            bedrock_row(input={"inputTokenCount": "12x"}),
            "input.inputTokenCount",
            'found "12x"; expected a whole number',
        ),
        (bedrock_row(input={"inputTokenCount": -5}), "input.inputTokenCount", 'found "-5"; expected a whole number'),
        (bedrock_row(input={"inputTokenCount": 3.7}), "input.inputTokenCount", 'found "3.7"; expected a whole number'),
    ],
)
def test_a_row_that_does_not_fit_is_named_and_the_others_are_kept(
    home: LandedHome, line: str, field: str, reason: str
) -> None:
    home.land("bedrock/invocations/a.ndjson", f"{bedrock_row()}\n{line}\n")
    summary = home.ingest()
    [(number, at, why)] = home.rejects()
    assert (number, at) == (2, field)
    assert reason in why
    assert (summary.rows_read, summary.rows_kept, summary.rows_quarantined) == (2, 1, 1)


def test_parts_above_their_whole_are_rejected_and_never_clamped(home: LandedHome) -> None:
    row = {"created_at": "2026-08-10T11:00:00Z", "model": "m", "native_tokens_completion": 5}
    good = row | {"id": "a", "native_tokens_prompt": 10, "native_tokens_cached": 10}
    bad = row | {"id": "b", "native_tokens_prompt": 10, "native_tokens_cached": 11}
    home.land("openrouter/generations/a.ndjson", f"{json.dumps(good)}\n{json.dumps(bad)}\n")
    home.ingest()
    [(line, field, reason)] = home.rejects()
    assert (line, field) == (2, "input_tokens")
    assert reason.startswith("is 10, but its parts")


def test_openrouters_image_tokens_are_a_part_of_the_completion(home: LandedHome) -> None:
    row = {
        "created_at": "2026-08-10T11:00:00Z",
        "model": "m",
        "native_tokens_prompt": 10,
        "native_tokens_completion": 1300,
    }
    good = row | {"id": "a", "native_tokens_completion_images": 1290}
    bad = row | {"id": "b", "native_tokens_completion_images": 1301}
    home.land("openrouter/generations/a.ndjson", f"{json.dumps(good)}\n{json.dumps(bad)}\n")
    home.ingest()
    [kept] = home.lake("openrouter/generations").to_dicts()
    assert (kept["output_tokens"], kept["output_image_tokens"]) == (1300, 1290)
    assert [(line, field) for line, field, _ in home.rejects()] == [(2, "output_tokens")]


def test_a_tier_nobody_knows_is_rejected_with_its_name(home: LandedHome) -> None:
    row = {"id": "a", "created_at": "2026-08-10T11:00:00Z", "model": "m", "service_tier": "warp"}
    home.land(
        "openrouter/generations/a.ndjson", json.dumps(row | {"service_tier": None}) + "\n" + json.dumps(row) + "\n"
    )
    home.ingest()
    [(_, _, reason)] = home.rejects()
    assert reason == 'found "warp"; expected one of batch, fast, flex, priority, provisioned, standard'


def test_the_same_rows_as_csv_and_parquet(home: LandedHome) -> None:
    head = "id,created_at,model,native_tokens_prompt,native_tokens_completion,total_cost,service_tier"
    good = "a,2026-08-10T11:00:00Z,m,10,5,0.000000000123,flex"
    home.land("openrouter/generations/a.csv", f"{head}\n{good}\nb,2026-08-10T11:00:00Z,m,10\n")
    home.ingest()
    [row] = home.lake("openrouter/generations").to_dicts()
    assert (row["response_id"], tokens(row), row["service_tier"]) == ("a", (10, 0, 0, 5, 0), "flex")
    assert row["reported_cost_usd"] == Decimal("0.000000000123")
    [(line, field, _)] = home.rejects()
    assert (line, field) == (3, "native_tokens_completion")


def test_a_csv_without_a_needed_column_fails_as_a_whole(home: LandedHome) -> None:
    home.land("openrouter/generations/a.csv", "id,model\na,m\n")
    home.ingest()
    [file] = home.ledger()
    assert file.status == "failed"
    assert file.reason is not None
    assert "created_at" in file.reason
