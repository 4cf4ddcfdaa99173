"""The worked examples of the domain, reproduced to the last digit by the pricing code.

Each example of part `prices` is one entry of EXAMPLES, with the rates of its text as a rate card. The other parts
(practice, self-hosting, allocation) belong to code that computes those, and are checked with it.
"""

import csv
from collections.abc import Callable
from datetime import time
from decimal import Decimal
from pathlib import Path

import pytest

from sources.pricing.contracts import percent_off
from sources.pricing.rates import RateCard, Step, price_usage, scaled

PART = "prices"
ROWS = {
    row["id"]: row
    for row in csv.DictReader((Path(__file__).parent / "worked_examples.csv").read_text(encoding="utf-8").splitlines())
    if row["part"] == PART
}


def card(input_: str = "0", output: str = "0", **others: str) -> RateCard:
    """A rate card in USD per million tokens."""
    return RateCard({"input": Decimal(input_), "output": Decimal(output)} | {k: Decimal(v) for k, v in others.items()})


def price(
    rates: RateCard,
    input_uncached: int = 0,
    output_text: int = 0,
    reasoning: int = 0,
    cache_storage: int = 0,
    **cache: int,
) -> Decimal:
    """One call; cache token counts by meter, cache storage in token hours."""
    usage = {
        "input_uncached_tokens": input_uncached,
        "output_text_tokens": output_text,
        "reasoning_tokens": reasoning,
        "cache_storage_token_hours": cache_storage,
    }
    priced = price_usage(usage | {f"{meter}_tokens": count for meter, count in cache.items()}, rates)
    assert priced is not None
    return priced


SONNET, OPUS, O3 = card("3", "15"), card("15", "75"), card("15", "60")
CLAUDE_CACHE = card("3", "15", cache_read="0.30", cache_write="3.75", cache_write_1h="6")
GEMINI_LONG = RateCard(
    {"input": Decimal("1.25"), "output": Decimal(5)},
    (Step(200_000, {"input": Decimal("2.50"), "output": Decimal(10)}),),
)


def is_off_peak(at: time) -> bool:
    """16:30 to 00:30 UTC."""
    return at >= time(16, 30) or at < time(0, 30)


def deepseek(at: time) -> RateCard:
    rates = card("0.27")
    return rates.map(lambda listed: percent_off(listed, Decimal(50))) if is_off_peak(at) else rates


def gemini_day() -> Decimal:
    """100,000 calls on a cached prompt, and holding the prompt for a day."""
    rates = card("1.25", "5", cache_read="0.31", cache_storage="4.50")
    return 100_000 * price(rates, 500, 300, cache_read=50_000) + price(rates, cache_storage=50_000 * 24)


def gemini_ten_questions() -> Decimal:
    """One long request, nine more that read it from the cache, one hour of storage."""
    rates = card("2.50", "10", cache_read="0.625", cache_storage="4.50")
    first = price(rates, 500_000, 5_000)
    return first + 9 * price(rates, 0, 5_000, cache_read=500_000) + price(rates, cache_storage=500_000)


EXAMPLES: dict[str, Callable[[], Decimal]] = {
    "chat_month_sonnet": lambda: 1_000_000 * price(SONNET, 1_000, 500),
    "chat_month_opus": lambda: 1_000_000 * price(card("5", "25"), 1_000, 500),
    "chat_month_gpt54": lambda: 1_000_000 * price(card("2.50", "15"), 1_000, 500),
    "research_query": lambda: price(O3, 1_000, reasoning=5_000),
    "vision_query": lambda: price(card("5", "20"), 1_030, 200),
    "refactor_o3": lambda: price(O3, 500, 800, 4_500),
    "refactor_sonnet": lambda: price(SONNET, 500, 800),
    "thinking_budget_opus": lambda: price(OPUS, 2_000, 1_500, 8_000),
    "gpqa_o3_high": lambda: price(O3, 800, 500, 12_000),
    "gpqa_o3_medium": lambda: price(O3, 800, 500, 3_500),
    "gpqa_r1": lambda: price(card("0.55", "2.19"), 800, 500, 4_000),
    "gpqa_opus_16k": lambda: price(OPUS, 800, 500, 9_000),
    "deep_research": lambda: price(OPUS, 0, 2_000, 30_000),
    "system_prompt_nocache_sonnet": lambda: 100_000 * price(SONNET, 50_500, 300),
    "system_prompt_nocache_4o": lambda: 100_000 * price(card("2.50", "10"), 50_500, 300),
    "system_prompt_cached_sonnet": lambda: 100_000 * price(CLAUDE_CACHE, 500, 300, cache_read=50_000),
    "cache_5m": lambda: 200 * price(CLAUDE_CACHE, cache_write_5m=50_000) + 800 * price(CLAUDE_CACHE, cache_read=50_000),
    "cache_1h": lambda: 20 * price(CLAUDE_CACHE, cache_write_1h=50_000) + 980 * price(CLAUDE_CACHE, cache_read=50_000),
    "cache_none": lambda: 1_000 * price(CLAUDE_CACHE, 50_000),
    "gemini_cache_storage_flash": lambda: price(card(cache_storage="1"), cache_storage=100_000 * 24),
    "gemini_cache_storage_pro": lambda: price(card(cache_storage="4.50"), cache_storage=200_000 * 24),
    "gemini_long_context": lambda: price(GEMINI_LONG, 500_000, 5_000),
    "batch_sonnet": lambda: price(SONNET.map(lambda r: scaled(r, Decimal(50), ("input", "output"))), 1_500, 300),
    "typical_gpt5": lambda: price(card("5", "20"), 1_500, 300),
    "typical_4o_mini": lambda: price(card("0.15", "0.60"), 1_500, 300),
    "typical_gemini_pro": lambda: price(card("1.25", "5"), 1_500, 300),
    "typical_llama_together": lambda: price(card("0.88", "0.88"), 1_500, 300),
    "mixed_1m_sonnet": lambda: price(SONNET, 700_000, 300_000),
    "offpeak_deepseek": lambda: price(deepseek(time(18, 0)), 1_000_000),
    "api_day_sonnet": lambda: price(SONNET, 5_000_000, 1_000_000),
    "api_day_flash": lambda: price(card("0.15", "0.60"), 5_000_000, 1_000_000),
    "api_day_together": lambda: price(card("0.90", "0.90"), 5_000_000, 1_000_000),
    "api_day_groq": lambda: price(card("0.59", "0.79"), 5_000_000, 1_000_000),
    "effort_opus_2k": lambda: price(OPUS, 1_000, 500, 2_000),
    "gemini_cached_day": gemini_day,
    "gemini_long_10q": gemini_ten_questions,
}


def test_every_price_example_is_computed() -> None:
    assert EXAMPLES.keys() == ROWS.keys()


@pytest.mark.parametrize("example", ROWS)
def test_price_example(example: str) -> None:
    assert EXAMPLES[example]() == Decimal(ROWS[example]["expected"])
