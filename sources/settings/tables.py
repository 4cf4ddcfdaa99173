"""Compiles settings into the lake's config tables, with exact types and the same bytes for the same settings."""

import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from sources.settings.allocation import MATCHED
from sources.settings.gpu_rates import SCHEMAS as GPU_SCHEMAS
from sources.settings.hardware import SCHEMAS as HARDWARE_SCHEMAS
from sources.settings.models import FIRST_DAY, OPEN_END, CostNatures, Strict
from sources.settings.policy import POLICY_SCHEMAS
from sources.settings.scenarios import SCHEMAS as SCENARIO_SCHEMAS
from sources.settings.self_hosting import SCHEMAS as SELF_HOSTING_SCHEMAS
from sources.settings.tco import SCHEMAS as TCO_SCHEMAS

_VALIDITY: dict[str, Any] = {"valid_from": pl.Date(), "valid_to": pl.Date()}

CONFIG_SCHEMAS: dict[str, dict[str, Any]] = {
    "tenants": {
        "tenant_id": pl.String(),
        "tenant_name": pl.String(),
        "plan": pl.String(),
        "cost_center": pl.String(),
        "is_free_plan": pl.Boolean(),
    },
    "features": {
        "feature_id": pl.String(),
        "feature_name": pl.String(),
        "product_id": pl.String(),
        "product_name": pl.String(),
    },
    "teams": {"team_id": pl.String(), "tenant_id": pl.String(), "cost_center": pl.String(), **_VALIDITY},
    "kubernetes_pods": {
        "rule_order": pl.Int32(),
        "namespace": pl.String(),
        "pod": pl.String(),
        "label": pl.String(),
        "label_value": pl.String(),
        "tenant_id": pl.String(),
        "deployment_id": pl.String(),
        **_VALIDITY,
    },
    "api_keys": {
        "api_key_id": pl.String(),
        "tenant_id": pl.String(),
        "team_id": pl.String(),
        "environment": pl.String(),
        **_VALIDITY,
    },
    "billing_accounts": {
        "service_provider": pl.String(),
        "billing_account_id": pl.String(),
        "gateway": pl.String(),
        "gateway_provider": pl.String(),
        "settlement_lag_days": pl.Int32(),
        "currency": pl.String(),
        **_VALIDITY,
    },
    "contract_terms": {
        "term_id": pl.String(),
        "kind": pl.String(),
        "service_provider": pl.String(),
        "billing_account_id": pl.String(),
        "amount_usd": pl.Decimal(18, 8),
        "paid_usd": pl.Decimal(18, 8),
        "used_before_usd": pl.Decimal(18, 8),
        "usd_per_call": pl.Decimal(18, 8),
        "percent_of_usage": pl.Decimal(9, 6),
        "units": pl.Int32(),
        "usd_per_unit_hour": pl.Decimal(18, 8),
        **_VALIDITY,
    },
    "contract_term_rates": {
        "term_id": pl.String(),
        "usd_per_unit": pl.Decimal(18, 8),
        "first_usd_per_unit": pl.Decimal(18, 8),
        **_VALIDITY,
    },
    "provisioned_deployments": {
        "term_id": pl.String(),
        "service_provider": pl.String(),
        "model_id": pl.String(),
        **_VALIDITY,
    },
    "discount_bands": {"term_id": pl.String(), "above_usd": pl.Decimal(18, 8), "percent_off": pl.Decimal(9, 6)},
    "allocation_rules": {
        "rule_id": pl.String(),
        "rule_order": pl.Int32(),
        "method": pl.String(),
        "metric": pl.String(),
        "target_type": pl.String(),
        "has_named_targets": pl.Boolean(),
        "scope": pl.String(),
        "window_days": pl.Int32(),
        "floor_share": pl.Decimal(9, 6),
        "token_share": pl.Decimal(9, 6),
        "fallback": pl.String(),
        **_VALIDITY,
        "rule_version": pl.String(),
    },
    "allocation_matches": {
        "rule_order": pl.Int32(),
        "from_type": pl.String(),
        "from_id": pl.String(),
        **dict.fromkeys(MATCHED.values(), pl.String()),
        **_VALIDITY,
    },
    "allocation_tags": {"tag_name": pl.String()},
    "allocation_targets": {
        "rule_order": pl.Int32(),
        "is_fallback": pl.Boolean(),
        "target_type": pl.String(),
        "target_id": pl.String(),
        "share": pl.Decimal(9, 6),
    },
    "cost_nature_rules": {
        "rule_order": pl.Int32(),
        "environment": pl.String(),
        "plan": pl.String(),
        "purpose": pl.String(),
        "cost_nature": pl.String(),
        **_VALIDITY,
    },
    "fx_rates": {"currency": pl.String(), "rate_date": pl.Date(), "usd_per_unit": pl.Decimal(18, 8)},
    "gl_map": {
        "line_type": pl.String(),
        "cost_nature": pl.String(),
        "service_provider": pl.String(),
        "cost_center": pl.String(),
        "account": pl.String(),
        "department": pl.String(),
        "class_name": pl.String(),
        "intercompany_partner": pl.String(),
        "tax_rate": pl.String(),
        **_VALIDITY,
    },
    "markups": {"tenant_id": pl.String(), "plan": pl.String(), "price_factor": pl.Decimal(10, 6), **_VALIDITY},
    "budgets": {
        "scope": pl.String(),
        "scope_id": pl.String(),
        "period": pl.String(),
        "amount_usd": pl.Decimal(18, 8),
        **_VALIDITY,
    },
    "anomaly_limits": {
        "kind": pl.String(),
        "factor": pl.Decimal(9, 6),
        "points": pl.Decimal(9, 6),
        "minimum_usd": pl.Decimal(18, 8),
        "tenant_factor": pl.Decimal(9, 6),
        "tenant_day_usd": pl.Decimal(18, 8),
        "spreads": pl.Decimal(9, 6),
        "spreads_two_days": pl.Decimal(9, 6),
    },
    "plan": {
        "planned_on": pl.Date(),
        "month": pl.String(),
        "account": pl.String(),
        "amount_usd": pl.Decimal(18, 8),
        "requests": pl.Int64(),
    },
    "anomaly_states": {
        "scope": pl.String(),
        "scope_id": pl.String(),
        "kind": pl.String(),
        "state": pl.String(),
        "who": pl.String(),
        "why": pl.String(),
        **_VALIDITY,
    },
    "forecast_months": {
        "month_number": pl.Int32(),
        "growth_factor": pl.Decimal(18, 8),
        "price_factor": pl.Decimal(18, 8),
        "growth_reserve_percent": pl.Decimal(9, 6),
        "hidden_costs_percent": pl.Decimal(9, 6),
    },
    "token_budgets": {"tenant_id": pl.String(), "tokens_per_month": pl.Int64(), **_VALIDITY},
    "disputes": {
        "chargeback_line_id": pl.String(),
        "tenant_id": pl.String(),
        "posting_period": pl.String(),
        "service_provider": pl.String(),
        "status": pl.String(),
        "reason": pl.String(),
        "opened": pl.Date(),
    },
    # What is read by them is no row of theirs: a changed mapping has to change the lake to be seen.
    "declared_feeds": {"feed_name": pl.String(), "table_name": pl.String(), "mapping_key": pl.String()},
    "settings": {
        "company": pl.String(),
        "display_time_zone": pl.String(),
        "default_tenant_id": pl.String(),
        "gpu_5m_days": pl.Int32(),
    },
    **GPU_SCHEMAS,
    **SELF_HOSTING_SCHEMAS,
    **TCO_SCHEMAS,
    **POLICY_SCHEMAS,
    **SCENARIO_SCHEMAS,
    **HARDWARE_SCHEMAS,
}


def frame(table: str, rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """The rows as the config table, sorted by all columns from the left."""
    schema = CONFIG_SCHEMAS[table]
    columns: dict[str, list[Any]] = {name: [] for name in schema}
    for row in rows:
        for name, values in columns.items():
            values.append(row[name])
    data = pl.DataFrame([pl.Series(name, columns[name], dtype=dtype) for name, dtype in schema.items()])
    return data.sort(list(schema), nulls_last=True) if schema else data


def dumped(rows: Iterable[Strict]) -> list[dict[str, Any]]:
    return [row.model_dump() for row in rows]


def cost_nature_rows(natures: CostNatures) -> list[dict[str, Any]]:
    """One row per rule and combination of its values, null for any; the default is the last rule."""
    whatever: list[str | None] = [None]
    rows = [
        {"environment": environment, "plan": plan, "purpose": purpose}
        | {"rule_order": order, "cost_nature": rule.cost_nature}
        | {"valid_from": rule.valid_from, "valid_to": rule.valid_to}
        for order, rule in enumerate(natures.rules, 1)
        for environment, plan, purpose in itertools.product(
            rule.environment or whatever, rule.plan or whatever, rule.purpose or whatever
        )
    ]
    any_call = {"environment": None, "plan": None, "purpose": None, "valid_from": FIRST_DAY, "valid_to": OPEN_END}
    return [*rows, any_call | {"rule_order": len(natures.rules) + 1, "cost_nature": natures.default}]
