"""A model without a price is named with the file and row of its first call."""

from datetime import date
from typing import Any

import pytest

from sources.home import Home, init_home
from sources.lake import ledger_path
from sources.ledger import FileLedger
from sources.pricing.build import build_prices
from sources.pricing.unpriced import unpriced_models
from sources.settings import load_settings
from tests.unit.sources.landed import LandedHome, log_lines, log_row

ACCOUNTS = """service_provider,billing_account_id,gateway,gateway_provider,valid_from,valid_to
openai,org-1,litellm,openai,2026-08-01,
northgpu,ng-01,litellm,hosted_vllm,2026-08-01,
"""
GPU_RATES = """
nodes: [{node_id: n1, service_provider: northgpu, billing_account_id: ng-01, gpus: 8, usd_per_gpu_hour: 2.49}]
deployments:
- {deployment_id: d, node_id: n1, model_id: llama, model: llama-3.3-70b, weights: {input: 1, cache_read: 0, output: 4}}
"""


@pytest.fixture
def home(home: LandedHome) -> LandedHome:
    init_home(home.root)
    (home.root / "config" / "billing_accounts.csv").write_text(ACCOUNTS)
    (home.root / "config" / "gpu_rates.yml").write_text(GPU_RATES)
    return home


def warnings(landed: LandedHome) -> list[str]:
    home = Home(landed.root)
    settings = load_settings(home)
    landed.ingest()
    build_prices(home, settings)
    return unpriced_models(home, settings)


def row(model: str, provider: str = "openai", **changes: Any) -> dict[str, Any]:
    return log_row(model=model, custom_llm_provider=provider, **changes)


def test_with_a_price_for_every_call_there_is_nothing_to_say(home: LandedHome) -> None:
    assert warnings(home) == []
    home.land("litellm/spend_logs/a.ndjson", log_lines(row("gpt-5.4-mini"), row("llama", "hosted_vllm")))
    assert warnings(home) == []


def test_each_model_is_named_with_its_first_row_and_its_calls(home: LandedHome) -> None:
    home.land("litellm/spend_logs/b.ndjson", log_lines(row("gpt-9"), row("gpt-9"), row("gpt-9")))
    home.land("litellm/spend_logs/a.ndjson", log_lines(row("gpt-5.4-mini"), row("gpt-9"), row("m-1", "mystery")))
    home.ingest()
    # Rows lie in the lake once, in however many files they came.
    assert home.merge()
    where = "landing/litellm/spend_logs/a.ndjson, row"
    assert [text.partition("; nearest")[0] for text in warnings(home)] == [
        f"{where} 2: model 'gpt-9', standard tier, 4 of its calls: no price for model 'gpt-9' of openai",
        f"{where} 3: model 'm-1', standard tier, 1 of its calls: no provider 'mystery'",
    ]


def test_a_name_that_two_providers_use_counts_where_it_has_no_price(home: LandedHome) -> None:
    rows = [row("gpt-5.4-mini"), row("gpt-5.4-mini", "mystery"), row("gpt-5.4-mini")]
    home.land("litellm/spend_logs/a.ndjson", log_lines(*rows))
    [text] = warnings(home)
    where = "landing/litellm/spend_logs/a.ndjson, row 2"
    assert text.startswith(f"{where}: model 'gpt-5.4-mini', standard tier, 1 of its calls: no provider 'mystery'")


def test_calls_that_have_gone_are_not_looked_for(home: LandedHome) -> None:
    for name in ("gone", "stays"):
        home.land(f"litellm/spend_logs/{name}.ndjson", log_lines(row("gpt-9", request_id=name)))
    home.ingest()
    with FileLedger(ledger_path(home.root)) as ledger:
        [gone] = ledger.rows("path like '%gone%'")
        ledger.keep_calls(date(2026, 8, 31), date(2026, 9, 1), {}, [(10, [gone])])
    [text] = warnings(home)
    assert text.startswith(
        "landing/litellm/spend_logs/stays.ndjson, row 1: model 'gpt-9', standard tier, 1 of its calls"
    )
