"""The LiteLLM gateway's log: what its files are and what its lake table promises."""

from sources.feed import FeedTable, Rule
from sources.litellm import projection
from sources.litellm.forms import read_logs

_REQUIRED = (
    "request_id", "call_type", "model_id", "started_at", "ended_at", "is_gateway_cache_hit", "is_batch", "file_hash",
)  # fmt: skip
_COUNTS = [
    name
    for name, kind in projection.LAKE_COLUMNS.items()
    if name.endswith(("_tokens", "_seconds")) or name in ("searches", "images", "characters")
]

SPEND_LOGS = FeedTable(
    feed="litellm",
    table="spend_logs",
    reader_version=9,
    columns=projection.LAKE_COLUMNS,
    identity="content",
    suffixes=(
        ".ndjson",
        ".jsonl",
        ".json",
        ".csv",
        ".parquet",
        ".ndjson.gz",
        ".jsonl.gz",
        ".json.gz",
        ".csv.gz",
    ),
    read=read_logs,
    contract={
        **{name: Rule(is_required=True) for name in _REQUIRED},
        **{name: Rule(is_required=True, minimum=0) for name in _COUNTS},
        "row_number": Rule(is_required=True, minimum=1),
        "spend_usd": Rule(is_required=True, minimum=0),
        "status": Rule(is_required=True, allowed=frozenset(projection.STATUSES)),
        "service_tier": Rule(is_required=True, allowed=frozenset(projection.TIERS.values())),
    },
    description="One row per model call attempt in LiteLLM's spend log (LiteLLM_SpendLogs) or sent by its callbacks.",
)
