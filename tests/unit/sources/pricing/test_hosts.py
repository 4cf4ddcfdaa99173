"""The same model under the names its sellers give it."""

import pytest

from sources.pricing.book import find_model
from sources.pricing.hosts import PATHS, common_name, elsewhere
from sources.pricing.snapshot import installed


@pytest.mark.parametrize(
    ("spelled", "common"),
    [
        ("claude-haiku-4-5", "claude-haiku-4-5"),
        ("anthropic/claude-haiku-4.5", "claude-haiku-4-5"),
        ("global.anthropic.claude-haiku-4-5-20251001-v1:0", "claude-haiku-4-5"),
        ("us.anthropic.claude-haiku-4-5", "claude-haiku-4-5"),
        ("gpt-5.4-mini", "gpt-5-4-mini"),
        ("openai.gpt-5.4", "gpt-5-4"),
        ("meta-llama/Llama-3.3-70B-Instruct", "llama-3-3-70b-instruct"),
    ],
)
def test_what_a_seller_writes_around_a_name_is_left_out(spelled: str, common: str) -> None:
    assert common_name(spelled) == common


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("deepseek-v3", "deepseek-v4"),
        ("claude-opus-5", "claude-opus-5-fast"),
        ("anthropic/claude-opus-5", "anthropic/claude-opus-5:batch"),
        ("gpt-4.1", "gpt-4.1-mini"),
        ("llama-3.3-70b", "llama-3.3-70b-instruct-turbo"),
        ("gpt-5.4", "gpt-4.5"),
    ],
)
def test_another_model_keeps_another_name(one: str, other: str) -> None:
    assert common_name(one) != common_name(other)


def test_makers_clouds_and_the_reseller_sell_claude() -> None:
    found = list(elsewhere("claude-opus-5", PATHS))
    assert {provider for provider, _ in found} == {"anthropic", "aws", "azure", "google", "openrouter"}
    assert len(found) == len(set(found))


@pytest.mark.parametrize("model", ["claude-opus-5", "claude-haiku-4-5", "gpt-4.1", "gpt-5.6-sol", "gemini-2.5-flash"])
def test_every_name_is_one_that_calls_are_recognised_by(model: str) -> None:
    found = list(elsewhere(model, PATHS))
    assert len(found) > 1
    for provider, name in found:
        match = find_model(provider, name).match
        assert match is not None
        assert common_name(match.model.id) == common_name(model)


def test_a_model_nobody_sells_is_nowhere_and_an_unknown_provider_sells_nothing() -> None:
    assert list(elsewhere("hosted_vllm/own-model", PATHS)) == []
    assert list(elsewhere("gpt-4.1", {"northgpu"})) == []


def test_every_path_is_a_provider_of_the_book() -> None:
    assert set(PATHS) <= set(installed().provider_ids())
