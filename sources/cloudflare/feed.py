"""Cloudflare AI Gateway's logs: tokens in and out, without a split of cached ones."""

from sources.gateway import BILLED_UNLESS_REFUSED, Convention, after, count, gateway_table, tags
from sources.mapped import Value

_PROVIDERS = {
    "aws-bedrock": "bedrock", "google-vertex-ai": "vertex_ai", "google-ai-studio": "gemini", "azure-openai": "azure",
    "grok": "xai", "perplexity-ai": "perplexity",
}  # fmt: skip
_KNOWN = (
    "cached", "cost", "created_at", "custom_cost", "duration", "id", "metadata", "model", "model_type", "path",
    "provider", "request_content_type", "request_type", "response_content_type", "status_code", "step", "success",
    "tokens_in", "tokens_out",
)  # fmt: skip

LOGS = gateway_table(
    "cloudflare",
    "logs",
    {
        "response_id": Value(("/id",), is_required=True),
        "started_at": Value(("/created_at",), "moment", is_required=True, is_past=True),
        "duration_milliseconds": Value(("/duration",), "quantity"),
        "ended_at": after("started_at", "duration_milliseconds"),
        "gateway_provider": Value(("/provider",), spellings=_PROVIDERS),
        "model_id": Value(("/model",), is_required=True),
        "input_tokens": count("/tokens_in"),
        "output_tokens": count("/tokens_out"),
        "reported_cost_usd": Value(("/cost",), "money"),
        "http_status": Value(("/status_code",), "count"),
        "is_success": Value(("/success",), "boolean", default="true"),
        "is_cached": Value(("/cached",), "boolean", default="false"),
        "status": Value(sql="case when v_is_success then 'success' else 'failure' end"),
        "billing_status": Value(sql=f"case when v_is_cached then 'gateway_cache' else {BILLED_UNLESS_REFUSED} end"),
        "user_key": Value(("/metadata//user",), "user"),
        **tags("/metadata//"),
    },
    Convention(input_has_cache_read=True, input_has_cache_write=True, output_has_reasoning=True),
    "One row per request in Cloudflare AI Gateway's log: one call of one model.",
    records="/result",
    known_fields=frozenset(_KNOWN),
)
