"""`inferledger estimate`: its price of a message is the pipeline's own, and what it does not know it says."""

import json
from datetime import date, datetime
from decimal import Decimal

import pytest
from click.testing import CliRunner, Result

from pipelines.cli import cli
from pipelines.estimate import PriceBook, Product, estimate
from sources.pricing import snapshot
from tests.integration.priced import price_calls

DAY = date(2026, 11, 1)


@pytest.mark.parametrize(
    ("provider", "model", "tier", "tokens"),
    [
        ("anthropic", "claude-sonnet-4-5", "standard", (200_000, 300, 7)),
        ("anthropic", "claude-sonnet-4-5", "standard", (200_001, 300, 7)),
        ("anthropic", "claude-haiku-4-5", "batch", (5_000, 300, 0)),
        ("google", "gemini-2.5-pro", "standard", (300_000, 10, 90)),
        ("openai", "gpt-5-nano", "flex", (800, 1, 2)),
    ],
)
@pytest.mark.parametrize("cached", ["0", "0.7"])
def test_a_message_costs_what_the_pricing_sql_says(
    provider: str, model: str, tier: str, tokens: tuple[int, int, int], cached: str
) -> None:
    product = Product({(provider, model): Decimal(1)}, *tokens, cached_share=Decimal(cached), service_tier=tier)
    read = int(tokens[0] * Decimal(cached))
    call = {
        "service_provider": provider, "model_id": model, "service_tier": tier,
        "started_at": datetime.combine(DAY, datetime.min.time()), "cache_read_tokens": read,
        "input_uncached_tokens": tokens[0] - read, "output_text_tokens": tokens[1], "reasoning_tokens": tokens[2],
    }  # fmt: skip
    ((expected, reason),) = price_calls([call])
    assert reason is None
    assert estimate(product, PriceBook(DAY, snapshot.installed())).message_usd == expected


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["estimate", *arguments, "--on", "2026-11-01"])


SIZE = ("--input", "800", "--output", "300")


def test_a_deal_is_held_against_its_yearly_value() -> None:
    """0.0069 a message x 100 x 10 seats is 6.90 a month; 1,200 a year are 100."""
    result = run("anthropic/claude-sonnet-4-5", *SIZE, "--messages", "100", "--users", "10", "--acv", "1200", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)["estimate"]
    assert Decimal(found["month_usd"]) == Decimal("6.90")
    assert round(Decimal(found["cost_per_revenue_dollar"]), 12) == Decimal("0.069")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["openai/gpt-9"], "no price for model 'gpt-9' of openai; nearest: "),
        (["openai/gpt-5=60", "openai/gpt-5-nano=30"], "answer 90.00% of the messages"),
        (["openai/gpt-5", "openai/gpt-5-nano"], "give each its percentage"),
        (["gpt-5"], "is not provider/model"),
        (["openai/gpt-5=many"], "is no percentage"),
        (["openai/gpt-5", "--revenue", "1", "--acv", "2"], "give one of them"),
        (["openai/gpt-5", "--revenue", "-1"], "is not 0 or more"),
    ],
)
def test_what_cannot_be_estimated_is_said(arguments: list[str], message: str) -> None:
    result = run(*arguments, *SIZE)
    assert result.exit_code == 2
    assert message in result.output
