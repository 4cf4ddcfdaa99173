with plans as (

    select * from {{ ref('stg_config__plan') }}

),

journal as (

    select * from {{ ref('journal_lines') }}
    where line_type = 'expense'

),

forecast as (

    select * from {{ ref('forecast_monthly') }}
    where scope = 'account'

),

numbers as (
    {{ dbt.generate_series(6) }}
),

bounds as (

    select
        max(basis_date) as basis_date,
        cast(date_trunc('quarter', min(month_start)) as date) as quarter_start
    from forecast

),

-- the quarter of the month after the last complete one, and the next
months as (

    select
        bounds.basis_date,
        cast({{ dbt.dateadd('month', 'numbers.generated_number - 1', 'bounds.quarter_start') }} as date) as month_start
    from bounds
    cross join numbers
    where bounds.quarter_start is not null

),

posted as (

    select
        cast(posting_period || '-01' as date) as month_start,
        account,
        cast(sum(coalesce(debit_usd, 0) - coalesce(credit_usd, 0)) as decimal(26, 12)) as actual_usd
    from journal
    group by cast(posting_period || '-01' as date), account

),

-- a reserve is held, and not expected
ahead as (

    select
        month_start,
        scope_id as account,
        max(status) as status,
        max(reason) as reason,
        cast(sum(amount_usd) as decimal(26, 12)) as forecast_usd
    from forecast
    where line <> 'growth_reserve'
    group by month_start, scope_id

),

plan_months as (

    select distinct
        planned_on,
        month_start
    from plans

),

versions as (

    select
        plan_months.planned_on,
        coalesce(plan_months.planned_on = max(plan_months.planned_on) over (), false) as is_latest
    from plan_months
    inner join months
        on plan_months.month_start = months.month_start
    group by plan_months.planned_on

),

accounts as (

    select plans.account
    from plans
    inner join months
        on plans.month_start = months.month_start
    union
    select posted.account
    from posted
    inner join months
        on posted.month_start = months.month_start
    union
    select account
    from ahead

),

compared as (

    select
        versions.planned_on,
        versions.is_latest,
        cast(date_trunc('quarter', months.month_start) as date) as quarter_start,
        months.month_start,
        accounts.account,
        case
            when months.month_start <= months.basis_date then 'actual'
            when posted.actual_usd is not null then 'so_far'
            else 'ahead'
        end as status,
        case when plan_months.planned_on is not null then coalesce(plans.amount_usd, 0) end as planned_usd,
        case when months.month_start <= months.basis_date then coalesce(posted.actual_usd, 0) else posted.actual_usd end as actual_usd,
        case
            when months.month_start <= months.basis_date then coalesce(posted.actual_usd, 0)
            when ahead.account is null then 0
            else ahead.forecast_usd
        end as outlook_usd,
        case when months.month_start > months.basis_date and ahead.forecast_usd is null then ahead.reason end as reason
    from versions
    cross join months
    cross join accounts
    left join plan_months
        on
            versions.planned_on = plan_months.planned_on
            and months.month_start = plan_months.month_start
    left join plans
        on
            versions.planned_on = plans.planned_on
            and months.month_start = plans.month_start
            and accounts.account = plans.account
    left join posted
        on
            months.month_start = posted.month_start
            and accounts.account = posted.account
    left join ahead
        on
            months.month_start = ahead.month_start
            and accounts.account = ahead.account

),

typed as (

    select
        planned_on,
        is_latest,
        quarter_start,
        month_start,
        account,
        status,
        cast(planned_usd as decimal(38, 12)) as planned_usd,
        cast(actual_usd as decimal(38, 12)) as actual_usd,
        cast(outlook_usd as decimal(38, 12)) as outlook_usd,
        cast(outlook_usd - planned_usd as decimal(38, 12)) as difference_usd,
        reason
    from compared

)

select * from typed
