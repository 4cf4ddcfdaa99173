"""The gateway's files hold exactly the lines the truth says they hold."""

import gzip
import json
import zlib
from collections import Counter
from typing import Any

import polars as pl
import pytest

from examples.company import story
from tests.unit.examples.conftest import Company

TOKENS = [
    "input_uncached_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
]  # fmt: skip


@pytest.fixture(scope="module")
def lines(company: Company) -> list[dict[str, Any]]:
    """Every line that is JSON and holds possible counts, with the name of its file."""
    found = []
    for path in sorted((company.landing / "litellm" / "spend_logs").iterdir()):
        if str(story.TRUNCATED_LOG_DAY) in path.name:
            continue
        for text in gzip.decompress(path.read_bytes()).decode().splitlines():
            if text.endswith("}") and (row := json.loads(text)) and _is_possible(row):
                found.append(row | {"file": path.name})
    return found


def _is_possible(row: dict[str, Any]) -> bool:
    usage = json.loads(row["metadata"])["usage_object"]
    counts = row["prompt_tokens"], row["completion_tokens"]
    if not all(isinstance(count, int) and count >= 0 for count in counts):
        return False
    return bool(usage["prompt_tokens_details"]["cached_tokens"] <= row["prompt_tokens"])


def test_readable_lines_are_the_logged_calls_and_the_lines_written_twice(
    company: Company, lines: list[dict[str, Any]]
) -> None:
    logged = company.calls.filter("is_logged")
    expected = Counter(logged.select("response_id", "log_file").iter_rows())
    again = logged.filter(pl.col("logged_again_file").is_not_null())
    expected.update(again.select("response_id", "logged_again_file").iter_rows())
    assert Counter((row["request_id"], row["file"]) for row in lines) == expected


def test_a_line_says_what_the_truth_says(company: Company, lines: list[dict[str, Any]]) -> None:
    truth = {
        row["response_id"]: row
        for row in company.calls.with_columns(
            started=pl.col("started_at").dt.strftime("%Y-%m-%d %H:%M:%S%.6f+00:00"),
            prompt=pl.sum_horizontal(TOKENS),
            completion=pl.col("output_text_tokens") + pl.col("reasoning_tokens"),
        ).iter_rows(named=True)
    }
    for line in lines:
        call, metadata = truth[line["request_id"]], json.loads(line["metadata"])
        tags = metadata["spend_logs_metadata"] or {}
        told = (
            line["startTime"], line["prompt_tokens"], line["completion_tokens"], line["session_id"], line["model"],
            line["status"], "tenant" in tags, metadata["usage_object"]["prompt_tokens_details"]["cached_tokens"],
        )  # fmt: skip
        assert told == (
            call["started"], call["prompt"], call["completion"], call["logical_request_id"], call["model_id"],
            call["status"], call["is_tagged"], call["cache_read_tokens"],
        )  # fmt: skip
        if call["is_tagged"]:
            assert (tags["tenant"], tags["feature"]) == (call["tenant_id"], call["feature_id"])


def test_lines_written_twice_differ_only_in_the_gateway_call_id(lines: list[dict[str, Any]]) -> None:
    first: dict[str, dict[str, Any]] = {}
    pairs = [(first.setdefault(line["request_id"], line), line) for line in lines]
    repeated = [(a, b) for a, b in pairs if a is not b]
    assert repeated
    for a, b in repeated:
        assert {key for key in a if a[key] != b[key]} - {"file"} == {"litellm_call_id", "created_at", "updated_at"}


def test_the_lost_files(company: Company) -> None:
    folder = company.landing / "litellm" / "spend_logs"
    assert story.MISSING_LOG_DAY.weekday() == 6
    assert not list(folder.glob(f"*{story.MISSING_LOG_DAY}*"))
    data = next(folder.glob(f"*{story.TRUNCATED_LOG_DAY}*")).read_bytes()
    reader = zlib.decompressobj(wbits=31)
    assert b"\n" not in reader.decompress(data)
    assert not reader.eof


@pytest.mark.parametrize("kind", story.MALFORMED)
def test_malformed_lines_are_there_and_lost(company: Company, kind: str) -> None:
    calls = company.calls.filter(pl.col("log_state") == kind)
    assert calls.height >= 3
    assert not calls["is_logged"].any()
    for name, file in calls.select("response_id", "log_file").iter_rows():
        text = gzip.decompress((company.landing / "litellm" / "spend_logs" / file).read_bytes()).decode()
        line = next(line for line in text.splitlines() if f'"request_id": "{name}"' in line)
        if kind == "broken_json":
            with pytest.raises(json.JSONDecodeError):
                json.loads(line)
        else:
            assert not _is_possible(json.loads(line))


def test_every_refused_call_was_asked_again(company: Company) -> None:
    refused = company.calls.filter(pl.col("error_code") == "429")
    last = company.calls.group_by("logical_request_id").agg(pl.col("attempt_role").sort_by("attempt").last())
    assert refused.height
    assert refused.select(pl.sum_horizontal(*TOKENS, "output_text_tokens")).to_series().sum() == 0
    joined = refused.select("logical_request_id").unique().join(last, on="logical_request_id")
    assert set(joined["attempt_role"]) == {"final"}


def test_attempts_of_one_request_follow_each_other(company: Company) -> None:
    gaps = (
        company.calls.sort("logical_request_id", "attempt")
        .select(
            gap=pl.col("started_at").shift(-1).over("logical_request_id") - pl.col("ended_at"),
            expected=pl.int_range(1, pl.len() + 1).over("logical_request_id"),
            attempt="attempt",
        )
    )  # fmt: skip
    assert (gaps["attempt"] == gaps["expected"]).all()
    assert gaps.filter(pl.col("gap") <= pl.duration(seconds=0)).is_empty()
