"""Langfuse's observations: cache stands beside `input` and reasoning beside `output`, unless `total` says otherwise."""

from sources.gateway import BILLED_UNLESS_REFUSED, TAGS, Convention, count, gateway_table, tier_with_speed
from sources.mapped import Value

# The export spells columns with underscores, the API in camel case. Values are objects or their JSON text.
_USAGE = ("/usage_details//", "/usageDetails//")
_METADATA = "/metadata//"
_PARTS = {
    "cache_read": (
        "input_cached_tokens", "input_cached", "input_cache_read", "input_cache_read_tokens", "cache_read_input_tokens",
        "cache_read", "cached_tokens",
    ),
    "cache_write": (
        "input_cache_creation", "cache_creation_input_tokens", "input_cache_write", "input_cache_write_tokens",
        "cache_write_input_tokens", "cache_write_tokens", "cache_write",
    ),
    "cache_write_5m": ("input_cache_creation_5m", "cache_creation_input_tokens_5m", "ephemeral_5m_input_tokens"),
    "cache_write_1h": ("input_cache_creation_1h", "cache_creation_input_tokens_1h", "ephemeral_1h_input_tokens"),
    "input_audio": ("input_audio", "input_audio_tokens"),
    "input_image": ("input_image", "input_image_tokens"),
    "reasoning": ("output_reasoning", "output_reasoning_tokens", "reasoning_tokens", "reasoning"),
    "output_audio": ("output_audio", "output_audio_tokens"),
    "output_image": ("output_image", "output_image_tokens"),
    "accepted": ("output_accepted_prediction_tokens", "output_accepted_prediction"),
    "rejected": ("output_rejected_prediction_tokens", "output_rejected_prediction"),
}  # fmt: skip
# OpenInference's details; in traces before the end of 2025 they are still inside `input` and `output`.
_DETAILS = {
    "detail_read": ("prompt_details.cache_read",),
    "detail_write": ("prompt_details.cache_write", "prompt_details.cache_creation"),
    "detail_audio": ("prompt_details.audio",),
    "detail_reasoning": ("completion_details.reasoning",),
    "detail_output_audio": ("completion_details.audio",),
}
_WHOLES = {
    "said_input": ("input", "input_tokens", "prompt_tokens", "input_text", "input_text_tokens"),
    "said_output": ("output", "output_tokens", "completion_tokens", "output_text", "output_text_tokens"),
}
_KEYS = frozenset(key for group in (_PARTS, _DETAILS, _WHOLES) for keys in group.values() for key in keys)
_COLUMNS = (
    "id", "trace_id", "project_id", "environment", "type", "parent_observation_id", "start_time", "end_time", "name",
    "metadata", "level", "status_message", "version", "input", "output", "provided_model_name", "model_parameters",
    "usage_details", "cost_details", "completion_start_time", "prompt_name", "prompt_version", "total_cost", "latency",
    "time_to_first_token", "model_id", "created_at", "updated_at", "prompt_id", "tool_calls", "tool_call_names",
    "tool_definitions", "usage_pricing_tier_name", "input_price", "output_price", "total_price", "event_ts",
    "is_deleted", "session_id", "user_id",
)  # fmt: skip


def _usage(keys: tuple[str, ...]) -> Value:
    return count(*(f"{start}{key}" for start in _USAGE for key in keys))


def _camel(name: str) -> str:
    head, *rest = name.split("_")
    return head + "".join(part.title() for part in rest)


def _at(*names: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(place for name in names for place in (f"/{name}", f"/{_camel(name)}")))


def _metadata(*names: str) -> tuple[str, ...]:
    return tuple(f"{_METADATA}{name}" for name in names)


_DETAIL_SUM = " + ".join(f"v_{name}" for name in _DETAILS)
# Details inside the counts: then `total` is input + output, with nothing beside them.
_CONTAINED = f"v_said_total = v_said_input + v_said_output and {_DETAIL_SUM} > 0"
_PROVIDERS = {
    "aws.bedrock": "bedrock", "aws": "bedrock", "amazon_bedrock": "bedrock", "gcp.vertex_ai": "vertex_ai",
    "gcp.gemini": "gemini", "google": "gemini", "google_genai": "gemini", "google_vertexai": "vertex_ai",
    "az.ai.openai": "azure", "azure_openai": "azure", "az.ai.inference": "azure_ai", "mistral_ai": "mistral",
    "x_ai": "xai", "together": "together_ai",
}  # fmt: skip

OBSERVATIONS = gateway_table(
    "langfuse",
    "observations",
    {
        "response_id": Value(("/id",), is_required=True),
        "trace_id": Value(_at("trace_id")),
        "parent_span_id": Value(_at("parent_observation_id")),
        "started_at": Value(_at("start_time"), "moment", is_required=True, is_past=True),
        "ended_at": Value(_at("end_time"), "moment"),
        "completion_started_at": Value(_at("completion_start_time"), "moment"),
        "gateway_provider": Value(
            _metadata(
                "attributes/gen_ai.provider.name", "attributes/gen_ai.system", "attributes/llm.provider",
                "attributes/llm.system", "gen_ai.provider.name", "gen_ai.system", "ls_provider", "provider",
            ),
            spellings=_PROVIDERS,
        ),
        "model_id": Value((*_at("provided_model_name"), "/model"), is_required=True),
        "operation": Value(("/type",), spellings={"generation": "chat", "embedding": "embeddings"}),
        **tier_with_speed(*([f"{at}//{name}" for at in _at("model_parameters")] for name in ("service_tier", "speed"))),
        "reasoning_effort": Value(tuple(f"{place}//reasoning_effort" for place in _at("model_parameters"))),
        **{name: _usage(keys) for group in (_PARTS, _DETAILS, _WHOLES) for name, keys in group.items()},
        "said_total": Value(tuple(f"{start}{key}" for start in _USAGE for key in ("total", "total_tokens")), "count"),
        "is_contained": Value(sql=f"coalesce({_CONTAINED}, false)"),
        # The lake's input holds audio and images, as everywhere; Langfuse's own keys stand beside `input`.
        "input_tokens": Value(
            sql="v_said_input + v_input_audio + v_input_image"
            " + case when v_is_contained then - v_detail_read - v_detail_write else v_detail_audio end"
        ),
        "cache_read_tokens": Value(sql="v_cache_read + v_detail_read"),
        # A count of both lifetimes may stand beside the two it sums up.
        "cache_write_1h_tokens": Value(sql="v_cache_write_1h"),
        "cache_write_5m_tokens": Value(
            sql="v_detail_write + case when v_cache_write > 0 then v_cache_write - v_cache_write_1h"
            " else v_cache_write_5m end"
        ),
        "input_audio_tokens": Value(sql="v_input_audio + v_detail_audio"),
        "input_image_tokens": Value(sql="v_input_image"),
        "output_tokens": Value(
            sql="v_said_output + v_output_audio + v_output_image + v_accepted + v_rejected"
            " + case when v_is_contained then - v_detail_reasoning else v_detail_output_audio end"
        ),
        "reasoning_tokens": Value(sql="v_reasoning + v_detail_reasoning"),
        "output_audio_tokens": Value(sql="v_output_audio + v_detail_output_audio"),
        "output_image_tokens": Value(sql="v_output_image"),
        "reported_cost_usd": Value(_at("total_cost"), "money"),
        "tools": Value(_at("tool_call_names")),
        "tool_calls": Value(sql="coalesce(try(json_array_length(v_tools)), 0)"),
        "level": Value(("/level",)),
        "status": Value(sql="case when v_level = 'ERROR' then 'failure' else 'success' end"),
        "billing_status": Value(sql=BILLED_UNLESS_REFUSED),
        "user_key": Value((*_at("user_id"), *_metadata("user_id", "attributes/user.id")), "user"),
        **{f"tag_{tag}": Value(_metadata(tag, f"attributes/{tag}", f"attributes/inferledger.{tag}")) for tag in TAGS},
        "tag_session_id": Value((*_at("session_id"), *_metadata("session_id", "attributes/session.id"))),
        "tag_environment": Value(("/environment",)),
        "tag_prompt_version": Value(_at("prompt_version")),
        "tag_app_release": Value(("/version",)),
        "tag_latency_insensitive": Value(_metadata("latency_insensitive"), "boolean"),
        "version_at": Value(_at("event_ts", "updated_at"), "moment"),
        "is_deleted": Value(_at("is_deleted"), "boolean", default="false"),
    },
    Convention(input_has_cache_read=False, input_has_cache_write=False, output_has_reasoning=False),
    "One row per version of a generation or embedding in Langfuse's observations: one call of one model.",
    # A deletion is a version like any other, and the calls it takes away are told in staging.
    more_columns={"is_deleted": "BOOLEAN"},
    reader_version=6,
    known_fields=frozenset(place.removeprefix("/") for place in _at(*_COLUMNS)),
    # The API answers with a trace and its observations.
    records="/observations",
    only=("/type", frozenset({"GENERATION", "EMBEDDING"})),
    closed=((_at("usage_details"), _KEYS | {"total", "total_tokens"}),),
    problems=[
        (f"{name} < 0", "usage_details", f"'holds parts that are larger than its {what}'")
        for name, what in (
            ("input_tokens", "input"),
            ("output_tokens", "output"),
            ("cache_write_5m_tokens", "cache writes"),
        )
    ],
)  # fmt: skip
