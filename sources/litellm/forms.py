"""LiteLLM's log in its other forms: spend logs as CSV, Parquet or JSON; the StandardLoggingPayload of its callbacks.

Whatever the form, a record becomes the fields of a spend log row, as text, and then means what projection.py says.
"""

import json
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb

from sources.feed import LandedFile, ReadContext, ReadResult
from sources.lines import TextFile
from sources.litellm import projection
from sources.litellm.reader import FIELD_SAMPLE_ROWS, read_spend_logs, unknown_in_row
from sources.mapped import Layout, record_sources, start_judging, write_judged
from sources.quarantine import Reject

# Times of a StandardLoggingPayload are float seconds since 1970; older ones are texts.
_TIMES = ("startTime", "endTime", "completionStartTime")
_PAYLOAD_FIELDS = (
    "id", "trace_id", "response_cost", "cost_breakdown", "error_information", "response", "model_parameters",
)  # fmt: skip
# Known and not read; a new field of a payload is reported, a new token class above all.
_KNOWN_PAYLOAD_FIELDS = projection.KNOWN_FIELDS[""] | {
    *_PAYLOAD_FIELDS, "autorouter_baseline_observation", "autorouter_savings", "autorouter_savings_estimate",
    "compression_savings", "error_str", "guardrail_information", "hidden_params", "model_map_information",
    "request_model_access_groups", "response_cost_failure_debug_info", "response_time",
    "saved_cache_cost", "standard_built_in_tools_params", "status_fields", "stream", "user_agent",
    "zero_cost_diagnostic", "vector_store_request_metadata",
}  # fmt: skip
_METADATA_FIELDS = (
    "user_api_key_hash", "user_api_key_team_id", "user_api_key_end_user_id", "usage_object", "spend_logs_metadata",
    "reasoning_effort",
)  # fmt: skip
_LAYOUT = Layout(columns=projection.LAKE_COLUMNS, values={}, time_column="started_at")


def read_logs(file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path) -> ReadResult:
    """A file of any form. Lines of spend logs go the fast way."""
    if file.path.name.removesuffix(".gz").endswith((".ndjson", ".jsonl")) and not _is_payload(_first_line(file.path)):
        return read_spend_logs(file, context, out_parquet, out_rejects)
    start_judging(_LAYOUT, file, context)
    connection = context.connection
    latest = (context.now + timedelta(days=1)).replace(tzinfo=None)
    projection.set_variables(connection, file.identity, latest)
    rejects: list[Reject] = []
    unknown: dict[str, int] = {}
    for number, source in enumerate(record_sources(file.path, _LAYOUT, context, rejects)):
        if number == 0:
            unknown = _unknown_fields(connection, source)
        connection.execute(f"""
            insert into judged
            {projection.rows_sql(_log_fields(source))}
            select {projection.LAKE_SELECT}, line_number, byte_offset, coalesce(record_problem, {projection.PROBLEM})
            from rows""")
    return write_judged(_LAYOUT, connection, out_parquet, out_rejects, rejects, unknown)


def _first_line(path: Path) -> Any:
    """The first line that holds something, as JSON; None when it is none, which the careful reader then names."""
    for batch in TextFile(path).batches():
        for text in batch["text"].head(1):
            try:
                return json.loads(text or "")
            except ValueError:
                return None
    return None


def _is_payload(record: Any) -> bool:
    return isinstance(record, dict) and "request_id" not in record and "id" in record and "startTime" in record


def _log_fields(source: str) -> str:
    """The records of `source` as rows of a spend log, all values text."""
    fields = _structure(*projection.LOG_FIELDS, *_PAYLOAD_FIELDS)
    metadata = _structure(*_METADATA_FIELDS)
    columns = ", ".join(
        f'case when is_payload then {_of_payload(name)} else {_of_row(name)} end as "{name}"'
        for name in projection.LOG_FIELDS
    )
    return f"""
        select
            row_number,
            line_number,
            byte_offset,
            case when problem is not null then 'line' || chr(9) || problem end as record_problem,
            {columns}
        from (
            select
                *,
                log.request_id is null and log.id is not null as is_payload,
                {_unpacked("log.metadata")} as metadata,
                case when try(json_type(metadata)) = 'OBJECT' then from_json(metadata, '{metadata}') end as meta
            from (
                select *, case when problem is null then from_json(record, '{fields}') end as log
                from ({source})
            )
        )"""


def _unpacked(text: str) -> str:
    """A JSON text inside a JSON text, taken out."""
    unpacked = f"coalesce(try(json_extract_string({text}, '$')), {text})"
    return f"case when starts_with({text}, '\"') then {unpacked} else {text} end"


def _of_row(name: str) -> str:
    if name == "metadata":
        return "metadata"
    # A CSV file cannot tell an empty text from none; in the database these two are never null.
    return f"coalesce(log.\"{name}\", '')" if name in ("api_key", "call_type") else f'log."{name}"'


def _of_payload(name: str) -> str:
    """Where a StandardLoggingPayload says what the column of the spend log says."""
    if name in _TIMES:
        moment = f'make_timestamp(cast(try_cast(log."{name}" as decimal(24, 6)) * 1000000 as bigint))'
        is_epoch = rf"""regexp_full_match(log."{name}", '\d{{9,10}}(\.\d+)?')"""
        return f"""case when {is_epoch} then strftime({moment}, '%Y-%m-%d %H:%M:%S.%f') else log."{name}" end"""
    return {
        "request_id": "log.id",
        "api_key": "coalesce(meta.user_api_key_hash, '')",
        # LiteLLM's own spend log has 0 where a call has no cost.
        "spend": "coalesce(log.response_cost, '0')",
        "team_id": "meta.user_api_key_team_id",
        "end_user": "coalesce(nullif(log.end_user, ''), meta.user_api_key_end_user_id)",
        "session_id": "coalesce(nullif(log.session_id, ''), log.trace_id)",
        "metadata": _METADATA,
    }.get(name, f'log."{name}"')


# What is no object stays as it is, for the check of metadata to name. A success has empty error texts.
_METADATA = """case
    when metadata is not null and meta is null then metadata
    else cast(json_object(
        'usage_object', coalesce({usage}, try(json(json_extract_string(log.response, '$.usage')))),
        'billed_units', try(json_extract(log.response, '$.meta.billed_units')),
        'spend_logs_metadata', {tags},
        'cost_breakdown', try(json(log.cost_breakdown)),
        'service_tier', coalesce(
            try(json_extract_string(log.response, '$.service_tier')),
            try(json_extract_string(log.model_parameters, '$.service_tier'))
        ),
        'reasoning_effort', meta.reasoning_effort,
        'litellm_call_id', log.litellm_call_id,
        'error_information', case
            when log.status = 'failure' or json_extract_string(try(json(log.error_information)), '$.error_class') <> ''
                then try(json(log.error_information))
        end
    ) as varchar)
end""".format(
    usage="coalesce(try(json(meta.usage_object)), to_json(meta.usage_object))",
    tags="coalesce(try(json(meta.spend_logs_metadata)), to_json(meta.spend_logs_metadata))",
)


def _structure(*names: str) -> str:
    return json.dumps(dict.fromkeys(names, "VARCHAR"))


def _unknown_fields(connection: duckdb.DuckDBPyConnection, source: str) -> dict[str, int]:
    """Fields nobody here knows, with the number of sampled records that have them."""
    counts: Counter[str] = Counter()
    sample = f"select record from ({source}) where problem is null limit {FIELD_SAMPLE_ROWS}"
    for (text,) in connection.execute(sample).fetchall():
        record = json.loads(text)
        if _is_payload(record):
            counts.update(record.keys() - _KNOWN_PAYLOAD_FIELDS)
            record = {"metadata": record.get("metadata")}
        counts.update(unknown_in_row(json.dumps(record).encode()))
    return dict(sorted(counts.items()))
