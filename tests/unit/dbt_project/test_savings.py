"""The backlog of savings on literal calls: each lever alone, one a call, and savings that are the pricing SQL's own."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from sources.pricing.resolve import Key, resolve_prices
from tests.integration.priced import COUNTS, INPUTS, OUTPUTS, price_calls
from tests.unit.dbt_project.rendered import built

MONDAY = date(2026, 11, 2)
# gpt-4.1 costs 2 per million tokens of input, 0.50 read from the cache, 8 of output, and half of each in a batch.
TEXT = (
    "tenant_id", "product_id", "feature_id", "service_provider", "host", "region", "model_id", "model", "service_tier",
    "billing_status", "operation", "superseded_as", "pricing_status", "call_id",
)  # fmt: skip
DECIMALS = ("audio_seconds", "video_seconds", "cache_storage_token_hours")
USAGE: dict[str, Any] = {
    "week_start": pl.Date(), "usage_date": pl.Date(), "started_at": pl.Datetime(), **dict.fromkeys(TEXT, pl.String()),
    "latency_insensitive": pl.Boolean(), "has_prompt_cache": pl.Boolean(),
    **{name: pl.Decimal(18, 6) if name in DECIMALS else pl.Int64() for name in COUNTS},
    "total_input_tokens": pl.Int64(), "total_output_tokens": pl.Int64(),
    "reported_cost_usd": pl.Decimal(38, 12), "contracted_cost_usd": pl.Decimal(26, 12),
}  # fmt: skip
CALL: dict[str, Any] = {
    **dict.fromkeys(TEXT, "x"), "service_provider": "openai", "host": "direct", "region": "unknown",
    "model_id": "gpt-4.1", "model": "gpt-4.1", "service_tier": "standard", "billing_status": "billed",
    "operation": "chat", "superseded_as": None, "pricing_status": "priced", "week_start": MONDAY,
    "started_at": datetime(2026, 11, 3, 12), "latency_insensitive": False, "has_prompt_cache": True,
    "reported_cost_usd": None, **dict.fromkeys(COUNTS, 0),
}  # fmt: skip
GPU: dict[str, Any] = {
    "usage_date": pl.Date(), "service_provider": pl.String(), "gpu_id": pl.String(),
    "cost_usd": pl.Decimal(38, 12), "warm_idle_cost_usd": pl.Decimal(38, 12),
    "unallocated_cost_usd": pl.Decimal(38, 12), "reserved_unused_cost_usd": pl.Decimal(38, 12),
}  # fmt: skip


def call(**said: Any) -> dict[str, Any]:
    row = CALL | said
    row["usage_date"] = row["started_at"].date()
    row["total_input_tokens"] = sum(row[name] for name in INPUTS)
    row["total_output_tokens"] = sum(row[name] for name in OUTPUTS)
    return row


def cost(row: dict[str, Any], **changed: Any) -> Decimal:
    """What a call costs, changed so: priced by itself."""
    names = ("service_provider", "model_id", "service_tier", "started_at", *COUNTS)
    ((found, reason),) = price_calls([{name: row[name] for name in names} | changed])
    assert found is not None, reason
    return found


def backlog(calls: Sequence[dict[str, Any]], gpu_hours: Sequence[tuple[Any, ...]] = ()) -> list[dict[str, Any]]:
    usage = [row | {"call_id": f"{number}", "contracted_cost_usd": cost(row)} for number, row in enumerate(calls)]
    days = [row["usage_date"] for row in usage] or [MONDAY]
    keys = [Key("openai", "direct", "gpt-4.1", tier, min(days), max(days), "unknown") for tier in ("standard", "batch")]
    prices = resolve_prices(keys)
    tables = {
        "fct_usage": pl.DataFrame(usage, schema=USAGE),
        "stg_pricing__price_keys": prices.price_keys,
        "stg_pricing__price_sets": prices.price_sets,
        "gpu_cost_hourly": pl.DataFrame(list(gpu_hours), schema=GPU, orient="row"),
    }
    with built(tables, "int_savings_calls", "optimization_backlog_weekly") as connection:
        found = connection.sql("select * from optimization_backlog_weekly order by week_start, saving_rank").pl()
    return list(found.iter_rows(named=True))


def savings(calls: Sequence[dict[str, Any]]) -> dict[str, tuple[int, Decimal]]:
    return {row["lever"]: (row["calls"], row["saving_usd"]) for row in backlog(calls)}


PLAIN = call(input_uncached_tokens=1_000, output_text_tokens=200)
WAITS = call(input_uncached_tokens=50_000, output_text_tokens=900, latency_insensitive=True)
RETRIED = call(input_uncached_tokens=800, output_text_tokens=10, superseded_as="retry", latency_insensitive=True)
LONG = call(input_uncached_tokens=10_000, output_text_tokens=100)
THINKS = call(input_uncached_tokens=100, output_text_tokens=10, reasoning_tokens=2_001)


def test_a_call_without_a_lever_saves_nothing() -> None:
    assert savings([PLAIN]) == {}


def test_what_waits_saves_what_the_batch_price_is_lower() -> None:
    assert savings([WAITS]) == {"batch": (1, cost(WAITS) - cost(WAITS, service_tier="batch"))}
    assert savings([WAITS])["batch"][1] == Decimal("0.0536")  # half of 50,000 at 2 and 900 at 8 a million


def test_an_attempt_asked_again_counts_whole_and_for_nothing_else() -> None:
    assert savings([RETRIED, WAITS]) == {
        "avoid_retries": (1, cost(RETRIED)),
        "batch": (1, cost(WAITS) - cost(WAITS, service_tier="batch")),
    }


def test_four_fifths_of_a_long_prompt_are_read_and_a_tenth_of_them_is_written_first() -> None:
    changed = cost(LONG, input_uncached_tokens=2_000, cache_read_tokens=7_200, cache_write_5m_tokens=800)
    assert savings([LONG]) == {"prompt_cache": (1, cost(LONG) - changed)}


def test_a_feature_that_reads_enough_is_left_alone_and_so_is_a_short_prompt() -> None:
    good = call(input_uncached_tokens=2_000, cache_read_tokens=8_000, output_text_tokens=100)
    assert savings([good, call(input_uncached_tokens=1_023, output_text_tokens=100, feature_id="short")]) == {}


def test_half_of_much_reasoning_is_saved() -> None:
    """2,001 are more than twice 10; a thousand and a half is cut to a thousand."""
    assert savings([THINKS]) == {"reasoning_effort": (1, cost(THINKS) - cost(THINKS, reasoning_tokens=1_000))}
    assert savings([call(input_uncached_tokens=100, output_text_tokens=10, reasoning_tokens=20)]) == {}


def test_the_longest_answers_end_where_most_do() -> None:
    """Of 100, 200, ... 2,000 tokens, 95 % end within 1,905: the 20th of 20 is cut, its reasoning last."""
    calls = [call(input_uncached_tokens=100, output_text_tokens=100 * n) for n in range(1, 20)]
    longest = call(input_uncached_tokens=100, output_text_tokens=1_800, reasoning_tokens=200)
    cut = cost(longest, output_text_tokens=1_705)
    (row,) = backlog([*calls, longest])
    assert (row["lever"], row["calls"], row["saving_usd"]) == ("output_cap", 1, cost(longest) - cut)
    assert (row["evidence"], row["evidence_value"]) == ("tokens that 95 % of the calls end within", 1905)


def test_only_the_last_four_weeks_count() -> None:
    old = call(**{**WAITS, "week_start": date(2026, 10, 5), "started_at": datetime(2026, 10, 6)})
    kept = call(**{**WAITS, "week_start": date(2026, 10, 12), "started_at": datetime(2026, 10, 13)})
    assert [row["week_start"] for row in backlog([WAITS, old, kept])] == [kept["week_start"], MONDAY]


def test_idle_gpus_stand_beside_and_the_largest_comes_first() -> None:
    hours = [
        (date(2026, 11, 3), "northgpu", "g1", Decimal(5), Decimal("0.25"), Decimal("1.5"), Decimal(0)),
        (date(2026, 11, 4), "northgpu", "g2", Decimal(3), Decimal(0), Decimal(0), Decimal("0.25")),
    ]
    idle, batch = backlog([WAITS], hours)
    assert (idle["lever"], idle["saving_rank"], idle["saving_usd"], idle["evidence_value"]) == (
        "idle_gpus", 1, Decimal(2), 0.25
    )  # fmt: skip
    assert (batch["lever"], batch["saving_rank"]) == ("batch", 2)


@pytest.mark.parametrize("changed", [{"superseded_as": "retry"}, {"latency_insensitive": True}, {}])
def test_savings_are_never_more_than_was_paid(changed: dict[str, Any]) -> None:
    calls = [call(**{**row, **changed}) for row in (PLAIN, WAITS, RETRIED, LONG, THINKS)]
    saved = sum((row["saving_usd"] for row in backlog(calls)), Decimal(0))
    assert 0 < saved <= sum((cost(row) for row in calls), Decimal(0))
