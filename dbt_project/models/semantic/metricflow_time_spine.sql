with usage as (

    select * from {{ ref('unit_economics_daily') }}

),

span as (

    select
        min(usage_date) as first_day,
        max(usage_date) as last_day
    from usage

),

numbers as (

    {{ dbt.generate_series(3660) }}

),

days as (

    select cast({{ dbt.dateadd('day', 'numbers.generated_number - 1', 'span.first_day') }} as date) as date_day
    from span
    cross join numbers

),

used as (

    select days.date_day
    from days
    inner join span on days.date_day <= span.last_day

)

select * from used
