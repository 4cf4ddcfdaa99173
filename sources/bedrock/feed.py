"""Amazon Bedrock's model invocation log: cache tokens stand beside the input's. Bodies are never read."""

from sources.gateway import BILLED_UNLESS_REFUSED, Convention, count, gateway_table, tags
from sources.mapped import Value

_KNOWN = (
    "schemaType", "schemaVersion", "timestamp", "accountId", "identity", "region", "inferenceRegion", "requestId",
    "operation", "modelId", "input", "output", "errorCode", "status", "performanceConfig", "requestMetadata",
)  # fmt: skip

INVOCATIONS = gateway_table(
    "bedrock",
    "invocations",
    {
        "response_id": Value(("/requestId",), is_required=True),
        "started_at": Value(("/timestamp",), "moment", is_required=True, is_past=True),
        "gateway_provider": Value(sql="'bedrock'"),
        "region": Value(("/inferenceRegion", "/region")),
        "model_path": Value(("/modelId",), is_required=True),
        # An ARN of a profile or model ends in its id.
        "model_id": Value(sql="regexp_extract(v_model_path, '[^/]+$')"),
        "operation": Value(("/operation",), default="InvokeModel"),
        "trace_id": Value(("/requestMetadata/traceId", "/requestMetadata/trace_id")),
        "input_tokens": count("/input/inputTokenCount"),
        "cache_read_tokens": count("/input/cacheReadInputTokenCount"),
        "cache_write_5m_tokens": count("/input/cacheWriteInputTokenCount"),
        "output_tokens": count("/output/outputTokenCount"),
        "error": Value(("/errorCode",)),
        "status": Value(sql="case when v_error is null then 'success' else 'failure' end"),
        "billing_status": Value(sql=BILLED_UNLESS_REFUSED),
        "user_key": Value(("/identity/arn",), "user"),
        **tags("/requestMetadata/"),
    },
    Convention(input_has_cache_read=False, input_has_cache_write=False, output_has_reasoning=True),
    "One row per record of Bedrock's model invocation log: one call of one model.",
    known_fields=frozenset(_KNOWN),
    only=("/schemaType", frozenset({"ModelInvocationLog"})),
)
