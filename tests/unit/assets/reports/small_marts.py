"""A small marts.duckdb built by hand: 14 weeks, six tenants (one with a hostile name), two providers and a GPU node.

Facts are written first; every weekly mart is an aggregate of them, so totals agree by construction as they must in the
real warehouse. Amounts carry twelve decimals that do not round to cents.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from tests.unit.assets.exports.journals import SETTINGS, journal_sql

EVIL_NAME = '=HYPERLINK("http://evil")<b>x</b>'
WEEK = "2026-W46"
FIRST_DAY = "2026-08-10"
LAST_DAY = "2026-11-15"

DIMENSIONS = f"""
create table dim_tenants as
select * from (values
    ('acme', 'Acme Corp', 'enterprise', 'CC-100', false),
    ('blue', 'Blue Finance', 'enterprise', 'CC-200', false),
    ('cobalt', 'Cobalt Labs', 'team', 'CC-300', false),
    ('delta', 'Delta Freight', 'team', 'CC-400', false),
    ('evil', '{EVIL_NAME}', 'team', '+CC-500', false),
    ('free', 'Free users', 'free', 'CC-600', true),
    ('unattributed', 'unattributed', 'unattributed', 'unattributed', false)
) as t (tenant_id, tenant_name, plan, cost_center, is_free_plan);
create table dim_features as
select * from (values
    ('chat', 'Support chat', 'assist', 'Assist'),
    ('review', 'Code review', 'build', 'Build'),
    ('search', 'Answer search', 'assist', 'Assist'),
    ('unattributed', 'unattributed', 'unattributed', 'unattributed')
) as t (feature_id, feature_name, product_id, product_name);
create table dim_models as
select * from (values
    ('openai', 'direct', 'gpt-5.4', true),
    ('openai', 'direct', 'gpt-5.4-mini', true),
    ('anthropic', 'direct', 'claude-sonnet-5', true),
    ('northgpu', 'self_hosted', 'qwen3-32b', false)
) as t (service_provider, host, model, has_prompt_cache);
"""

# One cell is a day of one tenant, feature and model; the amounts only have to differ and to have many decimals.
CELLS = f"""
create temp table days as
select cast(d as date) as usage_date, cast(date_trunc('week', d) as date) as week_start, day_no
from (
    select cast('{FIRST_DAY}' as date) + cast(i as integer) as d, i as day_no
    from range(0, date_diff('day', date '{FIRST_DAY}', date '{LAST_DAY}') + 1) r (i)
);
create temp table cells as
select
    days.usage_date, days.week_start, days.day_no,
    t.tenant_id, t.plan, t.cost_center, f.feature_id, f.product_id, m.service_provider, m.host, m.model,
    m.has_prompt_cache,
    case m.service_provider when 'openai' then 'org-1' when 'anthropic' then 'org-2' else 'gpu-1' end
        as billing_account_id,
    (ascii(t.tenant_id) * 7 + ascii(f.feature_id) * 5 + length(m.model) * 3 + days.day_no * 11) % 23 + 40
        + days.day_no as calls
from days
cross join (select * from dim_tenants where tenant_id <> 'unattributed') t
cross join (select * from dim_features where feature_id <> 'unattributed') f
cross join dim_models m;
"""

FACTS = """
create table fct_charges as
select
    'c-' || usage_date || '-' || model as charge_id, service_provider, billing_account_id,
    billing_account_id as billing_scope_id,
    case when usage_date < date '2026-11-01' then service_provider || '-' || strftime(usage_date, '%Y%m') end
        as invoice_id,
    usage_date, strftime(usage_date, '%Y-%m') as posting_period, host, model,
    case when model = 'gpt-5.4-mini' then 'batch' else 'standard' end as service_tier, 'tokens' as meter,
    case when host = 'self_hosted' then 'gpu_busy' else 'usage' end as charge_category,
    case when usage_date < date '2026-11-14' then 'anchored' else 'estimated' end as charge_status,
    cast(sum(calls) as decimal(38, 6)) as quantity,
    cast(sum(calls) * 0.004137123457 as decimal(38, 12)) as amount_usd,
    cast(sum(calls) * 0.004137123457 as decimal(38, 12)) as effective_amount_usd,
    cast(0 as decimal(38, 12)) as credit_offset_usd, 'f' as source_file_hash, cast(1 as bigint) as source_row_number
from cells group by all
union all
select
    'x-' || usage_date || '-' || service_provider, service_provider, billing_account_id, billing_account_id,
    case when usage_date < date '2026-11-01' then service_provider || '-' || strftime(usage_date, '%Y%m') end,
    usage_date, strftime(usage_date, '%Y-%m'), any_value(host), null, null, 'each',
    case when service_provider = 'northgpu' then 'gpu_idle' else 'unlogged_traffic' end,
    case when usage_date < date '2026-11-14' then 'anchored' else 'estimated' end, 1,
    cast(sum(calls) * 0.000271000001 as decimal(38, 12)), cast(sum(calls) * 0.000271000001 as decimal(38, 12)),
    0, 'f', 2
from cells group by usage_date, service_provider, billing_account_id;

create temp table parts as
select
    'c-' || usage_date || '-' || model as charge_id, tenant_id as target_id, tenant_id, product_id, feature_id, plan,
    cost_center, 'call' as rule_id, 'direct' as method, 'direct' as cost_component,
    cast(calls * 0.004137123457 as decimal(38, 12)) as amount_usd
from cells
union all
select
    charge_id, t.tenant_id, t.tenant_id, 'unattributed', 'unattributed', t.plan, t.cost_center, 'idle', 'even', 'idle',
    cast(case when t.tenant_id = 'acme' then amount_usd - 5 * sixth_usd else sixth_usd end as decimal(38, 12))
from (
    select charge_id, amount_usd,
        cast(cast(trunc(cast(amount_usd as double) * 166666) as decimal(20, 0)) * 0.000001 as decimal(30, 12))
            as sixth_usd
    from fct_charges where charge_category = 'gpu_idle'
)
cross join (select * from dim_tenants where tenant_id <> 'unattributed') t
union all
select charge_id, 'unattributed', 'unattributed', 'unattributed', 'unattributed', 'unattributed', 'unattributed',
    'unlogged', 'unattributed', 'unattributed', amount_usd
from fct_charges where charge_category = 'unlogged_traffic';

create table fct_allocations as
select
    md5(p.charge_id || p.target_id || p.feature_id || p.rule_id) as allocation_id, p.charge_id, c.posting_period,
    c.usage_date, cast(date_trunc('week', c.usage_date) as date) as week_start, c.invoice_id, c.service_provider,
    c.billing_account_id, c.host, c.model, c.charge_category,
    case when p.target_id = 'unattributed' then 'unattributed' else 'tenant' end as target_type, p.target_id,
    p.tenant_id, p.product_id, p.feature_id, 'production' as environment, p.plan, p.cost_center,
    'cogs' as cost_nature, p.rule_id,
    '1' as rule_version, cast(null as varchar) as through_rules, p.method, p.cost_component,
    cast(1 as decimal(38, 12)) as basis_quantity,
    cast(1 as decimal(18, 12)) as share, p.amount_usd, p.amount_usd as effective_amount_usd,
    c.charge_status as status, c.charge_status as posted_status, cast(null as varchar) as corrects_id
from parts p join fct_charges c using (charge_id);

create table chargeback_lines as
select
    md5(allocation_id) as chargeback_line_id, posting_period, usage_date, charge_id, target_type, target_id, tenant_id,
    cost_center, cost_nature, product_id, feature_id, rule_id, method, basis_quantity, share, amount_usd,
    effective_amount_usd, 'USD' as currency, invoice_id, service_provider, billing_account_id, model, charge_category,
    status, corrects_id,
    case when plan <> 'unattributed' then cast(effective_amount_usd as decimal(26, 12)) * 1.2 end::decimal(38, 12)
        as price_usd,
    case when tenant_id = 'acme' and service_provider = 'openai' then 'open' end as dispute_status
from fct_allocations;

create table fct_tasks as
select
    md5(usage_date || tenant_id || feature_id || k) as task_id, tenant_id, feature_id, 'ask' as task_type,
    cast(usage_date as timestamp) as started_at, cast(usage_date as timestamp) + interval 1 hour as ended_at,
    usage_date as ended_date, week_start as ended_week_start,
    case when h % 10 < 7 then 'resolved' when h % 10 = 9 then 'unknown' else 'unresolved' end as outcome,
    h % 10 < 7 as is_resolved, h % 10 <> 9 as is_outcome_known, cast(6 as bigint) as calls,
    cast(5 as bigint) as requests, cast(0.1 + h * 0.001037123457 as decimal(38, 12)) as cost_usd,
    cast(0 as bigint) as unpriced_calls, cast(0 as bigint) as unpriced_tokens,
    cast(usage_date as timestamp) as first_call_at, cast(usage_date as timestamp) as last_call_at
from (
    select distinct usage_date, week_start, tenant_id, feature_id, k,
        (ascii(tenant_id) * 3 + ascii(feature_id) * 7 + day_no * 5 + k * 13) % 29 as h
    from cells cross join range(0, 3) r (k)
);
"""

WEEKLY = """
create temp table weekly as
select
    a.week_start, a.tenant_id, a.feature_id, a.product_id, a.service_provider, a.host,
    coalesce(a.model, 'unattributed') as model, a.plan, a.cost_component,
    sum(a.effective_amount_usd) as cost
from fct_allocations a group by all;
create temp table weekly_calls as
select week_start, tenant_id, feature_id, product_id, service_provider, host, model, plan, has_prompt_cache,
    cast(sum(calls) as bigint) as calls
from cells group by all;
create table unit_economics_weekly as
with costs as (
    select week_start, tenant_id, product_id, feature_id, service_provider, host, model, plan, sum(cost) as cost
    from weekly group by all
)
select
    week_start, tenant_id, product_id, feature_id, service_provider, host, model, 'production' as environment, plan,
    cast(coalesce(n.calls, 0) as bigint) as requests, cast(coalesce(n.calls, 0) as bigint) as calls,
    cast(coalesce(n.calls, 0) * 300 as bigint) as input_uncached_tokens,
    cast(coalesce(n.calls, 0) * 600 as bigint) as cache_read_tokens,
    cast(coalesce(n.calls, 0) * 50 as bigint) as cache_write_5m_tokens, cast(0 as bigint) as cache_write_1h_tokens,
    cast(0 as bigint) as input_audio_tokens, cast(0 as bigint) as input_image_tokens,
    cast(coalesce(n.calls, 0) * 90 as bigint) as output_text_tokens,
    cast(coalesce(n.calls, 0) * 30 as bigint) as reasoning_tokens, cast(0 as bigint) as output_audio_tokens,
    cast(0 as bigint) as output_image_tokens, cast(0 as bigint) as searches,
    cast(cost as decimal(38, 12)) as list_cost_usd, cast(cost as decimal(38, 12)) as contracted_cost_usd,
    cast(cost as decimal(38, 12)) as billed_cost_usd, cast(cost as decimal(38, 12)) as effective_cost_usd,
    cast(0 as decimal(38, 12)) as credit_offset_usd, cast(cost * 0.02 as decimal(38, 12)) as retry_cost_usd,
    cast(0 as decimal(38, 12)) as escalation_cost_usd, cast(cost * 0.01 as decimal(38, 12)) as fallback_cost_usd,
    cast(cost * 0.005 as decimal(38, 12)) as failed_cost_usd, cast(cost * 0.12 as decimal(38, 12))
        as reasoning_cost_usd,
    cast(0 as bigint) as unpriced_calls, cast(0 as bigint) as unpriced_tokens
from costs left join weekly_calls n
    using (week_start, tenant_id, product_id, feature_id, service_provider, host, model, plan);
create table unit_economics_daily as
select week_start as usage_date, * exclude (week_start) from unit_economics_weekly;
create table cost_per_task_weekly as
select
    ended_week_start as week_start, tenant_id, feature_id, task_type, count(*) as tasks,
    count(*) filter (where is_resolved) as resolved_tasks, count(*) filter (where is_outcome_known)
        as outcome_known_tasks,
    count(*) filter (where is_outcome_known) / count(*) as outcome_coverage,
    cast(sum(cost_usd) as decimal(38, 12)) as tasks_cost_usd,
    cast(sum(cost_usd) as double) / count(*) as cost_per_task_usd,
    quantile_cont(cast(cost_usd as double), 0.5) as cost_per_task_p50_usd,
    quantile_cont(cast(cost_usd as double), 0.95) as cost_per_task_p95_usd,
    quantile_cont(cast(cost_usd as double), 0.99) as cost_per_task_p99_usd, cast(0.02 as double) as top_1pct_cost_share,
    cast(sum(cost_usd) filter (where is_outcome_known) as double)
        / nullif(count(*) filter (where is_resolved), 0) as cost_per_resolved_task_usd,
    cast(null as double) as correct_answer_rate, cast(null as double) as cost_per_correct_answer_usd,
    cast(sum(calls) as bigint) as calls,
    sum(calls) / count(*) as calls_per_task, cast(0 as bigint) as unpriced_calls, cast(0 as bigint) as unpriced_tokens,
    cast(sum(cost_usd) as decimal(38, 12)) as period_cost_usd, cast(sum(cost_usd) as decimal(38, 12))
        as tasks_ended_cost_usd,
    cast(0 as decimal(38, 12)) as tasks_ended_cost_in_other_periods_usd,
    cast(0 as decimal(38, 12)) as open_tasks_cost_usd, cast(0 as decimal(38, 12)) as no_task_cost_usd
from fct_tasks group by all;
create table revenue_efficiency_weekly as
with costs as (
    select week_start, tenant_id, product_id, plan, cast(sum(cost) as decimal(38, 12)) as cogs_cost_usd
    from weekly group by all
), priced as (
    select costs.*, case when tenant_id in ('free', 'unattributed') or product_id = 'unattributed' then 0
        else cogs_cost_usd * case tenant_id when 'cobalt' then 2 when 'delta' then 4 else 9 end end as revenue
    from costs
)
select
    week_start, tenant_id, product_id, plan, cast(revenue as decimal(38, 12)) as revenue_usd,
    cast(11 as bigint) as active_users, cogs_cost_usd as effective_cost_usd, cogs_cost_usd,
    cast(0 as decimal(38, 12)) as credit_offset_usd,
    cast(cogs_cost_usd as double) / nullif(cast(revenue as double), 0) as cost_per_revenue_dollar,
    1 - cast(cogs_cost_usd as double) / nullif(cast(revenue as double), 0) as inference_margin,
    case when revenue = 0 then null when cogs_cost_usd <= 0.15 * revenue then 'healthy'
        when cogs_cost_usd <= 0.30 * revenue then 'watch' else 'risk' end as band,
    cast(cogs_cost_usd as double) / 11 as cost_per_active_user_usd
from priced;
create table cache_efficiency_weekly as
select
    week_start, service_provider, model, tenant_id, feature_id, cast(calls * 950 as bigint) as total_input_tokens,
    cast(case when has_prompt_cache then calls * case feature_id when 'chat' then 800 when 'review' then 500
        else 190 end else 0 end as bigint) as cache_read_tokens,
    cast(case when has_prompt_cache then calls * 50 else 0 end as bigint) as cache_write_tokens,
    case when has_prompt_cache then case feature_id when 'chat' then 800 when 'review' then 500 else 190 end / 950
        end as cache_hit_rate,
    cast(case when has_prompt_cache then calls * 0.000812345678 end as decimal(38, 12)) as cache_savings_usd,
    cast(case when has_prompt_cache then calls * 0.000012345678 end as decimal(38, 12)) as cache_write_premium_usd,
    case when has_prompt_cache then cast(65.8 as double) end as cache_roi,
    case when has_prompt_cache then case feature_id when 'chat' then 'good' when 'review' then 'fair' else 'poor' end
        end as band
from weekly_calls;
"""


def _cost_mart(name: str, keys: Sequence[str], join: str = "", names: str = "") -> str:
    """SQL of one cost_per_*_weekly mart over the temp tables of WEEKLY."""
    key = ", ".join(keys)
    return f"""
create table {name} as
with components as (
    select week_start, {key},
        coalesce(sum(cost) filter (where cost_component = 'direct'), 0) as direct_cost_usd,
        coalesce(sum(cost) filter (where cost_component = 'shared'), 0) as shared_cost_usd,
        coalesce(sum(cost) filter (where cost_component = 'idle'), 0) as idle_cost_usd,
        coalesce(sum(cost) filter (where cost_component = 'unattributed'), 0) as unattributed_cost_usd,
        sum(cost) as total_cost_usd
    from weekly group by week_start, {key}
), counted as (
    select week_start, {key}, sum(calls) as calls from weekly_calls group by week_start, {key}
), compared as (
    select components.*, coalesce(counted.calls, 0) as calls,
        lag(total_cost_usd) over (partition by {key} order by week_start) as previous_week_cost_usd
    from components left join counted using (week_start, {key})
)
select
    compared.week_start, {names or key}, cast(calls as bigint) as requests, cast(calls as bigint) as calls,
    cast(direct_cost_usd as decimal(38, 12)) as direct_cost_usd,
    cast(shared_cost_usd as decimal(38, 12)) as shared_cost_usd,
    cast(idle_cost_usd as decimal(38, 12)) as idle_cost_usd,
    cast(unattributed_cost_usd as decimal(38, 12)) as unattributed_cost_usd,
    cast(total_cost_usd as decimal(38, 12)) as total_cost_usd,
    cast(total_cost_usd as double) / sum(cast(total_cost_usd as double)) over (partition by week_start) as cost_share,
    cast(previous_week_cost_usd as decimal(38, 12)) as previous_week_cost_usd,
    cast(total_cost_usd - previous_week_cost_usd as decimal(38, 12)) as cost_change_usd,
    cast(total_cost_usd as double) / nullif(cast(previous_week_cost_usd as double), 0) - 1 as cost_change_share,
    cast(0 as bigint) as unpriced_calls, cast(0 as bigint) as unpriced_tokens
from compared {join};
"""


COST_MARTS = (
    _cost_mart("cost_per_tenant_weekly", ["tenant_id"], "join dim_tenants using (tenant_id)", "tenant_id, tenant_name")
    + _cost_mart(
        "cost_per_feature_weekly",
        ["feature_id"],
        "join dim_features using (feature_id)",
        "feature_id, feature_name, product_id",
    )
    + _cost_mart("cost_per_model_weekly", ["service_provider", "host", "model"])
)

CAUSES = (
    "duplicate_logs", "unbilled_calls", "unlogged_traffic", "late_logs", "late_bill", "token_class_difference",
    "service_tier_difference", "gpu_hours_difference", "price_difference", "non_token_meters", "credits_discounts",
    "fees", "fx", "rounding",
)  # fmt: skip

# Billed = metered + unlogged traffic - duplicates: what the bill has and the log has not, and the other way round.
RECONCILIATION = f"""
create table reconciliation_daily as
select
    usage_date, service_provider, billing_account_id, coalesce(model, 'unattributed') as model, 'tokens' as meter,
    cast(case when model is null then 0 else sum(quantity) end as decimal(38, 6)) as logged_quantity,
    cast(sum(quantity) as decimal(38, 6)) as billed_quantity,
    cast(case when model is null then 0 else sum(amount_usd) + 0.01 end as decimal(38, 12)) as metered_cost_usd,
    cast(sum(amount_usd) as decimal(38, 12)) as billed_cost_usd,
    cast(case when model is null then -sum(amount_usd) else 0.01 end as decimal(38, 12)) as variance_usd,
    {
    ", ".join(
        "cast("
        + {
            "duplicate_logs": "case when model is null then 0 else 0.01 end",
            "unlogged_traffic": "case when model is null then -sum(amount_usd) else 0 end",
        }.get(cause, "0")
        + f" as decimal(38, 12)) as {cause}_usd"
        for cause in CAUSES
    )
},
    cast(0 as decimal(38, 12)) as unexplained_usd, usage_date < date '2026-11-14' as is_final
from fct_charges where service_provider <> 'northgpu'
group by usage_date, service_provider, billing_account_id, model;
create table gpu_cost_hourly as
select
    cast(usage_date as timestamp) + to_hours(cast(h as integer)) as hour_start, usage_date, 'node-1' as node_id,
    'gpu-' || g as gpu_id, 'whole' as slice_id, 'whole' as share_id, 'qwen' as deployment_id,
    'northgpu' as service_provider, 'gpu-1' as billing_account_id,
    cast(3600 as decimal(18, 6)) as provisioned_seconds, cast(3600 as decimal(18, 6)) as covered_seconds,
    cast(busy as decimal(18, 6)) as busy_seconds, cast(3600 - busy as decimal(18, 6)) as warm_idle_seconds,
    cast(0 as decimal(18, 6)) as unobserved_seconds, busy / 3600.0 as utilisation,
    cast(2.49 as decimal(38, 12)) as cost_usd, cast(0.000691666666 * busy as decimal(38, 12)) as busy_cost_usd,
    cast(2.49 - 0.000691666666 * busy as decimal(38, 12)) as warm_idle_cost_usd,
    cast(0 as decimal(38, 12)) as reserved_unused_cost_usd, cast(0 as decimal(38, 12)) as unallocated_cost_usd,
    cast(0 as decimal(38, 12)) as overhead_cost_usd, cast(0 as decimal(38, 12)) as unobserved_cost_usd
from (
    select usage_date, h, g, cast(case when h between 8 and 19 then 1900 else 300 end
        + (day_no * 37 + h * 13 + g * 29) % 900 as bigint) as busy
    from days cross join range(0, 24) r (h) cross join range(0, 2) s (g)
);
"""

STATUS = """
create table data_status as
select
    feed, table_name, usage_date as status_date,
    cast(case when feed = 'litellm' and usage_date = date '2026-11-11' then 0 else 1 end as bigint) as files,
    cast(0 as bigint) as files_failed,
    cast(case when feed = 'litellm' and usage_date = date '2026-11-11' then 1 else 0 end as bigint)
        as expected_files_missing,
    cast(1000 + day_no as bigint) as rows_read,
    cast(1000 + day_no - case when usage_date = date '2026-11-10' then 3 else 0 end as bigint) as rows_kept,
    cast(case when usage_date = date '2026-11-10' then 3 else 0 end as bigint) as rows_quarantined,
    cast(case when feed = 'litellm' then 5000 + day_no else 0 end as bigint) as calls,
    cast(case when feed = 'litellm' and usage_date = date '2026-11-12' then 2 else 0 end as bigint) as unpriced_calls,
    cast(case when feed = 'litellm' then 40 else 0 end as bigint) as unattributed_calls,
    cast(case when feed = 'litellm' then 7 else 0 end as bigint) as duplicates_dropped,
    case when feed = 'litellm' then 'response_id' end as duplicate_rule,
    cast(usage_date as timestamp) + interval 23 hour as last_event_at, cast(7 as double) as freshness_hours,
    usage_date < date '2026-11-14' as is_final, case when usage_date < date '2026-11-14' then cast(1 as double)
        else cast(0.5 as double) end as percent_complete
from days cross join (values ('litellm', 'spend_logs'), ('openai', 'costs'), ('anthropic', 'cost_report'))
    f (feed, table_name);
create table fct_usage as
select
    md5(usage_date || tenant_id || feature_id || model) as call_id, cast(usage_date as timestamp) as started_at,
    usage_date, week_start, tenant_id, cost_center, product_id, feature_id, service_provider, model,
    case when feature_id = 'chat' then case when usage_date < date '2026-10-28' then '4.1.0' else '4.2.0' end end
        as app_release,
    cast(calls * 300 as bigint) as input_uncached_tokens, cast(calls * 600 as bigint) as cache_read_tokens,
    cast(calls * 950 as bigint) as total_input_tokens, cast(calls * 120 as bigint) as total_output_tokens,
    cast(calls * 0.004137123457 as decimal(38, 12)) as effective_cost_usd,
    case when usage_date = date '2026-11-12' and tenant_id = 'acme' and model = 'gpt-5.4' and feature_id <> 'chat'
        then 'unpriced' else 'priced' end as pricing_status,
    case when usage_date = date '2026-11-12' and tenant_id = 'acme' and model = 'gpt-5.4' and feature_id <> 'chat'
        then 'no price for openai gpt-5.4-new' end as unpriced_reason
from cells;
create table token_budgets_monthly as
select
    cast(date_trunc('month', usage_date) as date) as month_start, tenant_id, cast(1000000 as bigint) as budget_tokens,
    cast(sum(calls) * 1070 as bigint) as used_tokens, cast(1000000 - sum(calls) * 1070 as bigint) as remaining_tokens
from cells where tenant_id in ('acme', 'evil') group by all;
create table fct_revenue as
select
    md5(tenant_id || usage_date) as revenue_id, tenant_id, product_id, plan, 'subscription' as type,
    usage_date as service_date, week_start, cast(sum(calls) * 0.04 as decimal(38, 12)) as amount_usd,
    'USD' as currency, cast(sum(calls) * 0.04 as decimal(38, 12)) as original_amount
from cells where tenant_id <> 'free' group by all;
"""

# October: two comparisons of one workload, the second without a price; and seven lines of which one is unknown.
PLANNING = """
create table break_even_monthly as
select
    date '2026-10-01' as month_start, 'qwen-chat' as workload_id, comparator_id, comparator_kind,
    cast(910000000 as decimal(38, 0)) as tokens_per_month, cast(api as decimal(38, 12)) as api_cost_per_month_usd,
    2 as replicas, cast(own as decimal(38, 12)) as self_hosted_cost_per_month_usd,
    cast(4000000000 as decimal(38, 0)) as tokens_per_replica_month,
    cast(break_even as decimal(38, 0)) as break_even_tokens_per_month,
    cast(break_even as decimal(38, 0)) as break_even_tokens_without_capacity,
    cast(0.11375 as double) as throughput_utilisation, cast(needed as double) as break_even_utilisation,
    12 as commitment_months, cast(-saving as decimal(38, 12)) as commitment_saving_usd,
    cast(null as integer) as payback_months, verdict, reason, true as is_verdict_stable,
    'traffic' as hinges_on_first, cast(null as varchar) as hinges_on_second, cast(null as varchar) as hinges_on_third,
    cast(-saving - 9 as decimal(38, 12)) as lowest_commitment_saving_usd,
    cast(-saving + 9 as decimal(38, 12)) as highest_commitment_saving_usd, 'data_residency' as flags
from (values
    ('together', 'same_model', 800.855, 3633.75, 4129000000, 0.516, 33994.25, 'api', 'api_cheaper'),
    ('today', 'own_billed', null, 3633.75, null, null, null, 'unknown', 'api_price_unknown')
) as t (comparator_id, comparator_kind, api, own, break_even, needed, saving, verdict, reason);
create table capacity_weekly as
select distinct
    week_start, workload_id, 'steady_b2b' as shape,
    cast(410.25 as decimal(26, 6)) as p50_tokens_per_second,
    cast(1210.5 as decimal(26, 6)) as p95_tokens_per_second, cast(1804.75 as decimal(26, 6)) as p99_tokens_per_second,
    2 as replicas_needed,
    2 as reserved_replicas, 0 as burst_replicas, gpus as gpus_needed, there::decimal(18, 6) as provisioned_gpus
from days
cross join (values ('qwen-chat', 2, 4), ('qwen-review', 6, null)) as t (workload_id, gpus, there);
create table tco_monthly as
select
    month_start, 'unattributed' as product_id, line, cast(position as integer) as line_order,
    month_start < date '2026-11-01' as is_complete, cast(cash as decimal(38, 12)) as cash_usd,
    cast(economic as decimal(38, 12)) as economic_usd, cast(bill as decimal(38, 12)) as token_bill_usd,
    cast(unvalued as bigint) as unvalued_wrong_answers
from (values
    (1, 'people', 20000.004, 20000.004, 0, null), (2, 'bad_answers', 0, 1300.5, 0, 7),
    (3, 'inference', 5806.703, 5806.703, 4275.623, null), (4, 'supporting_layer', 800.001, 800.001, 0, null),
    (5, 'storage_network_ci', 120, 120, 0, null), (6, 'model_updates', 7800, 7800, 0, null),
    (7, 'security_compliance', 2000, 2000, 0, null)
) as t (position, line, cash, economic, bill, unvalued)
cross join (values (date '2026-10-01'), (date '2026-11-01')) as m (month_start);

create table architecture_comparison_monthly as
select
    month_start, 'support' as scenario_id, alternative_id, cast(place as integer) as alternative_order,
    month_start < date '2026-11-01' as is_complete, cost_basis, cast(200 as bigint) as answers,
    cast(unpriced as bigint) as unpriced_calls, cast(cost as decimal(38, 12)) as cost_usd,
    cast(cost as double) / 200 as cost_per_answer_usd, cast(judged as bigint) as judged_answers,
    cast(rate as double) as correct_answer_rate, cast(correct as double) as cost_per_correct_answer_usd,
    cast(latency as double) as latency_p95_seconds, residency as data_residency, cast(null as varchar) as compliance,
    cast(null as varchar) as availability_risk, cast(switching as decimal(38, 12)) as switching_usd,
    cast(null as double) as break_even_calls, correct is not null and place = 2 as is_least_per_correct_answer
from (values
    (0, 'in place', 'measured', 0, 10, 80, 0.75, 2.2333, 6.25, null, null),
    (1, 'small', 'price_book', 3, null, 240, 0.8, null, null, null, null),
    (2, 'own', 'rented', 0, 40.5, 240, 0.9, 0.8916, 3, 'our account', 12000)
) as t (place, alternative_id, cost_basis, unpriced, cost, judged, rate, correct, latency, residency, switching)
cross join (values (date '2026-10-01'), (date '2026-11-01')) as m (month_start);
"""

BUDGETS = """
create table budget_status_daily as
select
    usage_date, scope, scope_id, period, cast(budget as decimal(38, 12)) as budget_usd,
    cast(planned as decimal(38, 12)) as planned_usd, cast(spent as decimal(38, 12)) as spent_usd,
    cast(budget - spent as decimal(38, 12)) as remaining_usd, cast(projected as decimal(38, 12)) as projected_usd,
    cast(spent as double) / cast(planned as double) as spent_of_plan, status, spent > budget as is_exhausted,
    cast(0 as bigint) as unpriced_calls, cast(0 as bigint) as unpriced_tokens
from (values
    (date '2026-11-14', 'company', 'company', 'month', 3000, 1400, 1400, 3000, 'ok'),
    (date '2026-11-15', 'company', 'company', 'month', 3000, 1500, 1500.005, 3000, 'ok'),
    (date '2026-11-15', 'tenant', 'evil', 'month', 300, 150, 301, 600, 'breach'),
    (date '2026-11-15', 'feature', 'chat', 'day', 10, 10, 12.5, 12.5, 'alert'),
    (date '2026-11-16', 'company', 'company', 'month', 3000, 1600, 1600, 3000, 'ok')
) as t (usage_date, scope, scope_id, period, budget, planned, spent, projected, status);
"""

# A base of 100, 60 and 40, other charges of 10 and nothing; product evil has too little history.
FORECAST = """
create table forecast_monthly as
select
    cast(date '2026-11-01' + to_months(cast(month_number - 1 as integer)) as date) as month_start,
    scope, scope_id, line,
    cast(line_number as integer) as line_number, cast(month_number as integer) as month_number,
    case when base is null then 'too_little_history' else 'estimate' end as status,
    cast(base * share + other as decimal(38, 12)) as amount_usd,
    cast(case when line_number = 2 then other else base * share / 1.25 end as decimal(38, 12)) as low_usd,
    cast(case when line_number = 2 then other else base * share * 1.25 end as decimal(38, 12)) as high_usd,
    case when line_number = 1 then cast(base * 10 as bigint) end as requests,
    case when line_number = 1 then cast(base * 20 as bigint) end as calls,
    case when line_number = 1 then cast(base * 1000 as bigint) end as tokens,
    cast(null as bigint) as active_users, cast(null as double) as requests_per_active_user,
    case when line_number = 1 then cast(100 as double) end as tokens_per_request,
    case when line_number = 1 then cast(1000 as double) end as price_per_mtok_usd,
    case when line_number = 1 then cast(base * 0.9 as decimal(38, 12)) end as steady_floor_usd,
    case when line_number = 1 then cast(base * 0.5 as decimal(38, 12)) end as spike_reserve_p95_usd,
    case when line_number = 1 then cast(base * 1.5 as decimal(38, 12)) end as spike_reserve_p99_usd,
    date '2026-10-31' as basis_date, 'weighted_weeks' as method,
    case when base is not null then cast(0.06 as double) end as back_test_error,
    case when base is not null then cast(0.09 as double) end as seasonal_naive_error,
    cast(4 as integer) as back_test_origins,
    case when base is null then 'too little history: 3 whole weeks up to 2026-10-31, 10 are needed' end as reason,
    case when line_number = 1 then cast(0 as bigint) end as unpriced_calls,
    case when line_number = 1 then cast(0 as bigint) end as unpriced_tokens
from (values
    (1, 'base', 1.0, 0), (2, 'other_charges', 0, 1), (3, 'planned_growth', 0, 0), (4, 'price_compression', -0.03, 0),
    (5, 'growth_reserve', 0.25, 0), (6, 'hidden_costs', 0.1, 0)
) as lines (line_number, line, share, is_other)
cross join (select range as month_number from range(1, 13))
cross join (values
    ('company', 'company', 100, 10), ('product', 'assist', 60, 10), ('product', 'build', 40, 0),
    ('product', 'evil', null, null), ('account', '5100', 100, 10)
) as scopes (scope, scope_id, base, others)
cross join lateral (select others * is_other as other);
"""

PLANS = """
create table plan_actual_monthly as
select
    planned_on, planned_on = date '2026-11-10' as is_latest, date '2026-10-01' as quarter_start, month_start, account,
    status, cast(planned as decimal(38, 12)) as planned_usd, cast(actual as decimal(38, 12)) as actual_usd,
    cast(outlook as decimal(38, 12)) as outlook_usd, cast(outlook - planned as decimal(38, 12)) as difference_usd,
    cast(null as varchar) as reason
from (values
    (date '2026-09-28', date '2026-10-01', '5100', 'actual', 80, 82.005, 82.005),
    (date '2026-11-10', date '2026-10-01', '5100', 'actual', null, 82.005, 82.005),
    (date '2026-11-10', date '2026-11-01', '5100', 'so_far', 110, 30, 100),
    (date '2026-11-10', date '2026-12-01', '5100', 'ahead', 120, null, 135.5),
    (date '2026-11-10', date '2026-11-01', '6100', 'ahead', 5, null, 0),
    (date '2026-11-10', date '2026-12-01', '6100', 'ahead', 5, null, 0)
) as t (planned_on, month_start, account, status, planned, actual, outlook);
create table replan_flags as
select
    reason, scope, scope_id, is_raised, 'the plan of 2026-11-10' as compared_with, cast(10 as double) as planned_value,
    cast(20 as double) as current_value, cast(1 as double) as change, words
from (values
    ('traffic', 'company', 'company', true, 'traffic is 100 % above the plan of 2026-11-10'),
    ('price', 'model', 'gpt-5.4', true, 'calls would cost 25 % less at the latest price than in the plan'),
    ('quarter', 'company', 'company', false, 'the plan of 2026-11-10 is less than three months old')
) as t (reason, scope, scope_id, is_raised, words);
"""

ANOMALIES = """
create table anomalies_daily as
select
    cast(usage_date as date) as usage_date, kind, scope, scope_id, 'all' as model, true as is_final,
    cast(since_date as date) as since_date,
    cast(impact + 10 as double) as rate, cast(10 as double) as trailing_rate, cast(10 as double) as expected_rate,
    cast(0.1 as double) as usual_spread, cast(impact + 10 as decimal(38, 12)) as amount_usd,
    cast(10 as decimal(38, 12)) as trailing_usd, cast(10 as decimal(38, 12)) as expected_usd,
    cast(impact as decimal(38, 12)) as impact_usd, state, who as state_who, why as state_why,
    'feature ' || place as incident, cause as root_cause
from (values
    ('2026-11-10', 'spend', 'tenant', 'evil', '2026-11-10', 30.01, 'open', null, null, 'a', 'cost is 3.00 x'),
    ('2026-11-11', 'spend', 'tenant', 'evil', '2026-11-10', 20, 'open', null, null, 'a', 'cost is 4.00 x, key k'),
    ('2026-11-11', 'spend', 'company', 'company', '2026-11-11', 49, 'open', null, null, 'a', 'cost is 1.60 x'),
    ('2026-11-11', 'prompt', 'feature', 'chat', '2026-11-11', 7, 'open', null, null, 'a', 'tokens are 2 x'),
    ('2026-11-11', 'cache', 'feature', 'chat', '2026-11-08', 5, 'acknowledged', 'ana', 'a test', 'b', 'hit rate'),
    ('2026-11-12', 'retry', 'company', 'company', '2026-11-12', 9, 'muted', 'ana', 'known', 'c', 'retry share'),
    ('2026-11-12', 'spend', 'model', 'm', '2026-11-12', 9, 'expected', null, null, 'd', 'cost is 1.51 x'),
    ('2026-11-16', 'spend', 'company', 'company', '2026-11-16', 9, 'open', null, null, 'e', 'next week')
) as t (usage_date, kind, scope, scope_id, since_date, impact, state, who, why, place, cause);
"""

# Volume takes half of a move, the rest is tokens per task; a cell without a week before is new.
CHANGES = """
create table cost_change_weekly as
with cells as (
    select
        week_start, tenant_id, product_id, feature_id, service_provider, coalesce(host, 'unattributed') as host,
        coalesce(model, 'unattributed') as model, sum(effective_amount_usd) as cost_usd
    from fct_allocations group by all
), compared as (
    select
        *, coalesce(lag(cost_usd) over (
            partition by tenant_id, product_id, feature_id, service_provider, host, model order by week_start
        ), 0) as before_usd
    from cells
), moved as (
    select *, cast((cost_usd - before_usd) * 0.5 as decimal(38, 12)) as half_usd from compared
    where week_start > (select min(week_start) from cells)
)
select
    week_start, tenant_id, product_id, feature_id, service_provider, host, model,
    cast(1 as bigint) as previous_tasks, cast(2 as bigint) as tasks,
    cast(before_usd as decimal(38, 12)) as previous_week_cost_usd, cast(cost_usd as decimal(38, 12)) as cost_usd,
    cast(cost_usd - before_usd as decimal(38, 12)) as cost_change_usd,
    case when before_usd = 0 then cast(0 as decimal(38, 12)) else half_usd end as volume_usd,
    cast(0 as decimal(38, 12)) as mix_usd,
    cast(case when before_usd = 0 then 0 else cost_usd - before_usd - half_usd end as decimal(38, 12))
        as tokens_per_task_usd,
    cast(0 as decimal(38, 12)) as list_rate_usd, cast(0 as decimal(38, 12)) as contract_usd,
    cast(0 as decimal(38, 12)) as cache_usd, cast(0 as decimal(38, 12)) as retry_and_fallback_usd,
    cast(case when before_usd = 0 then cost_usd else 0 end as decimal(38, 12)) as new_and_lost_usd,
    cast(0 as decimal(38, 12)) as other_charges_usd,
    case when before_usd = 0 then 'new_and_lost' else 'volume' end as main_driver,
    cast(0 as bigint) as previous_week_unpriced_calls, cast(0 as bigint) as previous_week_unpriced_tokens,
    cast(0 as bigint) as unpriced_calls, cast(0 as bigint) as unpriced_tokens
from moved;
"""

# A tenant that costs more than it brings, one dear for its contract, one sound; free users; answers of two efforts.
ECONOMICS = """
create table tenant_economics_monthly as
select
    month_start, tenant_id, tenant_name, plan, is_free_plan, cast(31 as bigint) as usage_days,
    cast(revenue as decimal(38, 12)) as revenue_usd, cast(cost as decimal(38, 12)) as effective_cost_usd,
    cast(cost as decimal(38, 12)) as cogs_cost_usd, cast(revenue - cost as decimal(38, 12)) as inference_margin_usd,
    (revenue - cost)::double / nullif(revenue, 0) as inference_margin, users as active_users,
    cost::double / nullif(users, 0) as cost_per_active_user_usd,
    (revenue - cost)::double / nullif(users, 0) as margin_per_active_user_usd,
    cast(acv as decimal(38, 12)) as annual_contract_value_usd, cost::double / 31 * 365 / acv as cost_to_acv,
    renewal as renewal_date, cast(0 as bigint) as unpriced_calls, cast(0 as bigint) as unpriced_tokens
from (values
    (date '2026-10-01', 'evil', 10.0, 31.0, 4::bigint, 3650.0, date '2027-01-01'),
    (date '2026-10-01', 'blue', 90.0, 62.0, 0::bigint, 3650.0, date '2026-12-31'),
    (date '2026-10-01', 'acme', 900.0, 62.0, 9::bigint, 36500.0, date '2027-03-01'),
    (date '2026-10-01', 'free', 0.0, 50.0, 9::bigint, null, null),
    (date '2026-11-01', 'acme', 1.0, 99.0, 9::bigint, 36500.0, date '2027-03-01')
) as t (month_start, tenant_id, revenue, cost, users, acv, renewal)
join dim_tenants using (tenant_id);
create table plan_economics_monthly as
select
    date '2026-10-01' as month_start, product_id, plan, cast(revenue as decimal(38, 12)) as revenue_usd,
    cast(cost as decimal(38, 12)) as effective_cost_usd, cast(cost as decimal(38, 12)) as cogs_cost_usd,
    cast(revenue - cost as decimal(38, 12)) as inference_margin_usd,
    (revenue - cost)::double / nullif(revenue, 0) as inference_margin, users as active_users,
    cost::double / nullif(users, 0) as cost_per_active_user_usd,
    (revenue - cost)::double / nullif(users, 0) as margin_per_active_user_usd,
    cast(free as decimal(38, 12)) as free_cost_usd, free::double / 200 as free_tier_cost_ratio,
    cast(0 as bigint) as unpriced_calls, cast(0 as bigint) as unpriced_tokens
from (values
    ('assist', 'enterprise', 200.0, 50.0, 20::bigint, 0.0),
    ('assist', 'free', 0.0, 80.0, 40::bigint, 80.0),
    ('build', 'team', 0.0, 5.0, 0::bigint, 0.0)
) as t (product_id, plan, revenue, cost, users, free);
create table answer_quality_monthly as
select
    date '2026-10-01' as month_start, feature_id, 'ask' as task_type, 'gpt-5.4' as model, effort as reasoning_effort,
    judged + 5 as answers, judged as judged_answers, correct as correct_answers,
    correct / judged as correct_answer_rate, correct / judged - 0.1 as correct_answer_rate_low,
    correct / judged + 0.05 as correct_answer_rate_high, cast(cost as decimal(38, 12)) as cost_usd,
    cost::double / judged as cost_per_answer_usd,
    case when judged >= 30 then cost::double / correct end as cost_per_correct_answer_usd,
    cast(0 as bigint) as unvalued_wrong_answers, cast(0 as bigint) as unpriced_calls,
    cast(0 as bigint) as unpriced_tokens
from (values
    ('chat', 'high', 40::bigint, 32::bigint, 16.0),
    ('chat', 'low', 20::bigint, 10::bigint, 2.0),
    ('review', 'not said', 60::bigint, 30::bigint, 3.0)
) as t (feature_id, effort, judged, correct, cost);
"""

# Two rules broken, one in two features; one provider refuses calls; one team has a default, nobody's calls none.
GOVERNANCE = """
create table model_policy_violations_weekly as
select
    date '2026-11-09' as week_start, policy_id, team_id, 'acme' as tenant_id, feature_id, 'prod' as environment,
    'openai' as service_provider, model, 'standard' as service_tier, 'not said' as reasoning_effort, use_instead,
    cast(null as varchar) as reason, first_date, calls, cast(calls * 1000 as bigint) as tokens,
    cast(usd as decimal(38, 12)) as cost_usd, cast(0 as bigint) as unpriced_calls, cast(0 as bigint) as unpriced_tokens
from (values
    ('no-frontier', 'core', 'chat', 'gpt-5.4', 'gpt-5.4-mini', date '2026-11-11', 30::bigint, 1.25),
    ('no-frontier', 'core', 'search', 'gpt-5.4', 'gpt-5.4-mini', date '2026-11-10', 12::bigint, 2.5),
    ('no-priority', 'unattributed', 'chat', 'gpt-5.4-mini', null, date '2026-11-15', 4::bigint, 9)
) as t (policy_id, team_id, feature_id, model, use_instead, first_date, calls, usd);
create table rate_limit_pressure_weekly as
select
    date '2026-11-09' as week_start, 'openai' as service_provider, models, calls, refused_calls,
    refused_calls / calls as refused_share, peak as peak_tokens_per_minute,
    cast(7 as bigint) as peak_requests_per_minute,
    tokens_limit as tokens_per_minute_limit, cast(null as bigint) as requests_per_minute_limit,
    peak / tokens_limit as peak_limit_share, near as minutes_near_limit
from (values
    ('gpt-5*', 1000::bigint, 25::bigint, 45000::bigint, 50000::bigint, 3::bigint),
    ('gpt-4.1', 10::bigint, 0::bigint, 90::bigint, null::bigint, 0::bigint)
) as t (models, calls, refused_calls, peak, tokens_limit, near);
create table attribution_coverage_weekly as
select
    date '2026-11-09' as week_start, team_id, calls, attributed as attributed_calls,
    cast(usd as decimal(38, 12)) as cost_usd, cast(usd - by_default - nobody as decimal(38, 12)) as attributed_cost_usd,
    cast(by_default as decimal(38, 12)) as default_cost_usd, cast(nobody as decimal(38, 12)) as unattributed_cost_usd,
    cast(usd - by_default - nobody as double) / usd as attribution_coverage,
    cast(0 as bigint) as unpriced_calls, cast(0 as bigint) as unpriced_tokens
from (values
    ('core', 100::bigint, 100::bigint, 50, 0, 0),
    ('search', 40::bigint, 30::bigint, 20, 5, 0),
    ('unattributed', 9::bigint, 0::bigint, 8, 0, 8)
) as t (team_id, calls, attributed, usd, by_default, nobody);
"""

# Twelve savings: more than the report shows.
SAVINGS = """
create table optimization_backlog_weekly as
select
    date '2026-11-09' as week_start, cast(row_number() over (order by saving desc) as integer) as saving_rank, lever,
    feature_id, 'openai' as service_provider, model, 'openai' as changed_service_provider,
    if(lever = 'smaller_model', model || '-mini', model) as changed_model, calls,
    cast(saving * 2 as decimal(38, 12)) as current_cost_usd,
    cast(saving as decimal(38, 12)) as changed_cost_usd, cast(saving as decimal(38, 12)) as saving_usd, risk,
    if(evidence_value < 1, 'share of it', 'calls') as evidence, evidence_value,
    'as computed' as computed_as, 'it does' as assumption, cast(0 as bigint) as unpriced_calls
from (
    select 'prompt_cache', 'chat', 'gpt-5.4', 400::bigint, 20.125, 'low', 0.125::double
    union all select 'idle_gpus', 'unattributed', 'unattributed', 0::bigint, 9.5, 'medium', 0.5::double
    union all select 'commit_gpus', 'unattributed', 'unattributed', 0::bigint, 2.5, 'medium', 0.75::double
    union all select 'smaller_model', 'chat', 'gpt-5.4', 30::bigint, 2.0, 'medium', 0.75::double
    union all select 'output_cap', 'chat', 'model-' || n, 10::bigint, 1.0 / n, 'medium', 900::double
    from range(1, 11) as r (n)
) as t (lever, feature_id, model, calls, saving, risk, evidence_value);
"""


def build_marts(path: Path) -> Path:
    """Write the marts to `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as connection:
        for script in (
            DIMENSIONS,
            CELLS,
            FACTS,
            WEEKLY,
            COST_MARTS,
            RECONCILIATION,
            STATUS,
            PLANNING,
            CHANGES,
            BUDGETS,
            FORECAST,
            PLANS,
            ANOMALIES,
            ECONOMICS,
            GOVERNANCE,
            SAVINGS,
        ):
            connection.execute(script)
        connection.execute(SETTINGS)
        connection.execute(f"create table journal_lines as {journal_sql()}")
    return path
