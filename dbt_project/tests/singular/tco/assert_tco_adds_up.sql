-- The billed part of all lines is the month's effective cost, economic less cash of all lines but bad answers is what owned GPUs
-- differ by, and in every row cash is its three parts
with ledger as (

    select
        cast(date_trunc('month', usage_date) as date) as month_start,
        sum(effective_amount_usd) as ledger_usd
    from {{ ref('fct_allocations') }}
    group by cast(date_trunc('month', usage_date) as date)

),

gpus as (

    select
        cast(date_trunc('month', usage_date) as date) as month_start,
        sum(economic_cost_usd) - sum(book_cost_usd) as difference_usd
    from {{ ref('int_gpu_node_costs') }}
    group by cast(date_trunc('month', usage_date) as date)

),

tco as (

    select
        month_start,
        sum(billed_usd) as billed_usd,
        sum(case when line = 'bad_answers' then 0 else economic_usd - cash_usd end) as difference_usd,
        count(*) filter (
            where
            cash_usd <> billed_usd + people_usd + stated_usd
            or (line = 'bad_answers' and cash_usd <> 0)
        ) as rows_that_differ
    from {{ ref('tco_monthly') }}
    group by month_start

)

select
    tco.*,
    ledger.ledger_usd,
    gpus.difference_usd as gpu_difference_usd
from ledger
full outer join tco
    on ledger.month_start = tco.month_start
left join gpus
    on tco.month_start = gpus.month_start
where
    coalesce(ledger.ledger_usd, 0) <> coalesce(tco.billed_usd, 0)
    or coalesce(gpus.difference_usd, 0) <> coalesce(tco.difference_usd, 0)
    or tco.rows_that_differ > 0
