"""Prices calls outside a build: the SQL of `int_usage_priced` as the last build ran it, over other calls and prices."""

from pathlib import Path

from assets.warehouse import WarehouseError
from sources.gateway import OTHER_COUNTS
from sources.home import HomeError

MODEL = "int_usage_priced"
# What the SQL reads of a call.
CALL_COLUMNS = (
    "response_id", "service_provider", "host", "region", "model_id", "service_tier", "usage_date", "started_at",
    "billing_status",
    "input_uncached_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
    "input_audio_tokens", "input_image_tokens", "output_text_tokens", "reasoning_tokens", "output_audio_tokens",
    "output_image_tokens", "total_input_tokens", "total_output_tokens", *OTHER_COUNTS, "operation", "reported_cost_usd",
)  # fmt: skip


def pricing_sql(warehouse: Path, calls: str, price_keys: str, price_sets: str) -> str:
    """The query that adds prices to `calls`, by two price tables; further columns of `calls` stay beside them."""
    compiled = sorted((warehouse / "dbt" / "target" / "compiled").rglob(f"{MODEL}.sql"))
    if not compiled:
        raise HomeError(
            f"{warehouse} holds no compiled {MODEL}; `inferledger run` builds the warehouse and with it that"
        )
    sql = compiled[0].read_text(encoding="utf-8")
    stand_ins = {
        "int_usage_events": calls,
        "stg_pricing__price_keys": price_keys,
        "stg_pricing__price_sets": price_sets,
    }
    for name, stand_in in stand_ins.items():
        relation = f'"work"."main"."{name}"'
        if relation not in sql:
            raise WarehouseError(f"{compiled[0]} does not read {relation}")
        sql = sql.replace(relation, stand_in)
    return sql
