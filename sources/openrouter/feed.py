"""OpenRouter's generations: what it routed, counted in the model's own tokens, which are what it bills."""

from sources.gateway import Convention, after, count, gateway_table, service_tier
from sources.mapped import Value


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
