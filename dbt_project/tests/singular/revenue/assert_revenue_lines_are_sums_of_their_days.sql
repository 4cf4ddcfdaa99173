with lines as (

    select * from {{ ref('int_revenue_lines_deduplicated') }}

),

days as (

    select
        revenue_id,
        count(*) as days,
        sum(original_amount) as original_amount,
        sum(amount_usd) filter (where currency = 'USD') as amount_usd
    from {{ ref('fct_revenue') }}
    group by revenue_id

)

select
    revenue_id,
    lines.service_days,
    days.days,
    lines.original_amount as line_amount,
    days.original_amount as days_amount,
    days.amount_usd
from lines
full outer join days using (revenue_id)
where
    lines.revenue_id is null
    or days.revenue_id is null
    or lines.service_days <> days.days
    or lines.original_amount <> days.original_amount
    or lines.original_amount <> coalesce(days.amount_usd, lines.original_amount)
