"""The worked examples of part `prices` come out of the pipeline's own price tables and SQL, to the last digit.

The rates of an example's text are dated price entries of a made-up provider; calls of the day before have no price.
"""

import csv
import re
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from sources.pricing.entries import PriceEntry
from tests.integration.priced import price_calls

ROOT = Path(__file__).parents[2]
ROWS = {
    row["id"]: row
    for row in csv.DictReader((Path(__file__).parent / "worked_examples.csv").read_text(encoding="utf-8").splitlines())
    if row["part"] == "prices"
}
PROVIDER = "worked-examples"
NOON = datetime(2026, 8, 10, 12)
# The public book itself has the example's price, its window and its half price.
DEEPSEEK: dict[str, Any] = {
    "service_provider": "deepseek",
    "model_id": "deepseek-chat",
    "started_at": datetime(2025, 6, 1, 18),
}


class Calls(NamedTuple):
    """So many equal calls."""

    times: int
    usage: dict[str, Any]


class Example(NamedTuple):
    """What an example's text says: USD per million tokens by published name (`storage`: and hour), and the calls."""

    prices: dict[str, str]
    calls: tuple[Calls, ...]
    long_context: dict[str, Any] | None = None


def calls(times: int = 1, **usage: Any) -> Calls:
    return Calls(times, usage)


def tokens(input_: int = 0, output: int = 0, reasoning: int = 0, times: int = 1, **others: Any) -> Calls:
    counts = {"input_uncached_tokens": input_, "output_text_tokens": output, "reasoning_tokens": reasoning}
    return Calls(times, counts | others)


def held(tokens_held: int, hours: int) -> Calls:
    """A prompt that stays in the cache."""
    return calls(cache_storage_token_hours=tokens_held * hours)


def flat(input_: str, output: str, *used: Calls) -> Example:
    return Example({"input": input_, "output": output}, used)


CLAUDE = {"input": "3", "output": "15", "cache_read": "0.30", "cache_write": "3.75", "cache_write_1h": "6"}
EXAMPLES: dict[str, Example] = {
    "chat_month_sonnet": flat("3", "15", tokens(1_000, 500, times=1_000_000)),
    "chat_month_opus": flat("5", "25", tokens(1_000, 500, times=1_000_000)),
    "chat_month_gpt54": flat("2.50", "15", tokens(1_000, 500, times=1_000_000)),
    "research_query": flat("15", "60", tokens(1_000, reasoning=5_000)),
    "vision_query": flat("5", "20", tokens(1_030, 200)),
    "refactor_o3": flat("15", "60", tokens(500, 800, 4_500)),
    "refactor_sonnet": flat("3", "15", tokens(500, 800)),
    "thinking_budget_opus": flat("15", "75", tokens(2_000, 1_500, 8_000)),
    "gpqa_o3_high": flat("15", "60", tokens(800, 500, 12_000)),
    "gpqa_o3_medium": flat("15", "60", tokens(800, 500, 3_500)),
    "gpqa_r1": flat("0.55", "2.19", tokens(800, 500, 4_000)),
    "gpqa_opus_16k": flat("15", "75", tokens(800, 500, 9_000)),
    "deep_research": Example({"output": "75"}, (tokens(0, 2_000, 30_000),)),
    "system_prompt_nocache_sonnet": flat("3", "15", tokens(50_500, 300, times=100_000)),
    "system_prompt_nocache_4o": flat("2.50", "10", tokens(50_500, 300, times=100_000)),
    "system_prompt_cached_sonnet": Example(CLAUDE, (tokens(500, 300, times=100_000, cache_read_tokens=50_000),)),
    "cache_5m": Example(CLAUDE, (calls(200, cache_write_5m_tokens=50_000), calls(800, cache_read_tokens=50_000))),
    "cache_1h": Example(CLAUDE, (calls(20, cache_write_1h_tokens=50_000), calls(980, cache_read_tokens=50_000))),
    "cache_none": Example(CLAUDE, (tokens(50_000, times=1_000),)),
    "gemini_cache_storage_flash": Example({"storage": "1"}, (held(100_000, 24),)),
    "gemini_cache_storage_pro": Example({"storage": "4.50"}, (held(200_000, 24),)),
    "gemini_cached_day": Example(
        {"input": "1.25", "output": "5", "cache_read": "0.31", "storage": "4.50"},
        (tokens(500, 300, times=100_000, cache_read_tokens=50_000), held(50_000, 24)),
    ),
    "gemini_long_10q": Example(
        {"input": "2.50", "output": "10", "cache_read": "0.625", "storage": "4.50"},
        (tokens(500_000, 5_000), tokens(0, 5_000, times=9, cache_read_tokens=500_000), held(500_000, 1)),
    ),
    "gemini_long_context": Example(
        {"input": "1.25", "output": "5"},
        (tokens(500_000, 5_000),),
        {"above_input_tokens": 200_000, "prices_per_mtok_usd": {"input": "2.50", "output": "10"}},
    ),
    "batch_sonnet": flat("3", "15", tokens(1_500, 300, service_tier="batch")),
    "typical_gpt5": flat("5", "20", tokens(1_500, 300)),
    "typical_4o_mini": flat("0.15", "0.60", tokens(1_500, 300)),
    "typical_gemini_pro": flat("1.25", "5", tokens(1_500, 300)),
    "typical_llama_together": flat("0.88", "0.88", tokens(1_500, 300)),
    "mixed_1m_sonnet": flat("3", "15", tokens(700_000, 300_000)),
    "offpeak_deepseek": Example({}, (tokens(1_000_000, **DEEPSEEK),)),
    "api_day_sonnet": flat("3", "15", tokens(5_000_000, 1_000_000)),
    "api_day_flash": flat("0.15", "0.60", tokens(5_000_000, 1_000_000)),
    "api_day_together": flat("0.90", "0.90", tokens(5_000_000, 1_000_000)),
    "api_day_groq": flat("0.59", "0.79", tokens(5_000_000, 1_000_000)),
    "effort_opus_2k": flat("15", "75", tokens(1_000, 500, 2_000)),
}


def entries() -> list[PriceEntry]:
    """The price of each example on its day, and half of it on the batch tier."""
    known = {"provider": PROVIDER, "source": "https://example.invalid/worked_examples.csv", "checked": NOON.date()}
    known |= {"valid_from": NOON.date(), "valid_to": NOON.date() + timedelta(days=1)}
    priced = [
        PriceEntry.model_validate(
            {
                **known,
                "entry_id": name,
                "models": [name],
                "service_tier": "standard",
                "prices_per_mtok_usd": {name: price for name, price in example.prices.items() if name != "storage"},
                "prices_per_unit_usd": {"cache_storage_mtok_hour": example.prices.get("storage")},
                "long_context": [example.long_context] if example.long_context else [],
            }
        )
        for name, example in EXAMPLES.items()
        if example.prices
    ]
    batch = {"entry_id": "batch", "models": ["*"], "service_tier": "batch", "percent_of_standard": "50"}
    return [*priced, PriceEntry.model_validate({**known, **batch, "meters": ["input", "output"]})]


def priced(example: str, day: date) -> list[tuple[Decimal | None, str | None]]:
    known = {
        "service_provider": PROVIDER,
        "model_id": example,
        "service_tier": "standard",
        "started_at": datetime.combine(day, NOON.time()),
    }
    return price_calls([{**known, **used.usage} for used in EXAMPLES[example].calls], entries=entries())


def test_every_price_example_is_computed() -> None:
    assert EXAMPLES.keys() == ROWS.keys()


@pytest.mark.parametrize("example", EXAMPLES)
def test_price_example(example: str) -> None:
    costs = [cost for cost, _ in priced(example, NOON.date())]
    total = sum(
        (used.times * cost for used, cost in zip(EXAMPLES[example].calls, costs, strict=True) if cost is not None),
        Decimal(0),
    )
    assert None not in costs
    assert total == Decimal(ROWS[example]["expected"])


def test_the_day_before_an_entry_has_no_price() -> None:
    assert priced("refactor_sonnet", NOON.date() - timedelta(days=1)) == [(None, f"no provider {PROVIDER!r}")]


def test_the_published_slips_are_in_the_docs() -> None:
    page = (ROOT / "docs/concepts/prices.md").read_text(encoding="utf-8")
    listed = {row[0]: row[1:3] for row in re.findall(r"^\| `(\w+)` \| ([\d.,]+) \| ([\d.,]+) \|", page, re.MULTILINE)}
    said = {
        name: (row["expected"], *re.findall(r"published as ([\d.,]*\d)", row["note"]))
        for name, row in ROWS.items()
        if "published as" in row["note"]
    }
    assert {name: [Decimal(text.replace(",", "")) for text in pair] for name, pair in listed.items()} == {
        name: [Decimal(text.replace(",", "")) for text in pair] for name, pair in said.items()
    }
