"""Literal rows of what the self-hosting models read, filled up to whole rows."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from sources.pricing.resolve import PRICE_KEYS_SCHEMA, PRICE_SETS_SCHEMA
from sources.settings.hardware import config_rows as catalogue_rows
from sources.settings.self_hosting import SelfHosting, config_rows
from sources.settings.tables import frame

MODELS = (
    "int_self_hosting_calls", "int_self_hosting_windows", "int_self_hosting_loads", "int_self_hosting_api_costs",
    "int_break_even_cases", "int_break_even_steps", "int_break_even_commitments", "int_break_even_verdicts",
    "break_even_crossings", "break_even_monthly", "rules_of_thumb_monthly",
)  # fmt: skip
CLASSES = (
    "input_uncached_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
    "input_audio_tokens", "input_image_tokens", "output_text_tokens", "reasoning_tokens", "output_audio_tokens",
    "output_image_tokens",
)  # fmt: skip
USAGE_SCHEMA: dict[str, Any] = {
    **dict.fromkeys(("call_id", "model", "feature_id", "tenant_id", "environment", "host"), pl.String()),
    "billing_status": pl.String(),
    "usage_date": pl.Date(),
    "started_at": pl.Datetime("us"),
    **dict.fromkeys((*CLASSES, "total_input_tokens", "total_output_tokens"), pl.Int64()),
    "effective_cost_usd": pl.Decimal(38, 12),
}
REPLICA: dict[str, Any] = {
    "gpus": 8, "usd_per_gpu_hour": "2.50", "input_tokens_per_second": "15000", "output_tokens_per_second": "3000",
    "phases": "together", "bench_to_real": "1",
}  # fmt: skip
HOSTED = {"comparator_id": "hosted", "kind": "same_model", "service_provider": "host", "model": "open"}


def workload(**changes: Any) -> dict[str, Any]:
    said: dict[str, Any] = {
        "workload_id": "chat", "match": {"model": "open"}, "shape": "batch", "replica": REPLICA, "min_replicas": 1,
        "max_replicas": 5, "overhead_usd_per_month": "0", "migration_usd": "0", "commitment_months": 12,
        "comparators": [HOSTED],
    }  # fmt: skip
    return said | changes


def call(at: datetime, **said: Any) -> dict[str, Any]:
    """A call of `input_uncached_tokens` and so on."""
    known = {
        "call_id": f"{at}", "model": "open", "feature_id": "f", "tenant_id": "t", "environment": "prod",
        "host": "self_hosted", "billing_status": "billed", "usage_date": at.date(), "started_at": at,
        **dict.fromkeys(CLASSES, 0), "effective_cost_usd": None,
    }  # fmt: skip
    row = known | said
    row["total_input_tokens"] = sum(row[name] for name in CLASSES[:6])
    row["total_output_tokens"] = sum(row[name] for name in CLASSES[6:])
    return row


def tables(
    calls: Sequence[Mapping[str, Any]],
    said: Mapping[str, Any],
    prices: Mapping[str, str],
    nodes: Sequence[tuple[date, str, Decimal, int]] = (),
    deployed: Sequence[Mapping[str, Any]] = (),
) -> dict[str, pl.DataFrame]:
    """The tables under the models: calls, settings, and the price of 'open' at 'host' by published meter.

    `nodes`: day, node, what it costs that day in USD, and its GPUs. `deployed`: rows of int_gpu_deployment_days.
    """
    days = sorted({row["usage_date"] for row in calls})
    key: dict[str, Any] = {
        "service_provider": "host", "host": "direct", "region": "unknown", "price_region": "any", "model_id": "open",
        "service_tier": "standard", "window_start_second": 0, "window_end_second": 86400, "model": "open",
        "price_set_id": "p", "price_reason": None, "threshold_tokens": None, "second_threshold_tokens": None,
        "is_threshold_inclusive": False, "has_prompt_cache": "cache_read" in prices,
    }  # fmt: skip
    amounts = {f"contracted_{meter}_per_mtok_usd": Decimal(price) for meter, price in prices.items()}
    price_set = dict.fromkeys(PRICE_SETS_SCHEMA) | amounts | {"price_set_id": "p", "context_tier": 0}
    rows = config_rows(SelfHosting.model_validate(said))
    config = {f"stg_config__{name}": frame(name, row) for name, row in (rows | catalogue_rows()).items()}
    costs = [{"usage_date": day, "node_id": node, "economic_cost_usd": usd} for day, node, usd, _ in nodes]
    held = [{"usage_date": day, "node_id": node, "gpus": gpus} for day, node, _, gpus in nodes]
    node_schema = {"usage_date": pl.Date(), "node_id": pl.String()}
    deployed_schema = node_schema | {"deployment_id": pl.String(), "gpus": pl.Decimal(9, 6)}
    return config | {
        "fct_usage": pl.DataFrame(list(calls), schema=USAGE_SCHEMA),
        "int_usage_files_daily": pl.DataFrame({"usage_date": days}, schema={"usage_date": pl.Date()}),
        "stg_pricing__price_keys": pl.DataFrame([key | {"usage_date": day} for day in days], schema=PRICE_KEYS_SCHEMA),
        "stg_pricing__price_sets": pl.DataFrame([price_set], schema=PRICE_SETS_SCHEMA),
        "int_gpu_node_costs": pl.DataFrame(costs, schema=node_schema | {"economic_cost_usd": pl.Decimal(26, 12)}),
        "int_gpu_node_days": pl.DataFrame(held, schema=node_schema | {"gpus": pl.Int32()}),
        "int_gpu_deployment_days": pl.DataFrame(list(deployed), schema=deployed_schema),
    }
