"""The gateway's export: LiteLLM_SpendLogs rows as gzipped NDJSON, one file per day of writing.

As LiteLLM exports them, metadata, tags and bodies are JSON strings inside the JSON. Lines are built from one template,
since json.dumps twice per call would take longer than everything else together.
"""

import gzip
import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl

from examples.company import story
from examples.company.catalog import (
    API_BASE,
    DEPLOYMENT_ID,
    FEATURE_BY_ID,
    FIRST_DAY,
    GATEWAY_PROVIDER,
    KEYS,
    LLAMA,
    MODEL_BY_NAME,
)
from examples.company.mishaps import day_index


def _inner(value: object) -> str:
    """JSON as it stands inside a JSON string, with @name@ and %name% as places to fill (%: without quotes)."""
    text = json.dumps(json.dumps(value))[1:-1]
    return _places(text.replace('\\"%', "%").replace('%\\"', "%"))


def _places(text: str) -> str:
    parts = text.split("@")
    text = "".join(p if i % 2 == 0 else f"%({p})s" for i, p in enumerate(parts))
    parts = text.split("%<")
    return parts[0] + "".join("%(" + p.replace(">%", ")s", 1) for p in parts[1:])


_TOKENS = {"prompt_tokens": "%<prompt>%", "completion_tokens": "%<completion>%", "total_tokens": "%<total>%"}
_USAGE_OPENAI = _inner(
    _TOKENS
    | {
        "prompt_tokens_details": {
            "audio_tokens": 0, "cached_tokens": "%<read>%", "cache_write_tokens": "%<write_5m>%",
        },
        "completion_tokens_details": {"audio_tokens": 0, "reasoning_tokens": "%<reasoning>%"},
    }
)  # fmt: skip
_USAGE_ANTHROPIC = _inner(
    _TOKENS
    | {
        "prompt_tokens_details": {"cached_tokens": "%<read>%", "cache_creation_tokens": "%<cache_written>%"},
        "completion_tokens_details": {"reasoning_tokens": "%<reasoning>%"},
        "cache_creation_input_tokens": "%<cache_written>%",
        "cache_read_input_tokens": "%<read>%",
        "cache_creation": {
            "ephemeral_5m_input_tokens": "%<write_5m>%", "ephemeral_1h_input_tokens": "%<write_1h>%",
        },
        "server_tool_use": {"web_search_requests": "%<searches>%"},
    }
)  # fmt: skip
_USAGE_VLLM = _inner(
    _TOKENS | {"prompt_tokens_details": {"cached_tokens": "%<read>%"}, "completion_tokens_details": None}
)
_USAGE = {"openai": _USAGE_OPENAI, "anthropic": _USAGE_ANTHROPIC, "northgpu": _USAGE_VLLM}
_CALLER = {
    "tenant": "@tenant@", "product": "@product@", "feature": "@feature@", "task_id": "@task@",
    "task_type": "@task_type@", "environment": "@environment@", "purpose": "@purpose@", "session_id": "@session@",
    "prompt_version": "@prompt_version@", "app_release": "@release@", "latency_insensitive": "%<insensitive>%",
    "reasoning_effort": "%<effort>%",
}  # fmt: skip
_CALLER_FULL = _inner(_CALLER)
_CALLER_NO_TENANT = _inner({key: value for key, value in _CALLER.items() if key != "tenant"})
_CALLER_TEXT = {"full": _CALLER_FULL, "no_tenant": _CALLER_NO_TENANT, "bare": "null"}
_ERROR = _inner(
    {
        "error_code": "@error_code@", "error_class": "@error_class@", "llm_provider": "@gateway_provider@",
        "error_message": "",
    }
)  # fmt: skip
_METADATA = _inner(
    {
        "user_api_key": "@key@", "user_api_key_alias": "@key_name@", "user_api_key_team_id": "@team@",
        "user_api_key_user_id": "", "status": "@status@", "applied_guardrails": [], "batch_models": "%<batch_models>%",
        "attempted_retries": "%<retries>%", "cost_breakdown": {"total_cost": "%<spend>%", "service_tier": "%<tier>%"},
        "usage_object": "%<usage>%", "spend_logs_metadata": "%<caller>%", "error_information": "%<error>%",
    }
)  # fmt: skip
_LINE = _places(
    json.dumps(
        {
            "request_id": "@response@", "call_type": "@call_type@", "api_key": "@key@", "spend": "%<spend>%",
            "total_tokens": "%<total>%", "prompt_tokens": "%<prompt>%", "completion_tokens": "%<completion>%",
            "startTime": "@started@", "endTime": "@ended@", "completionStartTime": "@first_token@",
            "request_duration_ms": "%<duration>%", "model": "@model_id@", "model_id": "@deployment@",
            "model_group": "@model@", "custom_llm_provider": "@gateway_provider@", "api_base": "@api_base@",
            "user": "", "team_id": "@team@", "organization_id": "", "end_user": "@user@", "metadata": "@metadata@",
            "cache_hit": "@cache_hit@", "cache_key": "@cache_key@", "request_tags": "@request_tags@",
            "session_id": "@trace@", "status": "@status@", "agent_id": None, "billing_agent_id": None,
            "mcp_namespaced_tool_name": None, "requester_ip_address": None, "litellm_call_id": "@call@",
            "messages": "{}", "response": "{}", "proxy_server_request": "{}", "created_at": "@written@",
            "updated_at": "@written@",
        }
    ).replace('"%<', "%<").replace('>%"', ">%")
)  # fmt: skip
_EFFORT = {k: f'\\"{f.reasoning_effort}\\"' for k, f in FEATURE_BY_ID.items() if f.reasoning_effort}
_TEAM = {key.name: f"team-{key.tenant_id}" for key in KEYS if key.tenant_id}
_KEY_ID = {"": "", **{key.name: key.api_key_id for key in KEYS}}


def file_name(day: int) -> str:
    """The file of the n-th day."""
    return f"spend_logs_{FIRST_DAY + timedelta(days=day)}.ndjson.gz"


def write(landing: Path, calls: pl.DataFrame) -> int:
    """Write litellm/spend_logs and return the number of lines written."""
    folder = landing / "litellm" / "spend_logs"
    folder.mkdir(parents=True)
    logged = calls.filter(pl.col("route") == "gateway")
    again = logged.filter(pl.col("logged_again_day") >= 0)
    count = 0
    # day by day: all lines at once, as text, would not fit into memory at a large scale
    for (day,), part in logged.partition_by("write_day", as_dict=True).items():
        if day == day_index(story.MISSING_LOG_DAY):
            continue
        twice = again.filter(pl.col("logged_again_day") == day)
        rows = pl.concat([_log_rows(part, is_again=False), _log_rows(twice, is_again=True)]).sort("written_ms", "call")
        data = gzip.compress(("\n".join(_lines(rows)) + "\n").encode(), 4, mtime=0)
        if day == day_index(story.TRUNCATED_LOG_DAY):
            data = data[: story.TRUNCATED_BYTES]
        else:
            count += rows.height
        (folder / file_name(day)).write_bytes(data)
    return count


def _stamp(name: str) -> pl.Expr:
    return pl.from_epoch(name, time_unit="ms").dt.strftime("%Y-%m-%d %H:%M:%S%.6f+00:00")


def _log_rows(calls: pl.DataFrame, *, is_again: bool) -> pl.DataFrame:
    """Every value of every line as text."""
    day_start = pl.lit(FIRST_DAY).cast(pl.Datetime("ms")).dt.epoch("ms") + pl.col("write_day") * 86_400_000
    written = pl.max_horizontal(pl.col("ended_ms") + 900 + 60_000 * is_again, day_start)
    if is_again:
        calls = calls.with_columns(
            pl.col("logged_again_day").alias("write_day"),
            pl.Series("litellm_call_id", [_other_id(text) for text in calls["litellm_call_id"]]),
        )
    frame = calls.with_columns(
        written_ms=written,
        prompt=pl.sum_horizontal(
            "input_uncached_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens"
        ),
        completion=pl.col("output_text_tokens") + pl.col("reasoning_tokens"),
        first_ms=pl.col("started_ms") + pl.col("first_token_ms"),
    )
    is_hit = pl.col("billing") == "gateway_cache"
    return frame.select(
        "write_day", "written_ms", "log_state", "service_provider", "tags",
        response="response_id", call="litellm_call_id", trace="trace_id", key_name="key_name",
        key=pl.col("key_name").replace_strict(_KEY_ID),
        team=pl.col("key_name").replace_strict(_TEAM, default="", return_dtype=pl.String),
        call_type=pl.when(pl.col("tier") == "batch").then(pl.lit("aretrieve_batch")).otherwise(pl.lit("acompletion")),
        spend=pl.when((pl.col("status") == "success") & (pl.col("billing") == "billed"))
        .then(pl.col("list_pico") / 1e12).otherwise(0.0),
        prompt="prompt", completion="completion", total=pl.col("prompt") + pl.col("completion"),
        read="cache_read_tokens", write_5m="cache_write_5m_tokens", write_1h="cache_write_1h_tokens",
        cache_written=pl.col("cache_write_5m_tokens") + pl.col("cache_write_1h_tokens"),
        reasoning="reasoning_tokens", searches="searches",
        started=_stamp("started_ms"), ended=_stamp("ended_ms"), first_token=_stamp("first_ms"),
        written=_stamp("written_ms"), duration="latency_ms", model_id="model_id", model="model",
        gateway_provider=pl.col("service_provider").replace_strict(GATEWAY_PROVIDER),
        api_base=pl.col("service_provider").replace_strict(API_BASE),
        deployment=pl.col("model").replace_strict({name: deployment_id(name) for name in MODEL_BY_NAME}),
        user="user", cache_hit=pl.when(is_hit).then(pl.lit("True")).otherwise(pl.lit("None")),
        cache_key=pl.when(is_hit).then(pl.col("trace_id").str.replace_all("-", "")).otherwise(pl.lit("Cache OFF")),
        request_tags=pl.when(pl.col("tags") == "bare").then(pl.lit("[]")).otherwise(
            pl.format('[\\"feature:{}\\", \\"env:{}\\"]', "feature_id", "environment")
        ),
        status="status", error_code="error_code", error_class="error_class", retries=pl.col("attempt") - 1,
        tenant="tenant_id", product="product_id", feature="feature_id", task="task_id", environment="environment",
        session=pl.when(pl.col("task_id") == "").then(pl.lit("")).otherwise("s" + pl.col("task_id")),
        task_type=pl.when(pl.col("task_id") == "").then(pl.lit("")).otherwise(
            pl.col("feature_id").replace_strict({k: f.task_type for k, f in FEATURE_BY_ID.items()})
        ),
        purpose=pl.when(pl.col("environment") == "eval").then(pl.lit("eval")).otherwise(
            pl.col("feature_id").replace_strict({k: f.purpose for k, f in FEATURE_BY_ID.items()})
        ),
        effort=pl.col("feature_id").replace_strict(_EFFORT, default="null"),
        insensitive=pl.col("feature_id").replace_strict(
            {k: str(f.latency_insensitive).lower() for k, f in FEATURE_BY_ID.items()}
        ),
        prompt_version="prompt_version", release=pl.format("2026.{}", pl.col("day") // 7 + 33),
        tier=pl.when(pl.col("tier") == "batch").then(pl.lit('\\"batch\\"')).otherwise(pl.lit("null")),
        batch_models=pl.when(pl.col("tier") == "batch")
        .then(pl.format('[\\"{}\\"]', pl.col("model_id"))).otherwise(pl.lit("null")),
    )  # fmt: skip


def deployment_id(model: str) -> str:
    """The router's id of the deployment that served a model."""
    return DEPLOYMENT_ID if model == LLAMA else hashlib.sha256(model.encode()).hexdigest()[:32]


def _other_id(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8] + text[8:]


def _lines(part: pl.DataFrame) -> Iterator[str]:
    for values in part.iter_rows(named=True):
        kind = values["log_state"]
        if kind == "cached_above_prompt":
            values["read"] = values["prompt"] + 128
        elif kind == "negative_completion_tokens":
            values["completion"] = -values["completion"]
        elif kind == "prompt_tokens_text":
            values["prompt"] = '\\"12x\\"'
        values["usage"] = _USAGE[values["service_provider"]] % values
        values["caller"] = _CALLER_TEXT[values["tags"]] % values
        values["error"] = _ERROR % values if values["error_code"] else "null"
        values["metadata"] = _METADATA % values
        if kind == "prompt_tokens_text":
            values["prompt"] = '"12x"'
        line = _LINE % values
        yield line[: len(line) * 6 // 10] if kind == "broken_json" else line
