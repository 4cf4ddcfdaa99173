{#- Twenty years of months: more than any home has bills of. -#}
with charges as (

    select * from {{ ref('fct_charges') }}

),

data_days as (

    select
        min(usage_date) as first_data_day,
        max(usage_date) as last_data_day
    from charges

),

offsets as (

    {{ dbt.generate_series(240) }}

),

months as (

    select
        data_days.*,
        cast({{ dbt.dateadd('month', 'offsets.generated_number - 1', "date_trunc('month', data_days.first_data_day)") }} as date)
            as month_start
    from data_days
    cross join offsets

),

bounded as (

    select
        *,
        cast({{ dbt.dateadd('month', 1, 'month_start') }} as date) as next_month_start
    from months
    where month_start <= last_data_day

),

-- Hours and costs that are paid by time count on the days whose charges are known, so that the lines are of the same days.
covered as (

    select
        month_start,
        next_month_start,
        greatest(month_start, first_data_day) as first_day,
        least(next_month_start, cast({{ dbt.dateadd('day', 1, 'last_data_day') }} as date)) as end_day
    from bounded

),

counted as (

    select
        *,
        cast({{ dbt.datediff('first_day', 'end_day', 'day') }} as integer) as covered_days,
        cast({{ dbt.datediff('month_start', 'next_month_start', 'day') }} as integer) as month_days
    from covered

)

select * from counted
