import gzip
import json
from datetime import datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sources.litellm.projection import TIERS
from sources.user_keys import user_key
from tests.unit.sources.landed import HASH_KEY, NOW, PAYLOADS, LandedHome, log_lines, log_row, with_usage

LOGS = "litellm/spend_logs"
PAYLOAD = PAYLOADS / LOGS / "spend_logs_2026-08-10.ndjson"


def only_row(home: LandedHome, row: dict[str, Any]) -> dict[str, Any]:
    home.land(f"{LOGS}/a.ndjson", log_lines(row))
    home.ingest()
    return home.lake(LOGS).row(0, named=True)


def test_payload_rows_become_typed_rows(home: LandedHome) -> None:
    home.land(f"{LOGS}/{PAYLOAD.name}", PAYLOAD.read_bytes())
    summary = home.ingest()
    assert (summary.rows_kept, summary.warnings) == (6, [])
    cached, written, batch, failed, gateway_hit, own = home.lake(LOGS).rows(named=True)
    assert cached["started_at"] == datetime(2026, 8, 10, 9, 1, 0, 250000)
    assert cached["completion_started_at"] == datetime(2026, 8, 10, 9, 1, 0, 900000)
    assert cached["spend_usd"] == Decimal("0.001054250000")
    assert {name: cached[name] for name in cached if name.endswith("_tokens") and cached[name]} == {
        "prompt_tokens": 1200,
        "completion_tokens": 300,
        "cache_read_tokens": 512,
        "cache_write_5m_tokens": 128,
        "input_audio_tokens": 40,
        "reasoning_tokens": 96,
        "output_audio_tokens": 10,
    }
    assert (cached["tag_tenant"], cached["tag_task_id"], cached["tag_latency_insensitive"]) == ("larch", "t-17", False)
    assert (cached["reasoning_effort"], cached["service_tier"], cached["is_batch"]) == ("low", "standard", False)
    assert (written["cache_write_5m_tokens"], written["cache_write_1h_tokens"], written["searches"]) == (1500, 500, 2)
    assert written["spend_usd"] == Decimal("0.0000345")
    assert (batch["is_batch"], batch["service_tier"], batch["tag_tenant"]) == (True, "batch", None)
    assert (failed["status"], failed["http_status"]) == ("failure", 529)
    assert failed["prompt_tokens"] == 0
    assert (gateway_hit["is_gateway_cache_hit"], gateway_hit["end_user_key"]) == (True, None)
    assert (own["started_at"], own["cache_read_tokens"]) == (datetime(2026, 8, 10, 9, 6, 0, 250000), 256)


def test_people_and_keys_are_stored_as_hashes_only(home: LandedHome) -> None:
    home.land(f"{LOGS}/{PAYLOAD.name}", PAYLOAD.read_bytes())
    home.ingest()
    rows = home.lake(LOGS)
    assert rows["end_user_key"][0] == user_key("ana@larch.example", HASH_KEY)
    # SHA-256 of "sk-raw-key-in-the-log": the hash LiteLLM itself logs for a key
    assert rows["api_key_id"][1] == "ab78129fd73e51f61b1b3747bd5df15559f015816fb9dd87c54af023a5352481"
    everything = b"".join(home.bytes().values())
    assert b"ana@larch" not in everything
    assert b"sk-raw" not in everything


def test_another_key_gives_other_hashes() -> None:
    assert user_key("ana", b"one") != user_key("ana", b"two")


def test_prompts_and_responses_are_never_stored(home: LandedHome) -> None:
    row = log_row(
        messages='[{"content": "my secret"}]', response={"text": "my secret"}, proxy_server_request="my secret"
    )
    bad = row | {"prompt_tokens": "12x", "request_id": "resp-2"}
    home.land(f"{LOGS}/a.ndjson", log_lines(row, bad, '{"messages": "my secret" broken'))
    assert home.ingest().rows_quarantined == 2
    assert b"my secret" not in b"".join(home.bytes().values())


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"prompt_tokens": "12x"}, "prompt_tokens", 'found "12x"; expected a whole number, 0 or more'),
        ({"prompt_tokens": 3.7}, "prompt_tokens", 'found "3.7"; expected a whole number, 0 or more'),
        ({"completion_tokens": -20}, "completion_tokens", 'found "-20"; expected a whole number, 0 or more'),
        ({"total_tokens": None}, "total_tokens", "missing; expected a whole number, 0 or more"),
        ({"total_tokens": 121}, "total_tokens", "121 is not 100 prompt + 20 completion"),
        ({"spend": "free"}, "spend", 'found "free"; expected a number'),
        ({"spend": -0.5}, "spend", "negative"),
        ({"status": "ok"}, "status", 'found "ok"; expected success or failure'),
        ({"cache_hit": "maybe"}, "cache_hit", 'found "maybe"; expected True, False or None'),
        ({"request_id": None}, "request_id", "missing"),
        ({"request_id": ""}, "request_id", "empty"),
        ({"startTime": "2026-11-20 06:00:00"}, "startTime", "date in the future: 2026-11-20 06:00:00"),
        ({"startTime": "1970-01-01 00:00:00"}, "startTime", "date before 2015: 1970-01-01 00:00:00"),
        (
            {"startTime": 1786352400.25},
            "startTime",
            'found "1786352400.25"; expected a time such as 2026-08-10 09:20:46.847',
        ),
        (
            {"endTime": "2026-08-10 25:00:00"},
            "endTime",
            'found "2026-08-10 25:00"; expected a time such as 2026-08-10 09:20:46.847',
        ),
        ({"metadata": "{not json"}, "metadata", "not valid JSON"),
        ({"metadata": '{"usage_object": "lots"}'}, "metadata.usage_object", "expected an object"),
        ({"metadata": {"spend_logs_metadata": ["larch"]}}, "metadata.spend_logs_metadata", "expected an object"),
        (
            {"metadata": {"cost_breakdown": {"service_tier": "gold"}}},
            "metadata.cost_breakdown.service_tier",
            f'found "gold"; expected one of {", ".join(TIERS)}',
        ),
        ({"metadata": "[1, 2]"}, "metadata", "expected an object"),
        (
            {"prompt_tokens": 9 * 10**18},
            "prompt_tokens",
            'found "9000000000000000"; expected a whole number, 0 or more',
        ),
    ],
)
def test_a_bad_row_is_named_and_the_others_are_kept(
    home: LandedHome, changes: dict[str, Any], field: str, reason: str
) -> None:
    home.land(
        f"{LOGS}/a.ndjson", log_lines(log_row(), log_row(request_id="resp-2") | changes, log_row(request_id="r3"))
    )
    summary = home.ingest()
    assert home.rejects() == [(2, field, reason)]
    assert (summary.rows_read, summary.rows_kept, summary.rows_quarantined) == (3, 2, 1)
    assert home.lake(LOGS)["row_number"].to_list() == [1, 3]


@pytest.mark.parametrize(
    ("usage", "field"),
    [
        ({"prompt_tokens_details": {"cached_tokens": 101}}, "prompt_tokens"),
        ({"prompt_tokens_details": {"cached_tokens": 60}, "cache_creation_input_tokens": 41}, "prompt_tokens"),
        ({"prompt_tokens_details": {"cached_tokens": 60, "audio_tokens": 41}}, "prompt_tokens"),
        ({"completion_tokens_details": {"reasoning_tokens": 21}}, "completion_tokens"),
        ({"completion_tokens_details": {"reasoning_tokens": 10, "audio_tokens": 11}}, "completion_tokens"),
        (
            {"cache_creation": {"ephemeral_5m_input_tokens": 5}, "cache_creation_input_tokens": 6},
            "metadata.usage_object.cache_creation",
        ),
        (
            {"prompt_tokens_details": {"cached_tokens": "many"}},
            "metadata.usage_object.prompt_tokens_details.cached_tokens",
        ),
        ({"prompt_tokens_details": [1]}, "metadata.usage_object.prompt_tokens_details"),
    ],
)
def test_token_classes_that_do_not_add_up_are_rejected_never_clamped(
    home: LandedHome, usage: dict[str, Any], field: str
) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row(), with_usage(**usage)))
    home.ingest()
    assert [(line, name) for line, name, _ in home.rejects()] == [(2, field)]


@pytest.mark.parametrize("details", ["prompt_tokens_details", "completion_tokens_details"])
def test_a_token_class_nobody_knows_is_named_and_its_row_set_aside(home: LandedHome, details: str) -> None:
    usages: list[dict[str, Any]] = [
        {},
        {details: {"text_tokens": 5, "dream_tokens": 7}},
        {details: {"dream_tokens": None}},
        {details: None},
    ]
    home.land(f"{LOGS}/a.ndjson", log_lines(*(with_usage(**usage) for usage in usages)))
    assert home.ingest().rows_kept == 3
    assert home.rejects() == [(2, f"metadata.usage_object.{details}", 'unknown token class "dream_tokens"')]


def test_a_file_that_counts_a_class_nobody_knows_in_every_row_fails(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(with_usage(prompt_tokens_details={"dream_tokens": 7})))
    home.ingest()
    [file] = home.ledger()
    assert file.status == "failed"
    assert 'unknown token class "dream_tokens"' in str(file.reason)


def test_cache_tokens_are_found_under_either_spelling(home: LandedHome) -> None:
    row = only_row(home, with_usage(cache_read_input_tokens=30, cache_creation_input_tokens=40))
    assert (row["cache_read_tokens"], row["cache_write_5m_tokens"], row["cache_write_1h_tokens"]) == (30, 40, 0)


@pytest.mark.parametrize(
    ("usage", "tier"),
    [
        ({"speed": "fast"}, "fast"),
        ({"speed": "fast", "service_tier": "batch"}, "batch"),
        ({"speed": "standard", "service_tier": "priority"}, "priority"),
        ({"service_tier": "fast"}, "fast"),
        ({"service_tier": "Flex"}, "flex"),
        ({"service_tier": "on_demand_priority"}, "priority"),
        ({"service_tier": "scale"}, "provisioned"),
        ({"service_tier": "reserved"}, "provisioned"),
        ({"speed": None}, "standard"),
    ],
)
def test_what_costs_more_for_being_fast_is_a_tier(home: LandedHome, usage: dict[str, Any], tier: str) -> None:
    assert only_row(home, with_usage(**usage))["service_tier"] == tier


@pytest.mark.parametrize("nothing", [None, "{}", "null", {}])
def test_a_row_that_says_nothing_of_a_class_has_none_of_it(home: LandedHome, nothing: object) -> None:
    row = only_row(home, log_row(status=None, metadata=nothing, request_tags=None))
    assert (row["cache_read_tokens"], row["reasoning_tokens"], row["searches"]) == (0, 0, 0)
    assert (row["status"], row["service_tier"], row["is_gateway_cache_hit"]) == ("success", "standard", False)


def test_lines_that_are_no_objects_are_named(home: LandedHome) -> None:
    good = log_row()
    lines = [
        log_lines(good).encode(),
        b"\n",
        b'{"request_id": "cut of\n',
        b"42\n",
        log_lines(good).encode().replace(b"gpt-5.4-mini", b"caf\xe9"),
        b'{"request_id": "a", "request_id": "b"}\n',
        log_lines(good).encode(),
    ]
    home.land(f"{LOGS}/a.ndjson", b"".join(lines))
    summary = home.ingest()
    offset = sum(map(len, lines[:4]))
    at = lines[4].index(b"\xe9")
    assert home.rejects() == [
        (3, "line", "not valid JSON"),
        (4, "line", "expected a JSON object"),
        (5, "line", f"not UTF-8: byte 0xe9 at byte offset {offset + at}"),
        (6, "line", "a key stands twice"),
    ]
    assert (summary.rows_read, summary.rows_kept) == (6, 2)
    assert home.meta("quarantine")["byte_offset"].to_list() == [sum(map(len, lines[:n])) for n in (2, 3, 4, 5)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "file: file holds no rows"),
        (b"\n \n", "file: file holds no rows"),
        (json.dumps([log_row()]).encode(), "file: file is one JSON array; expected one JSON object a line"),
        (json.dumps([log_row()], indent=1).encode(), "file: file is one JSON array; expected one JSON object a line"),
        (log_lines(log_row()).encode("utf-16"), "file: file is UTF-16 or UTF-32 (line 1, byte 0); expected UTF-8"),
        (log_lines(log_row()).encode("utf-16-le"), "file: file is UTF-16 or UTF-32 (line 1, byte 0); expected UTF-8"),
        (
            log_lines(*({"request_id": f"r{n}"} for n in range(3))),
            "call_type: no row of 3 can be kept; line 1: missing",
        ),
    ],
)
def test_a_file_of_which_nothing_can_be_kept_fails_with_the_reason(
    home: LandedHome, content: str | bytes, reason: str
) -> None:
    home.land(f"{LOGS}/a.ndjson", content)
    home.land(f"{LOGS}/b.ndjson", log_lines(log_row()))
    summary = home.ingest()
    assert (summary.files_failed, summary.files_new) == (1, 1)
    failed = next(row for row in home.ledger() if row.status == "failed")
    assert failed.reason == reason
    assert f"landing/{LOGS}/a.ndjson: could not be read: {reason}" in summary.warnings


def test_a_file_whose_every_row_misses_a_field_fails_naming_it(home: LandedHome) -> None:
    rows = [{k: v for k, v in log_row(request_id=f"r{n}").items() if k != "prompt_tokens"} for n in range(4)]
    home.land(f"{LOGS}/a.ndjson", log_lines(*rows))
    home.ingest()
    assert home.ledger()[0].reason == (
        "prompt_tokens: no row of 4 can be kept; line 1: missing; expected a whole number, 0 or more"
    )


def test_what_is_left_of_a_cut_off_gzip_file_is_kept(home: LandedHome) -> None:
    rows = [log_row(request_id=f"r{n}", model=f"{n * 7919 % 1009}" * 9) for n in range(400)]
    whole = gzip.compress(log_lines(*rows).encode(), mtime=0)
    home.land(f"{LOGS}/a.ndjson.gz", whole[: len(whole) // 2])
    summary = home.ingest()
    assert 100 < summary.rows_kept < 400
    assert summary.rows_quarantined == 1
    (note, cut) = home.rejects()
    assert note[:2] == (None, "file")
    assert note[2].startswith(f"gzip stream ends early, after byte {len(whole) // 2} of the file")
    assert cut == (summary.rows_kept + 1, "line", "line is cut off: the gzip stream ends early")


def test_a_gzip_file_with_a_flipped_bit_is_not_believed(home: LandedHome) -> None:
    data = bytearray(gzip.compress(log_lines(*(log_row(request_id=f"r{n}") for n in range(50))).encode(), mtime=0))
    data[-6] ^= 1
    home.land(f"{LOGS}/a.ndjson.gz", bytes(data))
    home.ingest()
    (row,) = home.ledger()
    assert row.status == "failed"
    assert "gzip data is damaged" in (row.reason or "")


@pytest.mark.parametrize(
    ("name", "wrap"),
    [
        ("a.ndjson.gz", gzip.compress),
        ("a.ndjson.gz", bytes),
        ("a.ndjson", gzip.compress),
        ("a.jsonl", lambda data: b"\xef\xbb\xbf" + data),
        ("a.jsonl", lambda data: data.replace(b"\n", b"\r\n")),
        ("a.jsonl", bytes.rstrip),
        ("a[1]*.jsonl", bytes),
        ("it's a.jsonl", bytes),
    ],
)
def test_the_same_rows_however_they_were_packed(home: LandedHome, name: str, wrap: Any) -> None:
    home.land(f"{LOGS}/{name}", wrap(log_lines(log_row(), log_row(request_id="resp-2")).encode()))
    summary = home.ingest()
    assert (summary.rows_kept, summary.rows_quarantined) == (2, 0)
    assert home.lake(LOGS)["request_id"].to_list() == ["resp-1", "resp-2"]


def test_a_large_file_without_a_last_newline_is_read_to_the_end(home: LandedHome) -> None:
    # duckdb 2.0.0 misreads the last line of a file whose end lies just behind its 32 MB buffer.
    row = log_lines(log_row(messages="x" * 4000)).rstrip()
    count = (32 << 20) // (len(row) + 1) + 1
    home.land(f"{LOGS}/a.ndjson", "\n".join([row] * count))
    assert home.ingest().rows_kept == count


def test_one_endless_line_does_not_cost_the_file(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row(), log_row(messages="x" * 40_000_000), log_row(request_id="r3")))
    assert home.ingest().rows_kept == 2
    assert home.rejects() == [(2, "line", "longer than 16 MB")]


def test_unknown_fields_are_counted_and_the_rows_kept(home: LandedHome) -> None:
    rows = [log_row(), log_row(mood="good"), with_usage(prompt_tokens_details={"video_tokens": 0})]
    home.land(f"{LOGS}/a.ndjson", log_lines(*rows))
    summary = home.ingest()
    assert summary.rows_kept == 3
    assert summary.warnings == [
        f"landing/{LOGS}/a.ndjson: fields nobody here knows, with the rows seen: "
        "metadata.usage_object.prompt_tokens_details.video_tokens (1), mood (1)"
    ]


def test_rows_of_a_file_with_bad_lines_equal_those_of_the_file_without(home: LandedHome) -> None:
    rows = [with_usage(prompt_tokens_details={"cached_tokens": n}) | {"request_id": f"r{n}"} for n in range(9)]
    home.land(f"{LOGS}/clean.ndjson", log_lines(*rows))
    home.land(f"{LOGS}/mixed.ndjson", log_lines("{broken", *rows, rows[0] | {"spend": "x"}))
    home.ingest()
    hashes = {row.file_name: row.identity for row in home.ledger()}
    clean, mixed = (home.lake(LOGS).filter(file_hash=hashes[name]) for name in ("clean.ndjson", "mixed.ndjson"))
    assert clean.drop("file_hash", "row_number").equals(mixed.drop("file_hash", "row_number"))
    assert mixed["row_number"].to_list() == list(range(2, 11))


def test_a_row_written_just_ahead_of_this_clock_is_kept(home: LandedHome) -> None:
    row = only_row(home, log_row(startTime=f"{NOW:%Y-%m-%d} 20:00:00"))
    assert row["started_at"] == datetime(2026, 11, 18, 20)


def test_the_ledger_knows_the_days_a_file_touches(home: LandedHome) -> None:
    times = ["2026-08-10 23:59:59.999", "2026-08-11 00:00:00", "2026-08-11T01:00:00+02:00"]
    home.land(f"{LOGS}/a.ndjson", log_lines(*(log_row(request_id=t, startTime=t) for t in times)))
    home.ingest()
    days = home.meta("file_days").select(pl.col("usage_date").cast(pl.String), "rows_kept").rows()
    assert days == [("2026-08-10", 2), ("2026-08-11", 1)]


def natural(home: LandedHome, call_type: str, usage: dict[str, Any], **changes: Any) -> dict[str, Any]:
    row = log_row(prompt_tokens=0, completion_tokens=0, total_tokens=0, call_type=call_type)
    return only_row(home, row | {"metadata": json.dumps({"usage_object": usage})} | changes)


def test_a_transcription_is_counted_in_seconds(home: LandedHome) -> None:
    row = natural(home, "atranscription", {"type": "duration", "seconds": 12.5})
    assert (row["audio_seconds"], row["prompt_tokens"]) == (Decimal("12.5"), 0)


def test_a_transcription_in_tokens_says_which_are_audio(home: LandedHome) -> None:
    usage = {
        "type": "tokens",
        "input_tokens": 130,
        "output_tokens": 20,
        "total_tokens": 150,
        "input_token_details": {"audio_tokens": 120, "text_tokens": 10},
    }
    row = natural(home, "atranscription", usage)
    assert (row["prompt_tokens"], row["input_audio_tokens"]) == (130, 120)
    assert (row["prompt_tokens"], row["completion_tokens"]) == (130, 20)


def test_what_an_image_model_puts_out_is_image_tokens(home: LandedHome) -> None:
    usage = {
        "input_tokens": 210,
        "output_tokens": 1056,
        "total_tokens": 1266,
        "input_tokens_details": {"image_tokens": 194, "text_tokens": 16},
    }
    row = natural(home, "aimage_edit", usage)
    assert (row["prompt_tokens"], row["input_image_tokens"]) == (210, 194)
    assert (row["prompt_tokens"], row["completion_tokens"], row["output_image_tokens"]) == (210, 1056, 1056)


def test_an_image_model_may_say_which_of_its_tokens_are_text(home: LandedHome) -> None:
    usage = {"input_tokens": 10, "output_tokens": 1100, "output_tokens_details": {"image_tokens": 1056}}
    assert natural(home, "aimage_generation", usage)["output_image_tokens"] == 1056


@pytest.mark.parametrize(
    ("written_5m", "written_1h", "expected"),
    [(31_490, 0, (184_457, 0)), (100_000, 84_457, (100_000, 84_457)), (0, 184_457, (0, 184_457))],
)
def test_a_split_of_cache_writes_counts_where_it_is_of_all_of_them(
    home: LandedHome, written_5m: int, written_1h: int, expected: tuple[int, int]
) -> None:
    split = {"ephemeral_5m_input_tokens": written_5m, "ephemeral_1h_input_tokens": written_1h}
    usage = {
        "cache_read_input_tokens": 426_653,
        "cache_creation_input_tokens": 184_457,
        "prompt_tokens_details": {"cache_creation_token_details": split},
    }
    row = only_row(home, with_usage(prompt=734_311, completion=9, **usage))
    assert (row["cache_write_5m_tokens"], row["cache_write_1h_tokens"]) == expected
    assert (row["prompt_tokens"], row["cache_read_tokens"]) == (734_311, 426_653)


def test_images_that_the_cache_holds_are_cached_tokens(home: LandedHome) -> None:
    details = {"cached_tokens": 2_432, "image_tokens": 1_142, "text_tokens": 1_319}
    row = only_row(home, with_usage(prompt=2_461, completion=303, prompt_tokens_details=details))
    assert (row["prompt_tokens"], row["cache_read_tokens"], row["input_image_tokens"]) == (2_461, 2_432, 0)


def test_tokens_that_litellm_counts_itself_stand(home: LandedHome) -> None:
    row = with_usage(prompt=100, completion=1056, input_tokens=7, output_tokens=7) | {"call_type": "aimage_generation"}
    kept = only_row(home, row)
    assert (kept["prompt_tokens"], kept["completion_tokens"], kept["output_image_tokens"]) == (100, 1056, 1056)


def test_embeddings_of_images_videos_and_characters(home: LandedHome) -> None:
    details = {"image_count": 2, "video_length_seconds": 7.25, "character_count": 30}
    row = natural(home, "aembedding", {"prompt_tokens": 0, "prompt_tokens_details": details})
    assert (row["images"], row["video_seconds"], row["characters"]) == (2, Decimal("7.25"), 30)


@pytest.mark.parametrize("seconds", [-1, "long", "1e99"])
def test_seconds_that_are_none_are_rejected(home: LandedHome, seconds: object) -> None:
    usage = {"usage_object": {"type": "duration", "seconds": seconds}}
    home.land(f"{LOGS}/a.ndjson", log_lines(log_row(), log_row(call_type="atranscription", metadata=json.dumps(usage))))
    home.ingest()
    assert home.rejects() == [(2, "metadata.usage_object.seconds", f'found "{seconds}"; expected a number, 0 or more')]
