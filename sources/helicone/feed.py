"""Helicone's request log: cache tokens stand beside the prompt's, thinking beside the completion's."""

from sources.gateway import BILLED_UNLESS_REFUSED, Convention, after, count, gateway_table, tags
from sources.mapped import Value

# The table counts a dollar in billionths.
_NANO = "0.000000001"
_PROVIDERS = {"aws": "bedrock", "google": "gemini", "vertex": "vertex_ai", "together": "together_ai", "x": "xai"}
_KNOWN = (
    "response_id", "response_created_at", "latency", "status", "completion_tokens", "prompt_tokens",
    "prompt_cache_write_tokens", "prompt_cache_read_tokens", "prompt_audio_tokens", "completion_audio_tokens",
    "reasoning_tokens", "model", "request_id", "request_created_at", "user_id", "organization_id", "proxy_key_id",
    "threat", "time_to_first_token", "provider", "country_code", "target_url", "properties", "scores", "request_body",
    "response_body", "assets", "updated_at", "cache_reference_id", "cache_enabled", "cost", "prompt_id",
    "prompt_version", "is_passthrough_billing", "ai_gateway_body_mapping", "storage_location", "size_bytes",
)  # fmt: skip

REQUESTS = gateway_table(
    "helicone",
    "requests",
    {
        "response_id": Value(("/response_id", "/request_id"), is_required=True),
        "started_at": Value(("/request_created_at",), "moment", is_required=True, is_past=True),
        "ended_at": Value(("/response_created_at",), "moment"),
        "first_token_milliseconds": Value(("/time_to_first_token",), "quantity"),
        "completion_started_at": after("started_at", "first_token_milliseconds"),
        "gateway_provider": Value(("/provider",), spellings=_PROVIDERS),
        "model_id": Value(("/model",), is_required=True),
        "input_tokens": count("/prompt_tokens"),
        "cache_read_tokens": count("/prompt_cache_read_tokens"),
        "cache_write_5m_tokens": count("/prompt_cache_write_tokens"),
        "output_tokens": count("/completion_tokens"),
        "reasoning_tokens": count("/reasoning_tokens"),
        # Parts of the prompt's and the completion's count, as Helicone adds up all modalities.
        "input_audio_tokens": count("/prompt_audio_tokens"),
        "output_audio_tokens": count("/completion_audio_tokens"),
        "reported_cost_usd": Value(("/cost",), "money", times=_NANO),
        "http_status": Value(("/status",), "count"),
        "status": Value(sql="case when v_http_status between 200 and 299 then 'success' else 'failure' end"),
        # An answer out of Helicone's own cache names the request it repeats; an id of zeros names none.
        "cache_reference": Value(("/cache_reference_id",)),
        "billing_status": Value(
            sql="case when regexp_matches(v_cache_reference, '[1-9a-f]') then 'gateway_cache'"
            f" else {BILLED_UNLESS_REFUSED} end"
        ),
        "user_key": Value(("/user_id",), "user"),
        "api_key_id": Value(("/proxy_key_id",)),
        "version_at": Value(("/updated_at",), "moment"),
        **tags("/properties//"),
    },
    Convention(input_has_cache_read=False, input_has_cache_write=False, output_has_reasoning=False),
    "One row per request in Helicone's log (RequestResponseRMT): one call of one model.",
    known_fields=frozenset(_KNOWN),
)
