"""The whole pipeline on real requests: no token of the traces is lost, doubled or moved to another model or day."""

import os
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from sources.clock import NOW_VARIABLE
from sources.home import Home
from tests.faults.conftest import inferledger

ROOT = Path(__file__).resolve().parents[2]
TRACES = ROOT.parent / "shared" / "data" / "traces"
NOW = "2026-03-04T06:00:00Z"
REQUESTS = 89_550

# What the raw traces say, told without the code that turned them into logs: calls and tokens of each model and UTC day.
TRUTH = f"""
    with requests as (
        select
            model,
            timestamp '2026-02-09 00:00:00'
            + to_seconds(cast(replace(trace_id, 'trace_', '') as bigint) * 1700)
            + to_milliseconds(cast(t_s * 1000 as bigint)) as started_at,
            input_tokens, output_tokens
        from '{TRACES}/agentic_coding/requests.parquet'
        union all
        select 'invented-azure-' || workload || '-model', ts_utc, input_tokens, output_tokens
        from '{TRACES}/azure_llm_2023/azure_llm_2023.parquet'
        union all
        select
            'invented-mooncake-model', timestamp '2026-02-09 00:00:00' + to_milliseconds(timestamp_ms),
            input_tokens, output_tokens
        from '{TRACES}/mooncake/conversation_trace.parquet'
    )
    select
        model as model_id, cast(started_at as date) as usage_date, count(*) as calls,
        cast(sum(input_tokens) as bigint) as input_tokens, cast(sum(output_tokens) as bigint) as output_tokens
    from requests
    group by all
"""
FACTS = """
    select
        model_id, usage_date, count(*) as calls,
        cast(sum(total_input_tokens) as bigint) as input_tokens,
        cast(sum(total_output_tokens) as bigint) as output_tokens
    from fct_usage
    group by all
"""
# Unit economics know the canonical model, so the ids as called come from the facts.
DAILY = """
    select
        model_id, usage_date, cast(sum(calls) as bigint) as calls,
        cast(sum(input_uncached_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens
            + input_audio_tokens + input_image_tokens) as bigint) as input_tokens,
        cast(sum(output_text_tokens + reasoning_tokens + output_audio_tokens + output_image_tokens) as bigint)
            as output_tokens
    from unit_economics_daily
    inner join (select distinct model, model_id from fct_usage) as models using (model)
    where calls > 0
    group by all
"""


def traces_are_there() -> bool:
    """True where the traces are. In CI they must be; elsewhere their absence is said aloud."""
    if TRACES.is_dir():
        return True
    message = f"{TRACES} is missing: the real traces were NOT run through the pipeline"
    if os.environ.get("CI"):
        pytest.fail(message)
    warnings.warn(message, stacklevel=2)
    return False


def by_model_and_day(connection: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    return connection.execute(f"{query} order by model_id, usage_date").fetchall()


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection | None]:
    """What a run on the traces published; None where the traces are missing."""
    if not traces_are_there():
        yield None
        return
    folder = tmp_path_factory.mktemp("traces")
    make = [sys.executable, "-m", "examples.traces", "--traces", str(TRACES), "--out", str(folder)]
    made = subprocess.run(make, cwd=ROOT, env=os.environ | {NOW_VARIABLE: NOW}, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    done = inferledger(Home(folder / "home"), "run", now=NOW)
    assert done.returncode == 0, done.stderr
    with duckdb.connect(str(folder / "home/published/marts.duckdb"), read_only=True) as connection:
        yield connection


def test_tokens_per_model_and_day_are_those_of_the_traces(marts: duckdb.DuckDBPyConnection | None) -> None:
    if marts is None:
        return
    truth = by_model_and_day(marts, TRUTH)
    assert len({model for model, *_ in truth}) == 9
    assert marts.execute(f"select sum(calls) from ({TRUTH})").fetchall() == [(REQUESTS,)]
    assert by_model_and_day(marts, FACTS) == truth
    assert by_model_and_day(marts, DAILY) == truth


def test_sessions_prices_and_marks_are_as_the_traces_say(marts: duckdb.DuckDBPyConnection | None) -> None:
    if marts is None:
        return
    sessions, calls = marts.execute(
        f"select count(distinct trace_id), count(*) from '{TRACES}/agentic_coding/requests.parquet'"
    ).fetchall()[0]
    found = marts.execute("""
        select
            count(distinct session_id), count(session_id), count(*) filter (where cost_status <> 'unpriced'),
            count(*) filter (where (cost_status = 'unpriced') = (model_id like 'invented-%')),
            count(*) filter (where call_id like 'invented-%' and response_id like 'invented-%'),
            count(*) filter (where superseded_as is not null)
        from fct_usage
    """).fetchall()
    assert found == [(sessions, calls, calls, REQUESTS, REQUESTS, 0)]
