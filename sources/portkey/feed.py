"""Portkey's log export: the counts are those of the answer's usage object, whose total says which holds which."""

from sources.gateway import BILLED_UNLESS_REFUSED, Convention, after, count, gateway_table, tags, tier_with_speed
from sources.mapped import Value

# The answer is an object or its JSON text; older exports have its body apart, logs sent in have it one level down.
_ANSWERS = ("/response//", "/response//body/", "/response.body//")
_PROVIDERS = {
    "azure-openai": "azure", "azure-ai": "azure_ai", "azure-ai-foundry": "azure_ai", "vertex-ai": "vertex_ai",
    "google": "gemini", "mistral-ai": "mistral", "x-ai": "xai", "together-ai": "together_ai",
    "fireworks-ai": "fireworks_ai", "perplexity-ai": "perplexity",
}  # fmt: skip
_CACHE_STATUSES = {
    "hit": "hit", "cache hit": "hit", "semantic hit": "hit", "cache semantic hit": "hit",
    **dict.fromkeys(("miss", "cache miss", "disabled", "cache disabled", "refreshed", "cache refreshed"), "miss"),
}  # fmt: skip
_KNOWN = (
    "id", "trace_id", "created_at", "request", "response", "is_success", "ai_org", "ai_model", "req_units", "res_units",
    "total_units", "request_url", "cost", "cost_currency", "response_time", "response_status_code", "mode", "config",
    "prompt_slug", "metadata", "request.body", "response.body", "request_method", "cache_status", "cache_type",
    "stream_mode", "retry_success_count", "currency",
)  # fmt: skip
# A key of `usage` that is none of these fails the file: what it counts would go missing without a word.
_USAGE_KEYS = frozenset((
    "prompt_tokens", "completion_tokens", "total_tokens", "input_tokens", "output_tokens", "prompt_tokens_details",
    "completion_tokens_details", "input_tokens_details", "output_tokens_details", "cache_read_input_tokens",
    "cache_creation_input_tokens", "cache_creation", "server_tool_use", "service_tier", "inference_geo", "speed",
    "cost", "queue_time", "prompt_time", "completion_time", "total_time", "prompt_cache_hit_tokens",
    "prompt_cache_miss_tokens", "num_cached_tokens",
))  # fmt: skip
# Of their parts. Video has no price of its own, nor has what a prediction got right or wrong: input and output as any.
_INPUT_KEYS = frozenset((
    "cached_tokens", "cache_write_tokens", "text_tokens", "audio_tokens", "image_tokens", "video_tokens",
))  # fmt: skip
_OUTPUT_KEYS = frozenset((
    "reasoning_tokens", "thinking_tokens", "text_tokens", "audio_tokens", "image_tokens",
    "accepted_prediction_tokens", "rejected_prediction_tokens",
))  # fmt: skip


def _answer(*paths: str) -> tuple[str, ...]:
    return tuple(f"{answer}{path}" for path in paths for answer in _ANSWERS)


def _usage(*paths: str) -> tuple[str, ...]:
    return _answer(*(f"usage/{path}" for path in paths))


_INPUT = ("prompt_tokens", "input_tokens")
_OUTPUT = ("completion_tokens", "output_tokens")
# Anthropic's own answers have no total; the cache stands beside the input there, the reasoning in the output.
_BESIDE = """case
    when v_said_total is not null then v_said_total - v_said_input - v_said_output
    when v_own_input is not null then v_cache
    when v_cache + v_reasoning_tokens = 0 then 0
end"""
_UNCLEAR = """case
    when v_usage is null then v_request_units + v_response_units > 0
    else
        v_beside is null
        or v_beside not in (0, v_cache, v_reasoning_tokens, v_cache + v_reasoning_tokens)
        or (v_beside > 0 and v_beside = v_reasoning_tokens and v_beside = v_cache)
end"""


def _with_beside(count: str, part: str) -> str:
    """A count, with the part of it that stands beside it."""
    return f"v_{count} + case when v_beside in (v_{part}, v_cache + v_reasoning_tokens) then v_{part} else 0 end"


LOGS = gateway_table(
    "portkey",
    "logs",
    {
        "log_id": Value(("/id",)),
        "answer_id": Value(_answer("id")),
        "cache_status": Value(("/cache_status",), spellings=_CACHE_STATUSES, allowed=frozenset({"hit", "miss"})),
        # An answer out of Portkey's cache repeats the id of the first.
        "response_id": Value(
            sql="case when v_cache_status = 'hit' then v_log_id else coalesce(v_answer_id, v_log_id) end"
        ),
        "logical_request_id": Value(sql="v_response_id"),
        "trace_id": Value(("/trace_id",)),
        "started_at": Value(("/created_at",), "moment", is_required=True, is_past=True),
        "response_milliseconds": Value(("/response_time",), "quantity"),
        "ended_at": after("started_at", "response_milliseconds"),
        "gateway_provider": Value(("/ai_org",), spellings=_PROVIDERS),
        "model_id": Value(("/ai_model",), is_required=True),
        "request_url": Value(("/request_url",)),
        "operation": Value(sql="case when contains(v_request_url, '/embeddings') then 'embeddings' else 'chat' end"),
        **tier_with_speed(_answer("service_tier", "usage/service_tier"), _usage("speed")),
        "usage": Value(_answer("usage")),
        "request_units": count("/req_units"),
        "response_units": count("/res_units"),
        "own_input": Value(_usage("input_tokens"), "count"),
        "said_input": count(*_usage(*_INPUT)),
        "said_output": count(*_usage(*_OUTPUT)),
        "said_total": Value(_usage("total_tokens"), "count"),
        "cache_read_tokens": count(
            *_usage("prompt_tokens_details/cached_tokens", "input_tokens_details/cached_tokens"),
            *_usage("cache_read_input_tokens", "prompt_cache_hit_tokens", "num_cached_tokens"),
        ),
        "cache_writes": count(*_usage("cache_creation_input_tokens", "prompt_tokens_details/cache_write_tokens")),
        "cache_write_1h_tokens": count(*_usage("cache_creation/ephemeral_1h_input_tokens")),
        "cache_write_5m_tokens": Value(sql="v_cache_writes - v_cache_write_1h_tokens"),
        "reasoning_tokens": count(
            *_usage("completion_tokens_details/reasoning_tokens", "output_tokens_details/reasoning_tokens"),
            *_usage("output_tokens_details/thinking_tokens"),
        ),
        "cache": Value(sql="v_cache_read_tokens + v_cache_writes"),
        "beside": Value(sql=_BESIDE),
        "is_unclear": Value(sql=_UNCLEAR),
        "input_tokens": Value(sql=_with_beside("said_input", "cache")),
        "output_tokens": Value(sql=_with_beside("said_output", "reasoning_tokens")),
        "input_audio_tokens": count(*_usage("prompt_tokens_details/audio_tokens")),
        "input_image_tokens": count(*_usage("prompt_tokens_details/image_tokens")),
        "output_audio_tokens": count(*_usage("completion_tokens_details/audio_tokens")),
        "output_image_tokens": count(*_usage("completion_tokens_details/image_tokens")),
        "searches": count(*_usage("server_tool_use/web_search_requests")),
        "cost_currency": Value(("/cost_currency", "/currency"), allowed=frozenset({"USD"})),
        # In cents.
        "reported_cost_usd": Value(("/cost",), "money", times="0.01"),
        "http_status": Value(("/response_status_code",), "count"),
        "is_success": Value(("/is_success",), "boolean"),
        "is_answered": Value(sql="coalesce(v_is_success, v_http_status between 200 and 299, true)"),
        "status": Value(sql="case when v_is_answered then 'success' else 'failure' end"),
        "billing_status": Value(
            sql=f"case when v_cache_status = 'hit' then 'gateway_cache' else {BILLED_UNLESS_REFUSED} end"
        ),
        "user_key": Value(("/metadata//_user",), "user"),
        **tags("/metadata//"),
    },
    Convention(input_has_cache_read=True, input_has_cache_write=True, output_has_reasoning=True),
    "One row per request in Portkey's log export: one call of one model.",
    known_fields=frozenset(_KNOWN),
    closed=(
        (_answer("usage"), _USAGE_KEYS),
        (_usage("prompt_tokens_details", "input_tokens_details"), _INPUT_KEYS),
        (_usage("completion_tokens_details", "output_tokens_details"), _OUTPUT_KEYS),
    ),
    reader_version=7,
    problems=[
        ("response_id is null", "id", "'missing; expected a value'"),
        (
            "v_usage is null and v_is_unclear",
            "response.usage",
            "'missing: without it nobody can say how many of the ' || v_request_units"
            " || ' req_units were cached; export the field response'",
        ),
        (
            "coalesce(v_is_unclear, true)",
            "response.usage",
            "'cannot be told apart: input ' || v_said_input || ', output ' || v_said_output || ', cache ' || v_cache"
            " || ', reasoning ' || v_reasoning_tokens"
            " || ', total ' || coalesce(cast(v_said_total as varchar), 'missing')",
        ),
        ("cache_write_5m_tokens < 0", "response.usage", "'1-hour cache writes are more than all cache writes'"),
    ],
)
