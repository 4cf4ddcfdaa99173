"""The benchmark's rows are what the product reads in production: nothing rejected, and no field unknown."""

import gzip
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from benchmarks.measure import NESTED_FEEDS
from benchmarks.rows import DAYS, FIRST_DAY, MODELS, lines, write_home, write_nested
from sources.ingest import ingest
from sources.registry import FEEDS

ROWS = 2_003


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("bench")
    plain, zipped = folder / "plain", folder / "gzip"
    assert write_home(plain, ROWS, zipped=False) == write_home(zipped, ROWS, zipped=True)
    return plain, zipped


def landed(home: Path) -> Path:
    (path,) = (home / "landing/litellm/spend_logs").iterdir()
    return path


def test_no_row_is_rejected_and_no_field_unknown(homes: tuple[Path, Path]) -> None:
    for home in homes:
        now = datetime(2026, 11, 18, 6, tzinfo=UTC)
        summary = ingest(home, now=now, hash_key=b"key", currencies=["USD"], feeds=FEEDS)
        assert (summary.rows_read, summary.rows_kept, summary.rows_quarantined) == (ROWS, ROWS, 0)
        assert summary.warnings == []


@pytest.mark.parametrize("feed", NESTED_FEEDS)
def test_nested_rows_are_the_same_calls(feed: str, tmp_path: Path, homes: tuple[Path, Path]) -> None:
    write_nested(tmp_path, feed, ROWS)
    now = datetime(2026, 11, 18, 6, tzinfo=UTC)
    ingest(homes[0], now=now, hash_key=b"key", currencies=["USD"], feeds=FEEDS)
    summary = ingest(tmp_path, now=now, hash_key=b"key", currencies=["USD"], feeds=FEEDS)
    assert (summary.rows_kept, summary.rows_quarantined, summary.warnings) == (ROWS, 0, [])
    counts = "sum(input_tokens + output_tokens + {0}), count(distinct tag_tenant), min(started_at), max(started_at)"
    # Langfuse counts cached tokens and reasoning beside the others.
    beside = counts.format("cache_read_tokens + reasoning_tokens" if feed == "langfuse" else "0")
    found = duckdb.connect().execute(f"select {beside} from '{tmp_path}/lake/{feed}/*/*.parquet'").fetchall()
    logged = counts.format("0").replace("input", "prompt").replace("output", "completion")
    assert found == duckdb.connect().execute(f"select {logged} from '{homes[0]}/lake/litellm/*/*.parquet'").fetchall()


def test_gzipped_rows_are_the_plain_ones_and_the_same_every_time(homes: tuple[Path, Path]) -> None:
    plain, zipped = map(landed, homes)
    assert gzip.decompress(zipped.read_bytes()) == plain.read_bytes() == b"".join(lines(ROWS))


def test_rows_have_the_size_and_spread_they_claim(homes: tuple[Path, Path]) -> None:
    path = landed(homes[0])
    assert 1_200 < path.stat().st_size / ROWS < 1_400
    found = (
        duckdb.connect()
        .execute(f"""
        select
            count(distinct request_id), count(distinct cast("startTime" as date)), min(cast("startTime" as date)),
            count(distinct model), count(*) - count(distinct session_id)
        from read_json('{path}', columns = {{
            'request_id': 'VARCHAR', 'startTime': 'VARCHAR', 'model': 'VARCHAR', 'session_id': 'VARCHAR'
        }})""")
        .fetchall()[0]
    )
    assert found[:4] == (ROWS, DAYS, FIRST_DAY, len(MODELS))
    assert 0 < found[4] < 0.05 * ROWS
