with months as (

    select * from {{ ref('int_tco_months') }}

),

horizon as (

    select * from {{ ref('stg_config__tco_horizon') }}

),

base as (

    select
        max(month_start) as base_month_start,
        max_by(month_days, month_start) as base_days
    from months
    where covered_days = month_days

),

ahead as (

    select
        base.base_month_start,
        base.base_days,
        horizon.month_number,
        horizon.inference_factor,
        horizon.growth_percent,
        cast({{ dbt.dateadd('month', 'horizon.month_number', 'base.base_month_start') }} as date) as month_start
    from base
    cross join horizon
    where base.base_month_start is not null

),

bounded as (

    select
        *,
        month_start as first_day,
        cast({{ dbt.dateadd('month', 1, 'month_start') }} as date) as end_day
    from ahead

),

counted as (

    select
        *,
        cast({{ dbt.datediff('first_day', 'end_day', 'day') }} as integer) as month_days
    from bounded

)

select * from counted
