"""The company's own price table against genai-prices, and its exact arithmetic."""

import re
from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pytest
from genai_prices import Usage, calc_price

from examples.company.catalog import MODEL_BY_NAME, MODELS
from examples.company.prices import (
    BATCH_PRICES_FROM,
    METERS,
    PRICE_TABLE,
    as_decimal,
    as_text,
    entry_for,
    price_calls,
    to_cents,
    unit_price,
)

PROMPTS = {"short": 12_000, "at the threshold": 272_000, "above the threshold": 272_001}
DAYS = (date(2026, 8, 10), date(2026, 8, 20), date(2026, 8, 21), date(2026, 10, 14), date(2026, 11, 15))


def _quantities(model: str, prompt: int) -> dict[str, int]:
    one_hour = 700 if model.startswith("claude") else 0
    write = 1_300 if MODEL_BY_NAME[model].writes_cache else 0
    searches = 3 if model.startswith("claude") else 0
    plain = prompt - 5_000 - write - one_hour
    return dict(zip(METERS, (plain, 5_000, write, one_hour, 900, searches), strict=True))


def _genai_price(model: str, tier: str, day: date, count: dict[str, int]) -> Decimal:
    write = count["cache_write_5m"] + count["cache_write_1h"]
    usage = Usage(
        input_tokens=sum(count[m] for m in METERS[:4]),
        cache_read_tokens=count["cache_read"],
        cache_write_tokens=write or None,
        cache_write_1h_tokens=count["cache_write_1h"] or None,
        output_tokens=count["output"],
        web_searches=count["search"] or None,
    )
    moment = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    context = {"processing": "batch"} if tier == "batch" else None
    provider = MODEL_BY_NAME[model].provider
    return calc_price(
        usage, model, provider_id=provider, genai_request_timestamp=moment, price_context=context
    ).total_price


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
@pytest.mark.parametrize("day", DAYS, ids=str)
@pytest.mark.parametrize(("model", "tier"), sorted({(e.model, e.tier) for e in PRICE_TABLE}))
def test_public_price_is_that_of_genai_prices(model: str, tier: str, day: date, prompt: int) -> None:
    if tier == "batch" and day < BATCH_PRICES_FROM:
        with pytest.raises(ValueError, match="0 prices"):
            entry_for(model, tier, day)
        return
    count = _quantities(model, prompt)
    _, at_list = price_calls(
        np.array([model]), np.array([tier]), np.array([day], "datetime64[D]"),
        {meter: np.array([number]) for meter, number in count.items()},
    )  # fmt: skip
    assert as_decimal(int(at_list[0])) == _genai_price(model, tier, day, count)


@pytest.mark.parametrize("model", [m for m in MODELS if m.provider != "northgpu"], ids=lambda m: m.model)
def test_every_name_of_a_model_is_known_to_genai_prices(model: object) -> None:
    assert model in MODELS
    known = next(m for m in MODELS if m is model)
    for name in [*(name for name, _ in known.called_as), known.billed_as]:
        found = calc_price(Usage(input_tokens=1), name, provider_id=known.provider).model.id
        assert found == known.model


@pytest.mark.parametrize(
    ("day", "expected"), [(date(2026, 9, 13), "12"), (date(2026, 9, 14), "10.56")], ids=["before", "from midnight"]
)
def test_contract_takes_twelve_percent_off_sonnet(day: date, expected: str) -> None:
    count = dict.fromkeys(METERS, 0) | {"input_uncached": 1_000_000, "output": 1_000_000}
    cost, at_list = price_calls(
        np.array(["claude-sonnet-5"]), np.array(["standard"]), np.array([day], "datetime64[D]"),
        {meter: np.array([number]) for meter, number in count.items()},
    )  # fmt: skip
    assert as_decimal(sum(int(c[0]) for c in cost.values())) == Decimal(expected)
    assert as_decimal(int(at_list[0])) == 12


def test_a_price_finer_than_a_pico_dollar_is_refused() -> None:
    with pytest.raises(ValueError, match=re.escape("allowed: a whole number")):
        unit_price("output", Decimal("0.0000001"), Decimal(0))


@pytest.mark.parametrize(("pico", "text"), [(1, "0.000000000001"), (-1_500 * 10**9, "-1.5"), (0, "0")])
def test_amounts_are_written_with_all_their_digits(pico: int, text: str) -> None:
    assert as_text(pico) == text


@pytest.mark.parametrize(("pico", "cents"), [(5 * 10**9, 1), (5 * 10**9 - 1, 0), (-5 * 10**9, -1), (10**12, 100)])
def test_cents_round_half_away_from_zero(pico: int, cents: int) -> None:
    assert to_cents(pico) == cents
