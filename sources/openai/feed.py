"""OpenAI's organization usage and cost reports: what their pages are and what the lake tables promise.

Input tokens include cached and cache-write tokens; audio and image counts hold what was not cached. Times are Unix
seconds.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from sources.feed import (
    PROVENANCE_COLUMNS,
    FeedTable,
    LandedFile,
    ReadContext,
    ReadResult,
    Rule,
    UnreadableFileError,
)
from sources.pages import (
    ORIGIN_COLUMNS,
    Page,
    Row,
    RowError,
    amount,
    choice,
    count,
    currency,
    flag,
    read_page,
    text,
)

SERVICE_TIERS: Mapping[str | None, str | None] = {
    None: "standard",
    "default": "standard",
    "auto": "standard",
    "standard": "standard",
    "flex": "flex",
    "priority": "priority",
    "fast": "fast",
    "batch": "batch",
    # Tokens a minute of one model, bought in advance by the day: https://openai.com/api-scale-tier/
    "scale": "provisioned",
}
# In what the bill counts -> the unit in the lake. Thousands of tokens become tokens.
QUANTITY_UNITS: Mapping[str | None, str | None] = {
    None: None,
    "tokens": "tokens",
    "1000_tokens": "tokens",
    **{
        unit: unit
        for unit in (
            "requests", "calls", "sessions", "images", "pixels", "characters", "duration_seconds", "seconds",
            "minutes", "gibibyte_days", "gigabyte_days",
        )
    },
}  # fmt: skip


class Counted(NamedTuple):
    """What a usage endpoint counts, and which meter that is here; `other` where calls have no such meter."""

    field: str
    meter: str


# The usage endpoints besides completions. Their results say in `object` which one they are of.
METERS: Mapping[str, Counted] = {
    "embeddings": Counted("input_tokens", "input_uncached"),
    "moderations": Counted("input_tokens", "input_uncached"),
    "images": Counted("images", "image"),
    "audio_speeches": Counted("characters", "character"),
    "audio_transcriptions": Counted("seconds", "audio_second"),
    "vector_stores": Counted("usage_bytes", "other"),
    "code_interpreter_sessions": Counted("num_sessions", "other"),
    "file_searches": Counted("num_requests", "other"),
    "web_searches": Counted("num_requests", "search"),
}
_OBJECTS: Mapping[str | None, str | None] = {f"organization.usage.{name}.result": name for name in METERS}
# Reports whose path has another name than their results.
_PATHS: Mapping[str, str] = {"file_search_calls": "file_searches", "web_search_calls": "web_searches"}

_USAGE_FIELDS = frozenset({
    "object", "input_tokens", "input_cached_tokens", "input_cache_write_tokens", "input_uncached_tokens",
    "output_tokens", "input_text_tokens", "output_text_tokens", "input_cached_text_tokens", "input_audio_tokens",
    "input_cached_audio_tokens", "output_audio_tokens", "input_image_tokens", "input_cached_image_tokens",
    "output_image_tokens", "num_model_requests", "project_id", "user_id", "api_key_id", "model", "batch",
    "service_tier",
})  # fmt: skip
_METER_FIELDS = frozenset({
    "object", "project_id", "user_id", "api_key_id", "model", "num_model_requests", "size", "source", "vector_store_id",
    "context_level", *(counted.field for counted in METERS.values()),
})  # fmt: skip
_COST_FIELDS = frozenset({"object", "amount", "line_item", "project_id", "api_key_id", "quantity", "quantity_unit"})


def _bucket(bucket: Row) -> tuple[datetime, datetime]:
    start, end = count(bucket, "start_time"), count(bucket, "end_time")
    try:
        return (
            datetime.fromtimestamp(start, UTC).replace(tzinfo=None),
            datetime.fromtimestamp(end, UTC).replace(tzinfo=None),
        )
    except (OverflowError, ValueError, OSError) as error:
        raise RowError("start_time", "not a time in Unix seconds") from error


def _usage(result: Row, context: ReadContext) -> Row:
    is_batch = flag(result, "batch")
    row: Row = {
        "project_id": text(result, "project_id"),
        "api_key_id": text(result, "api_key_id"),
        "model_id": text(result, "model"),
        "is_batch": is_batch,
        "service_tier": "batch" if is_batch else choice(result, "service_tier", SERVICE_TIERS),
        "input_tokens": count(result, "input_tokens"),
        "input_cached_tokens": count(result, "input_cached_tokens", 0),
        "input_cache_write_tokens": count(result, "input_cache_write_tokens", 0),
        "input_audio_tokens": count(result, "input_audio_tokens", 0),
        "input_image_tokens": count(result, "input_image_tokens", 0),
        "output_tokens": count(result, "output_tokens"),
        "output_audio_tokens": count(result, "output_audio_tokens", 0),
        "output_image_tokens": count(result, "output_image_tokens", 0),
        "num_model_requests": count(result, "num_model_requests"),
    }
    media = row["input_audio_tokens"] + row["input_image_tokens"]
    if row["input_cached_tokens"] + row["input_cache_write_tokens"] + media > row["input_tokens"]:
        said = "its cached, cache write, audio and image tokens"
        raise RowError("input_tokens", f"{row['input_tokens']} is less than {said}")
    if row["output_audio_tokens"] + row["output_image_tokens"] > row["output_tokens"]:
        raise RowError("output_tokens", f"{row['output_tokens']} is less than its audio and image tokens")
    return row


def _meter(result: Row, context: ReadContext) -> Row:
    endpoint = choice(result, "object", _OBJECTS)
    counted = METERS[str(endpoint)]
    return {
        "project_id": text(result, "project_id"),
        "api_key_id": text(result, "api_key_id"),
        "endpoint": endpoint,
        "model_id": text(result, "model"),
        "meter": counted.meter,
        "quantity": count(result, counted.field),
        "unit": counted.field,
        "num_model_requests": count(result, "num_model_requests", 0),
    }


def _empty_meter(file: LandedFile, results: list[Any]) -> Row:
    """Results say which report they are of; of a page without any the file's name must, else it replaces nothing."""
    said = {_OBJECTS.get(result.get("object")) for result in results if isinstance(result, dict)}
    named = said if len(said) == 1 else {name for name in (*METERS, *_PATHS) if file.name.startswith(f"{name}_")}
    endpoint = next((_PATHS.get(name, name) for name in named if name), None)
    if endpoint is None:
        reports = ", ".join(name for name in (*METERS, *_PATHS) if name not in _PATHS.values())
        reason = f"does not say which report has a day without results; it begins with one of {reports}, and _"
        raise UnreadableFileError(reason, "file name")
    return {"endpoint": endpoint, "meter": METERS[endpoint].meter, "unit": METERS[endpoint].field}


def _cost(result: Row, context: ReadContext) -> Row:
    unit = choice(result, "quantity_unit", QUANTITY_UNITS)
    shift = 3 if result.get("quantity_unit") == "1000_tokens" else 0
    return {
        "project_id": text(result, "project_id"),
        "api_key_id": text(result, "api_key_id"),
        "line_item": text(result, "line_item"),
        "amount": amount(result, "amount.value"),
        "currency": currency(result, "amount.currency", context),
        "quantity": None if result.get("quantity") is None else amount(result, "quantity", shift),
        "quantity_unit": unit,
    }


USAGE_PAGE = Page(
    columns={
        **ORIGIN_COLUMNS,
        "project_id": "VARCHAR",
        "api_key_id": "VARCHAR",
        "model_id": "VARCHAR",
        "is_batch": "BOOLEAN",
        "service_tier": "VARCHAR",
        "input_tokens": "BIGINT",
        "input_cached_tokens": "BIGINT",
        "input_cache_write_tokens": "BIGINT",
        "input_audio_tokens": "BIGINT",
        "input_image_tokens": "BIGINT",
        "output_tokens": "BIGINT",
        "output_audio_tokens": "BIGINT",
        "output_image_tokens": "BIGINT",
        "num_model_requests": "BIGINT",
        **PROVENANCE_COLUMNS,
    },
    read_bucket=_bucket,
    read_result=_usage,
    known_fields=_USAGE_FIELDS,
    empty=lambda file, results: {"is_batch": False, "service_tier": "standard"},
)
METER_PAGE = Page(
    columns={
        **ORIGIN_COLUMNS,
        "project_id": "VARCHAR",
        "api_key_id": "VARCHAR",
        "endpoint": "VARCHAR",
        "model_id": "VARCHAR",
        "meter": "VARCHAR",
        "quantity": "BIGINT",
        "unit": "VARCHAR",
        "num_model_requests": "BIGINT",
        **PROVENANCE_COLUMNS,
    },
    read_bucket=_bucket,
    read_result=_meter,
    known_fields=_METER_FIELDS,
    empty=_empty_meter,
)
COST_PAGE = Page(
    columns={
        **ORIGIN_COLUMNS,
        "project_id": "VARCHAR",
        "api_key_id": "VARCHAR",
        "line_item": "VARCHAR",
        "amount": "DECIMAL(26,12)",
        "currency": "VARCHAR",
        "quantity": "DECIMAL(26,6)",
        "quantity_unit": "VARCHAR",
        **PROVENANCE_COLUMNS,
    },
    read_bucket=_bucket,
    read_result=_cost,
    known_fields=_COST_FIELDS,
    empty=lambda file, results: {"amount": Decimal(0), "currency": "USD"},
)


def _read_usage(file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path) -> ReadResult:
    return read_page(USAGE_PAGE, file, context, out_parquet, out_rejects)


def _read_meters(file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path) -> ReadResult:
    return read_page(METER_PAGE, file, context, out_parquet, out_rejects)


def _read_costs(file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path) -> ReadResult:
    return read_page(COST_PAGE, file, context, out_parquet, out_rejects)


_ORIGIN_RULES = {name: Rule(is_required=True) for name in (*ORIGIN_COLUMNS, "file_hash")}
_PLACE_RULE = {"row_number": Rule(is_required=True, minimum=1)}

USAGE_COMPLETIONS = FeedTable(
    feed="openai",
    table="usage_completions",
    reader_version=6,
    columns=USAGE_PAGE.columns,
    identity="snapshot",
    suffixes=(".json", ".json.gz"),
    read=_read_usage,
    contract={
        **_ORIGIN_RULES,
        **_PLACE_RULE,
        **{name: Rule(is_required=True, minimum=0) for name, kind in USAGE_PAGE.columns.items() if "tokens" in name},
        "num_model_requests": Rule(is_required=True, minimum=0),
        "service_tier": Rule(is_required=True, allowed=frozenset(tier for tier in SERVICE_TIERS.values() if tier)),
    },
    description="One row per day, project, key, model, batch and tier of OpenAI's completions usage report.",
    needs_retrieved_at=True,
    replaces_same_name=True,
)

USAGE_METERS = FeedTable(
    feed="openai",
    table="usage_meters",
    reader_version=3,
    columns=METER_PAGE.columns,
    identity="snapshot",
    suffixes=(".json", ".json.gz"),
    read=_read_meters,
    contract={
        **_ORIGIN_RULES,
        **_PLACE_RULE,
        **{name: Rule(is_required=True, minimum=0) for name in ("quantity", "num_model_requests")},
        "endpoint": Rule(is_required=True, allowed=frozenset(METERS)),
        "meter": Rule(is_required=True, allowed=frozenset(counted.meter for counted in METERS.values())),
    },
    description=(
        "One row per day, project, key and model of OpenAI's usage reports of embeddings, moderations, images, speech, "
        "transcriptions, vector stores, code interpreter, file and web searches."
    ),
    needs_retrieved_at=True,
    replaces_same_name=True,
)

COSTS = FeedTable(
    feed="openai",
    table="costs",
    reader_version=2,
    columns=COST_PAGE.columns,
    identity="snapshot",
    suffixes=(".json", ".json.gz"),
    read=_read_costs,
    contract={
        **_ORIGIN_RULES,
        **_PLACE_RULE,
        "amount": Rule(is_required=True),
        "currency": Rule(is_required=True),
        "quantity_unit": Rule(allowed=frozenset(unit for unit in QUANTITY_UNITS.values() if unit)),
    },
    description="One row per day, project, key and line item of OpenAI's cost report, in the bill's currency.",
    needs_retrieved_at=True,
    replaces_same_name=True,
)
