"""Calls of every gateway, from the committed payloads through a run to `fct_usage`, in disjoint token classes."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from sources.gateway import is_gateway
from sources.home import Home, init_home
from sources.registry import FEEDS
from tests.faults.conftest import ROOT, inferledger
from tests.unit.sources.landed import MAPPING

CLASSES = "input_uncached_tokens, cache_read_tokens, cache_write_5m_tokens, output_text_tokens, reasoning_tokens"
ACCOUNTS = """service_provider,billing_account_id,gateway,gateway_provider,currency,valid_from,valid_to
openai,org,envoy,default/openai/route/aigw/rule/0/ref/0,USD,2026-08-01,
openai,org,helicone,openai,USD,2026-08-01,
aws,123456789012,bedrock,bedrock,USD,2026-08-01,
openrouter,org-brook,openrouter,openrouter,USD,2026-08-01,
"""


class Run(NamedTuple):
    home: Home
    said: str


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    home: Home = init_home(tmp_path_factory.mktemp("gateways") / "home")
    (home.config / "tenants.csv").write_text(
        "tenant_id,tenant_name,plan,cost_center,is_free_plan\nlarch,Larch,pro,CC-1,false\n"
    )
    (home.config / "billing_accounts.csv").write_text(ACCOUNTS)
    (home.config / "feeds.yml").write_text(MAPPING)
    for table in FEEDS:
        if is_gateway(table) or table.feed == "litellm":
            folder = Path(table.feed) / table.table
            shutil.copytree(ROOT / "examples" / "payloads" / folder, home.landing / folder, dirs_exist_ok=True)
    page = [{"date": "2026-08-10", "model": "openai/gpt-5-nano", "usage": 3.5, "requests": 700}]
    folder = home.landing / "openrouter" / "activity" / "org-brook"
    folder.mkdir(parents=True)
    (folder / "2026-08-10_2026-08-10__retrieved-20260812T060000Z.json").write_text(json.dumps({"data": page}))
    report = [{"day": "2026-08-10", "model": "openai/gpt-5-nano", "total_cost": 2.5, "request_count": 700}]
    folder = home.landing / "vercel" / "report" / "team-alder"
    folder.mkdir(parents=True)
    (folder / "2026-08-10_2026-08-16__retrieved-20260818T060000Z.json").write_text(json.dumps({"results": report}))
    result = inferledger(home, "run", "--no-report")
    assert result.returncode in (0, 1), result.stderr
    return Run(home, result.stdout + result.stderr)


@pytest.fixture(scope="module")
def marts(run: Run) -> duckdb.DuckDBPyConnection:
    home = run.home
    return duckdb.connect(str((home.published / "marts.duckdb").resolve()), read_only=True)


@pytest.mark.parametrize(
    ("call_id", "expected"),
    [
        # Input and output as counted, less what they contain.
        ("gen-1", (90, 30, 0, 30, 20)),
        ("83b63da3", (10, 5, 0, 4, 3)),
        # Cache and reasoning beside the counts: nothing is taken off.
        ("22222222-2222-4222-8222-222222222222", (100, 400, 50, 30, 12)),
        ("req-1", (35, 1000, 200, 446, 0)),
        ("obs-2", (100, 400, 50, 30, 12)),
        # The latest version of the call, once.
        ("obs-3", (40, 20, 0, 20, 30)),
        # 500 in, 200 out; the agent's span above it is not counted.
        ("resp-otel-1", (370, 100, 30, 150, 50)),
        ("01A", (15, 0, 0, 7, 0)),
        ("b-1", (600, 400, 0, 180, 120)),
        ("gen_01LARCH", (300, 600, 100, 50, 30)),
        ("chatcmpl-larch-1", (400, 600, 0, 80, 120)),
        ("msg_larch_2", (100, 400, 50, 50, 0)),
    ],
)
def test_token_classes_are_disjoint(marts: duckdb.DuckDBPyConnection, call_id: str, expected: tuple[int, ...]) -> None:
    query = f"select {CLASSES}, total_input_tokens, total_output_tokens from fct_usage where call_id = $id"
    [(*classes, total_input, total_output)] = marts.execute(query, {"id": call_id}).fetchall()
    assert tuple(classes) == expected
    assert (total_input, total_output) == (sum(expected[:3]), sum(expected[3:]))


def test_who_called_who_bills_and_where_it_ran(marts: duckdb.DuckDBPyConnection) -> None:
    rows = marts.execute("""
        select call_id, gateway, tenant_id, attribution_method, service_provider, billing_account_id, host
        from fct_usage where call_id in ('req-1', '83b63da3', 'gen-2') order by call_id""").fetchall()
    assert rows == [
        ("83b63da3", "envoy", "larch", "tag", "openai", "org", "direct"),
        ("gen-2", "openrouter", "unattributed", "none", "anthropic", "unattributed", "direct"),
        ("req-1", "bedrock", "larch", "tag", "aws", "123456789012", "bedrock"),
    ]


def test_calls_that_nobody_bills_cost_nothing(marts: duckdb.DuckDBPyConnection) -> None:
    rows = marts.execute("""
        select call_id, billing_status, effective_cost_usd from fct_usage
        where billing_status <> 'billed' and gateway <> 'litellm' order by call_id""").fetchall()
    assert [row[:2] for row in rows] == [
        ("01B", "gateway_cache"),
        ("01C", "not_billed"),
        ("33333333-3333-4333-8333-333333333333", "not_billed"),
        ("55555555-5555-4555-8555-555555555555", "gateway_cache"),
        ("b-3", "not_billed"),
        ("b0a1c2d3-0000-4000-8000-000000000004", "gateway_cache"),
        ("b0a1c2d3-0000-4000-8000-000000000005", "not_billed"),
        ("bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb-5555555555555555", "not_billed"),
        ("refused", "not_billed"),
        ("req-2", "not_billed"),
    ]
    assert {row[2] for row in rows} == {0}


def test_a_call_in_two_forms_of_litellms_log_counts_once(marts: duckdb.DuckDBPyConnection) -> None:
    """The payloads are the same six calls, as rows of the table and as objects of the callback."""
    rows = marts.execute("""
        select call_id, total_input_tokens, billing_status from fct_usage
        where gateway = 'litellm' order by call_id""").fetchall()
    assert rows == [
        ("resp-0001", 1200, "billed"),
        ("resp-0002", 9000, "billed"),
        ("resp-0003", 800, "billed"),
        ("resp-0004", 0, "not_billed"),
        ("resp-0005_cache_hit:call-0005", 640, "gateway_cache"),
        ("resp-0006", 300, "billed"),
    ]


@pytest.mark.parametrize(
    ("test", "model", "said"),
    [
        ("openrouter", "stg_openrouter__activity", "OpenRouter took more credits these days than the logged calls"),
        ("vercel", "stg_vercel__report", "Vercel AI Gateway charged more these days than the logged calls report"),
    ],
)
def test_credits_that_no_log_explains_are_warned_of(run: Run, test: str, model: str, said: str) -> None:
    [warning] = [line for line in run.said.splitlines() if f"test assert_{test}_credits_are_logged" in line]
    assert warning.startswith("warning")
    assert f"1 row of fct_usage, {model}: " in warning
    assert said in warning
