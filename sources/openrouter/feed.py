"""OpenRouter's generations: what it routed, counted in the model's own tokens, which are what it bills.

Its activity says what credits a day took by model, without token classes: it bills no call, it shows whether all are
there. Its credits are running totals of no day: what is left of what was bought.
"""

from functools import partial

from sources.day_reports import read_day_report
from sources.feed import PROVENANCE_COLUMNS, FeedTable, Rule
from sources.gateway import Convention, after, count, gateway_table, service_tier
from sources.mapped import Layout, Value, read_mapped


def _at(name: str, activity: str | None = None) -> tuple[str, ...]:
    """A page of the API holds one generation under `data`, lines are generations themselves, under the names of the
    API or of the activity page's CSV."""
    return (f"/data/{name}", f"/{name}", f"/{activity or name}")


_KNOWN = (
    "id", "upstream_id", "total_cost", "cache_discount", "upstream_inference_cost", "created_at", "model", "app_id",
    "streamed", "cancelled", "provider_name", "latency", "moderation_latency", "generation_time", "finish_reason",
    "native_finish_reason", "tokens_prompt", "tokens_completion", "native_tokens_prompt", "native_tokens_completion",
    "native_tokens_reasoning", "native_tokens_cached", "native_tokens_completion_images", "num_media_prompt",
    "num_media_completion", "num_input_audio_prompt", "num_search_results", "num_fetches", "usage", "is_byok",
    "external_user", "api_type", "router", "service_tier", "data_region", "preset_id", "provider_responses", "origin",
    "web_search_engine", "data", "generation_id", "cost_total", "cost_web_search", "cost_cache",
    "cost_file_processing", "byok_usage_inference", "tokens_reasoning", "tokens_cached", "model_permaslug", "variant",
    "user", "finish_reason_raw", "finish_reason_normalized", "generation_time_ms", "time_to_first_token_ms",
    "api_key_disabled", "api_key_name", "app_name",
)  # fmt: skip

GENERATIONS = gateway_table(
    "openrouter",
    "generations",
    {
        "response_id": Value(_at("id", "generation_id"), is_required=True),
        "started_at": Value(_at("created_at"), "moment", is_required=True, is_past=True),
        "generation_milliseconds": Value(_at("generation_time", "generation_time_ms"), "quantity"),
        "latency_milliseconds": Value(_at("latency", "time_to_first_token_ms"), "quantity"),
        "ended_at": after("started_at", "generation_milliseconds"),
        "completion_started_at": after("started_at", "latency_milliseconds"),
        "is_byok": Value(_at("is_byok"), "boolean", default="false"),
        "byok_cost": Value(("/byok_usage_inference",), "money", default="0"),
        "provider_name": Value(_at("provider_name")),
        # With a key of one's own, the provider bills and not OpenRouter.
        "gateway_provider": Value(
            sql="case when v_is_byok or v_byok_cost > 0 then lower(v_provider_name) else 'openrouter' end"
        ),
        "region": Value(_at("data_region")),
        "model_id": Value(_at("model", "model_permaslug"), is_required=True),
        "operation": Value(_at("api_type"), default="chat", spellings={"completions": "chat"}),
        "service_tier": service_tier(*_at("service_tier")),
        "input_tokens": count(*_at("native_tokens_prompt", "tokens_prompt")),
        "cache_read_tokens": count(*_at("native_tokens_cached", "tokens_cached")),
        "output_tokens": count(*_at("native_tokens_completion", "tokens_completion")),
        "reasoning_tokens": count(*_at("native_tokens_reasoning", "tokens_reasoning")),
        "output_image_tokens": count(*_at("native_tokens_completion_images")),
        "reported_cost_usd": Value(_at("total_cost", "cost_total"), "money"),
        "finish_reason": Value(_at("finish_reason", "finish_reason_normalized")),
        "status": Value(sql="case when v_finish_reason = 'error' then 'failure' else 'success' end"),
        "user_key": Value(_at("external_user", "user"), "user"),
        "api_key_id": Value(("/api_key_name",)),
    },
    Convention(input_has_cache_read=True, input_has_cache_write=True, output_has_reasoning=True),
    "One row per generation of OpenRouter (GET /api/v1/generation, or the activity's CSV): one call of one model.",
    known_fields=frozenset(_KNOWN),
)

_ACTIVITY_COLUMNS = {
    "account_id": "VARCHAR",
    "retrieved_at": "TIMESTAMP",
    "activity_date": "TIMESTAMP",
    # None of a day that took nothing.
    "model_id": "VARCHAR",
    "model_version": "VARCHAR",
    "provider_name": "VARCHAR",
    "credits_usd": "DECIMAL(26,12)",
    # With keys of one's own the provider bills this, not OpenRouter.
    "byok_usd": "DECIMAL(26,12)",
    "requests": "BIGINT",
    "prompt_tokens": "BIGINT",
    "completion_tokens": "BIGINT",
    "reasoning_tokens": "BIGINT",
    **PROVENANCE_COLUMNS,
}
_REQUIRED_ACTIVITY = ("account_id", "retrieved_at", "activity_date", "credits_usd", "file_hash")
_ACTIVITY_COUNTS = ("requests", "prompt_tokens", "completion_tokens", "reasoning_tokens")

ACTIVITY = FeedTable(
    feed="openrouter",
    table="activity",
    reader_version=2,
    columns=_ACTIVITY_COLUMNS,
    identity="snapshot",
    suffixes=(".json", ".json.gz"),
    read=partial(
        read_day_report,
        Layout(
            columns=_ACTIVITY_COLUMNS,
            values={
                "activity_date": Value(("/date",), "moment", is_required=True, is_past=True, formats=("%Y-%m-%d",)),
                "model_id": Value(("/model",), is_required=True),
                "model_version": Value(("/model_permaslug",)),
                "provider_name": Value(("/provider_name",)),
                "credits_usd": Value(("/usage",), "money", is_required=True),
                "byok_usd": Value(("/byok_usage_inference",), "money", default="0"),
                **{name: count(f"/{name}") for name in _ACTIVITY_COUNTS},
            },
            time_column="activity_date",
            problems=(
                ("account_id is null", "account_id", "'unknown; put the file into a folder of its account'"),
                ("reasoning_tokens > completion_tokens", "reasoning_tokens", "'is more than completion_tokens'"),
            ),
            records="/data",
            known_fields=frozenset(
                (
                    "date",
                    "model",
                    "model_permaslug",
                    "endpoint_id",
                    "provider_name",
                    "usage",
                    "byok_usage_inference",
                    "workspace_id",
                    *_ACTIVITY_COUNTS,
                )
            ),
            may_be_empty=True,
        ),
    ),
    contract={
        **{name: Rule(is_required=True) for name in _REQUIRED_ACTIVITY},
        **{name: Rule(is_required=True, minimum=0) for name in _ACTIVITY_COUNTS},
        "row_number": Rule(is_required=True, minimum=1),
    },
    description="One row per day, model and endpoint of OpenRouter's activity: the credits it took.",
    needs_retrieved_at=True,
    replaces_same_name=True,
)

_CREDITS_COLUMNS = {
    "account_id": "VARCHAR",
    "retrieved_at": "TIMESTAMP",
    "total_credits_usd": "DECIMAL(26,12)",
    "total_usage_usd": "DECIMAL(26,12)",
    **PROVENANCE_COLUMNS,
}

CREDITS = FeedTable(
    feed="openrouter",
    table="credits",
    reader_version=1,
    columns=_CREDITS_COLUMNS,
    identity="snapshot",
    suffixes=(".json", ".json.gz"),
    read=partial(
        read_mapped,
        Layout(
            columns=_CREDITS_COLUMNS,
            values={
                "total_credits_usd": Value(("/total_credits",), "money", is_required=True),
                "total_usage_usd": Value(("/total_usage",), "money", is_required=True),
            },
            time_column="retrieved_at",
            problems=(("account_id is null", "account_id", "'unknown; put the file into a folder of its account'"),),
            records="/data",
            known_fields=frozenset(("total_credits", "total_usage")),
        ),
    ),
    contract={
        **{name: Rule(is_required=True) for name in ("account_id", "retrieved_at", "file_hash")},
        **{name: Rule(is_required=True, minimum=0) for name in ("total_credits_usd", "total_usage_usd")},
        "row_number": Rule(is_required=True, minimum=1),
    },
    description="One row per answer of OpenRouter's credits: what was ever bought, and what of it is used.",
    needs_retrieved_at=True,
    replaces_same_name=True,
)
