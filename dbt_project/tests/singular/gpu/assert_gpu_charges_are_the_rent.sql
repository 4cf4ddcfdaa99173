-- The day of a node rented at one rate and not billed by line costs GPUs x 24 hours x rate, that of any other what its lines add up to,
-- and the charges of its account carry just that.
with node_days as (

    select * from {{ ref('int_gpu_node_days') }}

),

line_days as (

    select
        usage_date,
        node_id,
        count(*) as lines,
        max(case when line = 'billed' then 1 else 0 end) as is_billed,
        cast(sum(book_cost_usd) as decimal(26, 12)) as amount_usd
    from {{ ref('int_gpu_node_costs') }}
    group by usage_date, node_id

),

paid as (

    select
        node_days.service_provider,
        node_days.billing_account_id,
        node_days.usage_date,
        cast(
            sum(
                case
                    when line_days.lines = 1 and line_days.is_billed = 0 and node_days.usd_per_gpu_hour is not null
                        then cast(node_days.gpus * 24 as decimal(10, 0)) * node_days.usd_per_gpu_hour
                    else line_days.amount_usd
                end
            ) as decimal(26, 12)
        ) as amount_usd
    from node_days
    left join line_days
        on
            node_days.usage_date = line_days.usage_date
            and node_days.node_id = line_days.node_id
    group by node_days.service_provider, node_days.billing_account_id, node_days.usage_date

),

charged as (

    select
        service_provider,
        billing_account_id,
        usage_date,
        cast(sum(amount_usd) as decimal(26, 12)) as amount_usd
    from {{ ref('int_gpu_charges') }}
    group by service_provider, billing_account_id, usage_date

)

select
    coalesce(paid.billing_account_id, charged.billing_account_id) as billing_account_id,
    coalesce(paid.usage_date, charged.usage_date) as usage_date,
    paid.amount_usd as paid_usd,
    charged.amount_usd as charged_usd
from paid
full outer join charged
    on
        paid.service_provider = charged.service_provider
        and paid.billing_account_id = charged.billing_account_id
        and paid.usage_date = charged.usage_date
where
    paid.amount_usd is null
    or charged.amount_usd is null
    or paid.amount_usd <> charged.amount_usd
