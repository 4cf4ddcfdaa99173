-- A node's day that no bill names costs what gpu_rates.yml says. A bill line of its account that names none of the nodes is a charge of
-- its own, and could be that day's rent: it would be counted twice. One that names another machine can be the rent of its own days
-- only; any other that of a month, because a month's rent stands on its last day, which telemetry may not have reached.
with rent_billed as (

    select * from {{ ref('int_gpu_rent_billed') }}

),

on_nodes as (

    select distinct bill_line_id
    from rent_billed

),

node_days as (

    select
        nodes.service_provider,
        nodes.billing_account_id,
        nodes.node_id,
        nodes.usage_date,
        cast(date_trunc('month', nodes.usage_date) as date) as month_start
    from {{ ref('int_gpu_node_days') }} as nodes
    left join rent_billed
        on
            nodes.usage_date = rent_billed.usage_date
            and nodes.node_id = rent_billed.node_id
    where rent_billed.node_id is null

),

bill_lines as (

    select
        lines.*,
        cast(date_trunc('month', lines.usage_date) as date) as month_start,
        coalesce(lines.resource_id is not null and lines.charge_category = 'usage', false) as is_of_its_days
    from {{ ref('int_bill_lines') }} as lines
    left join on_nodes
        on lines.bill_line_id = on_nodes.bill_line_id
    where
        lines.meter = 'other'
        and lines.charge_category not in ('credit', 'tax')
        and lines.amount_usd > 0
        and on_nodes.bill_line_id is null

),

-- A bill of several accounts names the payer, and the one that used it as its scope.
doubtful as (

    select
        bill_lines.bill_line_id,
        node_days.service_provider,
        node_days.billing_account_id,
        bill_lines.month_start,
        bill_lines.line_item,
        bill_lines.resource_id,
        bill_lines.amount_usd,
        bill_lines.file_hash,
        min(node_days.node_id) as node_id
    from node_days
    inner join bill_lines
        on
            node_days.service_provider = bill_lines.service_provider
            and (
                node_days.billing_account_id = bill_lines.billing_account_id
                or node_days.billing_account_id = bill_lines.billing_scope_id
            )
            and case
                when bill_lines.is_of_its_days
                    then
                        node_days.usage_date >= cast(bill_lines.charge_start as date)
                        and node_days.usage_date <= bill_lines.usage_date
                else node_days.month_start = bill_lines.month_start
            end
    group by
        bill_lines.bill_line_id, node_days.service_provider, node_days.billing_account_id, bill_lines.month_start,
        bill_lines.line_item, bill_lines.resource_id, bill_lines.amount_usd, bill_lines.file_hash

),

billed_too as (

    select
        service_provider,
        billing_account_id,
        month_start,
        line_item,
        resource_id,
        min(node_id) as first_node_id,
        count(*) as bill_lines,
        cast(sum(amount_usd) as decimal(38, 12)) as amount_usd,
        min(file_hash) as first_file_hash
    from doubtful
    group by service_provider, billing_account_id, month_start, line_item, resource_id

)

select * from billed_too
