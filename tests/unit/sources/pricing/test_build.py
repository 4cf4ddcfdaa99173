"""The keys in use come from the lake, and the pricing tables are written for exactly those."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from sources.gateway import is_gateway
from sources.home import Home, init_home
from sources.pricing import build
from sources.pricing.build import build_prices
from sources.registry import FEEDS
from sources.settings import SettingsError

ACCOUNTS = """service_provider,billing_account_id,gateway,gateway_provider,valid_from,valid_to
openai,org-1,litellm,openai,2026-08-01,
azure,sub-1,litellm,azure,2026-08-01,
northgpu,ng-01,litellm,hosted_vllm,2026-08-01,
"""
GPU_RATES = """
nodes: [{node_id: n1, service_provider: northgpu, billing_account_id: ng-01, gpus: 8, usd_per_gpu_hour: 2.49}]
deployments:
- {deployment_id: d, node_id: n1, model_id: llama, model: llama-3.3-70b, weights: {input: 1, cache_read: 0, output: 4}}
"""
CALL_SCHEMA = {
    "gateway_provider": pl.String(),
    "model_id": pl.String(),
    "service_tier": pl.String(),
    "region": pl.String(),
    "is_batch": pl.Boolean(),
    "started_at": pl.Datetime("us"),
}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = init_home(tmp_path / "home")
    (home.config / "billing_accounts.csv").write_text(ACCOUNTS)
    (home.config / "gpu_rates.yml").write_text(GPU_RATES)
    return home


def land(home: Home, feed: str, table: str, rows: list[dict[str, Any]], schema: dict[str, Any] | None = None) -> None:
    folder = home.lake / feed / table
    folder.mkdir(parents=True, exist_ok=True)
    pl.DataFrame(rows, schema=schema).write_parquet(folder / f"{len(list(folder.iterdir()))}-v1.parquet")


def call(
    provider: str | None, model_id: str, at: str, tier: str | None = None, is_batch: bool = False, region: str = ""
) -> dict[str, Any]:
    started_at = datetime.fromisoformat(at)
    return dict(zip(CALL_SCHEMA, (provider, model_id, tier, region, is_batch, started_at), strict=True))


def keys(home: Home) -> list[tuple[Any, ...]]:
    """Key, first and last day, and whether there is a price."""
    return (
        build_prices(home)
        .price_keys.group_by("service_provider", "host", "model_id", "service_tier")
        .agg(
            pl.col("usage_date").min().cast(pl.String).alias("first"),
            pl.col("usage_date").max().cast(pl.String).alias("last"),
            pl.col("price_set_id").is_not_null().all().alias("is_priced"),
        )
        .sort(pl.all())
        .rows()
    )


def test_an_empty_lake_gives_empty_tables(home: Home) -> None:
    prices = build_prices(home)
    assert prices.price_keys.height == 0
    for table in ("price_keys", "price_sets", "model_aliases", "price_book"):
        assert pl.read_parquet(home.lake / "pricing" / table / "current.parquet").equals(getattr(prices, table))


def test_keys_in_use_come_from_the_log(home: Home) -> None:
    """And what calls of the standard tier would cost in a batch, and bought elsewhere, where the book knows."""
    rows = [
        call("openai", "gpt-5-nano", "2026-08-10 23:59:59"),
        call("openai", "gpt-5-nano", "2026-08-12 00:00:00", "default"),
        call("openai", "gpt-5-nano", "2026-08-11 08:00:00", is_batch=True),
        call("hosted_vllm", "hosted_vllm/llama", "2026-08-11 08:00:00"),
        call("azure", "gpt-4.1", "2026-08-11 08:00:00"),
        call("mystery", "m-1", "2026-08-11 08:00:00", "priority"),
        call(None, "m-2", "2026-08-11 08:00:00"),
        call("openai", "", "2026-08-11 08:00:00"),
    ]
    land(home, "litellm", "spend_logs", rows[:2], CALL_SCHEMA)
    land(home, "litellm", "spend_logs", rows[2:], CALL_SCHEMA)
    assert keys(home) == [
        ("", "direct", "m-2", "standard", "2026-08-11", "2026-08-11", False),
        ("azure", "azure", "gpt-4.1", "standard", "2026-08-11", "2026-08-11", True),
        ("azure", "azure", "gpt-5-nano", "standard", "2026-08-10", "2026-08-12", True),
        ("mystery", "direct", "m-1", "priority", "2026-08-11", "2026-08-11", False),
        ("northgpu", "self_hosted", "hosted_vllm/llama", "standard", "2026-08-11", "2026-08-11", False),
        ("openai", "direct", "gpt-4.1", "standard", "2026-08-11", "2026-08-11", True),
        ("openai", "direct", "gpt-5-nano", "batch", "2026-08-10", "2026-08-12", True),
        ("openai", "direct", "gpt-5-nano", "standard", "2026-08-10", "2026-08-12", True),
        ("openrouter", "direct", "openai/gpt-4.1", "standard", "2026-08-11", "2026-08-11", True),
        ("openrouter", "direct", "openai/gpt-5-nano", "standard", "2026-08-10", "2026-08-12", True),
    ]


def test_a_file_is_asked_for_its_keys_once(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """And again when its bytes are others; what is gone brings none."""
    asked = list[str]()
    read = build._read_logs

    def noting(files: build.GatewayFiles, *rest: Any) -> Any:
        asked.extend(name for names in files.values() for name in names)
        return read(files, *rest)

    monkeypatch.setattr(build, "_read_logs", noting)
    land(home, "litellm", "spend_logs", [call("openai", "gpt-5-nano", "2026-08-10 12:00:00")], CALL_SCHEMA)
    first = keys(home)
    land(home, "litellm", "spend_logs", [call("openai", "gpt-4.1", "2026-08-10 12:00:00")], CALL_SCHEMA)
    both = keys(home)
    one, other = (Path(name) for name in asked)
    assert keys(home) == both != first
    assert len(asked) == 2
    other.unlink()
    assert keys(home) == first
    assert len(asked) == 2
    one.write_bytes(b"")
    pl.DataFrame([call("openai", "gpt-4.1", "2026-08-10 12:00:00")], schema=CALL_SCHEMA).write_parquet(one)
    changed = keys(home)
    assert len(asked) == 3
    assert "gpt-4.1" in {key[2] for key in changed}
    (home.warehouse / "logged_keys.1234.tmp").write_bytes(b"what a kill left")
    for lost in (b"", None):
        kept = home.warehouse / "logged_keys.parquet"
        kept.unlink() if lost is None else kept.write_bytes(lost)
        assert keys(home) == changed
    assert len(asked) == 5
    assert [path.name for path in home.warehouse.glob("logged_keys*")] == ["logged_keys.parquet"]


def test_every_gateway_brings_its_keys(home: Home) -> None:
    """Each under the account of its own name for the provider."""
    (home.config / "billing_accounts.csv").write_text(ACCOUNTS + "reseller,r-1,helicone,openai,2026-08-01,\n")
    schema = {name: dtype for name, dtype in CALL_SCHEMA.items() if name != "is_batch"}
    rows = [{**call("openai", "gpt-4.1", "2026-08-11 08:00:00", tier)} for tier in ("standard", "batch")]
    gateways = [feed for feed in FEEDS if is_gateway(feed)]
    for feed in gateways:
        land(home, feed.feed, feed.table, [{k: row[k] for k in schema} for row in rows], schema)
    land(home, "litellm", "spend_logs", [call("openai", "gpt-5-nano", "2026-08-11 08:00:00")], CALL_SCHEMA)
    assert len(gateways) > 3
    assert [key[:4] for key in keys(home) if key[0] not in ("azure", "openrouter")] == [
        ("openai", "direct", "gpt-4.1", "batch"),
        ("openai", "direct", "gpt-4.1", "standard"),
        ("openai", "direct", "gpt-5-nano", "batch"),
        ("openai", "direct", "gpt-5-nano", "standard"),
        ("reseller", "direct", "gpt-4.1", "batch"),
        ("reseller", "direct", "gpt-4.1", "standard"),
    ]


@pytest.mark.parametrize("configured", ["llama", "hosted_vllm/llama"])
@pytest.mark.parametrize("logged", ["llama", "hosted_vllm/llama"])
def test_a_gateway_name_in_front_of_an_own_model_does_not_matter(home: Home, configured: str, logged: str) -> None:
    (home.config / "gpu_rates.yml").write_text(GPU_RATES.replace("model_id: llama", f"model_id: {configured}"))
    land(home, "litellm", "spend_logs", [call("hosted_vllm", logged, "2026-08-11 08:00:00")], CALL_SCHEMA)
    assert build_prices(home).model_aliases.rows() == [("northgpu", logged, "llama-3.3-70b", "configured")]


def test_a_provider_name_follows_its_account_through_time(home: Home) -> None:
    moved = ACCOUNTS.replace("2026-08-01,\nazure", "2026-08-01,2026-09-01\nazure", 1)
    (home.config / "billing_accounts.csv").write_text(moved + "azure,sub-1,litellm,openai,2026-09-01,\n")
    land(
        home,
        "litellm",
        "spend_logs",
        [call("openai", "gpt-4.1", "2026-08-31 12:00:00"), call("openai", "gpt-4.1", "2026-09-01 12:00:00")],
        CALL_SCHEMA,
    )
    standard = build_prices(home).price_keys.filter(service_tier="standard")
    found = standard.select("service_provider", pl.col("usage_date").cast(pl.String)).rows()
    # On the other's day it is what the same call would cost there.
    assert set(found) == {
        (name, day) for name in ("azure", "openai", "openrouter") for day in ("2026-08-31", "2026-09-01")
    }


def test_a_deployment_is_provisioned_while_its_term_holds(home: Home) -> None:
    (home.config / "contracts.yml").write_text(
        "terms:\n- {term_id: ptu, kind: provisioned, service_provider: azure, units: 50, usd_per_unit_hour: 2,"
        " deployments: [chat-ptu], valid_from: 2026-08-11, source: order form}\n"
    )
    rows = [
        call("azure", "chat-ptu", "2026-08-10 23:59:59"),
        call("azure", "chat-ptu", "2026-08-11 00:00:00"),
        call("azure", "chat-ptu", "2026-08-11 08:00:00", "priority"),
        call("openai", "chat-ptu", "2026-08-11 08:00:00"),
    ]
    land(home, "litellm", "spend_logs", rows, CALL_SCHEMA)
    assert keys(home) == [
        ("azure", "azure", "chat-ptu", "provisioned", "2026-08-11", "2026-08-11", True),
        ("azure", "azure", "chat-ptu", "standard", "2026-08-10", "2026-08-10", False),
        ("openai", "direct", "chat-ptu", "standard", "2026-08-11", "2026-08-11", False),
    ]


def test_bills_name_models_too(home: Home) -> None:
    land(home, "openai", "usage_completions", [{"model_id": "gpt-5-nano-2025-08-07"}, {"model_id": None}])
    land(home, "anthropic", "usage_messages", [{"model_id": "claude-opus-5"}])
    land(home, "anthropic", "cost_report", [{"model_id": "claude-opus-5-latest"}, {"model_id": None}])
    lines = [
        "gpt-5.6-sol, cache write input",
        "gpt-4.1-2025-04-14, batch cached input",
        "gpt-4.1, output",
        "evals | gpt-5-mini, input_tokens",
        "gpt-audio, Audio Input",
        "web search tool calls",
        None,
    ]
    units = [("whisper-1", "duration_seconds"), ("tts-1, speech", "characters"), ("api | code interpreter", "sessions")]
    costs = [*((line, "tokens") for line in lines), *units]
    land(home, "openai", "costs", [{"line_item": line, "quantity_unit": unit} for line, unit in costs])
    land(home, "openai", "usage_meters", [{"model_id": "text-embedding-3-small"}, {"model_id": None}])
    aliases = build_prices(home).model_aliases.select("service_provider", "model_id", "model").rows()
    assert aliases == [
        ("anthropic", "claude-opus-5", "claude-opus-5"),
        ("anthropic", "claude-opus-5-latest", "claude-opus-5"),
        ("openai", "gpt-4.1", "gpt-4.1"),
        ("openai", "gpt-4.1-2025-04-14", "gpt-4.1"),
        ("openai", "gpt-5-mini", "gpt-5-mini"),
        ("openai", "gpt-5-nano-2025-08-07", "gpt-5-nano"),
        ("openai", "gpt-5.6-sol", "gpt-5.6-sol"),
        ("openai", "gpt-audio", "gpt-audio"),
        ("openai", "text-embedding-3-small", "text-embedding-3-small"),
        ("openai", "tts-1", "tts-1"),
        ("openai", "whisper-1", "whisper-1"),
    ]


def test_building_twice_writes_the_same_bytes(home: Home) -> None:
    start = datetime(2026, 8, 10)
    rows = [
        call("openai", model_id, str(start + timedelta(days=day)))
        for day in range(30)
        for model_id in ("gpt-5.6-sol", "gpt-5.4-mini", "gpt-9")
    ]
    land(home, "litellm", "spend_logs", rows, CALL_SCHEMA)

    def written() -> dict[str, bytes]:
        build_prices(home)
        folder = home.lake / "pricing"
        return {path.parent.name: path.read_bytes() for path in folder.glob("*/current.parquet")}

    first = written()
    assert written() == first
    assert first.keys() == {"price_keys", "price_sets", "model_aliases", "price_book"}


def test_settings_that_are_wrong_stop_it(home: Home) -> None:
    (home.config / "contracts.yml").write_text("contracts: [{contract_id: c}]\n")
    with pytest.raises(SettingsError, match=r"contracts\.yml, line 1"):
        build_prices(home)


def test_what_self_hosting_compares_with_is_priced_on_the_days_in_use(home: Home) -> None:
    (home.config / "self_hosting.yml").write_text(
        """
workloads:
- workload_id: chat
  match: {model: llama-3.3-70b}
  shape: batch
  replica: {gpus: 1, usd_per_gpu_hour: 1, input_tokens_per_second: 1, output_tokens_per_second: 1, bench_to_real: 1}
  migration_usd: 0
  commitment_months: 1
  comparators:
  - {comparator_id: t, kind: same_model, service_provider: together, model: meta-llama/Llama-3.3-70B-Instruct-Turbo}
  - {comparator_id: own, kind: own_billed}
"""
    )
    assert keys(home) == []
    land(home, "litellm", "spend_logs", [call("openai", "gpt-5-nano", "2026-08-10 12:00:00")], CALL_SCHEMA)
    land(home, "litellm", "spend_logs", [call("hosted_vllm", "llama", "2026-08-12 12:00:00")], CALL_SCHEMA)
    turbo = "meta-llama/Llama-3.3-70B-Instruct-Turbo"
    assert ("together", "direct", turbo, "standard", "2026-08-10", "2026-08-12", True) in keys(home)
    standard = {key[0] for key in keys(home) if key[3] == "standard"}
    assert standard == {"azure", "northgpu", "openai", "openrouter", "together"}


def test_what_is_compared_widens_nothing_that_is_used(home: Home) -> None:
    """Azure's gpt-4.1 is called on one day; on OpenAI's days before and after it is there to compare with."""
    rows = [call("azure", "gpt-4.1", "2026-08-11 08:00:00")]
    rows += [call("openai", "gpt-4.1", f"2026-08-{day} 08:00:00") for day in (10, 13)]
    land(home, "litellm", "spend_logs", rows, CALL_SCHEMA)
    found = build_prices(home).price_keys.filter(service_provider="azure", service_tier="standard")
    days = found.select(pl.col("usage_date").cast(pl.String), "is_compared").rows()
    assert days == [("2026-08-10", True), ("2026-08-11", False), ("2026-08-12", True), ("2026-08-13", True)]
