"""Marts of two tenants and one week, small enough to add up by hand.

acme 6.00 in two calls and 1.00 of a fee; beta 3.00 in one call; 0.50 that no log explains. In all 10.50.
"""

from pathlib import Path

import duckdb
import polars as pl

from assets.publish import publish
from sources.home import Home

WEEK = "2026-11-09"
_MONEY = "decimal(38, 12)"

SCRIPT = f"""
create table fct_usage as
select
    call_id, timestamp '2026-11-10 08:00:00' as started_at, date '2026-11-10' as usage_date,
    date '{WEEK}' as week_start, tenant_id, 'chat' as product_id, feature_id, 'openai' as service_provider,
    'direct' as host, 'gpt-5-mini' as model, 'production' as environment, 'pro' as plan,
    cost::{_MONEY} as effective_cost_usd, 'tag' as attribution_method, 'log-1' as file_hash, row_number,
    null::varchar as unattributed_reason, 'priced' as pricing_status, null::varchar as unpriced_reason,
    1000::bigint as total_input_tokens, 200::bigint as total_output_tokens, null::{_MONEY} as reported_cost_usd
from (values
    ('call-1', 'acme', 'search', 4.00, 11), ('call-2', 'acme', 'search', 2.00, 12),
    ('call-3', 'beta', 'search', 3.00, 13), ('call-4', 'acme', 'search', null, 14)
) as calls(call_id, tenant_id, feature_id, cost, row_number);

create table fct_charges as
select
    charge_id, 'openai' as service_provider, 'org-1' as billing_account_id, date '2026-11-10' as usage_date,
    'direct' as host, model, meter, charge_category, 'anchored' as charge_status, amount::{_MONEY} as amount_usd,
    'bill-1' as source_file_hash, row_number as source_row_number
from (values
    ('charge-usage', 'gpt-5-mini', 'input', 'usage', 9.00, 1), ('charge-fee', null, null, 'fee', 1.00, 2),
    ('charge-unlogged', 'gpt-5-mini', 'input', 'unlogged_traffic', 0.50, 3)
) as charges(charge_id, model, meter, charge_category, amount, row_number);

create table fct_allocations as
select
    allocation_id, charge_id, '2026-11' as posting_period, date '2026-11-10' as usage_date, date '{WEEK}' as week_start,
    'tenant' as target_type, tenant_id as target_id, tenant_id, 'chat' as product_id, feature_id,
    'openai' as service_provider, 'direct' as host, model, 'production' as environment, 'pro' as plan, rule_id, method,
    component as cost_component, amount::{_MONEY} as amount_usd, amount::{_MONEY} as effective_amount_usd,
    charge_category, 'anchored' as posted_status
from (values
    ('a-1', 'charge-usage', 'acme', 'search', 'gpt-5-mini', 'direct', 'direct', 'direct', 6.00),
    ('a-2', 'charge-usage', 'beta', 'search', 'gpt-5-mini', 'direct', 'direct', 'direct', 3.00),
    ('a-3', 'charge-fee', 'acme', 'unattributed', null, 'fees', 'proportional', 'shared', 1.00),
    ('a-4', 'charge-unlogged', 'unattributed', 'unattributed', 'gpt-5-mini', 'gaps', 'unattributed', 'unattributed',
     0.50)
) as lines(allocation_id, charge_id, tenant_id, feature_id, model, rule_id, method, component, amount)
inner join (select charge_id, charge_category from fct_charges) using (charge_id);

create table chargeback_lines as
select
    allocation_id as chargeback_line_id, posting_period, usage_date, charge_id, target_type, target_id,
    tenant_id, product_id, feature_id, rule_id, method, amount_usd, effective_amount_usd, model,
    null::varchar as invoice_id, posted_status as status
from fct_allocations;

create view explain_allocations as
select
    *, 'IL-1' as journal_id, 'expense' as journal_line_type, null as cost_center, 'cogs' as cost_nature,
    'INV-1' as invoice_id
from main.fct_allocations;

create table dim_files as
from (values
    ('log-1', 'litellm', 'spend_logs', 'spend_logs_2026-11-10.ndjson.gz'),
    ('bill-1', 'openai', 'costs', '2026-11-10__retrieved.json')
) as files(file_hash, feed, table_name, file_name);

create table journal_lines as
select
    'IL-1' as journal_id, line_no, kind, line_type, tenant_id, 'unattributed' as cost_center, 'cogs' as cost_nature,
    'INV-1' as source_invoice_id, debit::{_MONEY} as debit_usd, credit::{_MONEY} as credit_usd
from (values
    (1, 'chargeback', 'expense', 'acme', 7.01, null), (2, 'chargeback', 'expense', 'beta', 3.00, null),
    (3, 'chargeback', 'clearing', null, null, 10.01)
) as lines(line_no, kind, line_type, tenant_id, debit, credit);

create table cost_per_tenant_weekly as
select
    week_start, tenant_id, tenant_id as tenant_name, 1::bigint as calls, sum(effective_amount_usd)::{_MONEY}
        as total_cost_usd,
    coalesce(sum(effective_amount_usd) filter (where cost_component = 'unattributed'), 0)::{_MONEY}
        as unattributed_cost_usd,
    (sum(effective_amount_usd) / 2)::{_MONEY} as previous_week_cost_usd, 0::bigint as unpriced_calls,
    0::bigint as unpriced_tokens
from fct_allocations
group by all;

create table cost_per_model_weekly as
select
    week_start, service_provider, host, coalesce(model, 'unattributed') as model,
    sum(effective_amount_usd)::{_MONEY} as total_cost_usd
from fct_allocations
group by all;

create table anomalies_daily as
select
    usage_date, 'spend' as kind, 'tenant' as scope, tenant_id as scope_id, 'all' as model, date '{WEEK}' as since_date,
    impact::{_MONEY} as impact_usd, state, cause as root_cause, 'feature a' as incident
from (values
    (date '{WEEK}', 'acme', 3.00, 'open', 'cost is 3.00 x'),
    (date '{WEEK}' + 1, 'acme', 1.50, 'open', 'cost is 2.00 x'),
    (date '{WEEK}', 'beta', 1.00, 'acknowledged', 'cost is 2.00 x'),
    (date '{WEEK}', 'gamma', 0.50, 'open', 'cost is 9.00 x'),
    (date '{WEEK}' - 1, 'beta', 1.00, 'open', 'cost is 2.00 x')
) as days(usage_date, tenant_id, impact, state, cause);

create table fct_tasks as
select
    date '{WEEK}' as ended_date, date '{WEEK}' as ended_week_start, tenant_id, is_resolved, is_outcome_known,
    cost::{_MONEY} as cost_usd
from (values ('acme', true, true, 4.00), ('acme', false, true, 1.00), ('acme', false, false, 1.00))
    as tasks(tenant_id, is_resolved, is_outcome_known, cost);

create table revenue_efficiency_weekly as
select
    date '{WEEK}' as week_start, 'acme' as tenant_id, 35.00::{_MONEY} as revenue_usd, 7.00::{_MONEY} as cogs_cost_usd;
"""


def publish_small_marts(home: Home, change: str = "select 1") -> None:
    """Publish the marts; `change` is SQL run on them first."""
    home.warehouse.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(home.warehouse / "build.duckdb")) as connection:
        connection.execute(SCRIPT)
        connection.execute(change)
    publish(home, "small", lambda *_: None, keep=1)


def export_small_ledger(home: Home) -> Path:
    """The ledger's tables, with one file that failed and one that did not come."""
    files = pl.DataFrame(
        [
            (
                "litellm",
                "spend_logs",
                "log-1",
                "spend_logs_2026-11-10.ndjson.gz",
                "committed",
                4,
                1,
                "2026-11-10T23:00:00",
            ),
            ("litellm", "spend_logs", "log-2", "spend_logs_2026-11-11.ndjson.gz", "failed", 0, 0, None),
            ("openai", "costs", "bill-1", "2026-11-10__retrieved.json", "committed", 3, 0, "2026-11-10T00:00:00"),
        ],
        schema=[
            "feed",
            "table_name",
            "identity",
            "file_name",
            "status",
            "rows_kept",
            "rows_quarantined",
            "last_event_at",
        ],
        orient="row",
    ).with_columns(
        pl.col("last_event_at").str.to_datetime(),
        reason=pl.when(pl.col("status") == "failed").then(pl.lit("file: not gzip")),
    )
    expected = pl.DataFrame(
        {
            "feed": ["litellm", "litellm"],
            "table_name": ["spend_logs", "spend_logs"],
            "file_name": ["spend_logs_2026-11-10.ndjson.gz", "spend_logs_2026-11-12.ndjson.gz"],
            "expected_date": ["2026-11-10", "2026-11-12"],
            "has_arrived": [True, False],
        }
    )
    for name, frame in (("files", files), ("expected_files", expected)):
        path = home.lake / "meta" / name / "current.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path)
    return home.lake
