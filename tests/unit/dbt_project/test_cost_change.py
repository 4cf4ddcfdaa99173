"""Why cost changed: each effect alone on literal weeks, and their sum on random ones, to the last decimal."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.pricing.resolve import PRICE_SETS_SCHEMA
from tests.unit.dbt_project.rendered import built

FIRST = date(2026, 11, 2)
WEEK = timedelta(days=7)
MODELS = ("int_cost_change_calls", "int_cost_change_classes", "int_cost_change_cells", "cost_change_weekly")
CELL = ("tenant_id", "product_id", "feature_id", "service_provider", "host", "model")
CLASSES = (
    "input_uncached_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
    "input_audio_tokens", "input_image_tokens", "output_text_tokens", "reasoning_tokens", "output_audio_tokens",
    "output_image_tokens",
)  # fmt: skip
EFFECTS = (
    "volume_usd", "mix_usd", "tokens_per_task_usd", "list_rate_usd", "contract_usd", "cache_usd",
    "retry_and_fallback_usd", "new_and_lost_usd", "other_charges_usd",
)  # fmt: skip
USAGE: dict[str, Any] = {
    "week_start": pl.Date(),
    **dict.fromkeys(
        (*CELL, "task_id", "logical_request_id", "pricing_status", "superseded_as", "price_set_id"), pl.String()
    ),
    "is_failed_last": pl.Boolean(),
    "context_tier": pl.Int32(),
    **dict.fromkeys(CLASSES, pl.Int64()),
    "list_cost_usd": pl.Decimal(38, 12),
    "effective_cost_usd": pl.Decimal(38, 12),
}
COSTS: dict[str, Any] = {
    "week_start": pl.Date(),
    **dict.fromkeys(CELL, pl.String()),
    "effective_cost_usd": pl.Decimal(38, 12),
    "unpriced_calls": pl.Int64(),
    "unpriced_tokens": pl.Int64(),
}
PRICES = {"input_uncached": "1", "cache_read": "0.1", "cache_write_5m": "1.25", "output": "4", "reasoning": "4"}
OF_CLASS = {
    "input_uncached_tokens": "input_uncached", "cache_read_tokens": "cache_read",
    "cache_write_5m_tokens": "cache_write_5m",
    "output_text_tokens": "output", "reasoning_tokens": "reasoning",
}  # fmt: skip


def call(week: int, task: str | None, *, prices: str = "1", paid: str = "1", **said: Any) -> dict[str, Any]:
    """A call of `said` tokens in week 0 or 1: list prices are PRICES x `prices`, what is paid is list x `paid`."""
    row: dict[str, Any] = {
        "week_start": FIRST + week * WEEK, **dict.fromkeys(CELL, "x"), "task_id": task, "logical_request_id": "r",
        "pricing_status": "priced", "superseded_as": None, "price_set_id": prices, "is_failed_last": False,
        "context_tier": 0, **dict.fromkeys(CLASSES, 0),
    } | said  # fmt: skip
    listed = sum((row[name] * Decimal(PRICES[price]) for name, price in OF_CLASS.items()), Decimal(0)) * Decimal(prices)
    row["list_cost_usd"] = listed / 1_000_000
    row["effective_cost_usd"] = row["list_cost_usd"] * Decimal(paid)
    return row


def changes(calls: Sequence[dict[str, Any]], charges: Sequence[dict[str, Any]] = ()) -> list[dict[str, Any]]:
    """The mart on the calls and on charges that no call caused."""
    books = sorted({row["price_set_id"] for row in calls})
    prices = [
        dict.fromkeys(PRICE_SETS_SCHEMA)
        | {f"list_{name}_per_mtok_usd": Decimal(price) * Decimal(book) for name, price in PRICES.items()}
        | {"price_set_id": book, "context_tier": 0}
        for book in books
    ]
    costs = [{name: row.get(name, 0) for name in COSTS} for row in [*calls, *charges]]
    tables = {
        "fct_usage": pl.DataFrame(list(calls), schema=USAGE),
        "stg_pricing__price_sets": pl.DataFrame(prices, schema=PRICE_SETS_SCHEMA),
        "unit_economics_weekly": pl.DataFrame(costs, schema=COSTS),
    }
    with built(tables, *MODELS) as connection:
        order = ", ".join(("week_start", *CELL))
        return list(connection.sql(f"select * from cost_change_weekly order by {order}").pl().iter_rows(named=True))


def only(calls: Sequence[dict[str, Any]], charges: Sequence[dict[str, Any]] = ()) -> dict[str, Decimal]:
    """The effects that are not 0, of all cells together."""
    rows = changes(calls, charges)
    sums = {name.removesuffix("_usd"): sum((row[name] for row in rows), Decimal(0)) for name in EFFECTS}
    return {name: amount for name, amount in sums.items() if amount}


MILLION: dict[str, Any] = {"input_uncached_tokens": 1_000_000}


@pytest.mark.parametrize(
    ("before", "after", "effects"),
    [
        # one task more at 1 USD each
        ([call(0, "a", **MILLION)], [call(1, "b", **MILLION), call(1, "c", **MILLION)], {"volume": 1}),
        # the same task with half a million tokens more
        ([call(0, "a", **MILLION)], [call(1, "b", input_uncached_tokens=1_500_000)],
         {"tokens_per_task": Decimal("0.5")}),
        # an answer is used for the first time: at its own price, not as a price change
        ([call(0, "a", **MILLION)], [call(1, "b", **MILLION, output_text_tokens=250_000)], {"tokens_per_task": 1}),
        # two calls in one task are tokens, not volume
        ([call(0, "a", **MILLION)], [call(1, "b", **MILLION), call(1, "b", **MILLION)], {"tokens_per_task": 1}),
        # without a task each request is one
        ([call(0, None, **MILLION)], [call(1, None, **MILLION), call(1, None, logical_request_id="s", **MILLION)],
         {"volume": 1}),
        # list price doubles
        ([call(0, "a", **MILLION)], [call(1, "b", prices="2", **MILLION)], {"list_rate": 1}),
        # a discount of 20 % is agreed
        ([call(0, "a", **MILLION)], [call(1, "b", paid="0.8", **MILLION)], {"contract": Decimal("-0.2")}),
        # the prompt comes from the cache
        ([call(0, "a", **MILLION)], [call(1, "b", cache_read_tokens=1_000_000)], {"cache": Decimal("-0.9")}),
        # the cache is written, dearer than plain input
        ([call(0, "a", **MILLION)], [call(1, "b", cache_write_5m_tokens=1_000_000)], {"cache": Decimal("0.25")}),
        # tokens move to another model at four times the price: 3 tasks of 1 USD and 1 of 4; then 1 and 3
        ([call(0, "a", **MILLION), call(0, "b", model="y", prices="4", **MILLION)],
         [call(1, "c", model="y", prices="4", **MILLION), call(1, "d", model="y", prices="4", **MILLION),
          call(1, "e", model="y", prices="4", **MILLION), call(1, "f", **MILLION)], {"volume": 5, "mix": 3}),
        # an attempt that was superseded
        ([call(0, "a", **MILLION)], [call(1, "b", **MILLION), call(1, "b", superseded_as="retry", **MILLION)],
         {"retry_and_fallback": 1}),
        ([call(0, "a", **MILLION)], [call(1, "b", **MILLION), call(1, "c", is_failed_last=True, **MILLION)],
         {"retry_and_fallback": 1}),
        # a feature appears, another goes
        ([call(0, "a", **MILLION), call(0, "a", feature_id="old", output_text_tokens=500_000)],
         [call(1, "b", **MILLION), call(1, "b", feature_id="new", **MILLION)], {"new_and_lost": -1}),
    ],
)  # fmt: skip
def test_each_cause_alone(
    before: list[dict[str, Any]], after: list[dict[str, Any]], effects: dict[str, Decimal]
) -> None:
    assert only([*before, *after]) == effects


def test_what_no_call_explains_stands_apart() -> None:
    support = {"week_start": FIRST + WEEK, **dict.fromkeys(CELL, "unattributed"), "effective_cost_usd": Decimal("7.25")}
    assert only([call(0, "a", **MILLION), call(1, "b", **MILLION)], [support]) == {"other_charges": Decimal("7.25")}


def test_calls_without_a_price_are_counted_in_both_weeks() -> None:
    calls = [call(0, "a", unpriced_calls=2, unpriced_tokens=9, **MILLION), call(1, "b", unpriced_calls=3, **MILLION)]
    (row,) = changes(calls)
    names = ("previous_week_unpriced_calls", "previous_week_unpriced_tokens", "unpriced_calls", "unpriced_tokens")
    assert [row[name] for name in names] == [2, 9, 3, 0]


def test_a_week_without_one_before_is_not_compared_and_a_lost_cell_is() -> None:
    rows = changes([call(0, "a", **MILLION), call(1, "b", model="y", **MILLION), call(3, "c", **MILLION)])
    assert [(r["week_start"], r["model"], r["cost_change_usd"], r["main_driver"]) for r in rows] == [
        (FIRST + WEEK, "x", -1, "new_and_lost"),
        (FIRST + WEEK, "y", 1, "new_and_lost"),
    ]


tokens = st.integers(0, 10**9)
random_call = st.builds(
    lambda week, task, prices, paid, tenant, model, failed, superseded, counts: call(
        week, task, prices=prices, paid=paid, tenant_id=tenant, model=model, is_failed_last=failed,
        superseded_as=superseded, **dict(zip(OF_CLASS, counts, strict=True)),
    ),
    st.integers(0, 2), st.sampled_from(["a", "b", None]), st.sampled_from(["1", "0.37", "2.5"]),
    st.sampled_from(["1", "0.83", "0"]), st.sampled_from("tu"), st.sampled_from("mn"), st.booleans(),
    st.sampled_from([None, None, "retry"]), st.tuples(tokens, tokens, tokens, tokens, tokens),
)  # fmt: skip


@settings(deadline=None, max_examples=20)
@given(
    st.lists(random_call, min_size=1, max_size=12), st.decimals(-100, 100, places=12), st.randoms(use_true_random=False)
)
def test_effects_add_up_whatever_the_row_order(calls: list[dict[str, Any]], amount: Decimal, order: Random) -> None:
    charge = {"week_start": FIRST + WEEK, **dict.fromkeys(CELL, "unattributed"), "effective_cost_usd": amount}
    rows = changes(calls, [charge])
    for row in rows:
        assert sum((row[name] for name in EFFECTS), Decimal(0)) == row["cost_change_usd"]
    costs: dict[date, Decimal] = {}
    for item in [*calls, charge]:
        costs[item["week_start"]] = costs.get(item["week_start"], Decimal(0)) + item["effective_cost_usd"]
    for week in {row["week_start"] for row in rows}:
        assert sum((r["cost_change_usd"] for r in rows if r["week_start"] == week), Decimal(0)) == (
            costs[week] - costs[week - WEEK]
        )
    shuffled = order.sample(calls, len(calls))
    assert changes(shuffled, [charge]) == rows
