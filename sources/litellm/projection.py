"""The SQL that turns a LiteLLM_SpendLogs row into a lake row or a named problem.

One text serves both ways of reading (see reader.py), so a row means the same however it was read. Values arrive as
text: a typed read would turn "12x" into null and 3.7 into 4 without a word. `metadata` is parsed once, with from_json.
Prompts and responses (messages, response, proxy_server_request) are not among the columns read.
"""

import json
from datetime import datetime
from typing import Any

import duckdb

from sources.gateway import SERVICE_TIERS, TIER_SPELLINGS
from sources.sql_checks import found, moment, one_of, reject
from sources.user_keys import user_key_sql

# What is read of a row; nothing else is looked at. `metadata` may be JSON text or an object.
LOG_FIELDS = (
    "request_id", "litellm_call_id", "call_type", "api_key", "model", "custom_llm_provider", "startTime", "endTime",
    "completionStartTime", "prompt_tokens", "completion_tokens", "total_tokens", "spend", "status", "cache_hit",
    "end_user", "team_id", "session_id", "updated_at", "metadata",
)  # fmt: skip
# By the path they stand at. What is known and not read is not reported as unknown; a new token class is.
KNOWN_FIELDS: dict[str, frozenset[str]] = {
    "": frozenset({
        *LOG_FIELDS, "model_group", "model_id", "user", "request_tags", "organization_id", "cache_key", "api_base",
        "messages", "response", "proxy_server_request", "request_duration_ms", "agent_id", "billing_agent_id",
        "mcp_namespaced_tool_name", "requester_ip_address",
        "created_at",
    }),
    "metadata.usage_object.": frozenset({
        "prompt_tokens", "completion_tokens", "total_tokens", "prompt_tokens_details", "completion_tokens_details",
        "cache_creation_input_tokens", "cache_read_input_tokens", "cache_creation", "server_tool_use", "service_tier",
        "inference_geo", "speed", "cost", "input_tokens", "output_tokens", "input_tokens_details",
        "input_token_details", "output_tokens_details", "type", "seconds",
    }),
    "metadata.usage_object.prompt_tokens_details.": frozenset({
        "cached_tokens", "cache_write_tokens", "cache_creation_tokens", "cache_creation_token_details", "text_tokens",
        "audio_tokens", "image_tokens", "web_search_requests", "image_count", "character_count", "video_length_seconds",
    }),
    "metadata.usage_object.completion_tokens_details.": frozenset({
        "reasoning_tokens", "text_tokens", "audio_tokens", "image_tokens", "accepted_prediction_tokens",
        "rejected_prediction_tokens",
    }),
}  # fmt: skip

TAGS = (
    "tenant", "product", "feature", "task_id", "task_type", "environment", "purpose", "session_id", "prompt_version",
    "app_release", "latency_insensitive",
)  # fmt: skip
STATUSES = ("success", "failure")
# As providers spell them, to the tier.
TIERS = {**{tier: tier for tier in sorted(SERVICE_TIERS)}, **TIER_SPELLINGS}
SPEEDS = ("standard", "fast")

_USAGE = "metadata.usage_object"
_INPUT = f"{_USAGE}.prompt_tokens_details"
_OUTPUT = f"{_USAGE}.completion_tokens_details"
_TAGS = "metadata.spend_logs_metadata"
# Parsed as JSON and then once more, so that their keys can be told: none may count what nobody here knows.
_DETAILS = {_INPUT: "input_details", _OUTPUT: "output_details"}
_REQUIRED_COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
# Name in the SQL -> where the count stands in the log. Absent means the log says nothing of it.
OPTIONAL_COUNTS = {
    "cached_tokens": f"{_INPUT}.cached_tokens",
    "cache_read_total": f"{_USAGE}.cache_read_input_tokens",
    "cache_write_tokens": f"{_INPUT}.cache_write_tokens",
    "cache_creation_tokens": f"{_INPUT}.cache_creation_tokens",
    "cache_write_total": f"{_USAGE}.cache_creation_input_tokens",
    "ephemeral_5m": f"{_USAGE}.cache_creation.ephemeral_5m_input_tokens",
    "ephemeral_1h": f"{_USAGE}.cache_creation.ephemeral_1h_input_tokens",
    "detailed_5m": f"{_INPUT}.cache_creation_token_details.ephemeral_5m_input_tokens",
    "detailed_1h": f"{_INPUT}.cache_creation_token_details.ephemeral_1h_input_tokens",
    "input_audio": f"{_INPUT}.audio_tokens",
    "input_image": f"{_INPUT}.image_tokens",
    "reasoning": f"{_OUTPUT}.reasoning_tokens",
    "output_audio": f"{_OUTPUT}.audio_tokens",
    "output_image": f"{_OUTPUT}.image_tokens",
    "searches_used": f"{_USAGE}.server_tool_use.web_search_requests",
    "searches_in_input": f"{_INPUT}.web_search_requests",
    "search_units": "metadata.billed_units.search_units",
    "image_count": f"{_INPUT}.image_count",
    "character_count": f"{_INPUT}.character_count",
    # Images and transcriptions keep the provider's own usage object.
    "own_input": f"{_USAGE}.input_tokens",
    "own_output": f"{_USAGE}.output_tokens",
    "own_input_image": f"{_USAGE}.input_tokens_details.image_tokens",
    "own_input_audio": f"{_USAGE}.input_token_details.audio_tokens",
    "own_output_image": f"{_USAGE}.output_tokens_details.image_tokens",
}
OPTIONAL_SECONDS = {
    "audio_seconds": f"{_USAGE}.seconds",
    "video_seconds": f"{_INPUT}.video_length_seconds",
}
_METADATA_PATHS = (
    *OPTIONAL_COUNTS.values(),
    *OPTIONAL_SECONDS.values(),
    f"{_USAGE}.prompt_tokens",
    f"{_USAGE}.service_tier",
    f"{_USAGE}.speed",
    f"{_USAGE}.inference_geo",
    "metadata.cost_breakdown.vertex_location",
    *(f"{_TAGS}.{tag}" for tag in (*TAGS, "reasoning_effort")),
    "metadata.error_information.error_code",
    "metadata.error_information.error_class",
    "metadata.cost_breakdown.service_tier",
    "metadata.service_tier",
    "metadata.reasoning_effort",
    "metadata.litellm_call_id",
)


def _structures(paths: tuple[str, ...]) -> tuple[str, dict[str, str]]:
    """What from_json takes out of metadata, and out of each of its details."""
    structures: dict[str, dict[str, Any]] = {root: {} for root in ("metadata", *_DETAILS)}
    for path in paths:
        _branch(structures, path, "VARCHAR")
    for details in _DETAILS:
        _branch(structures, details, "JSON", "metadata")
    return json.dumps(structures["metadata"]), {path: json.dumps(structures[path]) for path in _DETAILS}


def _branch(structures: dict[str, dict[str, Any]], path: str, kind: str, root: str | None = None) -> None:
    """Adds a path to the structure it is parsed by."""
    root = root or _root(path)
    *parents, leaf = path.removeprefix(f"{root}.").split(".")
    node = structures[root]
    for parent in parents:
        node = node.setdefault(parent, {})
    node[leaf] = kind


def _root(path: str) -> str:
    return next((details for details in _DETAILS if path.startswith(f"{details}.")), "metadata")


METADATA_STRUCTURE, _DETAIL_STRUCTURES = _structures(_METADATA_PATHS)
LOG_COLUMNS = "{" + ", ".join(f"'{name}': 'VARCHAR'" for name in LOG_FIELDS) + "}"

_LATEST = "getvariable('litellm_latest')"


def _count_problem(name: str, text: str, path: str, is_required: bool) -> str:
    # The upper bound keeps the sums below from overflowing; no request comes near it.
    wrong = f"n_{name} is null or n_{name} not between 0 and 1000000000000 or cast(n_{name} as varchar) <> {text}"
    condition = wrong if is_required else f"{text} is not null and ({wrong})"
    return reject(condition, path, found(text, "a whole number, 0 or more"))


def _problems() -> list[str]:
    """Every reason to reject a row, in the order of checking: a row is rejected for the first that holds."""
    return [
        *(reject(f"{name} is null", name, "'missing'") for name in ("request_id", "call_type", "api_key", "model")),
        reject("request_id = ''", "request_id", "'empty'"),
        *_time_problems(),
        *_structure_problems(),
        *(_count_problem(name, name, name, True) for name in _REQUIRED_COUNTS),
        *(_count_problem(name, f"x_{name}", path, False) for name, path in OPTIONAL_COUNTS.items()),
        *(
            reject(
                f"x_{name} is not null and coalesce(n_{name} < 0, true)",
                path,
                found(f"x_{name}", "a number, 0 or more"),
            )
            for name, path in OPTIONAL_SECONDS.items()
        ),
        *_sum_problems(),
        reject("spend_usd is null", "spend", found("spend", "a number")),
        reject("spend_usd < 0", "spend", "'negative'"),
        *_closed_list_problems(),
    ]


def _time_problems() -> list[str]:
    example = "a time such as 2026-08-10 09:20:46.847"
    optional = {"completionStartTime": "completion_started_at", "updated_at": "updated"}
    shown = "strftime(started_at, '%Y-%m-%d %H:%M:%S')"
    return [
        reject("started_at is null", "startTime", found('"startTime"', example)),
        reject("ended_at is null", "endTime", found('"endTime"', example)),
        *(
            reject(f'"{field}" is not null and {column} is null', field, found(f'"{field}"', f"{example}, or null"))
            for field, column in optional.items()
        ),
        reject(f"started_at > {_LATEST}", "startTime", f"'date in the future: ' || {shown}"),
        reject("started_at < timestamp '2015-01-01'", "startTime", f"'date before 2015: ' || {shown}"),
    ]


def _structure_problems() -> list[str]:
    """Objects that are not objects. from_json makes all-null structs of them, so only those are looked at again."""
    suspects = {
        _USAGE: "m.usage_object is not null and m.usage_object.prompt_tokens is null",
        _INPUT: "m.usage_object.prompt_tokens_details is not null and x_cached_tokens is null",
        _OUTPUT: "m.usage_object.completion_tokens_details is not null and x_reasoning is null",
        _TAGS: "m.spend_logs_metadata is not null and m.spend_logs_metadata.tenant is null",
    }
    return [
        reject("metadata <> 'null' and m is null", "metadata", "'not valid JSON'"),
        reject(
            "m.usage_object is null and m.spend_logs_metadata is null "
            "and json_type(metadata) not in ('OBJECT', 'NULL')",
            "metadata",
            "'expected an object'",
        ),
        *(
            reject(
                f"{suspect} and json_type(metadata, '${path[8:]}') not in ('OBJECT', 'NULL')",
                path,
                "'expected an object'",
            )
            for path, suspect in suspects.items()
        ),
        *(_class_problem(path) for path in _DETAILS),
    ]


def _class_problem(path: str) -> str:
    """A key of the details that counts something, and that nobody here knows: a new token class would be lost."""
    details = f"m{path[8:]}"
    known = one_of(sorted(KNOWN_FIELDS[f"{path}."]))
    unknown = f"list_filter(json_keys({details}), lambda key: key not in {known})"
    # Null where a key stands twice. A lambda that looked values up in the details would cost as much as all the rest,
    # even on rows that it is not asked about; list_has_all costs five times the filter.
    entries = f"""map_entries(from_json({details}, '"MAP(VARCHAR, VARCHAR)"'))"""
    counting = f"e.key not in {known} and coalesce(e.value, '0') not in ('0', '0.0', '', '{{}}', '[]')"
    stray = (
        f"case when {entries} is null then {unknown}[1] else list_filter({entries}, lambda e: {counting})[1].key end"
    )
    reason = f"'unknown token class \"' || left({stray}, 40) || '\"'"
    return reject(f"len({unknown}) > 0 and {stray} is not null", path, reason)


def _sum_problems() -> list[str]:
    """Token classes that do not add up. They are rejected, never clamped: a clamped class hides a double count."""
    return [
        reject(
            "n_total_tokens > 0 and n_total_tokens <> n_prompt_tokens + n_completion_tokens",
            "total_tokens",
            "n_total_tokens || ' is not ' || n_prompt_tokens || ' prompt + ' || n_completion_tokens || ' completion'",
        ),
        reject(
            "coalesce(n_ephemeral_5m, n_ephemeral_1h) is not null "
            "and coalesce(n_ephemeral_5m, 0) + coalesce(n_ephemeral_1h, 0) <> cache_written",
            f"{_USAGE}.cache_creation",
            "'its classes do not add up to the ' || cache_written || ' cache write tokens'",
        ),
        reject(
            "cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens + input_audio_tokens "
            "+ input_image_tokens > input_tokens",
            "prompt_tokens",
            "input_tokens || ' is less than its cache, audio and image tokens'",
        ),
        reject(
            "reasoning_tokens + output_audio_tokens + output_image_tokens > output_tokens",
            "completion_tokens",
            "output_tokens || ' is less than its reasoning, audio and image tokens'",
        ),
    ]


def _closed_list_problems() -> list[str]:
    return [
        reject(f"status not in {one_of(STATUSES)}", "status", found("status", " or ".join(STATUSES))),
        reject(
            "lower(cache_hit) not in ('true', 'false', 'none', '')",
            "cache_hit",
            found("cache_hit", "True, False or None"),
        ),
        reject(
            f"not list_contains({list(TIERS)}, x_tier)",
            "metadata.cost_breakdown.service_tier",
            found("x_tier", "one of " + ", ".join(TIERS)),
        ),
        reject(f"x_speed not in {one_of(SPEEDS)}", f"{_USAGE}.speed", found("x_speed", " or ".join(SPEEDS))),
        reject(
            "lower(x_latency_insensitive) not in ('true', 'false')",
            f"{_TAGS}.latency_insensitive",
            found("x_latency_insensitive", "true or false"),
        ),
    ]


def _place(path: str) -> str:
    root = _root(path)
    return f"{_DETAILS.get(root, 'm')}{path.removeprefix(root)}"


def _texts() -> list[str]:
    """The nested texts of metadata, each named once."""
    return [
        *(f"{_place(path)} as x_{name}" for name, path in (OPTIONAL_COUNTS | OPTIONAL_SECONDS).items()),
        "m.spend_logs_metadata.latency_insensitive as x_latency_insensitive",
        "lower(coalesce(nullif(m.cost_breakdown.service_tier, ''), nullif(m.usage_object.service_tier, ''),"
        " nullif(m.service_tier, ''))) as x_tier",
        "lower(nullif(m.usage_object.speed, '')) as x_speed",
    ]


def _typed() -> list[str]:
    return [
        *(f"try_cast(x_{name} as bigint) as n_{name}" for name in OPTIONAL_COUNTS),
        *(f"try_cast({name} as bigint) as n_{name}" for name in _REQUIRED_COUNTS),
        *(f"try_cast(x_{name} as decimal(18, 6)) as n_{name}" for name in OPTIONAL_SECONDS),
        moment('"startTime"') + " as started_at",
        moment('"endTime"') + " as ended_at",
        moment('"completionStartTime"') + " as completion_started_at",
        moment("updated_at") + " as updated",
        # Text to a 128-bit decimal costs 30 times text to a 64-bit one, which holds every believable price of a call.
        "coalesce(try_cast(spend as decimal(18, 12)), try_cast(spend as decimal(26, 12))) as spend_usd",
    ]


# prompt_tokens include cache reads and writes, completion_tokens include reasoning: LiteLLM normalises all providers.
# Of images and transcriptions it may leave both at 0 and keep the counts in the provider's usage; what an image model
# puts out is image tokens, unless it says which are.
# LiteLLM's own split of cache writes can be that of a stream's first message: it counts where it is of all of them.
# Cached tokens that leave no room for the images hold images: no longer known which of the others are, they are plain.
_CLASSES = """
    regexp_matches(call_type, 'image_|transcription') as is_media,
    is_media and n_total_tokens = 0 as is_own_count,
    case when is_own_count then coalesce(n_own_input, 0) else n_prompt_tokens end as input_tokens,
    case when is_own_count then coalesce(n_own_output, 0) else n_completion_tokens end as output_tokens,
    coalesce(greatest(n_cached_tokens, n_cache_read_total), 0) as cache_read_tokens,
    greatest(n_cache_write_total, n_cache_write_tokens, n_cache_creation_tokens) as cache_written,
    case when coalesce(n_detailed_5m, 0) + n_detailed_1h = cache_written then n_detailed_1h end as written_1h,
    case
        when coalesce(n_ephemeral_5m, n_ephemeral_1h) is not null then coalesce(n_ephemeral_5m, 0)
        else coalesce(cache_written - coalesce(written_1h, 0), 0)
    end as cache_write_5m_tokens,
    case
        when coalesce(n_ephemeral_5m, n_ephemeral_1h) is not null then coalesce(n_ephemeral_1h, 0)
        else coalesce(written_1h, 0)
    end as cache_write_1h_tokens,
    coalesce(n_input_audio, n_own_input_audio, 0) as input_audio_tokens,
    coalesce(n_input_image, n_own_input_image, 0) as images_in_input,
    case
        when cache_read_tokens > 0
            and cache_read_tokens + coalesce(cache_written, 0) + input_audio_tokens + images_in_input > input_tokens
        then 0
        else images_in_input
    end as input_image_tokens,
    coalesce(n_reasoning, 0) as reasoning_tokens,
    coalesce(n_output_audio, 0) as output_audio_tokens,
    coalesce(
        n_output_image,
        n_own_output_image,
        case when contains(call_type, 'image_') then output_tokens - reasoning_tokens - output_audio_tokens end,
        0
    ) as output_image_tokens,
    coalesce(greatest(n_searches_used, n_searches_in_input), n_search_units, 0) as searches"""

_TIER = " ".join(f"when x_tier = '{said}' then '{tier}'" for said, tier in TIERS.items())
# Lake column -> (type, SQL over the classed row), in the order of the Parquet.
_LAKE = {
    "request_id": ("VARCHAR", "request_id"),
    "litellm_call_id": ("VARCHAR", "coalesce(nullif(litellm_call_id, ''), m.litellm_call_id)"),
    "call_type": ("VARCHAR", "call_type"),
    # A key that was logged raw becomes the hash LiteLLM itself would have logged, so both spellings join.
    "api_key_id": (
        "VARCHAR",
        "case when starts_with(api_key, 'sk-') then sha256(api_key) else nullif(api_key, '') end",
    ),
    "model_id": ("VARCHAR", "model"),
    "gateway_provider": ("VARCHAR", "nullif(custom_llm_provider, '')"),
    "started_at": ("TIMESTAMP", "started_at"),
    "ended_at": ("TIMESTAMP", "ended_at"),
    "completion_started_at": ("TIMESTAMP", "completion_started_at"),
    "prompt_tokens": ("BIGINT", "input_tokens"),
    "completion_tokens": ("BIGINT", "output_tokens"),
    "cache_read_tokens": ("BIGINT", "cache_read_tokens"),
    "cache_write_5m_tokens": ("BIGINT", "cache_write_5m_tokens"),
    "cache_write_1h_tokens": ("BIGINT", "cache_write_1h_tokens"),
    "input_audio_tokens": ("BIGINT", "input_audio_tokens"),
    "input_image_tokens": ("BIGINT", "input_image_tokens"),
    "reasoning_tokens": ("BIGINT", "reasoning_tokens"),
    "output_audio_tokens": ("BIGINT", "output_audio_tokens"),
    "output_image_tokens": ("BIGINT", "output_image_tokens"),
    "searches": ("BIGINT", "searches"),
    "images": ("BIGINT", "coalesce(n_image_count, 0)"),
    "audio_seconds": ("DECIMAL(18,6)", "coalesce(n_audio_seconds, 0)"),
    "video_seconds": ("DECIMAL(18,6)", "coalesce(n_video_seconds, 0)"),
    "characters": ("BIGINT", "coalesce(n_character_count, 0)"),
    "spend_usd": ("DECIMAL(26,12)", "spend_usd"),
    # Writers older than the status column left it null.
    "status": ("VARCHAR", "coalesce(status, case when x_error is null then 'success' else 'failure' end)"),
    "http_status": ("INTEGER", "try_cast(m.error_information.error_code as integer)"),
    "is_gateway_cache_hit": ("BOOLEAN", "coalesce(lower(cache_hit), '') = 'true'"),
    "end_user_key": ("VARCHAR", user_key_sql("end_user")),
    "team_id": ("VARCHAR", "nullif(team_id, '')"),
    "session_id": ("VARCHAR", "nullif(session_id, '')"),
    **{f"tag_{tag}": ("VARCHAR", f"nullif(m.spend_logs_metadata.{tag}, '')") for tag in TAGS},
    "tag_latency_insensitive": ("BOOLEAN", "try_cast(x_latency_insensitive as boolean)"),
    "service_tier": (
        "VARCHAR",
        f"case when is_batch then 'batch' when x_speed = 'fast' then 'fast' {_TIER} else 'standard' end",
    ),
    "is_batch": ("BOOLEAN", "is_batch"),
    "region": ("VARCHAR", "lower(coalesce(m.cost_breakdown.vertex_location, m.usage_object.inference_geo))"),
    "reasoning_effort": ("VARCHAR", "coalesce(m.spend_logs_metadata.reasoning_effort, m.reasoning_effort)"),
    "updated_at": ("TIMESTAMP", "updated"),
    "file_hash": ("VARCHAR", "getvariable('litellm_file_hash')"),
    "row_number": ("BIGINT", "row_number"),
}

LAKE_COLUMNS = {name: kind for name, (kind, _) in _LAKE.items()}
LAKE_SELECT = ", ".join(f'cast({sql} as {kind}) as "{name}"' for name, (kind, sql) in _LAKE.items())
PROBLEM = f"case {' '.join(_problems())} end"


def set_variables(connection: duckdb.DuckDBPyConnection, file_hash: str, latest: datetime) -> None:
    """What the SQL needs besides the rows; COPY takes no parameters, so they are session variables."""
    connection.execute("set variable litellm_file_hash = $value", {"value": file_hash})
    connection.execute("set variable litellm_latest = cast($value as timestamp)", {"value": latest})


def rows_sql(source: str) -> str:
    """CTEs ending in `rows`: each row of `source` (row_number, log fields as text), ready for LAKE_SELECT, PROBLEM."""
    details = ", ".join(
        f"try(from_json(m{path[8:]}, '{structure}')) as {_DETAILS[path]}"
        for path, structure in _DETAIL_STRUCTURES.items()
    )
    return f"""with
raw as ({source}),
parsed as (select *, try(from_json(metadata, '{METADATA_STRUCTURE}')) as m from raw),
detailed as (select *, {details} from parsed),
named as (select *, {", ".join(_texts())} from detailed),
typed as (select *, {", ".join(_typed())} from named),
rows as (
    select
        *,
        {_CLASSES},
        coalesce(m.error_information.error_class, m.error_information.error_code) as x_error,
        contains(call_type, 'batch') or coalesce(x_tier = 'batch', false) as is_batch
    from typed
)"""
