"""Words that a closed list does not have and token classes nobody knows, in every feed that has such: the file fails or
the row is set aside, and the word is named. It never becomes another word, and never nothing."""

import pytest

from sources.feed import FeedTable
from sources.registry import FEEDS
from tests.unit.sources.landed import PAYLOADS, LandedHome

NEW = "warp-9"
# Of each feed's payload: words as they stand in it, each of a closed list, and the new word in their place.
WORDS: dict[str, list[tuple[str, str]]] = {
    "litellm.spend_logs": [
        ('"status": "success"', f'"status": "{NEW}"'),
        ('"cache_hit": "True"', f'"cache_hit": "{NEW}"'),
    ],
    "bedrock.invocations": [('"cacheWriteInputTokenCount"', f'"{NEW}InputTokenCount"')],
    "envoy.access_log": [('"gen_ai.usage.cached_input_tokens"', f'"gen_ai.usage.{NEW}_tokens"')],
    "cloudflare.logs": [('"tokens_out"', f'"tokens_{NEW}"')],
    "helicone.requests": [('"prompt_cache_write_tokens"', f'"prompt_{NEW}_tokens"')],
    "vercel.generations": [('"native_tokens_reasoning"', f'"native_tokens_{NEW}"')],
    "openrouter.generations": [
        ('"service_tier": "priority"', f'"service_tier": "{NEW}"'),
        ('"native_tokens_cached"', f'"native_tokens_{NEW}"'),
    ],
    "portkey.logs": [
        ('"cache_status": "DISABLED"', f'"cache_status": "{NEW}"'),
        ('"service_tier": "default"', f'"service_tier": "{NEW}"'),
        ('"cost_currency": "USD"', f'"cost_currency": "{NEW}"'),
        ('"reasoning_tokens"', f'"{NEW}_tokens"'),
        ('"cached_tokens"', f'"{NEW}_tokens"'),
    ],
    "langfuse.observations": [(r"\"output_reasoning\"", rf"\"{NEW}\"")],
    "otel.spans": [('"gen_ai.usage.reasoning.output_tokens"', f'"gen_ai.usage.{NEW}"')],
    "declared.calls": [(";normal;", f";{NEW};")],
    "declared.bills": [(",tokens,", f",{NEW},")],
    "openai.usage_completions": [
        ('"service_tier": "default"', f'"service_tier": "{NEW}"'),
        ('"input_cache_write_tokens"', f'"input_{NEW}_tokens"'),
    ],
    "openai.usage_meters": [("organization.usage.images.result", NEW)],
    "openai.costs": [('"1000_tokens"', f'"{NEW}"')],
    "anthropic.usage_messages": [
        ('"service_tier": "priority_on_demand"', f'"service_tier": "{NEW}"'),
        ('"ephemeral_1h_input_tokens"', f'"ephemeral_{NEW}_input_tokens"'),
    ],
    "anthropic.cost_report": [
        ('"cost_type": "web_search"', f'"cost_type": "{NEW}"'),
        ('"token_type": "uncached_input_tokens"', f'"token_type": "{NEW}"'),
    ],
    "aws_cur.line_items": [(",Usage,", f",{NEW},")],
    "azure.cost_details": [(",Usage,", f",{NEW},")],
    "gcp.billing_export": [('"cost_type": "regular"', f'"cost_type": "{NEW}"')],
    "focus.cost_and_usage": [(",Usage,", f",{NEW},")],
    "gpu_rental.bills": [(",usage,", f",{NEW},")],
    "business.tasks": [(",resolved,", f",{NEW},")],
    "business.revenue": [(",subscription,", f",{NEW},")],
    "business.invoices": [(",usage,", f",{NEW},")],
}


def closed(table: FeedTable) -> bool:
    return any(rule.allowed for rule in table.contract.values())


def test_every_feed_with_a_closed_list_is_here() -> None:
    assert {table.name for table in FEEDS if closed(table)} == WORDS.keys()


@pytest.mark.parametrize(
    ("table", "old", "new"), [(table, *pair) for table, pairs in WORDS.items() for pair in pairs], ids=lambda v: v[:30]
)
def test_a_new_word_is_named(home: LandedHome, table: str, old: str, new: str) -> None:
    folder = table.replace(".", "/")
    files = {str(path.relative_to(PAYLOADS)): path.read_text() for path in (PAYLOADS / folder).rglob("*.*")}
    [(name, text)] = [(name, text) for name, text in files.items() if old in text][:1]
    home.land(name, text.replace(old, new, 1))
    home.ingest()
    named = [f"{field}: {reason}" for _, field, reason in home.rejects()]
    assert any(NEW in said for said in named), named
