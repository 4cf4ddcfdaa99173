"""What every gateway log becomes in the lake: one row per call attempt, counts as the gateway reported them.

LiteLLM has a table of its own. Which counts contain which others differs by gateway: a `Convention` says so for the
reader, which rejects counts that cannot be; the staging model says it again, where the disjoint classes are made.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

from sources.feed import PROVENANCE_COLUMNS, FeedTable, Rule
from sources.log_lines import read_log
from sources.mapped import Closed, Layout, Value

TAGS = (
    "tenant", "product", "feature", "task_id", "task_type", "environment", "purpose", "session_id", "prompt_version",
    "app_release", "experiment_variant",
)  # fmt: skip
TOKEN_COUNTS = (
    "input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens", "input_audio_tokens",
    "input_image_tokens", "output_tokens", "reasoning_tokens", "output_audio_tokens", "output_image_tokens",
)  # fmt: skip
# Natural meters besides tokens; quantities may have fractions.
OTHER_COUNTS = (
    "searches", "images", "audio_seconds", "video_seconds", "characters", "pages", "cache_storage_token_hours",
)  # fmt: skip
SERVICE_TIERS = frozenset(("standard", "batch", "flex", "priority", "fast", "provisioned"))
SPEEDS = frozenset(("standard", "fast"))
STATUSES = frozenset(("success", "failure"))
BILLING_STATUSES = frozenset(("billed", "not_billed", "gateway_cache", "unknown"))

# Lake columns of a gateway table, in the order of the Parquet. Null is unknown; a count that a log does not have is 0.
CALL_COLUMNS: Mapping[str, str] = {
    # The provider's response id where the log has one, else the log's own id: what makes two rows the same call.
    "response_id": "VARCHAR",
    # All attempts of one ask share it.
    "logical_request_id": "VARCHAR",
    "trace_id": "VARCHAR",
    "parent_span_id": "VARCHAR",
    "started_at": "TIMESTAMP",
    "ended_at": "TIMESTAMP",
    "completion_started_at": "TIMESTAMP",
    # As LiteLLM spells it (openai, anthropic, bedrock, vertex_ai, azure, ...); billing_accounts.csv says who bills.
    "gateway_provider": "VARCHAR",
    "region": "VARCHAR",
    "model_id": "VARCHAR",
    "operation": "VARCHAR",
    "service_tier": "VARCHAR",
    "reasoning_effort": "VARCHAR",
    **dict.fromkeys(TOKEN_COUNTS, "BIGINT"),
    "searches": "BIGINT",
    "images": "BIGINT",
    "audio_seconds": "DECIMAL(18,6)",
    "video_seconds": "DECIMAL(18,6)",
    "characters": "BIGINT",
    "pages": "BIGINT",
    # Prompt tokens held in the provider's cache, times hours.
    "cache_storage_token_hours": "DECIMAL(18,6)",
    "tool_calls": "BIGINT",
    "reported_cost_usd": "DECIMAL(26,12)",
    "status": "VARCHAR",
    "http_status": "INTEGER",
    "finish_reason": "VARCHAR",
    "billing_status": "VARCHAR",
    # The span of an agent that repeats the usage of the calls below it.
    "is_rollup": "BOOLEAN",
    "user_key": "VARCHAR",
    "api_key_id": "VARCHAR",
    "team_id": "VARCHAR",
    **{f"tag_{tag}": "VARCHAR" for tag in TAGS},
    "tag_latency_insensitive": "BOOLEAN",
    # The latest version of a row wins.
    "version_at": "TIMESTAMP",
    **PROVENANCE_COLUMNS,
}

CALL_CONTRACT: Mapping[str, Rule] = {
    **{
        name: Rule(is_required=True)
        for name in (
            "response_id",
            "logical_request_id",
            "started_at",
            "model_id",
            "operation",
            "is_rollup",
            "file_hash",
        )
    },
    **{name: Rule(is_required=True, minimum=0) for name in (*TOKEN_COUNTS, *OTHER_COUNTS, "tool_calls")},
    "row_number": Rule(is_required=True, minimum=1),
    "service_tier": Rule(is_required=True, allowed=SERVICE_TIERS),
    "status": Rule(is_required=True, allowed=STATUSES),
    "billing_status": Rule(is_required=True, allowed=BILLING_STATUSES),
}


@dataclass(frozen=True)
class Convention:
    """Whether a gateway's input count contains cache reads and writes, and its output count the reasoning tokens."""

    input_has_cache_read: bool
    input_has_cache_write: bool
    output_has_reasoning: bool

    def contained(self) -> dict[str, list[str]]:
        """What the input and the output count contain, besides audio and images."""
        inputs = ["cache_read_tokens"] if self.input_has_cache_read else []
        inputs += ["cache_write_5m_tokens", "cache_write_1h_tokens"] if self.input_has_cache_write else []
        outputs = ["reasoning_tokens"] if self.output_has_reasoning else []
        return {"input_tokens": inputs, "output_tokens": outputs}

    def problems(self, is_taken_off: bool = False) -> list[tuple[str, str, str]]:
        """(SQL condition over lake columns, field, reason in SQL) of counts that do not add up.

        `is_taken_off` where the lake columns no longer contain what the log's counts did.
        """
        media = {name: [name.replace("_", f"_{kind}_") for kind in ("audio", "image")] for name in self.contained()}
        problems = []
        for whole, parts in self.contained().items():
            said = " + ".join((whole, *parts)) if is_taken_off else whole
            total = " + ".join((*media[whole], *parts))
            names = ", ".join((*media[whole], *parts))
            reason = f"'is ' || ({said}) || ', but its parts ({names}) are ' || ({total})"
            problems.append((f"{total} > {said}", whole, reason))
        return problems


def is_gateway(table: FeedTable) -> bool:
    return CALL_COLUMNS.items() <= table.columns.items()


# What a gateway's log says in none of its fields.
UNSAID: Mapping[str, Value] = {
    "logical_request_id": Value(sql="v_response_id"),
    "operation": Value(sql="'chat'"),
    "service_tier": Value(sql="'standard'"),
    **{name: Value(sql="0") for name in (*TOKEN_COUNTS, *OTHER_COUNTS, "tool_calls")},
    "status": Value(sql="'success'"),
    "billing_status": Value(sql="'billed'"),
    "is_rollup": Value(sql="false"),
}
# Providers' own words for tiers: none of its own, and capacity that is paid by the hour (OpenAI's scale, Bedrock's
# reserved, Vertex' provisioned throughput).
TIER_SPELLINGS: Mapping[str, str] = {
    **dict.fromkeys(("default", "auto", "on_demand", "standard_only"), "standard"),
    "on_demand_flex": "flex",
    "on_demand_priority": "priority",
    **dict.fromkeys(("scale", "reserved", "provisioned_throughput"), "provisioned"),
}
# A failure that used nothing costs nothing.
BILLED_UNLESS_REFUSED = (
    "case when v_status = 'failure' and v_input_tokens + v_output_tokens = 0 then 'not_billed' else 'billed' end"
)
LOG_SUFFIXES = (".ndjson", ".jsonl", ".ndjson.gz", ".jsonl.gz", ".json", ".csv", ".csv.gz", ".parquet")


def count(*at: str) -> Value:
    return Value(at, "count", default="0")


def service_tier(*at: str) -> Value:
    return Value(at, default="standard", spellings=TIER_SPELLINGS, allowed=SERVICE_TIERS)


def tier_with_speed(tiers: Sequence[str], speeds: Sequence[str]) -> dict[str, Value]:
    """The tier where the log has Anthropic's speed beside it: fast is a price of its own, as a tier is."""
    return {
        "speed": Value(tuple(speeds), default="standard", allowed=SPEEDS),
        "said_tier": service_tier(*tiers),
        "service_tier": Value(
            sql="case when v_speed = 'fast' and v_said_tier <> 'batch' then 'fast' else v_said_tier end"
        ),
    }


def after(started: str, milliseconds: str) -> Value:
    """The time so many milliseconds, a value of the mapping, after another."""
    return Value(sql=f"v_{started} + to_microseconds(cast(v_{milliseconds} * 1000 as bigint))")


def tags(prefix: str) -> dict[str, Value]:
    """The caller's own words, each a key below `prefix` (`/metadata//` where they stand in JSON text)."""
    return {f"tag_{tag}": Value((f"{prefix}{tag}",)) for tag in TAGS} | {
        "tag_latency_insensitive": Value((f"{prefix}latency_insensitive",), "boolean")
    }


def gateway_table(
    feed: str,
    table: str,
    values: Mapping[str, Value],
    convention: Convention,
    description: str,
    *,
    records: str = "",
    known_fields: frozenset[str] = frozenset(),
    only: tuple[str, frozenset[str]] | None = None,
    closed: Closed = (),
    problems: Sequence[tuple[str, str, str]] = (),
    more_columns: Mapping[str, str] = MappingProxyType({}),
    reader_version: int = 6,
) -> FeedTable:
    """A gateway whose log a mapping can read."""
    columns = {**more_columns, **CALL_COLUMNS}
    layout = Layout(
        columns=columns,
        # In the order given: a computed value sees those before it.
        values={**{name: value for name, value in UNSAID.items() if name not in values}, **values},
        time_column="started_at",
        problems=[*problems, *convention.problems()],
        records=records,
        known_fields=known_fields,
        only=only,
        closed=closed,
    )
    return FeedTable(
        feed=feed,
        table=table,
        reader_version=reader_version,
        columns=columns,
        identity="content",
        suffixes=LOG_SUFFIXES,
        read=partial(read_log, layout),
        contract={**{name: Rule(is_required=True) for name in more_columns}, **CALL_CONTRACT},
        description=description,
    )
