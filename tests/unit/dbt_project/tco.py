"""The total cost of ownership out of the project's own models, on literal settings, charges and tasks."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from typing import Any

import duckdb
import polars as pl

from sources.settings.models import FIRST_DAY, OPEN_END
from sources.settings.tables import CONFIG_SCHEMAS, frame
from tests.unit.dbt_project.compiled import compiled

USD = pl.Decimal(38, 12)
ALWAYS = {"valid_from": FIRST_DAY, "valid_to": OPEN_END}
MODELS = (
    "int_tco_months",
    "int_tco_charges",
    "int_tco_months_ahead",
    "int_tco_timed",
    "int_tco_moves",
    "int_tco_costs",
    "int_tco_bad_answers",
    "int_tco_economic",
    "tco_monthly",
    "tco_projection_monthly",
)
CHARGE: dict[str, Any] = {
    "charge_id": pl.String, "usage_date": pl.Date, "service_provider": pl.String, "billing_account_id": pl.String,
    "billing_scope_id": pl.String, "host": pl.String, "model": pl.String, "meter": pl.String,
    "charge_category": pl.String,
}  # fmt: skip
INPUTS: dict[str, dict[str, Any]] = {
    "fct_charges": CHARGE,
    "int_gpu_charges": {
        "charge_id": pl.String, "usage_date": pl.Date, "pool_id": pl.String, "charge_category": pl.String,
        "amount_usd": USD,
    },
    "int_allocations": {
        "charge_id": pl.String, "usage_date": pl.Date, "product_id": pl.String, "method": pl.String,
        "rule_version": pl.String, "effective_amount_usd": USD,
    },
    "int_charge_calls": {
        "group_id": pl.String, "is_metered": pl.Boolean, "tenant_id": pl.String, "product_id": pl.String,
        "purpose": pl.String, "effective_amount_usd": USD,
    },
    "int_gpu_node_costs": {
        "usage_date": pl.Date, "node_id": pl.String, "book_cost_usd": USD, "economic_cost_usd": USD,
    },
    "int_gpu_node_shares": {
        "usage_date": pl.Date, "node_id": pl.String, "pool_id": pl.String, "begins_at": pl.Int64, "ends_at": pl.Int64,
        "total_millionths": pl.Int64,
    },
    "fct_tasks": {
        "feature_id": pl.String, "ended_date": pl.Date, "is_resolved": pl.Boolean, "is_outcome_known": pl.Boolean,
    },
    "fct_revenue": {"service_date": pl.Date, "product_id": pl.String, "amount_usd": USD},
    "dim_features": {"feature_id": pl.String, "product_id": pl.String},
}  # fmt: skip
SETTINGS = ("people", "tco_charge_rules", "tco_costs", "tco_model_updates", "tco_remediation", "tco_horizon")

Row = Mapping[str, Any]


@cache
def model(name: str) -> str:
    return compiled(name)


def tables_of_tco(wanted: Sequence[str], **given: Iterable[Row]) -> dict[str, Any]:
    """The models as Arrow tables; what a given row leaves out is null, but that it is valid always."""
    with duckdb.connect() as connection:
        for name, schema in INPUTS.items():
            rows = [{**dict.fromkeys(schema), **row} for row in given.get(name, ())]
            connection.register(name, pl.DataFrame(rows, schema=schema, orient="row").to_arrow())
        for name in SETTINGS:
            schema = CONFIG_SCHEMAS[name]
            rows = [{**dict.fromkeys(schema), **ALWAYS, **row} for row in given.get(name, ())]
            if _is_carried(name):
                rows = [row | {"product_id": row["product_id"] or "unattributed"} for row in rows]
            connection.register(f"stg_config__{name}", frame(name, rows).to_arrow())
        last = max(MODELS.index(name) for name in wanted)
        for name in MODELS[: last + 1]:
            connection.execute(f"create view {name} as {model(name)}")
        return {name: connection.execute(f"select * from {name}").to_arrow_table() for name in wanted}


def rows_of_tco(wanted: str, **given: Iterable[Row]) -> list[dict[str, Any]]:
    """The rows of one model."""
    found: list[dict[str, Any]] = tables_of_tco((wanted,), **given)[wanted].to_pylist()
    return found


def _is_carried(name: str) -> bool:
    """Settings without a product are the company's; a charge rule without one leaves the ledger's."""
    return name in ("people", "tco_costs", "tco_model_updates")


def ledger(charges: Iterable[Row]) -> dict[str, list[dict[str, Any]]]:
    """Charges of one product each, with `usd` and `product_id`; those with a `pool_id` are days of own nodes."""
    rows: dict[str, list[dict[str, Any]]] = {"fct_charges": [], "int_allocations": [], "int_gpu_charges": []}
    for number, charge in enumerate(charges):
        id_ = f"charge-{number}"
        rows["fct_charges"].append({"charge_id": id_, **{key: charge[key] for key in CHARGE if key in charge}})
        rows["int_allocations"].append(
            {
                "charge_id": id_,
                "usage_date": charge["usage_date"],
                "product_id": charge.get("product_id", "unattributed"),
                "effective_amount_usd": Decimal(charge["usd"]),
            }
        )
        if "pool_id" in charge:
            names = ("usage_date", "pool_id", "charge_category")
            gpu = {name: charge[name] for name in names} | {"amount_usd": Decimal(charge["usd"])}
            rows["int_gpu_charges"].append({"charge_id": id_, **gpu})
    return rows


def month_of(charges: Iterable[Row], first: date, last: date) -> dict[str, list[dict[str, Any]]]:
    """As `ledger`, with charges of nothing on two days, so that all days between them are covered."""
    edges = [{"usage_date": day, "usd": "0", "charge_category": "usage"} for day in (first, last)]
    return ledger([*charges, *edges])
