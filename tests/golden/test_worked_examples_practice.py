"""Worked examples of part `practice`: out of `inferledger estimate` and `prices show`, to the last digit."""

import csv
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from pipelines.cache_break_even import cache_break_evens
from pipelines.estimate import Estimate, PriceBook, Product, cost_usd, estimate, pays_from_messages, sensitivity
from sources.pricing import snapshot
from sources.pricing.entries import PriceEntry
from sources.pricing.rates import rates_by_meter

ROWS = {
    row["id"]: Decimal(row["expected"])
    for row in csv.DictReader((Path(__file__).parent / "worked_examples.csv").read_text(encoding="utf-8").splitlines())
    if row["part"] == "practice"
}
PROVIDER, DAY = "worked-examples", date(2026, 8, 10)
# USD per million tokens of input and output, by the examples' texts; `query-*` makes a query of 1,000 tokens cost that.
RATES = {
    "sonnet": {"input": "3", "output": "15", "cache_read": "0.30"},
    "haiku": {"input": "0.80", "output": "4"},
    "opus": {"input": "15", "output": "75"},
    "o3": {"input": "15", "output": "60"},
    "tuned": {"input": "0.10"},
    "long-prompt": {"input": "1"},
    "free": {"input": "0"},
    "gemini-pro": {"input": "1.25", "cache_read": "0.31"},
    "claude": {"input": "1", "cache_read": "0.10", "cache_write": "1.25", "cache_write_1h": "2"},
    **{
        f"query-{usd}": {"input": str(Decimal(usd) * 1000)}
        for usd in ("0.007", "0.0005", "0.005", "0.03", "0.05", "0.50")
    },
}


def entry(name: str) -> PriceEntry:
    return PriceEntry.model_validate({
        "entry_id": name, "provider": PROVIDER, "models": [name], "service_tier": "standard", "checked": DAY,
        "source": "https://example.invalid/worked_examples.csv", "valid_from": DAY,
        "valid_to": DAY + timedelta(days=1), "prices_per_mtok_usd": RATES[name],
    })  # fmt: skip


PRICES = PriceBook(DAY, snapshot.installed(), entries=[entry(name) for name in RATES])


def product(model: str, tokens: tuple[int, int, int], messages: int = 1) -> Product:
    """A user's month of messages of (input, output, reasoning) tokens."""
    return Product({(PROVIDER, model): Decimal(1)}, *tokens, messages_per_user=messages)


def routed(**shares: str) -> Product:
    models = {(PROVIDER, f"query-{usd}"): Decimal(share) for usd, share in shares.items()}
    return Product(models, 1_000, 0)


SAAS = product("sonnet", (800, 300, 0), 50)
RESEARCH = replace(product("o3", (1_000, 0, 5_000), 100), revenue_per_user_usd=Decimal(99))
B2B = product("sonnet", (500, 200, 0))
FREE = replace(product("query-0.007", (1_000, 0, 0), 50), free_users_per_paid=Decimal(19))
RETRIED = replace(SAAS, retry_factor=1 + Decimal("0.01") * 3)
MARKED_UP = replace(SAAS, revenue_per_user_usd=3 * ROWS["saas_user_month"])


@pytest.mark.parametrize(
    ("name", "made", "measure"),
    [
        ("saas_message", SAAS, "message_usd"),
        ("saas_user_month", SAAS, "user_usd"),
        ("saas_user_haiku", product("haiku", (800, 300, 0), 50), "user_usd"),
        ("saas_user_opus", product("opus", (800, 300, 0), 50), "user_usd"),
        ("saas_user_cache70", replace(SAAS, cached_share=Decimal("0.7")), "user_usd"),
        ("support_ticket", product("sonnet", (2_000, 500, 0), 5), "user_usd"),
        ("research_user_month", RESEARCH, "gross_margin"),
        ("b2b_action", B2B, "message_usd"),
        ("b2b_month", replace(B2B, messages_per_user=20_000_000, revenue_per_user_usd=Decimal(5_000_000)),
         "cost_per_revenue_dollar"),
        ("free_tier", FREE, "free_users_per_paid_usd"),
        ("routing_blend", routed(**{"0.005": "0.70", "0.03": "0.25", "0.50": "0.05"}), "message_usd"),
        ("routing_day", replace(routed(**{"0.0005": "0.70", "0.005": "0.25", "0.05": "0.05"}),
                                messages_per_user=100_000_000), "month_usd"),
        ("markup_3x", MARKED_UP, "gross_margin"),
    ],
)  # fmt: skip
def test_an_example_comes_out(name: str, made: Product, measure: str) -> None:
    found: Estimate = estimate(made, PRICES)
    assert round(getattr(found, measure), 12) == ROWS[name]


def test_a_failure_retried_three_times_costs_three_percent_more() -> None:
    assert estimate(RETRIED, PRICES).user_usd / estimate(SAAS, PRICES).user_usd == ROWS["retry_3x"]


def test_the_sensitivity_table_has_the_examples_with_the_slips_put_right() -> None:
    others = [(PROVIDER, "haiku"), (PROVIDER, "opus")]
    found = sensitivity(replace(SAAS, revenue_per_user_usd=Decimal("9.99")), PRICES, others)
    assert [(change.user_usd, change.verdict) for change in found] == [
        (ROWS["saas_user_haiku"], "sound"), (ROWS["saas_user_opus"], "shaky"), (ROWS["saas_user_cache70"], "sound"),
        (2 * ROWS["saas_user_month"], "sound"), (10 * ROWS["saas_user_month"], "shaky"),
    ]  # fmt: skip
    moved = (ROWS["saas_user_month"] - ROWS["saas_user_haiku"]) / Decimal("9.99")
    assert found[0].margin_change is not None
    assert round(found[0].margin_change, 12) == round(moved, 12)


def test_tracing_of_ten_million_calls_by_the_gigabyte() -> None:
    """The source's 50,000 takes a gigabyte for a megabyte."""
    traced = replace(
        product("free", (1_000, 0, 0), 10_000_000),
        traced_kilobytes=Decimal(50),
        tracing_usd_per_gigabyte=Decimal("0.10"),
    )
    assert estimate(traced, PRICES).tracing_usd == ROWS["tracing_ingest"]
    assert estimate(traced, PRICES).month_usd == ROWS["tracing_ingest"]


TUNED = replace(product("tuned", (500, 0, 0)), setup_usd=Decimal(5_000))


def test_a_year_of_a_fine_tuned_model() -> None:
    assert cost_usd(TUNED, 10_000_000, PRICES) == ROWS["fine_tune_year"]
    year = estimate(replace(TUNED, users=250_000, messages_per_user=10), PRICES)
    assert year.year_usd == 5_000 + 12 * 2_500_000 * Decimal("0.00005")


def test_a_fine_tuned_model_pays_from_as_many_messages_as_its_run_takes() -> None:
    """A prompt of 3,000 tokens at 1 USD a million is 0.003, one of 500 at 0.10 is 0.00005: 5,000 / 0.00295."""
    long_prompt = product("long-prompt", (3_000, 0, 0))
    found = pays_from_messages(TUNED, long_prompt, PRICES)
    assert found == 1_694_916
    assert cost_usd(TUNED, found, PRICES) <= cost_usd(long_prompt, found, PRICES)
    assert cost_usd(TUNED, found - 1, PRICES) > cost_usd(long_prompt, found - 1, PRICES)
    assert pays_from_messages(long_prompt, TUNED, PRICES) is None
    assert pays_from_messages(long_prompt, long_prompt, PRICES) == 0


@pytest.mark.parametrize(
    ("example", "model", "meter", "storage"),
    [
        ("cache_1h_breakeven", "claude", "cache_write_1h", None),
        ("gemini_pro_cache_breakeven", "gemini-pro", "cache_storage_mtok_hour", "4.50"),
    ],
)
def test_a_prompt_cache_pays_from_so_many_reads(example: str, model: str, meter: str, storage: str | None) -> None:
    card = {name: Decimal(usd) for name, usd in RATES[model].items()}
    rates = {**rates_by_meter(card), **({meter: Decimal(storage)} if storage else {})}
    found = {line.meter: line.reads for line in cache_break_evens(rates)}
    assert round(found[meter], 12) == ROWS[example]


def test_a_cache_without_a_price_of_its_own_has_no_break_even() -> None:
    assert list(cache_break_evens(rates_by_meter({"input": Decimal(1), "cache_read": Decimal("0.5")}))) == []
    assert list(cache_break_evens(rates_by_meter({"input": Decimal(1), "cache_write_1h": Decimal(2)}))) == []


@pytest.mark.parametrize(
    ("revenue", "verdict"), [("2.07", "sound"), ("2.0699", "shaky"), (None, "no revenue to compare with")]
)
def test_below_three_to_one_of_the_doubled_cost_it_is_shaky(revenue: str | None, verdict: str) -> None:
    """0.345 twice is 0.69, and three times that 2.07."""
    given = None if revenue is None else Decimal(revenue)
    assert estimate(replace(SAAS, revenue_per_user_usd=given), PRICES).verdict == verdict
