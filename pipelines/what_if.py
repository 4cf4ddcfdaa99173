"""What calls of the past would have cost under a change, priced by the pipeline's own SQL: an estimate.

It takes the calls as they were: another model would write other answers, and a cut answer may be asked for again.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal

from assets.marts import open_marts, rows
from assets.publish import DATABASE
from pipelines.price_diff import Line, create_calls, differences, price_twice, require_calls
from sources.home import Home
from sources.pricing import versions
from sources.pricing.book import UNKNOWN_REGION
from sources.pricing.build import CLOUD_HOSTS, DIRECT
from sources.settings import load_settings

# Columns of fct_usage that calls can be chosen by.
FILTERS = ("tenant_id", "product_id", "feature_id", "service_provider", "model", "service_tier")
REASONS_SHOWN = 3


class WhatIfError(Exception):
    """Nothing to change, or no calls to change it for."""


@dataclass(frozen=True)
class Change:
    """What is changed of every call; None leaves it as it was."""

    model_id: str | None = None
    service_provider: str | None = None
    service_tier: str | None = None
    # of the input tokens of models that have a prompt cache; what is written to the cache stays
    cache_hit_rate: Decimal | None = None
    # of the reasoning tokens there were
    reasoning_share: Decimal | None = None
    # of reasoning and answer together, as providers cap them: the answer is cut first
    max_output_tokens: int | None = None


@dataclass(frozen=True)
class Selection:
    """The calls of the days before `end`, by equality on some of FILTERS."""

    first_day: date
    end: date
    equal: Mapping[str, str] = field(default_factory=dict)
    is_latency_insensitive: bool = False


@dataclass(frozen=True)
class WhatIf:
    """The chosen calls at contracted prices as they were (A) and changed (B); why some have no price under B."""

    lines: list[Line]
    total: Line
    self_hosted_calls: int
    unpriced_reasons: list[str]


def what_if(home: Home, selection: Selection, change: Change, by: str = "model") -> WhatIf:
    """Price the selected calls as they were and changed, both by the home's current book, dearest change first."""
    if all(getattr(change, one.name) is None for one in fields(change)):
        raise WhatIfError("nothing is changed; say --to-model, --to-tier or another --to option")
    settings = load_settings(home)
    book = versions.current(home, settings)
    with open_marts(home.published / DATABASE) as marts:
        require_calls(home, selection.first_day)
        self_hosted = create_calls(marts, selection.first_day, selection.end, _where(selection))
        price_twice(marts, home, settings, {"a": book, "b": book}, _served(change), _used(change))
        *lines, total = differences(marts, by)
        if not total.calls:
            raise WhatIfError("no call of the time, and on no own node, is as chosen")
        reasons = [row["unpriced_reason"] for row in rows(marts, _REASONS)]
    return WhatIf(lines, total, self_hosted, reasons)


def _where(selection: Selection) -> str:
    conditions = [f"{name} = {_quoted(value)}" for name, value in selection.equal.items()]
    return " and ".join([*conditions, *["latency_insensitive"] * selection.is_latency_insensitive, "true"])


def _served(change: Change) -> str:
    """Who serves a call: another provider is asked directly, where it is no cloud."""
    given = {"model_id": change.model_id, "service_tier": change.service_tier}
    if change.service_provider:
        host = CLOUD_HOSTS.get(change.service_provider, DIRECT)
        given |= {"service_provider": change.service_provider, "host": host, "region": UNKNOWN_REGION}
    return _replaced({name: _quoted(value) for name, value in given.items() if value is not None}, "priced_a")


def _used(change: Change) -> str:
    """What a call uses. Tokens only move between classes that exclude each other, or are cut off."""
    counts: dict[str, str] = {}
    if change.cache_hit_rate is not None:
        share = f"cast({change.cache_hit_rate:f} as decimal(9, 8))"
        cacheable = "input_uncached_tokens + cache_read_tokens"
        read = f"least({cacheable}, cast(floor(total_input_tokens * {share}) as bigint))"
        counts["cache_read_tokens"] = f"case when {_HAS_CACHE} then {read} else cache_read_tokens end"
        counts["input_uncached_tokens"] = (
            f"case when {_HAS_CACHE} then {cacheable} - {read} else input_uncached_tokens end"
        )
    reasoning, answer = "reasoning_tokens", "output_text_tokens"
    if change.reasoning_share is not None:
        reasoning = f"cast(floor(reasoning_tokens * cast({change.reasoning_share:f} as decimal(9, 8))) as bigint)"
    if change.max_output_tokens is not None:
        reasoning = f"least({reasoning}, {change.max_output_tokens})"
        answer = f"least(output_text_tokens, {change.max_output_tokens} - {reasoning})"
    if change.reasoning_share is not None or change.max_output_tokens is not None:
        others = "total_output_tokens - output_text_tokens - reasoning_tokens"
        counts |= {
            "reasoning_tokens": reasoning,
            "output_text_tokens": answer,
            "total_output_tokens": f"{others} + {answer} + {reasoning}",
        }
    return _replaced(counts, "served_b")


def _replaced(columns: Mapping[str, str], source: str) -> str:
    replaced = ", ".join(f"{value} as {name}" for name, value in columns.items())
    return f"select *{f' replace ({replaced})' if replaced else ''} from {source}"


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


_HAS_CACHE = """(service_provider, model_id) in (
    select (service_provider, model_id) from price_keys_b where has_prompt_cache
)"""
_REASONS = f"""
    select unpriced_reason from priced_b where unpriced_reason is not null
    group by all order by count(*) desc, unpriced_reason limit {REASONS_SHOWN}
"""
