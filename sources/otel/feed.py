"""OpenTelemetry's GenAI spans: which attributes say what, in every spelling in use.

How spans are found in OTLP JSON lines and which of them repeat others lives in reader.py.
"""

from functools import partial

from sources.feed import FeedTable
from sources.gateway import (
    BILLED_UNLESS_REFUSED,
    CALL_COLUMNS,
    CALL_CONTRACT,
    SERVICE_TIERS,
    TAGS,
    TIER_SPELLINGS,
    UNSAID,
    Convention,
)
from sources.mapped import Layout, Value
from sources.otel.reader import read_spans

_PROVIDERS = {
    "aws.bedrock": "bedrock", "aws_bedrock": "bedrock", "aws": "bedrock", "gcp.vertex_ai": "vertex_ai",
    "vertexai": "vertex_ai", "google_vertex": "vertex_ai", "gcp.gemini": "gemini", "gcp.gen_ai": "gemini",
    "google": "gemini", "google-gla": "gemini", "google-vertex": "vertex_ai", "az.ai.openai": "azure",
    "azure.ai.openai": "azure", "azure.openai": "azure", "az.ai.inference": "azure_ai",
    "azure.ai.inference": "azure_ai", "mistral_ai": "mistral", "mistralai": "mistral", "x_ai": "xai",
    "together": "together_ai", "ibm.watsonx.ai": "watsonx",
}  # fmt: skip
# Spans of an agent, a workflow or a step of one: their usage is that of the calls below them.
ROLLUPS = ("invoke_agent", "create_agent", "agent_step", "agent", "chain", "workflow", "invoke_workflow", "plan")
OPERATIONS = ("chat", "text_completion", "completion", "generate_content", "embeddings", "embedding", "llm")


def _usage(*keys: str) -> Value:
    return Value(tuple(f"gen_ai.usage.{key}" if key[0] != "=" else key[1:] for key in keys), "count", default="0")


VALUES = {
    "span_id": Value(("spanId",), is_required=True),
    "trace_id": Value(("traceId",), is_required=True),
    "parent_span_id": Value(("parentSpanId",)),
    "said_id": Value(("gen_ai.response.id",)),
    "response_id": Value(sql="coalesce(v_said_id, v_trace_id || '-' || v_span_id)"),
    "logical_request_id": Value(sql="v_response_id"),
    "started_at": Value(("startTimeUnixNano",), "epoch", unit="ns", is_required=True, is_past=True),
    "ended_at": Value(("endTimeUnixNano",), "epoch", unit="ns"),
    "first_token_seconds": Value(
        ("gen_ai.response.time_to_first_chunk", "gen_ai.server.time_to_first_token"), "quantity"
    ),
    "completion_started_at": Value(
        sql="v_started_at + to_microseconds(cast(v_first_token_seconds * 1000000 as bigint))"
    ),
    "gateway_provider": Value(
        ("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system"), spellings=_PROVIDERS
    ),
    "region": Value(("gen_ai.request.region", "aws.region")),
    "said_model": Value(
        ("gen_ai.response.model", "gen_ai.request.model", "llm.model_name", "embedding.model_name", "llm.request.model")
    ),
    "operation": Value(
        ("gen_ai.operation.name", "openinference.span.kind", "llm.request.type"),
        default="chat",
        spellings={"llm": "chat", "agent": "invoke_agent", "embedding": "embeddings", "completion": "text_completion"},
    ),
    "service_tier": Value(
        (
            "gen_ai.openai.response.service_tier", "openai.response.service_tier", "gen_ai.response.service_tier",
            "gen_ai.openai.request.service_tier", "openai.request.service_tier", "gen_ai.request.service_tier",
        ),
        default="standard",
        spellings=TIER_SPELLINGS,
        allowed=SERVICE_TIERS,
    ),
    "reasoning_effort": Value(
        ("gen_ai.request.reasoning_effort", "gen_ai.request.reasoning.effort", "gen_ai.openai.request.reasoning_effort")
    ),
    "input_tokens": _usage("input_tokens", "prompt_tokens", "=llm.token_count.prompt", "=llm.usage.prompt_tokens"),
    "cache_read_tokens": _usage(
        "cache_read.input_tokens", "cache_read_input_tokens", "input_tokens.cached", "cached_input_tokens",
        "input_cached_tokens", "cache_read_tokens", "details.cache_read_tokens", "details.cache_read_input_tokens",
        "details.cached_tokens", "input_tokens_details.cached_tokens", "prompt_tokens_details.cached_tokens",
        "=llm.token_count.prompt_details.cache_read",
    ),
    "cache_write_5m_tokens": _usage(
        "cache_write.input_tokens", "cache_creation.input_tokens", "cache_creation_input_tokens",
        "cache_write_input_tokens", "cache_write_tokens", "input_tokens.cache_write", "input_tokens.cache_creation",
        "details.cache_write_tokens", "details.cache_creation_input_tokens", "details.cache_creation_tokens",
        "=llm.token_count.prompt_details.cache_write",
    ),
    "input_audio_tokens": _usage(
        "input_audio_tokens", "details.input_audio_tokens", "=llm.token_count.prompt_details.audio"
    ),
    "output_tokens": _usage(
        "output_tokens", "completion_tokens", "=llm.token_count.completion", "=llm.usage.completion_tokens"
    ),
    "reasoning_tokens": _usage(
        "reasoning.output_tokens", "reasoning_tokens", "reasoning_output_tokens", "output_tokens.reasoning",
        "details.reasoning_tokens", "output_tokens_details.reasoning_tokens",
        "completion_tokens_details.reasoning_tokens", "=llm.token_count.completion_details.reasoning",
    ),
    "output_audio_tokens": _usage(
        "output_audio_tokens", "details.output_audio_tokens", "=llm.token_count.completion_details.audio"
    ),
    "reported_cost_usd": Value(("gen_ai.usage.cost", "operation.cost", "llm.cost.total"), "money"),
    # Totals are read nowhere: they are sums of the counts above.
    "said_total": Value(("gen_ai.usage.total_tokens", "llm.usage.total_tokens", "llm.token_count.total"), "count"),
    "status_code": Value(("statusCode",)),
    "error": Value(("error.type",)),
    "http_status": Value(("http.response.status_code", "http.status_code"), "count"),
    "status": Value(
        sql="case when v_status_code in ('2', 'STATUS_CODE_ERROR') or v_error is not null then 'failure'"
        " else 'success' end"
    ),
    "billing_status": Value(sql=BILLED_UNLESS_REFUSED),
    "is_rollup": Value(sql=f"lower(v_operation) in {ROLLUPS}"),
    # An agent's span may name no model, or several.
    "model_id": Value(sql="coalesce(v_said_model, case when v_is_rollup then v_operation else '' end)"),
    "user_key": Value(("user.id", "enduser.id", "end_user.id"), "user"),
    "api_key_id": Value(("inferledger.api_key_id", "api_key.id")),
    "team_id": Value(("inferledger.team", "team.id")),
    **{f"tag_{tag}": Value((f"inferledger.{tag}", f"{tag}.id", tag)) for tag in TAGS},
    "tag_task_id": Value(("inferledger.task_id", "task.id", "task_id")),
    "tag_task_type": Value(("inferledger.task_type", "task.type", "task_type")),
    "tag_session_id": Value(("inferledger.session_id", "gen_ai.conversation.id", "session.id", "session_id")),
    "tag_environment": Value(
        ("inferledger.environment", "deployment.environment.name", "deployment.environment", "environment")
    ),
    "tag_app_release": Value(("inferledger.app_release", "service.version")),
    "tag_latency_insensitive": Value(("inferledger.latency_insensitive",), "boolean"),
}  # fmt: skip
CONVENTION = Convention(input_has_cache_read=True, input_has_cache_write=True, output_has_reasoning=True)
LAYOUT = Layout(
    columns=CALL_COLUMNS,
    values={**{name: value for name, value in UNSAID.items() if name not in VALUES}, **VALUES},
    time_column="started_at",
    problems=[
        ("model_id = ''", "gen_ai.request.model", "'missing; a model call names its model'"),
        *CONVENTION.problems(),
    ],
    may_be_empty=True,
)

SPANS = FeedTable(
    feed="otel",
    table="spans",
    reader_version=5,
    columns=CALL_COLUMNS,
    identity="content",
    suffixes=(".jsonl", ".ndjson", ".json", ".jsonl.gz", ".ndjson.gz", ".json.gz"),
    read=partial(read_spans, LAYOUT, OPERATIONS, ROLLUPS),
    contract=CALL_CONTRACT,
    description="One row per span of a model call, or of an agent above one, in OTLP JSON lines.",
)
