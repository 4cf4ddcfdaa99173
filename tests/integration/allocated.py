"""Literal charges through the rules of an allocation.yml and the SQL of the allocation models, in DuckDB."""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import polars as pl

from assets.marts import rows
from sources.settings.allocation import match_rows, rule_rows, target_rows
from sources.settings.models import Allocation
from sources.settings.tables import CONFIG_SCHEMAS, frame

PROJECT = Path(__file__).parents[2] / "dbt_project"
MODELS = PROJECT / "models/intermediate/allocation"
DAY = date(2026, 8, 10)
MONEY = pl.Decimal(26, 12)
_TEXT = pl.String()
CHARGES: dict[str, Any] = {
    "charge_id": _TEXT, "charge_category": _TEXT, "service_provider": _TEXT, "billing_account_id": _TEXT,
    "billing_scope_id": _TEXT, "host": _TEXT, "model": _TEXT, "meter": _TEXT, "invoice_id": _TEXT,
    "usage_date": pl.Date(),
    "amount_usd": pl.Decimal(38, 12),
}  # fmt: skip
TRACED: dict[str, Any] = {
    "part_id": _TEXT, "charge_id": _TEXT, "tenant_id": _TEXT, "product_id": _TEXT, "feature_id": _TEXT,
    "environment": _TEXT, "plan": _TEXT, "cost_center": _TEXT, "cost_nature": _TEXT, "team_id": _TEXT,
    "api_key_id": _TEXT, "unattributed_reason": _TEXT, "calls": pl.Decimal(38, 12), "amount_usd": MONEY,
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
}  # fmt: skip
NOBODY: Row = {
    **dict.fromkeys(("tenant_id", "product_id", "feature_id", "environment", "plan"), "unattributed"),
    **dict.fromkeys(("cost_center", "cost_nature", "team_id", "api_key_id", "unattributed_reason", "calls")),
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
    }
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table.to_arrow())
        return rows(connection, f"select * from ({SQL}) order by all")


def _frame(schema: Mapping[str, Any], rows: Sequence[Row]) -> pl.DataFrame:
    columns = {name: [row[name] for row in rows] for name in schema}
    return pl.DataFrame([pl.Series(name, columns[name], dtype=dtype) for name, dtype in schema.items()])


def compiled(model: str) -> str:
    """An allocation model as dbt compiles it for DuckDB."""
    macros = {
        name: getattr(_module(file), f"duckdb__{name}")
        for file, names in {
            "divide_exact": ["divide_exact"],
            "split_exact": ["pico_quotient", "pico_remainder", "split_exact", "divide_whole"],
        }.items()
        for name in names
    }
    # What dbt makes of its own macros for DuckDB.
    dbt = SimpleNamespace(
        type_string=lambda: "varchar",
        datediff=lambda first, second, part: f"date_diff('{part}', {first}, {second})",
        dateadd=lambda part, count, day: f"date_add({day}, interval ({count}) {part})",
    )
    return jinja2.Template((MODELS / f"{model}.sql").read_text(encoding="utf-8")).render(ref=str, dbt=dbt, **macros)


def _module(file: str) -> Any:
    return jinja2.Template((PROJECT / f"macros/{file}.sql").read_text(encoding="utf-8")).module


SQL = compiled("int_charges_allocated")
