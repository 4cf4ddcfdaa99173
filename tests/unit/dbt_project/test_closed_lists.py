"""What the staging model of a bill may say, those behind it take: a word only one list lacks would stop the build."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from sources.openai.feed import METERS

MODELS = Path(__file__).parents[3] / "dbt_project" / "models"
BILLS = ("openai", "anthropic", "aws_cur", "azure", "gcp", "focus", "declared")


def described(folder: str) -> dict[str, dict[str, Any]]:
    """Every model of a folder, with its columns by name."""
    models = [
        model
        for path in (MODELS / folder).glob("*.yml")
        for model in yaml.safe_load(path.read_text(encoding="utf-8")).get("models", [])
    ]
    return {model["name"]: {column["name"]: column for column in model["columns"]} for model in models}


def accepted(column: dict[str, Any]) -> set[str]:
    tests = [test for test in column.get("data_tests", []) if isinstance(test, dict) and "accepted_values" in test]
    return {value for test in tests for value in test["accepted_values"]["arguments"]["values"]}


@pytest.mark.parametrize("column", ["meter", "service_tier"])
@pytest.mark.parametrize("feed", BILLS)
def test_the_words_of_a_bill_are_taken(feed: str, column: str) -> None:
    lines = [
        columns for name, columns in described(f"staging/{feed}").items() if {"line_item", "amount"} <= set(columns)
    ]
    assert len(lines) == 1
    taken = described("intermediate/billing")
    allowed = accepted(lines[0][column])
    assert allowed
    assert allowed <= accepted(taken["int_bill_lines"][column])
    if column == "meter":
        assert allowed - {"other"} <= accepted(taken["int_bill_quantities"][column])


def test_the_meters_of_openais_usage_are_taken() -> None:
    quantities = accepted(described("intermediate/billing")["int_bill_quantities"]["meter"])
    counted = {meter.meter.replace("audio_second", "audio_millisecond") for meter in METERS.values()} - {"other"}
    assert counted == {"input_uncached", "image", "character", "audio_millisecond", "search"}
    assert counted <= quantities
