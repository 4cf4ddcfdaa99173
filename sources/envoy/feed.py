"""Envoy AI Gateway's access log: JSON whose fields the operator names; these are the names of its documentation."""

from sources.gateway import BILLED_UNLESS_REFUSED, Convention, after, count, gateway_table
from sources.mapped import Value

# Of the documentation's log: what an operator adds is reported, and fails the file where it counts tokens.
_KNOWN = (
    "start_time", "method", "duration", "response_code", "response_flags", "bytes_received", "bytes_sent", "user-agent",
    "x-envoy-upstream-service-time", "x-forwarded-for", "x-envoy-origin-path", "upstream_host", "upstream_cluster",
    "x-request-id", "session.id", "x-tenant-id", "tenant.id", "x-feature-id", "feature.id", "gen_ai.provider.name",
    "gen_ai.request.model", "gen_ai.response.model", "gen_ai.response.id", "gen_ai.usage.total_tokens",
    *(f"gen_ai.usage.{name}" for name in (
        "input_tokens", "cached_input_tokens", "cache_read.input_tokens", "cache_creation_input_tokens",
        "cache_write.input_tokens", "output_tokens", "reasoning_tokens", "reasoning.output_tokens",
    )),
)  # fmt: skip

ACCESS_LOG = gateway_table(
    "envoy",
    "access_log",
    {
        "response_id": Value(("/gen_ai.response.id", "/x-request-id"), is_required=True),
        "started_at": Value(("/start_time",), "moment", is_required=True, is_past=True),
        "duration_milliseconds": Value(("/duration",), "quantity"),
        "ended_at": after("started_at", "duration_milliseconds"),
        # The backend's path, such as default/openai/route/...: config/billing_accounts.csv says who bills it.
        "gateway_provider": Value(("/gen_ai.provider.name",)),
        "model_id": Value(("/gen_ai.response.model", "/gen_ai.request.model"), is_required=True),
        "input_tokens": count("/gen_ai.usage.input_tokens"),
        "cache_read_tokens": count("/gen_ai.usage.cached_input_tokens", "/gen_ai.usage.cache_read.input_tokens"),
        "cache_write_5m_tokens": count(
            "/gen_ai.usage.cache_creation_input_tokens", "/gen_ai.usage.cache_write.input_tokens"
        ),
        "output_tokens": count("/gen_ai.usage.output_tokens"),
        "reasoning_tokens": count("/gen_ai.usage.reasoning_tokens", "/gen_ai.usage.reasoning.output_tokens"),
        "http_status": Value(("/response_code",), "count"),
        "status": Value(sql="case when v_http_status between 200 and 299 then 'success' else 'failure' end"),
        "billing_status": Value(sql=BILLED_UNLESS_REFUSED),
        "tag_session_id": Value(("/session.id",)),
        "tag_tenant": Value(("/x-tenant-id", "/tenant.id")),
        "tag_feature": Value(("/x-feature-id", "/feature.id")),
    },
    Convention(input_has_cache_read=True, input_has_cache_write=True, output_has_reasoning=True),
    "One row per model request in Envoy AI Gateway's JSON access log; requests that name no model are left out.",
    known_fields=frozenset(_KNOWN),
    only=("/gen_ai.request.model", frozenset()),
)
