"""A company that calls models on clouds and lands the clouds' bills: every cent of the bills is somewhere."""

import json
import shutil
from decimal import Decimal

import duckdb
import pytest

from sources.home import Home, init_home
from tests.built import built_marts
from tests.faults.conftest import ROOT
from tests.unit.sources.landed import MAPPING

MODEL = "us.anthropic.claude-sonnet-4-6-v1:0"
ACCOUNTS = """\
service_provider,billing_account_id,gateway,gateway_provider,settlement_lag_days,currency,valid_from,valid_to
aws,100000000001,litellm,bedrock,1,USD,2026-01-01,
"""


def call(
    number: int,
    tenant: str,
    prompt: int,
    completion: int,
    cached: int = 0,
    provider: str = "bedrock",
    model: str = MODEL,
) -> str:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    details = {"prompt_tokens_details": {"cached_tokens": cached}}
    metadata = {"usage_object": usage | details, "spend_logs_metadata": {"tenant": tenant, "feature": "chat"}}
    return json.dumps({
        "request_id": f"resp-{number}",
        "call_type": "acompletion",
        "api_key": "0" * 64,
        "model": model,
        "custom_llm_provider": provider,
        "startTime": "2026-08-10 09:00:00.000000",
        "endTime": "2026-08-10 09:00:02.000000",
        **usage,
        "spend": 0.0,
        "status": "success",
        "cache_hit": "False",
        "session_id": f"trace-{number}",
        "request_tags": "[]",
        "metadata": json.dumps(metadata),
    })  # fmt: skip


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    home: Home = init_home(tmp_path_factory.mktemp("aws") / "home")
    (home.config / "billing_accounts.csv").write_text(ACCOUNTS)
    payloads = ROOT / "examples" / "payloads" / "aws_cur" / "line_items"
    shutil.copytree(payloads, home.landing / "aws_cur" / "line_items", dirs_exist_ok=True)
    # Where the lines say which product they are for, so do the tokens that no log has.
    (home.config / "allocation.yml").write_text(
        "rules:\n- {rule_id: by-tag, method: direct, by_tag: iamPrincipal/project, to: {product: '*'}}\n"
    )
    (home.config / "features.csv").write_text(
        "feature_id,feature_name,product_id,product_name\nchat,Chat,assistant,Assistant\n"
    )
    (home.config / "tenants.csv").write_text(
        "tenant_id,tenant_name,plan,cost_center\nacme,Acme,pro,\nglobex,Globex,pro,\n"
    )
    lines = [call(1, "acme", 1000, 300), call(2, "globex", 500, 700)]
    (home.landing / "litellm" / "spend_logs" / "spend_logs_2026-08-10.ndjson").write_text("\n".join(lines) + "\n")
    return built_marts(home, "fct_usage", "fct_charges", "fct_allocations")


def rows(marts: duckdb.DuckDBPyConnection, query: str) -> list[tuple[object, ...]]:
    return marts.execute(query).fetchall()


def test_calls_on_bedrock_carry_the_money_of_the_cur(marts: duckdb.DuckDBPyConnection) -> None:
    calls = rows(marts, "select call_id, billed_cost_usd, cost_status from fct_usage order by call_id")
    # 1,000 and 500 of 2,500 billed input tokens; 300 and 700 of 1,000 output tokens, net of their discount.
    assert [(cost, status) for _, cost, status in calls] == [
        (Decimal("0.0033") + Decimal("0.0045"), "anchored"),
        (Decimal("0.00165") + Decimal("0.0105"), "anchored"),
    ]


def test_the_rest_is_unattributed_and_the_sum_is_the_bill_without_tax(marts: duckdb.DuckDBPyConnection) -> None:
    [(total,)] = rows(marts, "select sum(amount_usd) from fct_allocations")
    assert total == Decimal("2.49629")
    categories = rows(marts, "select charge_category, sum(amount_usd) from fct_charges group by 1 order by 1")
    assert categories == [
        ("non_token", Decimal("2.429")),
        ("unlogged_traffic", Decimal("0.04734")),
        ("usage", Decimal("0.01995")),
    ]
    kept = rows(marts, "select meter from fct_charges where charge_category = 'non_token' order by meter")
    assert kept == [
        ("USE1-BoxUsage:m6i.large",),
        ("USE1-NovaCanvas-T2I-1024-Premium",),
        ("USE1-NovaPro-input-tokens-latency-optimized",),
    ]


def test_what_no_log_has_goes_where_the_tags_of_its_lines_say(marts: duckdb.DuckDBPyConnection) -> None:
    query = """
        select rule_id, target_type, target_id, sum(amount_usd) from fct_allocations
        group by all order by all
    """
    assert rows(marts, query) == [
        ("by-tag", "product", "assistant", Decimal("2.429") + Decimal("0.04734")),
        ("direct", "tenant", "acme", Decimal("0.0078")),
        ("direct", "tenant", "globex", Decimal("0.01215")),
    ]


@pytest.fixture(scope="module")
def clouds(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    home: Home = init_home(tmp_path_factory.mktemp("clouds") / "home")
    (home.config / "billing_accounts.csv").write_text(
        "service_provider,billing_account_id,gateway,gateway_provider,settlement_lag_days,currency,valid_from,valid_to\n"
        "azure,ba-100:profile,litellm,azure,3,EUR,2026-01-01,\n"
        "azure,ba-100:profile,litellm,azure_ai,3,EUR,2026-01-01,\n"
        "google,0123AB-CDEF45-6789GH,litellm,vertex_ai,3,EUR,2026-01-01,\n"
        "brook,br-100,declared:brook,openai,3,EUR,2026-01-01,\n"
        "brook,br-100,declared:brook,anthropic,3,EUR,2026-01-01,\n"
    )
    (home.config / "fx_rates.csv").write_text("currency,rate_date,usd_per_unit\nEUR,2026-08-10,1.1\n")
    (home.config / "feeds.yml").write_text(MAPPING)
    (home.config / "allocation.yml").write_text(
        "rules:\n- {rule_id: search, match: {tag: {team: search}}, method: direct, to: {pool: search}}\n"
        "- {rule_id: teams, from: {pool: search}, method: fixed, shares: [{product: find, share: 1}]}\n"
    )
    (home.config / "features.csv").write_text("feature_id,feature_name,product_id,product_name\nfind,Find,find,Find\n")
    for feed in ("azure", "gcp", "declared"):
        shutil.copytree(ROOT / "examples" / "payloads" / feed, home.landing / feed, dirs_exist_ok=True)
    lines = [
        call(1, "acme", 1_000_000, 300_000, 400_000, "azure", "gpt-5.4-mini"),
        call(2, "acme", 1_000_000, 300_000, 400_000, "vertex_ai", "gemini-2.5-flash"),
        # 1.80 and 0.30 USD of Claude: 210 of 300 Consumption Units.
        call(3, "acme", 100_000, 100_000, 0, "azure_ai", "claude-sonnet-4-6"),
        call(4, "acme", 50_000, 50_000, 0, "azure_ai", "claude-haiku-4-5"),
    ]
    (home.landing / "litellm" / "spend_logs" / "spend_logs_2026-08-10.ndjson").write_text("\n".join(lines) + "\n")
    return built_marts(home, "fct_usage", "fct_charges", "fct_allocations")


def test_calls_carry_the_money_of_the_bills_in_the_bills_currency(clouds: duckdb.DuckDBPyConnection) -> None:
    calls = rows(
        clouds,
        "select call_id, service_provider, billed_cost_usd, cost_status from fct_usage where billed_cost_usd > 0 "
        "order by call_id",
    )
    assert calls == [
        ("b-1", "brook", Decimal("0.00183") * Decimal("1.1"), "anchored"),
        # Plain input, cache and output of 600,000, 400,000 and 300,000 tokens, all of the bill's.
        ("resp-1", "azure", (Decimal("0.405") + Decimal("0.027") + Decimal("1.215")) * Decimal("1.1"), "anchored"),
        ("resp-2", "google", (Decimal("0.1728") + Decimal("0.60749985")) * Decimal("1.1"), "anchored"),
        ("resp-3", "azure", Decimal("2.7") * Decimal("1.1") * Decimal("0.6"), "anchored"),
        ("resp-4", "azure", Decimal("2.7") * Decimal("1.1") * Decimal("0.1"), "anchored"),
    ]


def test_every_cent_of_the_bills_is_somewhere_and_no_tax(clouds: duckdb.DuckDBPyConnection) -> None:
    allocated = rows(
        clouds,
        "select service_provider, sum(amount_usd) from fct_charges group by 1 order by 1",
    )
    assert allocated == [
        ("azure", Decimal("113.823594") * Decimal("1.1")),
        ("brook", Decimal("24.01683") * Decimal("1.1")),
        ("google", Decimal("1.3922994500") * Decimal("1.1")),
    ]
    [(total,)] = rows(clouds, "select sum(amount_usd) from fct_allocations")
    assert total == sum(Decimal(str(amount)) for _, amount in allocated)


def test_azures_tags_and_googles_labels_say_who_pays(clouds: duckdb.DuckDBPyConnection) -> None:
    query = """
        select service_provider, rule_id, target_id, sum(amount_usd) from fct_allocations
        where target_type <> 'tenant' group by all order by all
    """
    assert rows(clouds, query) == [
        ("azure", "teams", "find", Decimal("113.823594") * Decimal("1.1")),
        ("brook", "direct", "unattributed", Decimal("24.01683") * Decimal("1.1")),
        ("google", "teams", "find", Decimal("1.3922994500") * Decimal("1.1")),
    ]
