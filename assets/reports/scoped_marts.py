"""The published marts as one audience may see them: its rows, and its costs summed again by the SQL of the models.

A mart that is not listed here is not there for an audience, so a section that asks for it fails instead of showing
what is not theirs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import jinja2

from assets.marts import UNATTRIBUTED, MartsError, open_marts
from assets.reports.audience import Audience, Kind
from assets.version import ROOT
from sources.memory import connect

_PROJECT = ROOT / "dbt_project"
_COSTS_MACRO = "macros/marts/weekly_costs_by.sql"
# The name the file has in the audience's own database: a view named like its source there would read itself.
_ALL = "all_marts"

_OF_TENANT, _OF_PRODUCT = "tenant_id = $id", "product_id = $id"
_FEATURES = f"(select feature_id from {_ALL}.dim_features where product_id = $id)"
_OF_FEATURE = f"feature_id in {_FEATURES}"
_BY_PRODUCT: dict[Kind, str] = {"tenant": _OF_TENANT, "product": _OF_PRODUCT}
_BY_FEATURE: dict[Kind, str] = {"tenant": _OF_TENANT, "product": _OF_FEATURE}
_ROWS: dict[str, dict[Kind, str]] = {
    # what else a product is made of, and for whom it is, is no tenant's business
    "dim_tenants": {"tenant": f"tenant_id in ($id, '{UNATTRIBUTED}')", "product": "true"},
    "dim_features": {
        "tenant": f"feature_id in (select feature_id from {_ALL}.unit_economics_weekly where tenant_id = $id)",
        "product": _OF_PRODUCT,
    },
    # of nobody: only up to when the feeds reach is asked of it
    "data_status": {"tenant": "true", "product": "true"},
    "fct_usage": _BY_PRODUCT,
    "fct_tasks": _BY_FEATURE,
    "fct_allocations": _BY_PRODUCT,
    "unit_economics_daily": _BY_PRODUCT,
    "unit_economics_weekly": _BY_PRODUCT,
    "cost_change_weekly": _BY_PRODUCT,
    "revenue_efficiency_weekly": _BY_PRODUCT,
    "tenant_economics_monthly": {"tenant": _OF_TENANT},
    "cache_efficiency_weekly": _BY_FEATURE,
    "cost_per_task_weekly": _BY_FEATURE,
    "answer_quality_monthly": {"product": _OF_FEATURE},
    "optimization_backlog_weekly": {"product": _OF_FEATURE},
    "forecast_monthly": {"product": "scope = 'product' and scope_id = $id"},
    "budget_status_daily": {
        "tenant": "scope = 'tenant' and scope_id = $id",
        "product": f"(scope = 'product' and scope_id = $id) or (scope = 'feature' and scope_id in {_FEATURES})",
    },
    "anomalies_daily": {
        "tenant": "scope = 'tenant' and scope_id = $id",
        "product": f"scope = 'feature' and scope_id in {_FEATURES}",
    },
}
# A charge is of an audience as far as the ledger gives it a part of it.
_CHARGES = f"""
create view fct_charges as
select charges.* replace (parts.amount_usd as amount_usd, parts.effective_amount_usd as effective_amount_usd)
from {_ALL}.fct_charges as charges
inner join (
    select charge_id, sum(amount_usd) as amount_usd, sum(effective_amount_usd) as effective_amount_usd
    from fct_allocations
    group by charge_id
) as parts using (charge_id)
"""
_SUMMED = ("cost_per_tenant_weekly", "cost_per_feature_weekly", "cost_per_model_weekly")


@contextmanager
def open_for(path: Path, audience: Audience) -> Iterator[duckdb.DuckDBPyConnection]:
    """The marts with the rows of `audience` only; for the company, the marts as they are."""
    if not audience.id:
        with open_marts(path) as connection:
            yield connection
        return
    if not path.is_file():
        raise MartsError(f"{path}: no published marts; `inferledger run` builds and publishes them")
    connection = connect()
    try:
        # as in open_marts: the file itself, so that a swap leaves this reader its version
        connection.execute(f"attach {_quoted(str(path.resolve()))} as {_ALL} (read_only)")
        for statement in _statements(audience):
            connection.execute(statement)
        yield connection
    finally:
        connection.close()


def _statements(audience: Audience) -> Iterator[str]:
    for mart, conditions in _ROWS.items():
        if audience.kind in conditions:
            condition = conditions[audience.kind].replace("$id", _quoted(audience.id))
            yield f"create view {mart} as select * from {_ALL}.{mart} where {condition}"
    yield _CHARGES
    for mart in _SUMMED:
        yield f"create table {mart} as {_sql_of(mart)}"


def _sql_of(mart: str) -> str:
    """The model's own SQL over the views; the ledger's postings stand for the amounts they are made of."""
    model = f"models/marts/unit_economics/{mart}.sql"
    source = "".join((_PROJECT / name).read_text(encoding="utf-8") for name in (_COSTS_MACRO, model))
    names = {"int_allocations": "fct_allocations"}
    return jinja2.Environment().from_string(source).render(ref=lambda name: names.get(name, name))


def _quoted(value: str) -> str:
    escaped = value.replace("'", "''")
    return f"'{escaped}'"
