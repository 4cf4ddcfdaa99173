"""LiteLLM_SpendLogs rows of the requests, as LiteLLM exports them: metadata is JSON inside the JSON.

What the traces do not record is invented here: ids and keys carry the prefix, and where a value cannot (a time, a
status), metadata.requester_metadata.invented names its field.
"""

import gzip
from pathlib import Path

import polars as pl

from examples.traces.requests import INVENTED

KEY = f"{INVENTED}key"
_STAMP = "%Y-%m-%d %H:%M:%S%.6f+00:00"


def write(landing: Path, requests: pl.DataFrame) -> dict[str, int]:
    """Write litellm/spend_logs, a file for each UTC day requests started on; lines by file name."""
    folder = landing / "litellm" / "spend_logs"
    folder.mkdir(parents=True)
    dated = requests.sort("started_us", "trace", "row").with_columns(
        day=pl.from_epoch("started_us", time_unit="us").dt.date()
    )
    written = {}
    for (day,), part in dated.partition_by("day", as_dict=True).items():
        name = f"spend_logs_{day}.ndjson.gz"
        lines = _rows(part).write_ndjson()
        (folder / name).write_bytes(gzip.compress(lines.encode(), 4, mtime=0))
        written[name] = part.height
    return written


def _rows(requests: pl.DataFrame) -> pl.DataFrame:
    total = pl.col("input_tokens") + pl.col("output_tokens")
    names = ("started", "startTime"), ("first_token", "completionStartTime"), ("ended", "endTime")
    stamps = {field: pl.from_epoch(f"{name}_us", time_unit="us").dt.strftime(_STAMP) for name, field in names}
    had_end = pl.col("ended_us").is_not_null()
    return requests.with_columns(ended_us=pl.coalesce("ended_us", "started_us"), had_end=had_end).select(
        request_id=_id(""), call_type=_text("acompletion"), api_key=_text(KEY), cache_hit=_text("None"), **stamps,
        model="model", user=_text(""), team_id=_text(""), organization_id=_text(""),
        metadata=_metadata(total).struct.json_encode(), cache_key=_text("Cache OFF"), spend=pl.lit(0.0),
        total_tokens=total, prompt_tokens="input_tokens", completion_tokens="output_tokens", request_tags=_text("[]"),
        end_user=_text(""), api_base=_text(""), model_group="model", model_id=_text(""),
        mcp_namespaced_tool_name=None, agent_id="agent", billing_agent_id=None, requester_ip_address=None,
        custom_llm_provider="provider", messages=_text("{}"), response=_text("{}"), proxy_server_request=_text("{}"),
        # One a call, as LiteLLM writes it for callers that pass no trace id.
        session_id=_id("trace-"),
        request_duration_ms=pl.when("had_end").then((pl.col("ended_us") - pl.col("started_us")) // 1000),
        status=_text("success"), litellm_call_id=_id("call-"),
    )  # fmt: skip


def _metadata(total: pl.Expr) -> pl.Expr:
    counts = pl.struct(
        prompt_tokens="input_tokens", completion_tokens="output_tokens", total_tokens=total,
        prompt_tokens_details=None, completion_tokens_details=None,
    )  # fmt: skip
    invented = pl.concat_list(
        pl.lit(["status", "call_type", "spend"]),
        pl.when(pl.col("trace") == "azure_llm_2023").then([]).otherwise(pl.lit(["date"])),
        pl.when("had_end").then(pl.lit(["custom_llm_provider"])).otherwise(pl.lit(["endTime"])),
    )
    return pl.struct(
        user_api_key=_text(KEY),
        status=None,
        error_information=None,
        usage_object=counts,
        spend_logs_metadata=pl.struct(session_id="session"),
        requester_metadata=pl.struct(trace="trace", row="row", invented=invented),
    )


def _id(kind: str) -> pl.Expr:
    return pl.format(f"{INVENTED}{kind}{{}}-{{}}", "trace", "row")


def _text(value: str) -> pl.Expr:
    return pl.lit(value)
