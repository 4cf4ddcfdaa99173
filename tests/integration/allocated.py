"""Literal charges through the rules of an allocation.yml and the SQL of the allocation models, in DuckDB."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb
import polars as pl

from assets.marts import rows
from sources.settings.allocation import match_rows, rule_rows, target_rows
from sources.settings.models import Allocation
from sources.settings.tables import CONFIG_SCHEMAS, frame
from tests.unit.dbt_project.compiled import compiled

# In the order of a build.
MODELS = ("dim_allocation_shares", "fct_allocation_parts", "dim_shared_cost_natures", "int_allocations")
ORDER = (
    "charge_id, rule_id, rule_version, through_rules, method, target_type, target_id, cost_component, tenant_id,"
    " product_id, feature_id, environment, plan, cost_center, cost_nature"
)
DAY = date(2026, 8, 10)
MONEY = pl.Decimal(26, 12)
_TEXT = pl.String()
CHARGES: dict[str, Any] = {
    "charge_id": _TEXT, "charge_category": _TEXT, "service_provider": _TEXT, "billing_account_id": _TEXT,
    "billing_scope_id": _TEXT, "host": _TEXT, "model": _TEXT, "meter": _TEXT, "invoice_id": _TEXT,
    "usage_date": pl.Date(), "posting_period": _TEXT, "charge_status": _TEXT, "amount_usd": pl.Decimal(38, 12),
}  # fmt: skip
TRACED: dict[str, Any] = {
    "part_id": _TEXT, "charge_id": _TEXT, "tenant_id": _TEXT, "product_id": _TEXT, "feature_id": _TEXT,
    "environment": _TEXT, "plan": _TEXT, "cost_center": _TEXT, "cost_nature": _TEXT, "team_id": _TEXT,
    "api_key_id": _TEXT, "unattributed_reason": _TEXT, "tags": _TEXT, "calls": pl.Decimal(38, 12), "amount_usd": MONEY,
    "effective_amount_usd": MONEY,
}  # fmt: skip
METRICS: dict[str, Any] = {
    "metric": _TEXT, "usage_date": pl.Date(), "service_provider": _TEXT, "billing_account_id": _TEXT,
    "tenant_id": _TEXT, "product_id": _TEXT, "cost_center": _TEXT, "hour_start": pl.Datetime("us"), "user_key": _TEXT,
    "quantity": MONEY,
}  # fmt: skip
Row = Mapping[str, Any]
CHARGE: Row = {
    "charge_id": "c", "charge_category": "fee", "service_provider": "openai", "billing_account_id": "org",
    "billing_scope_id": None, "host": "direct", "model": "gpt-5", "meter": "fee", "invoice_id": None, "usage_date": DAY,
    "posting_period": "2026-08", "charge_status": "anchored",
}  # fmt: skip
NOBODY: Row = {
    **dict.fromkeys(("tenant_id", "product_id", "feature_id", "environment", "plan"), "unattributed"),
    **dict.fromkeys(("cost_center", "cost_nature", "team_id", "api_key_id", "unattributed_reason", "tags", "calls")),
}
METRIC: Row = {
    "metric": "billed_cost_usd", "usage_date": DAY, "service_provider": "openai", "billing_account_id": "org",
    "product_id": "unattributed", "cost_center": None, "hour_start": None, "user_key": None,
}  # fmt: skip
TENANTS: tuple[Row, ...] = (
    {"tenant_id": "acme", "tenant_name": "Acme", "plan": "pro", "cost_center": "cc-1", "is_free_plan": False},
    {"tenant_id": "globex", "tenant_name": "Globex", "plan": "free", "cost_center": None, "is_free_plan": True},
    {"tenant_id": "initech", "tenant_name": "Initech", "plan": "pro", "cost_center": "cc-2", "is_free_plan": False},
)
COGS: Row = {
    "rule_order": 1, "environment": None, "plan": None, "purpose": None, "cost_nature": "cogs",
    "valid_from": date(1970, 1, 1), "valid_to": date(9999, 12, 31),
}  # fmt: skip
FEATURES: tuple[Row, ...] = (
    {"feature_id": "qa", "feature_name": "Q", "product_id": "chat", "product_name": "Chat"},
    {"feature_id": "find", "feature_name": "F", "product_id": "search", "product_name": "Search"},
)


def charge(charge_id: str, amount: str | Decimal | int, **values: Any) -> dict[str, Any]:
    return {**CHARGE, "charge_id": charge_id, "amount_usd": Decimal(amount), **values}


def part(charge_id: str, amount: str | Decimal | int, **values: Any) -> dict[str, Any]:
    """A part of calls that no tenant carries, of the charge."""
    row = {**NOBODY, "charge_id": charge_id, "amount_usd": Decimal(amount), "calls": Decimal(1), **values}
    return {"effective_amount_usd": row["amount_usd"], **row}


def metric(tenant_id: str, quantity: str | Decimal | int, **values: Any) -> dict[str, Any]:
    return {**METRIC, "tenant_id": tenant_id, "quantity": Decimal(quantity), **values}


def allocate(
    rules: Allocation,
    charges: Sequence[Row],
    metrics: Sequence[Row] = (),
    parts: Sequence[Row] = (),
    tenants: Sequence[Row] = TENANTS,
    features: Sequence[Row] = FEATURES,
) -> list[dict[str, Any]]:
    """The parts that the charges end as. A charge without parts of its own is one that no call explains."""
    given = {row["charge_id"] for row in parts}
    whole = [
        {**NOBODY, "charge_id": row["charge_id"], "amount_usd": row["amount_usd"]}
        | {"effective_amount_usd": row.get("effective_amount_usd", row["amount_usd"])}
        for row in charges
        if row["charge_id"] not in given
    ]
    traced = [{**row, "part_id": str(number)} for number, row in enumerate([*parts, *whole])]
    tables = {
        "fct_charges": _frame(CHARGES, charges),
        "int_charges_traced": _frame(TRACED, traced),
        "int_allocation_metrics_daily": _frame(METRICS, metrics),
        "stg_config__allocation_rules": frame("allocation_rules", rule_rows(rules.rules, rules.rule_version)),
        "stg_config__allocation_matches": frame("allocation_matches", match_rows(rules.rules)),
        "stg_config__allocation_targets": frame("allocation_targets", target_rows(rules.rules)),
        "stg_config__tenants": frame("tenants", tenants),
        "stg_config__features": frame("features", features),
        "stg_config__teams": pl.DataFrame(schema=CONFIG_SCHEMAS["teams"]),
        "stg_config__cost_nature_rules": frame("cost_nature_rules", [COGS]),
        "stg_accounting__closed_allocations": pl.DataFrame(schema={"posting_period": _TEXT}),
    }
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table.to_arrow())
        for name, sql in SQL.items():
            connection.execute(f"create table {name} as {sql}")
        return rows(connection, f"select * from int_allocations order by {ORDER}")


def _frame(schema: Mapping[str, Any], rows: Sequence[Row]) -> pl.DataFrame:
    columns = {name: [row[name] for row in rows] for name in schema}
    return pl.DataFrame([pl.Series(name, columns[name], dtype=dtype) for name, dtype in schema.items()])


SQL = {name: compiled(name) for name in MODELS}
