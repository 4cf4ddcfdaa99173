"""Real usage blocks of OpenAI and Anthropic responses cost what genai-prices says they cost.

The blocks are the test data of genai-prices (MIT), which lie in the shared data folder and not in this repository.
"""

import gzip
import json
import os
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from genai_prices import Usage

from sources.pricing import snapshot
from sources.pricing.rates import price_usage
from tests.unit.sources.pricing.agreement import reference_price

# Beside the repository.
FOLDER = Path(__file__).parents[5] / "shared" / "data" / "llm" / "genai_prices"
DAY = date(2026, 11, 18)


def blocks() -> Iterator[tuple[str, str, dict[str, int]]]:
    """Provider, model and usage of each block that one of the two providers prices."""
    with gzip.open(FOLDER / "usages.json.gz") as file:
        data: list[dict[str, Any]] = json.load(file)
    for block in data:
        for extracted in block["extracted"]:
            for extractor in extracted["extractors"]:
                if extractor["provider_id"] in ("openai", "anthropic") and "input_price" in extractor:
                    yield extractor["provider_id"], block["model"], extracted["usage"]


def as_disjoint(usage: dict[str, int]) -> dict[str, int]:
    """The inclusive counts of a report as the disjoint columns of the warehouse."""
    count = usage.get
    writes, one_hour = count("cache_write_tokens", 0), count("cache_write_1h_tokens", 0)
    apart = count("cache_read_tokens", 0) + writes + count("input_audio_tokens", 0)
    return {
        "input_uncached_tokens": count("input_tokens", 0) - apart,
        "cache_read_tokens": count("cache_read_tokens", 0),
        "cache_write_5m_tokens": writes - one_hour,
        "cache_write_1h_tokens": one_hour,
        "input_audio_tokens": count("input_audio_tokens", 0),
        "output_text_tokens": count("output_tokens", 0) - count("output_reasoning_tokens", 0),
        "reasoning_tokens": count("output_reasoning_tokens", 0),
        "searches": count("web_searches", 0),
    }


def test_real_usages_are_priced_to_the_last_digit() -> None:
    if not FOLDER.is_dir():
        assert os.environ.get("CI") != "true", f"{FOLDER} is missing: CI needs the shared data"
        sys.stderr.write(f"{FOLDER} is not here: no real usage was compared\n")
        return
    compared = 0
    for provider_id, model_id, usage in blocks():
        provider = snapshot.find_provider(provider_id)
        assert provider is not None
        match = snapshot.find_model(provider, model_id)
        assert match is not None
        card = snapshot.listed(match, "standard", DAY).card
        assert card is not None
        priced = price_usage(as_disjoint(usage), card)
        assert priced == reference_price(match, Usage(**usage), "standard", DAY), (model_id, usage)
        compared += 1
    assert compared > 800
