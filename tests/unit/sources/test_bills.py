"""Usage and cost pages of OpenAI and Anthropic."""

import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from tests.unit.sources.landed import PAYLOADS, LandedHome

NAME = "2026-08-10_2026-08-11__retrieved-20260813T060000Z.json"
DAY = 1786320000  # 2026-08-10T00:00:00Z


def land_payload(home: LandedHome, table: str) -> list[dict[str, Any]]:
    path = f"{table}/org-example/{NAME}"
    home.land(path, (PAYLOADS / path).read_bytes())
    summary = home.ingest()
    assert summary.warnings == []
    return home.lake(table).remove(pl.col("is_empty")).to_dicts()


def openai_page(*results: object, start: object = DAY, end: object = DAY + 86400) -> str:
    return json.dumps({"object": "page", "data": [{"start_time": start, "end_time": end, "results": list(results)}]})


def anthropic_page(*results: object, start: str = "2026-08-10T00:00:00Z", end: str = "2026-08-11T00:00:00Z") -> str:
    return json.dumps({"data": [{"starting_at": start, "ending_at": end, "results": list(results)}]})


def usage(**changes: Any) -> dict[str, Any]:
    return {"input_tokens": 10, "output_tokens": 5, "num_model_requests": 1} | changes


def cost(value: object = 0.5, currency: str = "usd", **changes: Any) -> dict[str, Any]:
    return {"amount": {"value": value, "currency": currency}, "line_item": "gpt-5.4, input"} | changes


def speech(**changes: Any) -> dict[str, Any]:
    return {"object": "organization.usage.audio_speeches.result", "characters": 45, "num_model_requests": 1} | changes


def claude_usage(**changes: Any) -> dict[str, Any]:
    return {"uncached_input_tokens": 10, "output_tokens": 5, "service_tier": "standard"} | changes


def claude_cost(**changes: Any) -> dict[str, Any]:
    words = {"currency": "USD", "cost_type": "tokens", "token_type": "output_tokens", "description": "Output"}
    return words | {"amount": "12.5", "service_tier": "standard"} | changes


def test_openai_usage_payload(home: LandedHome) -> None:
    first, batch = land_payload(home, "openai/usage_completions")
    assert first["bucket_start"] == datetime(2026, 8, 10)
    assert first["bucket_end"] == datetime(2026, 8, 11)
    assert first["retrieved_at"] == datetime(2026, 8, 13, 6)
    assert (first["account_id"], first["project_id"], first["api_key_id"]) == ("org-example", "proj_a", "key_a")
    assert (first["model_id"], first["is_batch"], first["service_tier"]) == (
        "gpt-5.4-mini-2026-03-17",
        False,
        "standard",
    )
    assert {name: count for name, count in first.items() if name.endswith(("tokens", "requests"))} == {
        "input_tokens": 1200,
        "input_cached_tokens": 512,
        "input_cache_write_tokens": 128,
        "input_audio_tokens": 40,
        "input_image_tokens": 0,
        "output_tokens": 300,
        "output_audio_tokens": 10,
        "output_image_tokens": 0,
        "num_model_requests": 1,
    }
    assert (batch["is_batch"], batch["service_tier"], batch["row_number"]) == (True, "batch", 2)


def test_openais_scale_tier_is_capacity_paid_in_advance(home: LandedHome) -> None:
    results = [usage(service_tier=tier) for tier in ("scale", "default", "fast")]
    home.land(f"openai/usage_completions/org-example/{NAME}", openai_page(*results))
    home.ingest()
    assert home.lake("openai/usage_completions")["service_tier"].to_list() == ["provisioned", "standard", "fast"]


def test_openai_usage_of_the_other_endpoints(home: LandedHome) -> None:
    rows = land_payload(home, "openai/usage_meters")
    assert [(row["endpoint"], row["model_id"], row["meter"], row["quantity"], row["unit"]) for row in rows] == [
        ("embeddings", "text-embedding-3-small", "input_uncached", 5200, "input_tokens"),
        ("moderations", "omni-moderation-latest", "input_uncached", 340, "input_tokens"),
        ("images", "dall-e-3", "image", 3, "images"),
        ("audio_speeches", "tts-1", "character", 1234, "characters"),
        ("audio_transcriptions", "whisper-1", "audio_second", 95, "seconds"),
        ("vector_stores", None, "other", 73_400_320, "usage_bytes"),
        ("code_interpreter_sessions", None, "other", 6, "num_sessions"),
        ("file_searches", None, "other", 11, "num_requests"),
        ("web_searches", "gpt-5.4-mini-2026-03-17", "search", 7, "num_requests"),
    ]
    assert [row["num_model_requests"] for row in rows] == [4, 2, 2, 3, 2, 0, 0, 0, 5]


def test_openai_costs_payload_keeps_every_digit(home: LandedHome) -> None:
    cached, plain, searches = land_payload(home, "openai/costs")
    # 0.0000384000000001 has four decimals more than the lake
    assert cached["amount"] == Decimal("0.000038400000")
    assert plain["amount"] == Decimal("0.00042")
    assert (plain["quantity"], plain["quantity_unit"]) == (Decimal(560), "tokens")  # 0.56 thousand
    assert (searches["quantity"], searches["quantity_unit"], searches["currency"]) == (Decimal(3), "calls", "USD")


def test_anthropic_usage_payload(home: LandedHome) -> None:
    first, console = land_payload(home, "anthropic/usage_messages")
    assert (first["bucket_start"], first["bucket_end"]) == (datetime(2026, 8, 10), datetime(2026, 8, 11))
    assert {name: count for name, count in first.items() if name.endswith(("tokens", "requests"))} == {
        "uncached_input_tokens": 1000,
        "cache_read_input_tokens": 6000,
        "cache_creation_5m_input_tokens": 1500,
        "cache_creation_1h_input_tokens": 500,
        "output_tokens": 410,
        "web_search_requests": 2,
    }
    assert (console["service_tier"], console["workspace_id"], console["api_key_id"]) == ("priority", None, None)


def test_anthropics_speed_is_a_tier_of_its_own(home: LandedHome) -> None:
    said = [
        {"speed": "fast"},
        {"speed": "standard", "service_tier": "priority"},
        {"speed": "fast", "service_tier": "batch"},
    ]
    home.land(f"anthropic/usage_messages/acme/{NAME}", anthropic_page(*(claude_usage(**one) for one in said)))
    home.ingest()
    assert home.lake("anthropic/usage_messages")["service_tier"].to_list() == ["fast", "priority", "batch"]


def test_anthropic_costs_payload_turns_cents_into_dollars(home: LandedHome) -> None:
    plain, written, searched = land_payload(home, "anthropic/cost_report")
    assert plain["amount_usd"] == Decimal("0.003")
    assert written["amount_usd"] == Decimal("0.005625123")
    assert written["token_type"] == "cache_creation.ephemeral_5m_input_tokens"
    assert (searched["amount_usd"], searched["cost_type"], searched["token_type"]) == (
        Decimal("0.02"),
        "web_search",
        None,
    )


def test_a_day_without_results_is_a_day_the_page_speaks_of(home: LandedHome) -> None:
    land_payload(home, "openai/costs")
    assert home.meta("file_days").select("usage_date", "rows_kept").cast({"usage_date": str}).rows() == [
        ("2026-08-10", 3),
        ("2026-08-11", 0),
    ]


@pytest.mark.parametrize("table", ["openai/costs", "openai/usage_completions", "anthropic/cost_report"])
def test_a_bucket_without_results_is_a_row_that_says_so(home: LandedHome, table: str) -> None:
    """Without one, a later page that has nothing left of a day would leave its older bill in use."""
    page = anthropic_page() if table.startswith("anthropic") else openai_page()
    home.land(f"{table}/acme/{NAME}", page)
    home.ingest()
    [row] = home.lake(table).to_dicts()
    assert (row["is_empty"], row["account_id"], row["bucket_start"]) == (True, "acme", datetime(2026, 8, 10))
    counted = [value for name, value in row.items() if name.endswith(("_tokens", "_requests")) or "amount" in name]
    assert set(counted) == {0}
    [file] = home.ledger()
    assert file.status == "committed"


@pytest.mark.parametrize(
    ("name", "results", "endpoint", "unit"),
    [
        ("web_search_calls_2026-08-10_", (), "web_searches", "num_requests"),
        ("images_2026-08-10_", (), "images", "images"),
        ("", (speech(),), "audio_speeches", "characters"),
    ],
)
def test_an_empty_bucket_is_of_the_report_that_results_or_the_name_say(
    home: LandedHome, name: str, results: tuple[Any, ...], endpoint: str, unit: str
) -> None:
    days = [
        {"start_time": DAY + n * 86400, "end_time": DAY + (n + 1) * 86400, "results": found}
        for n, found in enumerate([[], list(results)])
    ]
    home.land(f"openai/usage_meters/acme/{name}{NAME}", json.dumps({"data": days[: 1 + len(results)]}))
    assert home.ingest().warnings == []
    row = home.lake("openai/usage_meters").row(0, named=True)
    assert (row["is_empty"], row["endpoint"], row["unit"], row["quantity"]) == (True, endpoint, unit, 0)
    assert row["bucket_start"] == datetime(2026, 8, 10)


def test_an_empty_page_of_no_report_fails_and_says_how_to_name_it(home: LandedHome) -> None:
    home.land(f"openai/usage_meters/acme/{NAME}", openai_page())
    assert home.ingest().files_failed == 1
    reason = home.ledger()[0].reason or ""
    assert reason.startswith("file name: does not say which report has a day without results; it begins with one of ")
    assert "web_search_calls" in reason


def test_a_page_without_any_result_is_no_failure(home: LandedHome) -> None:
    home.land(f"openai/costs/acme/{NAME}", openai_page())
    summary = home.ingest()
    assert (summary.files_new, summary.rows_quarantined, summary.warnings) == (1, 0, [])


@pytest.mark.parametrize(
    ("table", "good", "bad", "field", "reason"),
    [
        ("usage_completions", usage(), usage(input_tokens=-1), "input_tokens", "found '-1'; expected a whole number"),
        (
            "usage_completions",
            usage(),
            usage(output_tokens=3.7),
            "output_tokens",
            "found '3.7'; expected a whole number",
        ),
        ("usage_completions", usage(), usage(input_tokens=None), "input_tokens", "missing; expected a whole number"),
        ("usage_completions", usage(), usage(input_cached_tokens=11), "input_tokens", "10 is less than its cached"),
        (
            "usage_completions",
            usage(),
            usage(service_tier="gold"),
            "service_tier",
            "found 'gold'; allowed are auto, batch, default, fast, flex, priority, scale, standard",
        ),
        ("usage_completions", usage(), usage(batch="yes"), "batch", "found 'yes'; expected true, false or null"),
        ("usage_completions", usage(), "a text", "results", "expected an object"),
        (
            "usage_completions",
            usage(),
            usage(input_image_tokens=6, input_audio_tokens=5),
            "input_tokens",
            "10 is less than its cached, cache write, audio and image tokens",
        ),
        (
            "usage_completions",
            usage(),
            usage(output_image_tokens=6),
            "output_tokens",
            "5 is less than its audio and image tokens",
        ),
        ("usage_meters", speech(), speech(characters=None), "characters", "missing; expected a whole number"),
        ("usage_meters", speech(), speech(characters="many"), "characters", "found 'many'; expected a whole number"),
        (
            "usage_meters",
            speech(),
            speech(object="smells"),
            "object",
            "found 'smells'; allowed are organization.usage.audio_speeches.result, ",
        ),
        ("usage_meters", speech(), speech(object=None), "object", "missing; allowed are organization.usage."),
        ("costs", cost(), cost(value="much"), "amount.value", "found 'much'; expected a number"),
        ("costs", cost(), cost(value=None), "amount.value", "missing; expected a number"),
        ("costs", cost(), cost(value=float("nan")), "amount.value", "found 'NaN'; expected a number"),
        ("costs", cost(), cost(currency="chf"), "amount.currency", "currency 'CHF' has no rate in config/fx_rates.csv"),
        ("costs", cost(), cost(quantity_unit="bushels"), "quantity_unit", "found 'bushels'; allowed are 1000_tokens, "),
        ("costs", cost(), cost() | {"amount": 5}, "amount.value", "expected an object"),
    ],
)
def test_a_bad_openai_result_is_named_and_the_others_are_kept(
    home: LandedHome, table: str, good: object, bad: object, field: str, reason: str
) -> None:
    home.land(f"openai/{table}/acme/{NAME}", openai_page(good, bad, good))
    summary = home.ingest()
    (reject,) = home.rejects()
    assert reject[:2] == (2, field)
    assert reject[2].startswith(reason)
    assert (summary.rows_read, summary.rows_kept) == (3, 2)
    assert home.lake(f"openai/{table}")["row_number"].to_list() == [1, 3]


@pytest.mark.parametrize(
    ("table", "good", "bad", "field", "reason"),
    [
        (
            "usage_messages",
            claude_usage(),
            claude_usage(service_tier="gold"),
            "service_tier",
            "found 'gold'; allowed are batch, flex, flex_discount, priority, priority_on_demand, standard",
        ),
        (
            "usage_messages",
            claude_usage(),
            claude_usage(speed="warp-9"),
            "speed",
            "found 'warp-9'; allowed are fast, standard",
        ),
        (
            "usage_messages",
            claude_usage(),
            claude_usage(cache_creation={"ephemeral_5m_input_tokens": "x"}),
            "cache_creation.ephemeral_5m_input_tokens",
            "found 'x'; expected a whole number",
        ),
        (
            "cost_report",
            claude_cost(),
            claude_cost(token_type="thought_tokens"),
            "token_type",
            "found 'thought_tokens'; allowed are cache_creation.ephemeral_1h_input_tokens, ",
        ),
        ("cost_report", claude_cost(), claude_cost(token_type=None), "token_type", "missing; allowed are "),
        (
            "cost_report",
            claude_cost(),
            claude_cost(cost_type="seats"),
            "cost_type",
            "found 'seats'; allowed are code_execution, session_usage, tokens, web_search",
        ),
        ("cost_report", claude_cost(), claude_cost(currency="EUR"), "currency", "found 'EUR'; "),
        ("cost_report", claude_cost(), claude_cost(amount="12,5"), "amount", "found '12,5'; expected a number"),
    ],
)
def test_a_bad_anthropic_result_is_named_and_the_others_are_kept(
    home: LandedHome, table: str, good: object, bad: object, field: str, reason: str
) -> None:
    home.land(f"anthropic/{table}/acme/{NAME}", anthropic_page(good, bad))
    assert home.ingest().rows_kept == 1
    (reject,) = home.rejects()
    assert reject[:2] == (2, field)
    assert reject[2].startswith(reason)


def test_rows_are_numbered_through_all_buckets(home: LandedHome) -> None:
    days = [{"start_time": DAY + n * 86400, "end_time": DAY + (n + 1) * 86400} for n in range(3)]
    results = [[cost(1)], [cost(2), cost("x")], [cost(3)]]
    pages = [day | {"results": found} for day, found in zip(days, results, strict=True)]
    home.land(f"openai/costs/acme/{NAME}", json.dumps({"data": pages}))
    home.ingest()
    assert home.lake("openai/costs").select("row_number", "amount").rows() == [
        (1, Decimal(1)),
        (2, Decimal(2)),
        (4, Decimal(3)),
    ]


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (openai_page(cost(), start=DAY * 2, end=DAY * 3), "date in the future: 2083-"),
        (openai_page(cost(), start="soon"), "found 'soon'; expected a whole number"),
        (openai_page(cost(), end=DAY), "ends 2026-08-10 00:00:00 before it starts 2026-08-10 00:00:00"),
        ("", "file: not valid JSON (Expecting value, line 1, byte 0)"),
        ('{"data": [', "file: not valid JSON (Expecting value, line 1, byte 10)"),
        ("[]", "file: expected one JSON object with a list `data`"),
        ('{"error": "rate limited"}', "data: missing; expected a list of buckets"),
        ('{"data": [{"start_time": 1, "end_time": 2}]}', "data[0].results: missing; expected a list"),
        (openai_page(cost()).encode("utf-16"), "file: not UTF-8 at byte offset 0"),
    ],
)
def test_a_page_of_which_nothing_can_be_kept_fails_with_the_reason(
    home: LandedHome, page: str | bytes, reason: str
) -> None:
    home.land(f"openai/costs/acme/{NAME}", page)
    assert home.ingest().files_failed == 1
    assert reason in (home.ledger()[0].reason or "")


def test_the_sidecar_tells_what_name_and_folder_do_not(home: LandedHome) -> None:
    said = {"retrieved_at": "2026-08-13T08:00:00+02:00", "account_id": "org-example"}
    home.land("openai/costs/page.json", openai_page(cost()))
    home.land("openai/costs/page.json.meta.json", json.dumps(said))
    home.ingest()
    row = home.lake("openai/costs").row(0, named=True)
    assert (row["account_id"], row["retrieved_at"]) == ("org-example", datetime(2026, 8, 13, 6))


def test_a_page_downloaded_again_with_a_new_sidecar_is_another_snapshot(home: LandedHome) -> None:
    for moment in ("2026-08-13T06:00:00Z", "2026-08-14T06:00:00Z"):
        home.land("openai/costs/acme/page.json", openai_page(cost()))
        home.land("openai/costs/acme/page.json.meta.json", json.dumps({"retrieved_at": moment}))
        assert home.ingest().files_new == 1
    assert home.lake("openai/costs").height == 2


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("openai/costs/acme/page.json", "retrieved_at: neither the file's name "),
        (f"openai/costs/{NAME}", "account_id: unknown; put the file into landing/openai/costs/<account>/ or name it"),
    ],
)
def test_a_page_of_unknown_time_or_account_fails(home: LandedHome, path: str, reason: str) -> None:
    home.land(path, openai_page(cost()))
    home.ingest()
    assert (home.ledger()[0].reason or "").startswith(reason)


def test_unknown_fields_of_a_bill_are_counted(home: LandedHome) -> None:
    home.land(f"openai/costs/acme/{NAME}", openai_page(cost(), cost(discount=1)))
    assert "discount (1)" in home.ingest().warnings[0]
