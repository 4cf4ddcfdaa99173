-- the products, models or accounts of a month are the company's, line by line, to the last decimal
with sums as (

    select
        month_start,
        line,
        scope,
        sum(amount_usd) as amount_usd
    from {{ ref('forecast_monthly') }}
    group by month_start, line, scope

),

company as (

    select
        month_start,
        line,
        amount_usd
    from sums
    where scope = 'company'

),

differing as (

    select
        sums.month_start,
        sums.line,
        sums.scope
    from sums
    left join company
        on
            sums.month_start = company.month_start
            and sums.line = company.line
    where
        coalesce(sums.amount_usd <> company.amount_usd, false)
        or (sums.amount_usd is null) <> (company.amount_usd is null)

)

select * from differing
