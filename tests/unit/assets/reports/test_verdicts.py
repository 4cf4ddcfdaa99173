"""The words of a verdict on self-hosting."""

from decimal import Decimal
from typing import Any

import pytest

from assets.reports.verdicts import in_words

ROW: dict[str, Any] = {
    "verdict": "api", "reason": "api_cheaper", "api_cost_per_month_usd": Decimal(100),
    "self_hosted_cost_per_month_usd": Decimal(120), "replicas": 1, "tokens_per_month": 5,
    "break_even_tokens_per_month": 6, "is_verdict_stable": True, "hinges_on_first": "gpu_rate",
    "hinges_on_second": None, "hinges_on_third": None, "commitment_months": 12, "payback_months": None,
}  # fmt: skip


@pytest.mark.parametrize(
    ("saving", "low", "high", "words"),
    [
        (-240, -300, -180, "own GPUs cost 240.00 USD more; with one input off, 180.00 to 300.00."),
        (240, 180, 300, "own GPUs save 240.00 USD; with one input off, 180.00 to 300.00."),
        (-5, -90, 80, "own GPUs cost 5.00 USD more; with one input off, from costing 90.00 more to saving 80.00."),
    ],
)
def test_a_commitment_saves_or_costs_more(saving: int, low: int, high: int, words: str) -> None:
    names = ("commitment_saving_usd", "lowest_commitment_saving_usd", "highest_commitment_saving_usd")
    said = in_words(ROW | {name: Decimal(usd) for name, usd in zip(names, (saving, low, high), strict=True)})
    assert said.endswith(f"Over 12 months {words}")
