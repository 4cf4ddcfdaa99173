{#- Half more or less traffic, and prices that moved by a tenth: below that a plan stands. A product's traffic has to move the
company's by a hundredth. -#}
{%- set traffic_limit, price_limit, company_share = 0.5, 0.1, 0.01 -%}
{#- Without a plan a change of price counts for a quarter. -#}
{%- set recent_days, price_days = 28, 91 -%}
{%- set text = dbt.type_string() -%}
with days as (

    select * from {{ ref('int_forecast_days') }}

),

forecast as (

    select * from {{ ref('forecast_monthly') }}
    where line = 'base' and month_number = 1

),

plans as (

    select * from {{ ref('stg_config__plan') }}

),

last_day as (

    select
        max(usage_date) as last_date,
        cast({{ dbt.dateadd('month', -3, 'max(usage_date)') }} as date) as quarter_before,
        cast(date_trunc('month', max(usage_date)) as date) as month_start
    from days
    where calls > 0

),

plan as (

    select max(planned_on) as planned_on
    from plans

),

planned_traffic as (

    select
        max(plans.month_start) as month_start,
        cast(sum(plans.requests) as bigint) as requests
    from plans
    inner join plan
        on plans.planned_on = plan.planned_on
    inner join last_day
        on plans.month_start = last_day.month_start

),

traffic as (

    select
        'company' as scope,
        'company' as scope_id,
        days.usage_date,
        days.requests
    from days
    union all
    select
        'product' as scope,
        days.product_id as scope_id,
        days.usage_date,
        days.requests
    from days

),

recent as (

    select
        traffic.scope,
        traffic.scope_id,
        cast(sum(traffic.requests) as double) / {{ recent_days }} as requests_per_day
    from traffic
    inner join last_day
        on traffic.usage_date > cast({{ dbt.dateadd('day', -recent_days, 'last_day.last_date') }} as date)
    group by traffic.scope, traffic.scope_id

),

expected as (

    select
        forecast.scope,
        forecast.scope_id,
        case
            when forecast.scope = 'company' and planned_traffic.requests > 0
                then 'the plan of ' || cast(plan.planned_on as {{ text }})
            else 'the base of ' || cast(forecast.basis_date as {{ text }})
        end as compared_with,
        case
            when forecast.scope = 'company' and planned_traffic.requests > 0
                then
                    cast(planned_traffic.requests as double)
                    / nullif(
                        {{ dbt.datediff('planned_traffic.month_start', dbt.dateadd('month', 1, 'planned_traffic.month_start'), 'day') }}, 0
                    )
            else
                cast(forecast.requests as double)
                / nullif({{ dbt.datediff('forecast.month_start', dbt.dateadd('month', 1, 'forecast.month_start'), 'day') }}, 0)
        end as requests_per_day
    from forecast
    cross join planned_traffic
    cross join plan
    where forecast.scope in ('company', 'product') and forecast.status = 'estimate'

),

traffic_moves as (

    select
        'traffic' as reason,
        expected.scope,
        expected.scope_id,
        expected.compared_with,
        expected.requests_per_day as planned_value,
        coalesce(recent.requests_per_day, 0) as current_value,
        coalesce(recent.requests_per_day, 0) / nullif(expected.requests_per_day, 0) - 1 as change
    from expected
    left join recent
        on
            expected.scope = recent.scope
            and expected.scope_id = recent.scope_id

),

-- models in use: what their calls cost at the prices of the day, and would at the latest, where the two differ
price_moves as (

    select
        'price' as reason,
        'model' as scope,
        days.model as scope_id,
        coalesce(
            'the plan of ' || cast(max(plan.planned_on) as {{ text }}),
            'the {{ price_days }} days to ' || cast(max(last_day.last_date) as {{ text }})
        ) as compared_with,
        cast(sum(case when days.base_cost_usd <> days.contracted_cost_usd then days.contracted_cost_usd end) as double) as planned_value,
        cast(sum(case when days.base_cost_usd <> days.contracted_cost_usd then days.base_cost_usd end) as double) as current_value,
        cast(sum(case when days.base_cost_usd <> days.contracted_cost_usd then days.base_cost_usd end) as double)
        / nullif(
            cast(sum(case when days.base_cost_usd <> days.contracted_cost_usd then days.contracted_cost_usd end) as double), 0
        )
        - 1 as change
    from days
    cross join last_day
    cross join plan
    where
        days.usage_date >= coalesce(
            plan.planned_on, cast({{ dbt.dateadd('day', 1 - price_days, 'last_day.last_date') }} as date)
        )
    group by days.model
    having
        max(case
            when
                days.calls > 0
                and days.usage_date > cast({{ dbt.dateadd('day', -recent_days, 'last_day.last_date') }} as date) then 1
            else 0
        end) = 1
        and sum(days.contracted_cost_usd) > 0

),

quarters as (

    select
        'quarter' as reason,
        'company' as scope,
        'company' as scope_id,
        coalesce('the plan of ' || cast(plan.planned_on as {{ text }}), 'no plan') as compared_with,
        cast(null as double) as planned_value,
        cast(null as double) as current_value,
        cast(null as double) as change,
        coalesce(plan.planned_on <= last_day.quarter_before, true) as is_raised,
        case
            when plan.planned_on is null then 'no plan is saved'
            when plan.planned_on <= last_day.quarter_before
                then 'the plan of ' || cast(plan.planned_on as {{ text }}) || ' is three months old'
            else 'the plan of ' || cast(plan.planned_on as {{ text }}) || ' is less than three months old'
        end as words
    from last_day
    cross join plan
    where last_day.last_date is not null

),

moves as (

    select
        *,
        coalesce(abs(change) >= {{ traffic_limit }}, true)
        and abs(current_value - planned_value)
        >= {{ company_share }} * max(case when scope = 'company' then planned_value end) over ()
        and current_value <> planned_value as is_raised
    from traffic_moves
    union all
    select
        *,
        coalesce(abs(change) >= {{ price_limit }}, false) as is_raised
    from price_moves

),

described as (

    select
        *,
        case
            when change is null and reason = 'price' then 'prices are those of ' || compared_with
            when change is null then 'there was no traffic in ' || compared_with
            else
                case when reason = 'price' then 'calls would cost ' else 'traffic is ' end
                || cast(cast(round(100 * abs(change)) as bigint) as {{ text }})
                || case
                    when reason = 'price' and change < 0 then ' % less at the latest price than in '
                    when reason = 'price' then ' % more at the latest price than in '
                    when change < 0 then ' % below '
                    else ' % above '
                end
                || compared_with
        end as words
    from moves

),

flags as (

    select
        reason,
        scope,
        scope_id,
        is_raised,
        compared_with,
        planned_value,
        current_value,
        change,
        words
    from described
    union all
    select
        reason,
        scope,
        scope_id,
        is_raised,
        compared_with,
        planned_value,
        current_value,
        change,
        words
    from quarters

)

select * from flags
