"""Every form of LiteLLM's log: the same calls give the same rows of the lake."""

import csv
import gzip
import io
import json
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from sources.litellm.projection import TIERS
from tests.unit.sources.landed import PAYLOADS, LandedHome, log_row, with_usage

LOGS = "litellm/spend_logs"
SPEND_LOGS = (PAYLOADS / LOGS / "spend_logs_2026-08-10.ndjson").read_text()
PAYLOAD = (PAYLOADS / LOGS / "standard_logging_2026-08-10.jsonl").read_text()
ROWS = [json.loads(line) for line in SPEND_LOGS.splitlines()]
CALLS = [json.loads(line) for line in PAYLOAD.splitlines()]


def lake_rows(home: LandedHome, name: str, content: str | bytes) -> list[dict[str, Any]]:
    home.land(f"{LOGS}/{name}", content)
    summary = home.ingest()
    assert (summary.files_failed, summary.rows_quarantined) == (0, 0), home.rejects()
    return home.lake(LOGS).drop("file_hash").sort("row_number").to_dicts()


@pytest.fixture
def expected(tmp_path: Path) -> list[dict[str, Any]]:
    return lake_rows(LandedHome(tmp_path / "spend logs"), "a.ndjson", SPEND_LOGS)


def as_csv(rows: list[dict[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    cells = [{name: json.dumps(v) if isinstance(v, list | dict) else v for name, v in row.items()} for row in rows]
    writer.writerows(cells)
    return text.getvalue()


def as_parquet(folder: Path, select: str) -> bytes:
    lines, parquet = folder / "rows.ndjson", folder / "rows.parquet"
    lines.write_text(SPEND_LOGS)
    connection = duckdb.connect()
    connection.execute("set timezone = 'UTC'")
    source = f"read_json('{lines}', format = 'newline_delimited', convert_strings_to_integers = false)"
    connection.execute(f"copy (select {select} from {source}) to '{parquet}'")
    return parquet.read_bytes()


def test_csv_of_the_table(home: LandedHome, expected: list[dict[str, Any]]) -> None:
    assert lake_rows(home, "a.csv", as_csv(ROWS)) == expected


def test_compressed_csv_and_json(home: LandedHome, expected: list[dict[str, Any]], tmp_path: Path) -> None:
    assert lake_rows(home, "a.csv.gz", gzip.compress(as_csv(ROWS).encode())) == expected
    assert lake_rows(LandedHome(tmp_path / "json"), "a.json", json.dumps(ROWS)) == expected


@pytest.mark.parametrize(
    "select",
    [
        "*",
        '* replace (cast("startTime" as timestamp) as "startTime", cast("endTime" as timestamptz) as "endTime", '
        "cast(prompt_tokens as integer) as prompt_tokens, cast(metadata as json) as metadata)",
    ],
)
def test_parquet_of_the_table(select: str, home: LandedHome, expected: list[dict[str, Any]], tmp_path: Path) -> None:
    assert lake_rows(home, "a.parquet", as_parquet(tmp_path, select)) == expected


@pytest.mark.parametrize("name", ["a.jsonl", "a.json", "a.jsonl.gz"])
def test_standard_logging_payloads(name: str, home: LandedHome, expected: list[dict[str, Any]]) -> None:
    """As the table has them; but an answer from the gateway's cache gets another id in each form."""
    content: str | bytes = json.dumps(CALLS) if name == "a.json" else PAYLOAD
    found = lake_rows(home, name, gzip.compress(PAYLOAD.encode()) if name.endswith("gz") else content)
    hit = found[4]
    assert hit["is_gateway_cache_hit"]
    assert (hit["request_id"], hit["litellm_call_id"]) == ("resp-0005_cache_hit1786352700.123", "call-0005")
    hit["request_id"] = "resp-0005"
    assert found == expected


def test_one_object_a_file_as_in_a_bucket(home: LandedHome, expected: list[dict[str, Any]]) -> None:
    [row] = lake_rows(home, "time-09-01-00_resp-0001.json", json.dumps(CALLS[0], indent=2))
    assert row == expected[0]


def test_json_inside_json_and_old_payloads(home: LandedHome) -> None:
    """Pub/sub bodies write objects as text, older versions times as text and no status."""
    call = CALLS[1]
    inner = call["metadata"] | {
        "usage_object": json.dumps(call["metadata"]["usage_object"]),
        "spend_logs_metadata": json.dumps({"tenant": "birch"}),
    }
    old = call | {
        "metadata": json.dumps(inner),
        "startTime": "2026-08-10 09:02:00.250000",
        "endTime": 1786352522,
        "completionStartTime": 1786352521.1234567,
        "status": None,
        "response_cost": None,
    }
    [row] = lake_rows(home, "a.jsonl", json.dumps(old) + "\n")
    assert (row["cache_read_tokens"], row["cache_write_5m_tokens"], row["cache_write_1h_tokens"]) == (6000, 1500, 500)
    assert (row["tag_tenant"], row["status"]) == ("birch", "success")
    assert row["started_at"] == datetime(2026, 8, 10, 9, 2, 0, 250000)
    assert row["ended_at"] == datetime(2026, 8, 10, 9, 2, 2)
    assert row["completion_started_at"] == datetime(2026, 8, 10, 9, 2, 1, 123457)
    assert row["spend_usd"] == 0


def test_searches_of_a_reranker(home: LandedHome) -> None:
    answer = {"id": "r", "results": [{"index": 0}], "meta": {"billed_units": {"search_units": 2}}}
    call = CALLS[0] | {"call_type": "arerank", "response": answer}
    [row] = lake_rows(home, "a.jsonl", json.dumps(call) + "\n")
    assert row["searches"] == 2


def test_usage_of_the_response_where_metadata_has_none(home: LandedHome) -> None:
    usage = CALLS[0]["metadata"]["usage_object"]
    call = CALLS[0] | {"metadata": {"user_api_key_hash": "0" * 64}, "response": {"usage": usage}}
    [row] = lake_rows(home, "a.jsonl", json.dumps(call))
    assert (row["cache_read_tokens"], row["reasoning_tokens"]) == (512, 96)


@pytest.mark.parametrize(
    ("changes", "tier"),
    [
        ({"response": {"service_tier": "flex"}, "model_parameters": {"service_tier": "auto"}}, "flex"),
        # What was served counts, not what was asked for; that counts where nothing else is said.
        ({"response": {"service_tier": "default"}, "model_parameters": {"service_tier": "priority"}}, "standard"),
        ({"response": None, "model_parameters": {"service_tier": "priority"}}, "priority"),
        ({"cost_breakdown": {"service_tier": "flex"}, "model_parameters": {"service_tier": "auto"}}, "flex"),
        ({"response": "no object", "model_parameters": {}}, "standard"),
        ({"call_type": "aretrieve_batch"}, "batch"),
    ],
)
def test_the_tier_of_a_payload_is_the_one_served(changes: dict[str, Any], tier: str, home: LandedHome) -> None:
    [row] = lake_rows(home, "a.jsonl", json.dumps(CALLS[0] | changes))
    assert row["service_tier"] == tier


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"startTime": "noon"}, "startTime", 'found "noon"; expected a time such as 2026-08-10 09:20:46.847'),
        ({"startTime": None}, "startTime", "missing; expected a time such as 2026-08-10 09:20:46.847"),
        ({"startTime": 1795999999.0}, "startTime", "date in the future: 2026-11-30 00:53:19"),
        ({"prompt_tokens": "12x"}, "prompt_tokens", 'found "12x"; expected a whole number, 0 or more'),
        ({"total_tokens": 1}, "total_tokens", "1 is not 1200 prompt + 300 completion"),
        ({"response_cost": -1}, "spend", "negative"),
        ({"status": "ok"}, "status", 'found "ok"; expected success or failure'),
        ({"metadata": "{broken"}, "metadata", "not valid JSON"),
        ({"metadata": [1]}, "metadata", "expected an object"),
        ({"metadata": {"usage_object": "lots"}}, "metadata.usage_object", "expected an object"),
        ({"cost_breakdown": {"service_tier": "gold"}}, "metadata.cost_breakdown.service_tier",
         f'found "gold"; expected one of {", ".join(TIERS)}'),
    ],
)  # fmt: skip
def test_a_payload_that_does_not_fit_is_named(
    changes: dict[str, Any], field: str, reason: str, home: LandedHome
) -> None:
    home.land(f"{LOGS}/a.jsonl", f"{json.dumps(CALLS[0])}\n{json.dumps(CALLS[0] | changes)}\nno json\n")
    assert (home.ingest().rows_kept, home.rejects()) == (1, [(2, field, reason), (3, "line", "not valid JSON")])


def test_a_csv_row_that_does_not_fit_is_named(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.csv", as_csv([log_row(), log_row(request_id="resp-2", completion_tokens="many")]))
    assert home.ingest().rows_kept == 1
    assert home.rejects() == [
        (3, "completion_tokens", 'found "many"; expected a whole number, 0 or more'),
    ]


def test_a_file_of_another_kind_fails(home: LandedHome) -> None:
    home.land(f"{LOGS}/a.csv", "name,amount\nlarch,1\n")
    home.land(f"{LOGS}/b.parquet", b"PAR1 and nothing more")
    home.land(f"{LOGS}/c.json", json.dumps(CALLS[0]) + json.dumps(CALLS[1]))
    assert home.ingest().files_failed == 3
    assert home.rejects() == [
        (2, "request_id", "no row of 1 can be kept; line 2: missing"),
        (None, "file", "not a Parquet file, or damaged"),
        (None, "file", "not valid JSON"),
    ]


def test_new_fields_are_reported(home: LandedHome) -> None:
    """A new token class must not go by unnoticed, in whatever form it comes."""
    usage = CALLS[0]["metadata"]["usage_object"] | {"video_tokens": 5}
    home.land(f"{LOGS}/a.jsonl", json.dumps(CALLS[0] | {"metadata": {"usage_object": usage}, "new_field": 1}))
    home.land(f"{LOGS}/b.csv", as_csv([with_usage(video_tokens=5) | {"another_field": "x"}]))
    a, b = home.ingest().warnings
    assert a.endswith("metadata.usage_object.video_tokens (1), new_field (1)")
    assert b.endswith("another_field (1), metadata.usage_object.video_tokens (1)")


def test_prompts_of_payloads_are_never_stored(home: LandedHome) -> None:
    call = CALLS[0] | {"messages": "my secret", "response": {"text": "my secret"}, "error_str": "my secret"}
    home.land(f"{LOGS}/a.jsonl", f"{json.dumps(call)}\n{json.dumps(call | {'prompt_tokens': '12x'})}\n")
    assert home.ingest().rows_quarantined == 1
    everything = b"".join(home.bytes().values())
    assert b"my secret" not in everything
    assert b"ana@larch" not in everything
    assert home.lake(LOGS)["end_user_key"][0] is not None


def test_lines_of_spend_logs_stay_on_the_fast_way(home: LandedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    def careful(*_: Any) -> None:
        raise AssertionError("the slow reader was asked")

    monkeypatch.setattr("sources.litellm.forms.record_sources", careful)
    assert len(lake_rows(home, "a.ndjson", "\n" + SPEND_LOGS)) == 6
    assert pl.read_parquet(home.root / "lake" / LOGS / "*.parquet").height == 6


def test_lines_keep_their_numbers_in_every_piece_of_a_long_file(
    home: LandedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sources.lines.BATCH_BYTES", 8 << 10)
    monkeypatch.setattr("sources.lines._PIECE_BYTES", 4 << 10)
    calls = "".join(f"{json.dumps(CALLS[0] | {'id': f'r{number}'})}\n" for number in range(100))
    home.land(f"{LOGS}/a.jsonl", f"{calls}broken\n{calls}")
    assert home.ingest().rows_kept == 200
    assert home.rejects() == [(101, "line", "not valid JSON")]
    rows = home.lake(LOGS).select("row_number", "request_id").sort("row_number").rows()
    assert rows[99:101] == [(100, "r99"), (102, "r0")]
