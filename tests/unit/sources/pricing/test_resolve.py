"""Keys in use become day-dense price keys, price sets, aliases and a readable book."""

from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from sources.pricing.resolve import (
    MODEL_ALIASES_SCHEMA,
    PRICE_BOOK_SCHEMA,
    PRICE_KEYS_SCHEMA,
    PRICE_SETS_SCHEMA,
    Key,
    OwnModel,
    Prices,
    resolve_prices,
)
from sources.settings.models import Contract

FIRST, LAST = date(2026, 8, 10), date(2026, 11, 15)
DEMO_MODELS = [
    *(("openai", model) for model in ("gpt-5.6-sol", "gpt-5.4-mini", "gpt-5-nano", "gpt-4.1")),
    *(("anthropic", model) for model in ("claude-opus-5", "claude-sonnet-5", "claude-haiku-4-5")),
]
CONTRACT = Contract.model_validate(
    {
        "contract_id": "openai-2026",
        "service_provider": "openai",
        "models": ["gpt-5.4-mini*"],
        "percent_off": "10",
        "valid_from": "2026-09-01",
        "source": "order form",
    }
)


def key(provider: str, model_id: str, tier: str = "standard", host: str = "direct", last: date = LAST) -> Key:
    return Key(provider, host, model_id, tier, FIRST, last)


def spans(prices: Prices) -> list[tuple[str, str, str, int]]:
    """Each price set in use, with its first and last day and days."""
    return (
        prices.price_keys.group_by("price_set_id")
        .agg(
            pl.col("usage_date").min().cast(pl.String).alias("first"),
            pl.col("usage_date").max().cast(pl.String).alias("last"),
            pl.len().alias("days"),
        )
        .sort("first")
        .rows()
    )


def price_set(prices: Prices, price_set_id: str, tier: int = 0) -> dict[str, object]:
    rows = prices.price_sets.filter(price_set_id=price_set_id, context_tier=tier).to_dicts()
    assert len(rows) == 1
    return rows[0]


def test_tables_have_their_columns_and_types_even_when_empty() -> None:
    for prices in (resolve_prices([]), resolve_prices([key("openai", "gpt-5")])):
        assert prices.price_keys.schema == pl.Schema(PRICE_KEYS_SCHEMA)
        assert prices.price_sets.schema == pl.Schema(PRICE_SETS_SCHEMA)
        assert prices.model_aliases.schema == pl.Schema(MODEL_ALIASES_SCHEMA)
        assert prices.price_book.schema == pl.Schema(PRICE_BOOK_SCHEMA)


@pytest.mark.parametrize("tier", ["standard", "batch"])
def test_the_demo_models_are_priced_on_every_day(tier: str) -> None:
    prices = resolve_prices([key(provider, model, tier) for provider, model in DEMO_MODELS])
    assert prices.price_keys.height == len(DEMO_MODELS) * 98
    assert prices.price_keys["price_set_id"].null_count() == 0
    assert prices.price_keys["has_prompt_cache"].all()
    assert prices.price_keys.select("model_id", "service_tier", "usage_date").is_duplicated().sum() == 0


def test_a_price_change_makes_a_new_set_on_its_day() -> None:
    prices = resolve_prices([key("openai", "gpt-5.6-sol")])
    (before, *_), (after, *_) = spans(prices)
    assert spans(prices) == [(before, "2026-08-10", "2026-08-20", 11), (after, "2026-08-21", "2026-11-15", 87)]
    assert price_set(prices, before)["list_input_uncached_per_mtok_usd"] == 5
    assert price_set(prices, after)["list_output_per_mtok_usd"] == 20
    assert price_set(prices, after, 1)["list_cache_read_per_mtok_usd"] == Decimal("0.8")
    assert price_set(prices, after)["list_search_usd"] == Decimal("0.01")
    assert prices.price_keys["threshold_tokens"].unique().to_list() == [272_000]
    assert prices.price_keys["is_threshold_inclusive"].unique().to_list() == [False]


def test_meters_without_a_price_of_their_own_fall_back() -> None:
    prices = resolve_prices([key("openai", "gpt-5.4-mini"), key("anthropic", "claude-haiku-4-5")])
    rows = {row["source"].split("/")[-1]: row for row in prices.price_sets.to_dicts()}
    assert rows["gpt-5.4-mini"]["list_cache_write_1h_per_mtok_usd"] == Decimal("0.75")
    assert rows["gpt-5.4-mini"]["list_input_audio_per_mtok_usd"] == Decimal("0.75")
    assert rows["claude-haiku-4-5"]["list_cache_write_5m_per_mtok_usd"] == Decimal("1.25")
    assert rows["claude-haiku-4-5"]["list_cache_write_1h_per_mtok_usd"] == 2


def test_a_contract_makes_a_set_of_its_own_from_its_day() -> None:
    prices = resolve_prices([key("openai", "gpt-5.4-mini")], contracts=[CONTRACT])
    (before, *_), (after, first, *_) = spans(prices)
    assert first == "2026-09-01"
    assert price_set(prices, before)["contract_id"] is None
    paid = price_set(prices, after)
    assert (paid["contract_id"], paid["list_output_per_mtok_usd"], paid["contracted_output_per_mtok_usd"]) == (
        "openai-2026",
        Decimal("4.5"),
        Decimal("4.05"),
    )
    assert str(paid["source"]).endswith("/gpt-5.4-mini; order form")


def test_a_contract_prices_a_model_the_book_does_not_know() -> None:
    terms = {"percent_off": None, "prices_per_mtok_usd": {"input": "1", "output": "2"}, "models": ["acme-*"]}
    contract = Contract.model_validate(
        CONTRACT.model_dump() | terms | {"service_provider": "acme", "valid_from": FIRST}
    )
    prices = resolve_prices([key("acme", "acme-1")], contracts=[contract])
    row = price_set(prices, prices.price_keys["price_set_id"][0])
    assert row["list_output_per_mtok_usd"] is None
    assert row["contracted_output_per_mtok_usd"] == 2
    assert row["list_basis"] is None


def test_an_unknown_model_has_no_price_and_a_reason() -> None:
    prices = resolve_prices([key("openai", "gpt-9", last=FIRST)])
    row = prices.price_keys.to_dicts()[0]
    assert row["price_set_id"] is None
    assert row["price_reason"].startswith("no price for model 'gpt-9' of openai; nearest: gpt-")
    assert (row["model"], row["has_prompt_cache"]) == ("gpt-9", False)
    assert prices.price_sets.height == 0


def test_a_tier_without_a_price_has_none_until_it_is_known() -> None:
    prices = resolve_prices([key("openai", "gpt-5.4-mini", "flex")])
    unpriced = prices.price_keys.filter(pl.col("price_set_id").is_null())
    assert unpriced["usage_date"].max() == date(2026, 10, 11)
    assert unpriced["price_reason"].unique().to_list() == [
        "no flex price of 'gpt-5.4-mini' of openai is known before 2026-10-12"
    ]


def test_self_hosted_models_have_no_price_set_and_the_companys_name() -> None:
    own = {("northgpu", "llama-70b"): OwnModel("llama-3.3-70b", True)}
    prices = resolve_prices(
        [key("northgpu", "hosted_vllm/llama-70b", host="self_hosted")], own_models=own, prefixes=["hosted_vllm"]
    )
    rows = prices.price_keys.select("model", "price_set_id", "price_reason", "has_prompt_cache").unique().rows()
    assert rows == [("llama-3.3-70b", None, "self_hosted", True)]
    assert prices.model_aliases.rows() == [("northgpu", "hosted_vllm/llama-70b", "llama-3.3-70b", "configured")]


def test_ids_of_logs_and_bills_lead_to_one_model() -> None:
    billed = [("openai", "gpt-4.1-2025-04-14"), ("anthropic", "claude-haiku-4-5-20251001")]
    prices = resolve_prices([key("openai", "openai/gpt-4.1")], billed_models=billed)
    assert prices.model_aliases.rows() == [
        ("anthropic", "claude-haiku-4-5-20251001", "claude-haiku-4-5", "pattern"),
        ("openai", "gpt-4.1-2025-04-14", "gpt-4.1", "pattern"),
        ("openai", "openai/gpt-4.1", "gpt-4.1", "pattern"),
    ]
    assert prices.price_keys["model_id"].unique().to_list() == ["openai/gpt-4.1"]


def test_ids_of_one_model_share_a_price_set() -> None:
    prices = resolve_prices([key("openai", "gpt-4.1"), key("openai", "gpt-4.1-2025-04-14")])
    assert prices.price_keys["price_set_id"].n_unique() == 1


def test_the_book_joins_spans_and_shows_what_the_company_pays() -> None:
    prices = resolve_prices([key("openai", "gpt-5.4-mini")], contracts=[CONTRACT])
    output = prices.price_book.filter(meter="output").with_columns(pl.col("valid_from", "valid_to").cast(pl.String))
    assert output.select("contract_id", "amount", "valid_from", "valid_to").rows() == [
        (None, Decimal("4.50000000"), "1970-01-01", "9999-12-31"),
        ("openai-2026", Decimal("4.05000000"), "2026-09-01", "9999-12-31"),
    ]
    search = prices.price_book.filter(pl.col("meter") == "search", pl.col("contract_id").is_null())
    assert search.select("unit", "amount", "currency").row(0) == ("search", Decimal("0.01000000"), "USD")


def test_the_order_of_keys_does_not_matter() -> None:
    keys = [key(provider, model, tier) for provider, model in DEMO_MODELS for tier in ("standard", "batch")]
    one, two = resolve_prices(keys, contracts=[CONTRACT]), resolve_prices(keys[::-1], contracts=[CONTRACT])
    for name in ("price_keys", "price_sets", "model_aliases", "price_book"):
        assert getattr(one, name).equals(getattr(two, name))


def test_every_price_key_leads_to_its_sets() -> None:
    prices = resolve_prices([key(provider, model) for provider, model in DEMO_MODELS])
    tiers = prices.price_sets.group_by("price_set_id").agg(pl.col("context_tier").sort())
    joined = prices.price_keys.join(tiers, on="price_set_id", how="left")
    expected = (
        pl.when(pl.col("threshold_tokens").is_null())
        .then(1)
        .when(pl.col("second_threshold_tokens").is_null())
        .then(2)
        .otherwise(3)
    )
    assert joined.filter(pl.col("context_tier").list.len() != expected).height == 0
