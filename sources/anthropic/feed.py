"""Anthropic's messages usage and cost reports: what their pages are and what the lake tables promise.

Input classes are disjoint here: uncached input excludes cache reads and writes. Costs are decimal texts in cents.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from sources.feed import PROVENANCE_COLUMNS, FeedTable, LandedFile, ReadContext, ReadResult, Rule
from sources.pages import ORIGIN_COLUMNS, Page, Row, RowError, amount, choice, count, read_page, text

SERVICE_TIERS: Mapping[str | None, str | None] = {
    None: None,
    "standard": "standard",
    "batch": "batch",
    "priority": "priority",
    "priority_on_demand": "priority",
    "flex": "flex",
    "flex_discount": "flex",
}
SPEEDS: Mapping[str | None, str | None] = {None: None, "standard": None, "fast": "fast"}
COST_TYPES: Mapping[str | None, str | None] = {
    name: name for name in ("tokens", "web_search", "code_execution", "session_usage")
}
TOKEN_TYPES: Mapping[str | None, str | None] = {
    None: None,
    **{
        name: name
        for name in (
            "uncached_input_tokens", "output_tokens", "cache_read_input_tokens",
            "cache_creation.ephemeral_5m_input_tokens", "cache_creation.ephemeral_1h_input_tokens",
        )
    },
}  # fmt: skip

_DIMENSIONS = frozenset({
    "account_id", "api_key_id", "context_window", "inference_geo", "model", "service_account_id", "service_tier",
    "speed", "workspace_id",
})  # fmt: skip
_USAGE_FIELDS = _DIMENSIONS | {
    "cache_creation", "cache_creation.ephemeral_5m_input_tokens", "cache_creation.ephemeral_1h_input_tokens",
    "cache_read_input_tokens", "output_tokens", "server_tool_use", "uncached_input_tokens",
}  # fmt: skip
_COST_FIELDS = _DIMENSIONS | {"amount", "list_amount", "cost_type", "currency", "description", "token_type"}


def _bucket(bucket: Row) -> tuple[datetime, datetime]:
    return _moment(bucket, "starting_at"), _moment(bucket, "ending_at")


def _moment(bucket: Row, name: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text(bucket, name) or "")
    except ValueError as error:
        raise RowError(name, "expected a time such as 2026-08-10T00:00:00Z") from error
    return moment.astimezone(UTC).replace(tzinfo=None) if moment.tzinfo else moment


def _tier(result: Row) -> str | None:
    """The tier; fast where the report is grouped by speed and says so, which costs as a tier of its own."""
    tier, speed = choice(result, "service_tier", SERVICE_TIERS), choice(result, "speed", SPEEDS)
    return speed if speed and tier != "batch" else tier


def _usage(result: Row, context: ReadContext) -> Row:
    return {
        "workspace_id": text(result, "workspace_id"),
        "api_key_id": text(result, "api_key_id"),
        "model_id": text(result, "model"),
        "service_tier": _tier(result),
        "context_window": text(result, "context_window"),
        "uncached_input_tokens": count(result, "uncached_input_tokens"),
        "cache_read_input_tokens": count(result, "cache_read_input_tokens", 0),
        "cache_creation_5m_input_tokens": count(result, "cache_creation.ephemeral_5m_input_tokens", 0),
        "cache_creation_1h_input_tokens": count(result, "cache_creation.ephemeral_1h_input_tokens", 0),
        "output_tokens": count(result, "output_tokens"),
        "web_search_requests": count(result, "server_tool_use.web_search_requests", 0),
    }


def _cost(result: Row, context: ReadContext) -> Row:
    cost_type = choice(result, "cost_type", COST_TYPES)
    token_type = choice(result, "token_type", TOKEN_TYPES)
    if cost_type == "tokens" and token_type is None and result.get("description") is not None:
        raise RowError("token_type", f"missing; allowed are {', '.join(sorted(t for t in TOKEN_TYPES if t))}")
    if (code := text(result, "currency")) != "USD":
        raise RowError("currency", f"found {str(code)[:3]!r}; Anthropic's cost report is in USD")
    return {
        "workspace_id": text(result, "workspace_id"),
        "model_id": text(result, "model"),
        "service_tier": _tier(result),
        "context_window": text(result, "context_window"),
        "cost_type": cost_type,
        "token_type": token_type,
        "description": text(result, "description"),
        "amount_usd": amount(result, "amount", shift=-2),
        "currency": code,
    }


USAGE_PAGE = Page(
    columns={
        **ORIGIN_COLUMNS,
        "workspace_id": "VARCHAR",
        "api_key_id": "VARCHAR",
        "model_id": "VARCHAR",
        "service_tier": "VARCHAR",
        "context_window": "VARCHAR",
        "uncached_input_tokens": "BIGINT",
        "cache_read_input_tokens": "BIGINT",
        "cache_creation_5m_input_tokens": "BIGINT",
        "cache_creation_1h_input_tokens": "BIGINT",
        "output_tokens": "BIGINT",
        "web_search_requests": "BIGINT",
        **PROVENANCE_COLUMNS,
    },
    read_bucket=_bucket,
    read_result=_usage,
    known_fields=_USAGE_FIELDS,
    empty=lambda file, results: {},
)
COST_PAGE = Page(
    columns={
        **ORIGIN_COLUMNS,
        "workspace_id": "VARCHAR",
        "model_id": "VARCHAR",
        "service_tier": "VARCHAR",
        "context_window": "VARCHAR",
        "cost_type": "VARCHAR",
        "token_type": "VARCHAR",
        "description": "VARCHAR",
        "amount_usd": "DECIMAL(26,12)",
        "currency": "VARCHAR",
        **PROVENANCE_COLUMNS,
    },
    read_bucket=_bucket,
    read_result=_cost,
    known_fields=_COST_FIELDS,
    empty=lambda file, results: {"amount_usd": Decimal(0), "currency": "USD", "cost_type": "tokens"},
)


def _read_usage(file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path) -> ReadResult:
    return read_page(USAGE_PAGE, file, context, out_parquet, out_rejects)


def _read_costs(file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path) -> ReadResult:
    return read_page(COST_PAGE, file, context, out_parquet, out_rejects)


_ORIGIN_RULES = {name: Rule(is_required=True) for name in (*ORIGIN_COLUMNS, "file_hash")}
_PLACE_RULE = {"row_number": Rule(is_required=True, minimum=1)}
_TIER_RULE = {"service_tier": Rule(allowed=frozenset(("standard", "batch", "flex", "priority", "fast")))}

USAGE_MESSAGES = FeedTable(
    feed="anthropic",
    table="usage_messages",
    reader_version=4,
    columns=USAGE_PAGE.columns,
    identity="snapshot",
    suffixes=(".json", ".json.gz"),
    read=_read_usage,
    contract={
        **_ORIGIN_RULES,
        **_PLACE_RULE,
        **_TIER_RULE,
        **{name: Rule(is_required=True, minimum=0) for name in USAGE_PAGE.columns if name.endswith("_tokens")},
        "web_search_requests": Rule(is_required=True, minimum=0),
    },
    description="One row per day, key, workspace, model, tier and context window of Anthropic's messages usage report.",
    needs_retrieved_at=True,
    replaces_same_name=True,
)

COST_REPORT = FeedTable(
    feed="anthropic",
    table="cost_report",
    reader_version=3,
    columns=COST_PAGE.columns,
    identity="snapshot",
    suffixes=(".json", ".json.gz"),
    read=_read_costs,
    contract={
        **_ORIGIN_RULES,
        **_PLACE_RULE,
        **_TIER_RULE,
        "amount_usd": Rule(is_required=True),
        "currency": Rule(is_required=True, allowed=frozenset(("USD",))),
        "cost_type": Rule(is_required=True, allowed=frozenset(name for name in COST_TYPES if name)),
        "token_type": Rule(allowed=frozenset(name for name in TOKEN_TYPES if name)),
    },
    description="One row per day, workspace and description of Anthropic's cost report; cents have become dollars.",
    needs_retrieved_at=True,
    replaces_same_name=True,
)
