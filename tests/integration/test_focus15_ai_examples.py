"""The AI examples of the FOCUS 1.5 draft: read as bills, and their prices put on calls of the same tokens."""

import csv
import os
import warnings
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from sources.pricing.entries import PriceEntry
from tests.integration.priced import price_calls
from tests.unit.sources.landed import LandedHome

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "focus" / "focus15_ai_examples"
DAY = date(2025, 1, 1)
# What the draft's caching example bought: published price name, meter of the lake, token class of a call.
CLASSES = (
    ("input", "input_uncached", "input_uncached_tokens"),
    ("cache_write", "cache_write_5m", "cache_write_5m_tokens"),
    ("cache_read", "cache_read", "cache_read_tokens"),
    ("output", "output", "output_text_tokens"),
)


def lines(home: LandedHome, name: str) -> list[dict[str, Any]] | None:
    """The rows of the lake; None, said aloud, where the data is not (CI must have it)."""
    file = DATA / f"{name}.csv"
    if not file.is_file():
        assert not os.environ.get("CI"), f"{file} is missing"
        warnings.warn(f"{file} is missing: nothing was compared", stacklevel=2)
        return None
    home.land("focus/cost_and_usage/2025-01__retrieved-20250703T060000Z.csv", file.read_bytes())
    home.ingest()
    assert home.rejects() == []
    return home.lake("focus/cost_and_usage").sort("row_number").to_dicts()


@pytest.fixture
def home(tmp_path: Path) -> LandedHome:
    return LandedHome(tmp_path / "home")


def entry(prices: dict[str, str]) -> PriceEntry:
    return PriceEntry.model_validate(
        {
            "entry_id": "solora",
            "provider": "solora ai",
            "models": ["solora-reasoning-pro"],
            "service_tier": "standard",
            "prices_per_mtok_usd": prices,
            "valid_from": DAY,
            "source": "https://example.invalid/focus15_ai_examples",
            "checked": DAY,
        }
    )


def test_caching_a_totals_33_90_and_saves_20_10_for_a_write_premium_of_1_50(home: LandedHome) -> None:
    rows = lines(home, "ai_prompt_caching_a")
    if rows is None:
        return
    tokens = {row["meter"]: row["quantity"] for row in rows}
    assert sorted(tokens) == sorted(meter for _, meter, _ in CLASSES)
    assert sum(row["billed_amount"] for row in rows) == Decimal("33.90")
    with (DATA / "ai_prompt_caching_a.csv").open(newline="", encoding="utf-8-sig") as file:
        unit_prices = [line["ListUnitPrice"] for line in csv.DictReader(file)]
    published = [name for name, _, _ in CLASSES]
    call = {
        "service_provider": "solora ai",
        "model_id": "solora-reasoning-pro",
        "service_tier": "standard",
        "started_at": datetime(2025, 1, 10, 12),
    }
    cached = {column: int(tokens[meter]) for _, meter, column in CLASSES}
    prompt = sum(count for column, count in cached.items() if column != "output_text_tokens")
    plain = {"input_uncached_tokens": prompt, "output_text_tokens": cached["output_text_tokens"]}
    written = {"cache_write_5m_tokens": cached["cache_write_5m_tokens"]}
    unwritten = {"input_uncached_tokens": cached["cache_write_5m_tokens"]}
    costs = price_calls(
        [call | used for used in (cached, plain, written, unwritten)],
        entries=[entry(dict(zip(published, unit_prices, strict=True)))],
    )
    # 54.00 - 33.90 = 20.10 saved; 7.50 - 6.00 = 1.50 is what writing cost above plain input.
    assert [cost for cost, _ in costs] == [Decimal("33.90"), Decimal("54.00"), Decimal("7.50"), Decimal("6.00")]


def test_caching_b_keeps_cache_storage_as_a_charge_of_its_own(home: LandedHome) -> None:
    rows = lines(home, "ai_prompt_caching_b")
    expected = [
        ("input_uncached", Decimal("7.5")),
        ("cache_read", Decimal("2.4")),
        ("output", Decimal("22.5")),
        ("other", Decimal(6)),
    ]
    assert rows is None or [(row["meter"], row["billed_amount"]) for row in rows] == expected


def test_a_prepayment_is_billed_once_and_drawn_down_by_what_usage_effectively_costs(home: LandedHome) -> None:
    rows = lines(home, "drawdown_via_prepayment_ai_model_api")
    if rows is None:
        return
    purchase, *usage = rows
    assert (purchase["charge_category"], purchase["billed_amount"], purchase["effective_amount"]) == (
        "commitment",
        500_000,
        0,
    )
    assert [(row["meter"], row["billed_amount"], row["list_amount"], row["effective_amount"]) for row in usage] == [
        ("input_uncached", 0, 25, 20),
        ("output", 0, Decimal("37.5"), 30),
    ]
    drawn = sum(row["effective_amount"] for row in usage)
    assert purchase["billed_amount"] - drawn == 499_950
