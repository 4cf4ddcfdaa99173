"""Architectures of scenarios.yml compared by the project's own models, on literal calls, tasks and prices."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import polars as pl

from sources.pricing.resolve import Key, resolve_prices
from sources.settings.models import FIRST_DAY, OPEN_END
from sources.settings.scenarios import Scenarios, config_rows
from sources.settings.tables import frame
from tests.unit.dbt_project.compiled import compiled

MODELS = (
    "int_tco_months", "int_scenario_calls", "int_scenario_model_costs", "int_scenario_features",
    "architecture_comparison_monthly",
)  # fmt: skip
COUNTS = (
    "input_uncached_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
    "input_audio_tokens", "input_image_tokens", "output_text_tokens", "reasoning_tokens", "output_audio_tokens",
    "output_image_tokens", "total_input_tokens", "total_output_tokens", "searches", "images", "characters", "pages",
)  # fmt: skip
EXACT_COUNTS = ("audio_seconds", "video_seconds", "cache_storage_token_hours")
USAGE: dict[str, Any] = {
    **dict.fromkeys(("call_id", "feature_id", "task_id", "operation", "purpose", "billing_status"), pl.String()),
    "usage_date": pl.Date(),
    "started_at": pl.Datetime("us"),
    "is_last_attempt": pl.Boolean(),
    "effective_cost_usd": pl.Decimal(38, 12),
    "latency_seconds": pl.Float64(),
    **dict.fromkeys(COUNTS, pl.Int64()),
    **dict.fromkeys(EXACT_COUNTS, pl.Decimal(18, 6)),
}
TASKS = {
    "feature_id": pl.String(), "ended_date": pl.Date(), "is_resolved": pl.Boolean(), "is_outcome_known": pl.Boolean(),
}  # fmt: skip


@cache
def model(name: str) -> str:
    return compiled(name)


def comparison_of(
    said: Mapping[str, Any],
    calls: Sequence[Mapping[str, Any]],
    tasks: Sequence[Mapping[str, Any]] = (),
    remediation: Mapping[str, str] | None = None,
    days: tuple[date, date] = (date(2026, 10, 1), date(2026, 11, 30)),
    model_costs: Sequence[Mapping[str, Any]] | None = None,
) -> pl.DataFrame:
    """The mart. `days`: the ledger's first and last; `model_costs` stands in for the prices of the project's book."""
    scenarios = Scenarios.model_validate(said)
    alternatives = [row for scenario in scenarios.scenarios for row in scenario.alternatives]
    models = {(model.service_provider, model.model_id) for row in alternatives for model in row.models}
    prices = resolve_prices([Key(provider, "direct", model, "standard", *days) for provider, model in sorted(models)])
    rows = {name: frame(name, found) for name, found in config_rows(scenarios).items()}
    wrong = [
        {"feature_id": feature, "usd_per_wrong_answer": Decimal(usd), "valid_from": FIRST_DAY, "valid_to": OPEN_END}
        for feature, usd in (remediation or {}).items()
    ]
    logged = [
        dict.fromkeys(USAGE) | dict.fromkeys((*COUNTS, *EXACT_COUNTS), 0)
        | {"billing_status": "billed", "operation": "chat", "purpose": "serve", "is_last_attempt": True}
        | {"call_id": str(number)}
        | dict(call)
        for number, call in enumerate(calls)
    ]  # fmt: skip
    tables = {
        **{f"stg_config__{name}": table for name, table in rows.items()},
        "stg_config__tco_remediation": frame("tco_remediation", wrong),
        "stg_pricing__price_keys": prices.price_keys,
        "stg_pricing__price_sets": prices.price_sets,
        "fct_charges": pl.DataFrame({"usage_date": list(days)}),
        "fct_usage": pl.DataFrame(logged, schema=USAGE, orient="row"),
        "fct_tasks": pl.DataFrame(list(tasks), schema=TASKS, orient="row"),
    }
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table.to_arrow())
        for name in MODELS:
            if name == "int_scenario_model_costs" and model_costs is not None:
                connection.register(name, pl.DataFrame(list(model_costs)).to_arrow())
            else:
                connection.execute(f"create view {name} as {model(name)}")
        found: pl.DataFrame = connection.sql(
            f"select * from {MODELS[-1]} order by month_start, scenario_id, alternative_order"
        ).pl()
        return found
