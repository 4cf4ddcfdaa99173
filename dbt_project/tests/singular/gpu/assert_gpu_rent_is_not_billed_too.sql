-- A node's cost is a charge made of gpu_rates.yml, and a bill line without tokens is a charge of its own: rent that stands in both
-- would be counted twice. A month, because a month's rent stands on its last day, which telemetry may not have reached.
with node_months as (

    select distinct
        service_provider,
        billing_account_id,
        cast(date_trunc('month', usage_date) as date) as month_start
    from {{ ref('int_gpu_node_days') }}

),

bill_lines as (

    select
        *,
        cast(date_trunc('month', usage_date) as date) as month_start
    from {{ ref('int_bill_lines') }}
    where meter = 'other' and charge_category not in ('credit', 'tax') and amount_usd > 0

),

-- A bill of several accounts names the payer, and the one that used it as its scope.
billed_too as (

    select
        node_months.service_provider,
        node_months.billing_account_id,
        node_months.month_start,
        bill_lines.line_item,
        count(*) as bill_lines,
        cast(sum(bill_lines.amount_usd) as decimal(38, 12)) as amount_usd,
        min(bill_lines.file_hash) as first_file_hash
    from node_months
    inner join bill_lines
        on
            node_months.service_provider = bill_lines.service_provider
            and node_months.month_start = bill_lines.month_start
            and (
                node_months.billing_account_id = bill_lines.billing_account_id
                or node_months.billing_account_id = bill_lines.billing_scope_id
            )
    group by node_months.service_provider, node_months.billing_account_id, node_months.month_start, bill_lines.line_item

)

select * from billed_too
