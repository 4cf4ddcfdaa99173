"""Marts of one month, small enough to add up by hand, with every kind of charge there is.

OpenAI's invoice: calls 1.10, calls of 1.00 of which 0.60 was paid before, unlogged 0.05, storage 0.75, rounding 0.005,
so usage 2.305; credit -1.00, fee 2.00, prepaid usage 1.00, tax 0.30. The account in euros: calls 1.00, settled at 0.90.
One GPU node, idle, without an invoice: 0.84. A correction of September that moves two cents from evil to acme.
"""

from pathlib import Path

import duckdb

EVIL_NAME = '=HYPERLINK("http://evil")'
_MONEY = "decimal(38, 12)"
_WHO = """
    ('acme', 'assist', 'chat', 'CC-1'), ('evil', 'assist', 'chat', null),
    ('unattributed', 'unattributed', 'unattributed', null)
"""

SCRIPT = f"""
create table dim_tenants as
select * from (values ('acme', 'Acme Corp'), ('evil', '{EVIL_NAME}'), ('unattributed', 'Unattributed'))
    as t (tenant_id, tenant_name);
create table dim_models as
select * from (values ('openai', 'direct', 'gpt-5.4-mini'), ('openai', 'direct', 'unattributed'),
    ('northgpu', 'self_hosted', 'meta-llama/Llama-3.3-70B-Instruct')) as t (service_provider, host, model);

create table fct_charges as
select
    charge_id, provider as service_provider, account as billing_account_id, scope as billing_scope_id,
    cast(day as date) as usage_date, case provider when 'northgpu' then 'self_hosted' else 'direct' end as host, model,
    'standard' as service_tier, meter, category as charge_category, cast(quantity as decimal(38, 6)) as quantity,
    cast(amount as {_MONEY}) as amount_usd, cast(drawn as {_MONEY}) as drawn_usd
from (values
    ('cached', 'openai', 'org', null, '2026-10-02', 'gpt-5.4-mini', 'cache_read', 'usage', 1000000, 0.10, 0),
    ('output', 'openai', 'org', null, '2026-10-02', 'gpt-5.4-mini', 'output', 'usage', 100, 1.00, 0),
    ('free', 'openai', 'org', null, '2026-10-03', 'gpt-5.4-mini', 'input_uncached', 'usage', 3, 0, 0),
    ('unlogged', 'openai', 'org', null, '2026-10-03', 'gpt-5.4-mini', 'input_uncached',
     'unlogged_traffic', 50000, 0.05, 0),
    ('storage', 'openai', 'org', 'proj-1', '2026-10-31', 'unattributed', 'file search storage',
     'non_token', null, 0.75, 0),
    ('credit', 'openai', 'org', null, '2026-10-31', 'unattributed', 'credit', 'credit', null, -1, 0),
    ('fee', 'openai', 'org', null, '2026-10-31', 'unattributed', 'fee', 'fee', null, 2, 0),
    ('rounding', 'openai', 'org', null, '2026-10-31', 'unattributed', 'rounding', 'rounding', null, 0.005, 0),
    ('euros', 'openai', 'eu', null, '2026-10-05', 'gpt-5.4-mini', 'search', 'usage', 2, 1.00, 0),
    ('fx', 'openai', 'eu', null, '2026-10-31', 'unattributed', 'fx', 'fx', null, -0.10, 0),
    ('idle', 'northgpu', 'gpu', null, '2026-10-04', 'shared', 'gpu_seconds', 'gpu_idle', 3600, 0.84, 0),
    ('old', 'openai', 'org', null, '2026-09-30', 'gpt-5.4-mini', 'output', 'usage', 7, 0.07, 0),
    ('drawn', 'openai', 'org', null, '2026-10-06', 'gpt-5.4-mini', 'output', 'usage', 1000000, 0.40, 0.60),
    ('unused', 'openai', 'org', null, '2026-10-14', 'unattributed', 'paid', 'shortfall', null, 0, 0),
    ('bought', 'openai', 'org', null, '2026-10-31', 'unattributed', 'commitment', 'commitment', null, 1, 0)
) as t (charge_id, provider, account, scope, day, model, meter, category, quantity, amount, drawn);

create table fct_allocations as
select
    md5(charge_id || tenant_id || coalesce(corrects_id, '')) as allocation_id, charge_id, period as posting_period,
    usage_date, 'tenant' as target_type, tenant_id as target_id, cast(null as varchar) as through_rules,
    case billing_account_id when 'org' then 'INV-1' when 'eu' then 'INV-2' end as invoice_id, service_provider,
    billing_account_id, host, model, charge_category, tenant_id, product_id, feature_id,
    'prod' as environment, 'pro' as plan, cost_center, 'cogs' as cost_nature,
    case method when 'direct' then 'direct' else charge_id || '-rule' end as rule_id, '1' as rule_version, method,
    cast(basis as {_MONEY}) as basis_quantity, cast(amount as {_MONEY}) as amount_usd,
    cast(case charge_id when 'credit' then 0 when 'bought' then 0 when 'unused' then 0.25
        when 'drawn' then 0.45 else amount end as {_MONEY}) as effective_amount_usd,
    case when corrects_id is null then 'anchored' else 'correction' end as status, status as posted_status, corrects_id
from (values
    ('cached', '2026-10', 'acme', 'direct', 7, 0.07, null),
    ('cached', '2026-10', 'evil', 'direct', 3, 0.03, null),
    ('output', '2026-10', 'acme', 'direct', 1, 0.5, null),
    ('output', '2026-10', 'evil', 'direct', 1, 0.5, null),
    ('free', '2026-10', 'acme', 'direct', 1, 0, null),
    ('free', '2026-10', 'evil', 'direct', 1, 0, null),
    ('unlogged', '2026-10', 'unattributed', 'unattributed', null, 0.05, null),
    ('storage', '2026-10', 'acme', 'proportional', 0.4, 0.5, null),
    ('storage', '2026-10', 'evil', 'proportional', 0.2, 0.25, null),
    ('credit', '2026-10', 'acme', 'even', 1, -0.333333333333, null),
    ('credit', '2026-10', 'evil', 'even', 1, -0.333333333333, null),
    ('credit', '2026-10', 'unattributed', 'even', 1, -0.333333333334, null),
    ('fee', '2026-10', 'acme', 'even', 1, 2, null),
    ('rounding', '2026-10', 'acme', 'even', 1, 0.005, null),
    ('euros', '2026-10', 'acme', 'direct', 2, 1, null),
    ('fx', '2026-10', 'acme', 'even', 1, -0.1, null),
    ('idle', '2026-10', 'acme', 'even', 1, 0.28, null),
    ('idle', '2026-10', 'evil', 'even', 1, 0.28, null),
    ('idle', '2026-10', 'unattributed', 'even', 1, 0.28, null),
    ('drawn', '2026-10', 'acme', 'direct', 1, 0.3, null),
    ('drawn', '2026-10', 'evil', 'direct', 1, 0.1, null),
    ('unused', '2026-10', 'acme', 'even', 1, 0, null),
    ('bought', '2026-10', 'unattributed', 'unattributed', null, 1, null),
    ('old', '2026-09', 'acme', 'direct', 1, 0.03, null),
    ('old', '2026-10', 'acme', 'direct', 1, 0.02, 'part-acme'),
    ('old', '2026-10', 'evil', 'direct', 1, -0.02, 'part-evil')
) as t (charge_id, period, tenant_id, method, basis, amount, corrects_id)
inner join fct_charges using (charge_id)
inner join (values {_WHO}) as w (tenant_id, product_id, feature_id, cost_center) using (tenant_id);

create table fct_usage as
select
    'openai' as service_provider, account as billing_account_id, cast(day as date) as usage_date, 'direct' as host,
    'gpt-5.4-mini' as model, 'standard' as service_tier, 'billed' as billing_status, tenant_id, product_id, feature_id,
    'prod' as environment, 'pro' as plan, cost_center, 'cogs' as cost_nature, input as input_uncached_tokens,
    cached as cache_read_tokens, 0 as cache_write_5m_tokens, 0 as cache_write_1h_tokens, 0 as input_audio_tokens,
    0 as input_image_tokens, output as output_text_tokens, reasoning as reasoning_tokens, 0 as output_audio_tokens,
    0 as output_image_tokens, searches, cast(list as {_MONEY}) as list_cost_usd,
    cast(contracted as {_MONEY}) as contracted_cost_usd
from (values
    ('org', '2026-10-02', 'acme', 0, 700000, 4, 6, 0, 0.9, 0.72),
    ('org', '2026-10-02', 'evil', 0, 300000, 90, 0, 0, 0.6, 0.48),
    ('org', '2026-10-03', 'acme', 1, 0, 0, 0, 0, 0, 0), ('org', '2026-10-03', 'evil', 2, 0, 0, 0, 0, null, null),
    ('org', '2026-10-06', 'acme', 0, 0, 500000, 0, 0, 1, 1), ('org', '2026-10-06', 'evil', 0, 0, 500000, 0, 0, 1, 1),
    ('eu', '2026-10-05', 'acme', 0, 0, 0, 0, 2, 1, 1)
) as t (account, day, tenant_id, input, cached, output, reasoning, searches, list, contracted)
inner join (values {_WHO}) as w (tenant_id, product_id, feature_id, cost_center) using (tenant_id);

create table fct_invoice_lines as
select
    line_id as invoice_line_id, invoice_id, line_type, 'openai' as service_provider, account as billing_account_id,
    date '2026-10-01' as billing_period_start, date '2026-11-01' as billing_period_end, '2026-10' as posting_period,
    timestamp '2026-11-03 09:30:00' as issued_at, description, currency, cast(amount as {_MONEY}) as amount,
    cast(amount_usd as {_MONEY}) as amount_usd, charge_id
from (values
    ('INV-1:usage:1', 'INV-1', 'usage', 'org', 'API usage', 'USD', 2.305, 2.305, null),
    ('INV-1:commitment:1', 'INV-1', 'commitment', 'org', 'Prepaid usage', 'USD', 1, 1, 'bought'),
    ('INV-1:credit:1', 'INV-1', 'credit', 'org', 'Promotional credit', 'USD', -1, -1, 'credit'),
    ('INV-1:fee:1', 'INV-1', 'fee', 'org', 'Support plan', 'USD', 2, 2, 'fee'),
    ('INV-1:tax:1', 'INV-1', 'tax', 'org', 'Sales tax', 'USD', 0.3, 0.3, null),
    ('INV-2:usage:1', 'INV-2', 'usage', 'eu', 'API usage', 'EUR', 0.8, 0.9, null)
) as t (line_id, invoice_id, line_type, account, description, currency, amount, amount_usd, charge_id);

create table contract_terms_monthly as
select
    date '2026-10-01' as month_start, term_id, kind, 'openai' as service_provider, account as billing_account_id,
    cast(valid_from as date) as valid_from, cast(valid_to as date) as valid_to, is_over,
    cast(amount as {_MONEY}) as amount_usd, cast(remaining as {_MONEY}) as remaining_usd,
    cast(run_out_on as date) as run_out_on
from (values
    ('commit', 'commitment', 'all', '2026-01-01', '2027-01-01', true, 120, 60, null),
    ('paid', 'prepaid', 'org', '2026-10-01', '2026-10-15', true, 1, 0, '2026-10-02'),
    ('least', 'minimum', 'org', '2026-01-01', '9999-12-31', true, 5, null, null),
    ('bands', 'volume_discount', 'all', '2026-01-01', '9999-12-31', true, null, null, null)
) as t (term_id, kind, account, valid_from, valid_to, is_over, amount, remaining, run_out_on);
"""


def build_marts(path: Path) -> Path:
    with duckdb.connect(str(path)) as connection:
        connection.execute(SCRIPT)
    return path
