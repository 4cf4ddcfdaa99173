"""Cost bugs that other projects had, each as the calls of its thread, from landing to the marts.

A test has the name of its thread. Where the thread says what the call really cost, that is the expected number.
"""

import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from sources.home import Home, init_home
from tests.built import built_marts
from tests.unit.sources.landed import log_lines, log_row
from tests.unit.sources.test_bills import anthropic_page, claude_cost
from tests.unit.sources.test_otel import line, span, usage

ACCOUNTS = """service_provider,billing_account_id,gateway,gateway_provider,currency,valid_from,valid_to
anthropic,org-example,litellm,anthropic,USD,2024-01-01,
aws,123456789012,litellm,bedrock,USD,2024-01-01,
google,project,langfuse,gemini,USD,2024-01-01,
google,project,litellm,gemini,USD,2024-01-01,
google,project,otel,gemini,USD,2024-01-01,
openai,org,litellm,openai,USD,2024-01-01,
openai,org,otel,openai,USD,2024-01-01,
x-ai,team,litellm,xai,USD,2024-01-01,
"""


def logged(
    call_id: str, provider: str, model: str, day: str, prompt: int, completion: int, spend: float = 0, **usage: Any
) -> dict[str, Any]:
    """A row of LiteLLM's spend log, whose prompt holds the caches and whose completion holds the reasoning."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return log_row(
        request_id=call_id,
        session_id=call_id,
        custom_llm_provider=provider,
        model=model,
        startTime=f"{day} 09:00:00.000000",
        endTime=f"{day} 09:00:02.000000",
        spend=spend,
        metadata=json.dumps({"usage_object": counts | usage}),
        **counts,
    )


LITELLM = (
    logged("litellm-9812", "anthropic", "claude-3-7-sonnet-20250219", "2025-04-08", 3 + 12_304, 550, 0.091311,
           cache_creation_input_tokens=12_304, cache_read_input_tokens=0),
    logged("litellm-11364", "bedrock", "eu.anthropic.claude-opus-4-5-20251101-v1:0", "2026-01-19", 98_805, 5_120,
           0.047080, cache_creation_input_tokens=32_435, cache_read_input_tokens=66_360,
           prompt_tokens_details={"cached_tokens": 66_360, "cache_creation_tokens": 32_435},
           completion_tokens_details={"reasoning_tokens": 1_710}),
    logged("claude-powerline-104", "anthropic", "claude-opus-4-5-20251101", "2026-08-14", 8_989, 0,
           cache_creation_input_tokens=8_989,
           cache_creation={"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 8_989}),
    logged("litellm-20795-sonnet", "anthropic", "claude-sonnet-4-20250514", "2025-08-01", 1_000, 1_000),
    logged("litellm-20795-o1", "openai", "o1-mini", "2025-08-01", 1_000, 1_000),
    logged("litellm-20795-unknown", "openai", "gpt-9", "2025-08-01", 1_000, 1_000),
    logged("o3-before", "openai", "o3", "2025-06-01", 1_000, 0, 0.002),
    logged("o3-after", "openai", "o3", "2025-06-11", 1_000, 0, 0.002),
    *(logged(f"control-tower-1218-{call}", "gemini", "gemini-2.5-pro", "2026-08-06", 126_400, 0) for call in "ab"),
    logged("control-tower-1218-long", "gemini", "gemini-2.5-pro", "2026-08-06", 252_800, 0),
    *(logged(f"gemini-{tokens}", "gemini", "gemini-2.5-pro", "2026-08-06", tokens, 0) for tokens in (200_000, 200_001)),
    *(logged(f"grok-{tokens}", "xai", "grok-4.6", "2026-08-22", tokens, 0) for tokens in (199_999, 200_000)),
    logged("langfuse-2112", "openai", "gpt-4o", "2026-08-06", 1_000, 1_000) | {"cache_hit": "True"},
    logged("small", "openai", "gpt-4.1-nano", "2026-08-06", 4, 0),
    logged("litellm-29145", "bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-05-28", 33_825, 672,
           0.0110913, cache_creation_input_tokens=1_190, cache_read_input_tokens=32_634),
    logged("litellm-42663", "anthropic", "claude-opus-4-5-20251101", "2026-09-23", 734_311, 0, 1.026142,
           cache_read_input_tokens=426_653, cache_creation_input_tokens=184_457,
           prompt_tokens_details={"cache_creation_token_details": {
               "ephemeral_5m_input_tokens": 31_490, "ephemeral_1h_input_tokens": 0}}),
    logged("litellm-37407", "xai", "grok-4.6", "2026-08-23", 2_461, 303, 0.005318,
           prompt_tokens_details={"cached_tokens": 2_432, "text_tokens": 1_319, "image_tokens": 1_142}),
    logged("litellm-18599", "openai", "gpt-5-nano", "2026-01-02", 17, 482, 0.00018005,
           completion_tokens_details={"reasoning_tokens": 448}),
    logged("litellm-16341", "gemini", "gemini-2.5-flash", "2026-07-08", 10_000, 100, 0.00325,
           prompt_tokens_details={"cached_tokens": 0}),
)  # fmt: skip
UNCACHED, READ, WRITE = "Uncached Input Tokens", "Cached Input Tokens", "Cache Write 5m Input Tokens"
# What providers billed of calls above: thread -> provider, account, model, day, tokens and price per million by meter.
BILLED: dict[str, tuple[str, str, str, str, dict[str, tuple[int, str]]]] = {
    "29145": (
        "aws", "123456789012", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "2026-05-28",
        {UNCACHED: (1, "3.3"), READ: (32_634, "0.33"), WRITE: (1_190, "4.125"), "Output Tokens": (672, "16.5")},
    ),
    "42663": (
        "anthropic", "org-example", "claude-opus-4-5-20251101", "2026-09-23",
        {UNCACHED: (123_201, "5"), READ: (426_653, "0.5"), WRITE: (184_457, "6.25")},
    ),
    "37407": (
        "x-ai", "team", "grok-4.6", "2026-08-23",
        {UNCACHED: (29, "2"), READ: (2_432, "0.5"), "Output Tokens": (303, "6")},
    ),
    "18599": (
        "openai", "org", "gpt-5-nano", "2026-01-02", {UNCACHED: (17, "0.05"), "Output Tokens": (482, "0.4")},
    ),
    "16341": (
        "google", "project", "gemini-2.5-flash", "2026-07-08",
        {UNCACHED: (2_000, "0.3"), READ: (8_000, "0.03"), "Output Tokens": (100, "2.5")},
    ),
}  # fmt: skip


def bill_of(thread: str) -> dict[str, str]:
    """The FOCUS bill of a thread's day, by the name of its file."""
    provider, account, model, day, meters = BILLED[thread]
    start = date.fromisoformat(day)
    month = start.replace(day=1)
    after = (month + timedelta(days=31)).replace(day=1)
    midnight = "T00:00:00Z"
    spans = {
        "BillingPeriodStart": month,
        "BillingPeriodEnd": after,
        "ChargePeriodStart": start,
        "ChargePeriodEnd": start + timedelta(days=1),
    }
    lines = []
    for meter, (tokens, price) in meters.items():
        usd = f"{tokens * Decimal(price) / 1_000_000:f}"
        cells = {
            **{name: f"{moment}{midnight}" for name, moment in spans.items()},
            **dict.fromkeys(("BilledCost", "EffectiveCost", "ContractedCost", "ListCost"), usd),
            **{"ServiceProviderName": provider, "BillingAccountId": account, "BillingCurrency": "USD"},
            **{"ChargeCategory": "Usage", "ChargeDescription": meter, "SkuMeter": meter},
            **{"ConsumedQuantity": str(tokens), "ConsumedUnit": "Tokens"},
            **{"ServiceCategory": "AI and Machine Learning", "SkuPriceDetails": f'"{{""ModelId"": ""{model}""}}"'},
        }
        lines.append(",".join(cells.values()))
    name = f"focus/cost_and_usage/{month:%Y-%m}__retrieved-{after:%Y%m}20T060000Z.csv"
    return {name: "\n".join([",".join(cells), *lines]) + "\n"}


# 9 in, 22 out, 21 of them thoughts; Langfuse counts these beside the output, OpenTelemetry in it.
THOUGHT = {
    "id": "req-llm-336",
    "trace_id": "trace-1",
    "type": "GENERATION",
    "start_time": "2026-07-15T09:00:00.000Z",
    "end_time": "2026-07-15T09:00:02.000Z",
    "provided_model_name": "gemini-2.5-flash",
    "usage_details": {"input": 9, "output": 1, "output_reasoning": 21, "total": 31},
    "metadata": {"ls_provider": "google"},
    "updated_at": "2026-07-15T09:00:05.000Z",
}


def spans() -> str:
    """One call with its reasoning inside the output, and an agent above a call that repeats its usage."""
    gemini: dict[str, Any] = {"gen_ai__provider__name": "gcp.gemini", "gen_ai__request__model": "gemini-2.5-flash"}
    openai: dict[str, Any] = {"gen_ai__provider__name": "openai", "gen_ai__request__model": "gpt-4o"}
    cached: dict[str, Any] = {
        "gen_ai__usage__cache_read__input_tokens": 75,
        "gen_ai__usage__cache_write__input_tokens": 40,
    }
    thought: dict[str, Any] = {"gen_ai__response__id": "posthog-71065", "gen_ai__usage__reasoning__output_tokens": 21}
    return line(
        span(1, **gemini, **thought, **usage(9, 22)),
        span(2, gen_ai__operation__name="invoke_agent", **usage(300, 150)),
        span(3, 2, gen_ai__response__id="child", **openai, **cached, **usage(300, 150)),
    )


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    home: Home = init_home(tmp_path_factory.mktemp("bugs") / "home")
    (home.config / "billing_accounts.csv").write_text(ACCOUNTS)
    # The documented amounts of cost reports: cents, as text.
    page = anthropic_page(
        claude_cost(amount="41280.000000"),
        claude_cost(amount="123.78912", token_type="uncached_input_tokens"),
        start="2026-08-17T00:00:00Z",
        end="2026-08-18T00:00:00Z",
    )
    files = {
        "litellm/spend_logs/logs.ndjson": log_lines(*LITELLM),
        "langfuse/observations/observations.jsonl": json.dumps(THOUGHT) + "\n",
        "otel/spans/traces.jsonl": spans(),
        "anthropic/cost_report/org-example/2026-08-17_2026-08-18__retrieved-20260820T060000Z.json": page,
    }
    for thread in BILLED:
        files |= bill_of(thread)
    for name, text in files.items():
        path: Path = home.landing / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return built_marts(home, "fct_usage", "fct_charges", "fct_allocations", "reconciliation_daily")


@pytest.fixture
def cost(marts: duckdb.DuckDBPyConnection) -> Callable[[str], Decimal | None]:
    """What a call is said to have cost; it is there exactly once."""

    def of_call(call_id: str) -> Decimal | None:
        query = "select contracted_cost_usd, list_cost_usd from fct_usage where call_id = $id"
        [(contracted, listed)] = marts.execute(query, {"id": call_id}).fetchall()
        assert contracted == listed
        found: Decimal | None = contracted
        return found

    return of_call


Cost = Callable[[str], Decimal | None]


def test_litellm_9812_cache_writes_are_not_prompt_tokens_too(cost: Cost) -> None:
    """Billed: 4.614 cents of cache writes and 0.825 of output; logged: 9.1311 cents."""
    assert cost("litellm-9812") == Decimal("0.04614") + Decimal("0.00825") + Decimal("0.000009")


def test_litellm_11364_reads_and_writes_of_one_call(cost: Cost) -> None:
    """10 uncached tokens, 66,360 read, 32,435 written, 5,120 out, reasoning among them; EU prices are 10 % higher."""
    expected = Decimal("0.00005") + Decimal("0.03318") + Decimal("0.20271875") + Decimal("0.128")
    assert cost("litellm-11364") == expected * Decimal("1.1")


def test_claude_powerline_104_hour_writes_at_their_own_rate(cost: Cost) -> None:
    """8,989 tokens at 10 USD, not at the 6.25 of five minutes."""
    assert cost("claude-powerline-104") == Decimal("0.08989")


def test_posthog_71065_reasoning_inside_the_output_counts_once(cost: Cost) -> None:
    """The thread's 0.0000577, not 0.0001102."""
    assert cost("posthog-71065") == Decimal("0.0000577")


def test_req_llm_336_reasoning_beside_the_output_counts(cost: Cost) -> None:
    """The same call as a log tells it that counts thoughts apart."""
    assert cost("req-llm-336") == Decimal("0.0000577")


def test_litellm_20795_retired_models_keep_their_price(cost: Cost) -> None:
    assert cost("litellm-20795-sonnet") == Decimal("0.018")
    assert cost("litellm-20795-o1") == Decimal("0.0055")


def test_litellm_20795_unknown_models_cost_null_and_say_so(cost: Cost, marts: duckdb.DuckDBPyConnection) -> None:
    assert cost("litellm-20795-unknown") is None
    query = "select cost_status, unpriced_reason from fct_usage where call_id = 'litellm-20795-unknown'"
    [(status, reason)] = marts.execute(query).fetchall()
    assert status == "unpriced"
    assert reason.startswith("no price for model 'gpt-9' of openai; nearest: gpt-")


def test_litellm_31835_a_call_keeps_the_price_of_its_day(cost: Cost) -> None:
    """The price fell to a fifth on 2025-06-10."""
    assert (cost("o3-before"), cost("o3-after")) == (Decimal("0.010"), Decimal("0.002"))


def test_control_tower_1218_calls_are_placed_before_they_are_summed(cost: Cost) -> None:
    """Two calls of half the tokens are not one long call, and one long call is."""
    assert [cost(f"control-tower-1218-{call}") for call in "ab"] == [Decimal("0.158")] * 2
    assert cost("control-tower-1218-long") == Decimal("0.632")


def test_genai_prices_587_a_prompt_at_exactly_the_threshold(cost: Cost) -> None:
    """Google's long context starts above 200,000 tokens, xAI's when a prompt reaches them."""
    assert (cost("gemini-200000"), cost("gemini-200001")) == (Decimal("0.25"), Decimal("0.5000025"))
    assert (cost("grok-199999"), cost("grok-200000")) == (Decimal("0.399998"), Decimal("0.8"))


def test_langfuse_2112_answers_of_the_gateways_cache_cost_nothing(cost: Cost) -> None:
    assert cost("langfuse-2112_cache_hit:call-1") == 0


def test_litellm_focus_export_small_calls_are_not_rounded_away(cost: Cost) -> None:
    assert cost("small") == Decimal("0.0000004")


def test_langwatch_6977_anthropic_amounts_are_cents(marts: duckdb.DuckDBPyConnection) -> None:
    query = "select sum(amount_usd) from fct_charges where usage_date = date '2026-08-17'"
    assert marts.execute(query).fetchall() == [(Decimal("412.80") + Decimal("1.2378912"),)]


def test_otel_rollup_spans_of_agents_repeat_their_calls(cost: Cost, marts: duckdb.DuckDBPyConnection) -> None:
    """185 x 2.50, 75 read at 1.25, 40 written at the plain rate, 150 out at 10."""
    assert cost("child") == Decimal("0.00215625")
    query = "select count(*), sum(total_input_tokens) from fct_usage where gateway = 'otel'"
    assert marts.execute(query).fetchall() == [(2, 309)]


@pytest.mark.parametrize(
    ("thread", "reported", "token_class_difference"),
    [
        # Cache writes and reads at no price: 0.01109 of 0.02677 USD.
        ("29145", "0.0110913", "0"),
        # 31,490 of 184,457 cache writes counted: half of what was billed.
        ("42663", "1.026142", "0"),
        # 1,113 cached tokens of an image counted twice: 72 % above the bill.
        ("37407", "0.005318", "0"),
        # 448 thoughts of 482 tokens of output priced, the 34 of the answer not.
        ("18599", "0.00018005", "0"),
        # 8,000 tokens that the provider read from its cache logged as plain input.
        ("16341", "0.00325", "0.00216"),
    ],
)
def test_gateways_that_missed_the_bill_end_at_it_with_nothing_unexplained(
    marts: duckdb.DuckDBPyConnection, thread: str, reported: str, token_class_difference: str
) -> None:
    """What calls cost is the bill to the last digit, whatever the gateway said, and the difference has its name."""
    provider, account, _, day, meters = BILLED[thread]
    billed = sum(tokens * Decimal(price) / 1_000_000 for tokens, price in meters.values())
    where = "where service_provider = $provider and billing_account_id = $account and usage_date = cast($day as date)"
    values = {"provider": provider, "account": account, "day": day}
    reconciled = f"""
        select sum(billed_cost_usd), sum(variance_usd), sum(token_class_difference_usd), sum(unexplained_usd),
            bool_and(is_final)
        from reconciliation_daily {where}
    """
    difference = Decimal(token_class_difference)
    assert marts.execute(reconciled, values).fetchall() == [(billed, difference, difference, 0, True)]
    call = "select effective_cost_usd, reported_cost_usd, cost_status from fct_usage where call_id = $id"
    [(cost, said, status)] = marts.execute(call, {"id": f"litellm-{thread}"}).fetchall()
    assert (said, status) == (Decimal(reported), "anchored")
    placed = (
        f"select sum(amount_usd), sum(amount_usd) filter (where charge_category = 'usage') from fct_charges {where}"
    )
    [(charged, by_calls)] = marts.execute(placed, values).fetchall()
    assert charged == billed
    # Cached tokens that no log has are nobody's, not the caller's.
    assert cost == by_calls == (billed if not difference else billed - 8_000 * Decimal("0.03") / 1_000_000)
