"""Vercel AI Gateway: its generations, in the schema of OpenRouter's with cache writes and searches, and its report."""

from functools import partial

from sources.day_reports import read_day_report
from sources.feed import PROVENANCE_COLUMNS, FeedTable, Rule
from sources.gateway import Convention, after, count, gateway_table
from sources.mapped import Layout, Value

_KNOWN = (
    "data", "id", "total_cost", "upstream_inference_cost", "usage", "created_at", "model", "is_byok", "provider_name",
    "streamed", "finish_reason", "latency", "generation_time", "tokens_prompt", "tokens_completion",
    "native_tokens_prompt", "native_tokens_completion", "native_tokens_reasoning", "native_tokens_cached",
    "native_tokens_cache_creation", "billable_web_search_calls",
)  # fmt: skip


def _at(*names: str) -> tuple[str, ...]:
    """Lines are generations, an answer of the API holds one under `data`."""
    return tuple(place for name in names for place in (f"/{name}", f"/data/{name}"))


GENERATIONS = gateway_table(
    "vercel",
    "generations",
    {
        "response_id": Value(_at("id"), is_required=True),
        "started_at": Value(_at("created_at"), "moment", is_required=True, is_past=True),
        "generation_milliseconds": Value(_at("generation_time"), "quantity"),
        "latency_milliseconds": Value(_at("latency"), "quantity"),
        "ended_at": after("started_at", "generation_milliseconds"),
        "completion_started_at": after("started_at", "latency_milliseconds"),
        "is_byok": Value(_at("is_byok"), "boolean", default="false"),
        "provider_name": Value(_at("provider_name")),
        # With a key of one's own, the provider bills and not Vercel.
        "gateway_provider": Value(sql="case when v_is_byok then lower(v_provider_name) else 'vercel' end"),
        "model_id": Value(_at("model"), is_required=True),
        "input_tokens": count(*_at("native_tokens_prompt", "tokens_prompt")),
        "cache_read_tokens": count(*_at("native_tokens_cached")),
        "cache_write_5m_tokens": count(*_at("native_tokens_cache_creation")),
        "output_tokens": count(*_at("native_tokens_completion", "tokens_completion")),
        "reasoning_tokens": count(*_at("native_tokens_reasoning")),
        "searches": count(*_at("billable_web_search_calls")),
        # What the provider takes with a key of one's own is not in the total.
        "total_cost": Value(_at("total_cost"), "money"),
        "upstream_cost": Value(_at("upstream_inference_cost"), "money", default="0"),
        "reported_cost_usd": Value(sql="v_total_cost + v_upstream_cost"),
        "finish_reason": Value(_at("finish_reason")),
        "status": Value(sql="case when v_finish_reason = 'error' then 'failure' else 'success' end"),
    },
    Convention(input_has_cache_read=True, input_has_cache_write=True, output_has_reasoning=True),
    "One row per generation of Vercel AI Gateway (GET /v1/generation): one call of one model.",
    known_fields=frozenset(_KNOWN),
)

_REPORT_COLUMNS = {
    "account_id": "VARCHAR",
    "retrieved_at": "TIMESTAMP",
    "report_date": "TIMESTAMP",
    # None of a day that took nothing.
    "model_id": "VARCHAR",
    # What was charged; nothing with keys of one's own, which market_cost_usd knows too.
    "total_cost_usd": "DECIMAL(26,12)",
    "market_cost_usd": "DECIMAL(26,12)",
    "requests": "BIGINT",
    "input_tokens": "BIGINT",
    "output_tokens": "BIGINT",
    **PROVENANCE_COLUMNS,
}
_REQUIRED_IN_REPORT = ("account_id", "retrieved_at", "report_date", "total_cost_usd", "file_hash")
_REPORT_COUNTS = {"requests": "request_count", "input_tokens": "input_tokens", "output_tokens": "output_tokens"}

REPORT = FeedTable(
    feed="vercel",
    table="report",
    reader_version=2,
    columns=_REPORT_COLUMNS,
    identity="snapshot",
    suffixes=(".json", ".json.gz"),
    read=partial(
        read_day_report,
        Layout(
            columns=_REPORT_COLUMNS,
            values={
                "report_date": Value(("/day",), "moment", is_required=True, is_past=True, formats=("%Y-%m-%d",)),
                "model_id": Value(("/model",), is_required=True),
                "total_cost_usd": Value(("/total_cost",), "money", is_required=True),
                "market_cost_usd": Value(("/market_cost",), "money", default="0"),
                **{name: count(f"/{said}") for name, said in _REPORT_COUNTS.items()},
            },
            time_column="report_date",
            problems=(("account_id is null", "account_id", "'unknown; put the file into a folder of its account'"),),
            records="/results",
            known_fields=frozenset(
                (
                    "day",
                    "model",
                    "total_cost",
                    "market_cost",
                    "surcharge_cost",
                    "gateway_cost",
                    "cached_input_tokens",
                    "cache_creation_input_tokens",
                    "reasoning_tokens",
                    *_REPORT_COUNTS.values(),
                )
            ),
            may_be_empty=True,
        ),
    ),
    contract={
        **{name: Rule(is_required=True) for name in _REQUIRED_IN_REPORT},
        **{name: Rule(is_required=True, minimum=0) for name in _REPORT_COUNTS},
        "row_number": Rule(is_required=True, minimum=1),
    },
    description="One row per day and model of Vercel AI Gateway's report (GET /v1/report): what the calls took.",
    needs_retrieved_at=True,
    replaces_same_name=True,
)
