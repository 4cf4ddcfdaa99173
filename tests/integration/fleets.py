"""A fleet of gpu_rates.yml, its telemetry and its calls through the SQL of the GPU models, in DuckDB."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl

from assets.marts import rows
from sources.settings.gpu_rates import GpuRates, config_rows
from sources.settings.tables import frame
from tests.unit.dbt_project.compiled import PROJECT, compiled, kept_samples

Row = Mapping[str, Any]
_TEXT = pl.String()
SPANS: dict[str, Any] = {
    "node_id": _TEXT, "gpu_uuid": _TEXT, "sampled_at": pl.Datetime("us"), "busy_share": pl.Decimal(7, 6),
    "span_us": pl.Int64(),
}  # fmt: skip
SLICES = SPANS | {"slice_id": _TEXT, "slice_profile": _TEXT, "gpu_model": _TEXT}
_COUNT, _WEIGHTED = pl.Int64(), pl.Decimal(26, 6)
ENGINE: dict[str, Any] = {
    "hour_start": pl.Datetime("us"), "usage_date": pl.Date(), "pool_id": _TEXT, "input_uncached_tokens": _COUNT,
    "cache_read_tokens": _COUNT, "output_tokens": _COUNT, "weighted_tokens": _WEIGHTED,
    "weighted_output_tokens": _WEIGHTED,
}  # fmt: skip
CALLS: dict[str, Any] = {
    "call_id": _TEXT, "tenant_id": _TEXT, "started_at": pl.Datetime("us"), "service_provider": _TEXT, "host": _TEXT,
    "model": _TEXT, "billing_status": _TEXT, "input_uncached_tokens": _COUNT, "cache_read_tokens": _COUNT,
    "output_text_tokens": _COUNT, "reasoning_tokens": _COUNT,
}  # fmt: skip
BILL: dict[str, Any] = {
    "bill_line_id": _TEXT, "service_provider": _TEXT, "billing_account_id": _TEXT, "resource_id": _TEXT, "meter": _TEXT,
    "charge_category": _TEXT, "charge_start": pl.Datetime("us"), "charge_end": pl.Datetime("us"),
    "resource_hours": pl.Decimal(26, 6), "gpu_hours": pl.Decimal(26, 6), "amount_usd": pl.Decimal(26, 12),
    "is_final": pl.Boolean(),
}  # fmt: skip
ENERGY: dict[str, Any] = {
    "usage_date": pl.Date(), "node_id": _TEXT, "gpu_uuid": _TEXT, "energy_kwh": pl.Decimal(18, 9),
    "covered_seconds": pl.Decimal(18, 6),
}  # fmt: skip
# In the order they are built.
COSTS = ("int_gpu_seen_days", "int_gpu_busy_hourly", "int_gpu_node_days", "int_gpu_rent_billed", "int_gpu_node_costs")
MODELS = (
    *COSTS, "int_gpu_days", "int_gpu_slice_days", "int_gpu_slices_bound", "int_gpu_node_shares",
    "int_gpu_deployment_days", "int_gpu_hours", "int_gpu_charges", "gpu_cost_hourly", "int_gpu_calls",
    "int_gpu_calls_costed", "int_gpu_calls_hourly",
    "int_gpu_unlogged", "self_hosting_weekly",
)  # fmt: skip


class Fleet:
    """The models' rows, once per fleet. `spans`: how busy each GPU was; days end with the last of them."""

    def __init__(
        self,
        rates: Any,
        spans: Sequence[Row],
        energy: Sequence[Row] = (),
        slices: Sequence[Row] = (),
        calls: Sequence[Row] = (),
        engine: Sequence[Row] = (),
        bill: Sequence[Row] = (),
        models: Sequence[str] = MODELS,
    ) -> None:
        self.rates = GpuRates.model_validate(rates)
        self.connection = duckdb.connect()
        for name, config in config_rows(self.rates.nodes, self.rates.deployments).items():
            self._give(f"stg_config__{name}", frame(name, config))
        for name, kept in kept_samples().items():
            self._give(name, kept)
        self._give("mig_models", pl.read_csv(PROJECT / "seeds/mig_models.csv"))
        self._give("int_gpu_samples_spanned", _frame(SPANS, spans))
        self._give("int_gpu_slices_spanned", _frame(SLICES, slices))
        self._give("int_gpu_energy_hourly", _frame(ENERGY, energy))
        self._give("int_gpu_engine_tokens_hourly", _frame(ENGINE, engine))
        self._give("int_bill_lines", _frame(BILL, bill))
        for name in ("int_usage_priced", "fct_usage"):
            days = pl.col("started_at").dt.date().alias("usage_date")
            self._give(name, _frame(CALLS, calls).with_columns(days))
        for model in models:
            self.connection.execute(f"create table {model} as select * from ({compiled(model)})")

    def _give(self, name: str, table: pl.DataFrame) -> None:
        self.connection.register(name, table.to_arrow())

    def rows(self, query: str) -> list[dict[str, Any]]:
        return rows(self.connection, query)


def until(day: date, node_id: str = "n") -> Row:
    """The last sample of a fleet: the days before `day` are complete."""
    at = datetime(day.year, day.month, day.day)
    return {"node_id": node_id, "gpu_uuid": "last", "sampled_at": at, "busy_share": Decimal(0), "span_us": 0}


def _frame(schema: Mapping[str, Any], given: Sequence[Row]) -> pl.DataFrame:
    columns = {name: [row.get(name) for row in given] for name in schema}
    return pl.DataFrame([pl.Series(name, columns[name], dtype=dtype) for name, dtype in schema.items()])
