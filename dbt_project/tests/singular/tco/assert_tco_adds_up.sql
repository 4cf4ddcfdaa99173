-- The billed part of all lines is the month's effective cost; in every row cash is its three parts, and what no line knows is 0
with ledger as (

    select
        cast(date_trunc('month', usage_date) as date) as month_start,
        sum(effective_amount_usd) as ledger_usd
    from {{ ref('fct_allocations') }}
    group by cast(date_trunc('month', usage_date) as date)

),

tco as (

    select
        month_start,
        sum(billed_usd) as billed_usd,
        count(*) filter (
            where
            cash_usd <> billed_usd + people_usd + stated_usd
            or (line = 'bad_answers' and cash_usd <> 0)
            or (line <> 'bad_answers' and economic_usd <> cash_usd)
        ) as rows_that_differ
    from {{ ref('tco_monthly') }}
    group by month_start

)

select
    coalesce(ledger.month_start, tco.month_start) as month_start,
    ledger.ledger_usd,
    tco.billed_usd,
    tco.rows_that_differ
from ledger
full outer join tco
    on ledger.month_start = tco.month_start
where
    coalesce(ledger.ledger_usd, 0) <> coalesce(tco.billed_usd, 0)
    or tco.rows_that_differ > 0
