with lines as (

    select * from {{ ref('int_revenue_lines_deduplicated') }}

),

-- eleven years; a longer line fails assert_revenue_lines_are_sums_of_their_days
offsets as (

    {{ dbt.generate_series(4096) }}

),

shares as (

    select
        lines.*,
        {{ divide_exact('original_amount', '1', 'service_days') }} as amount_per_day
    from lines

),

days as (

    select
        shares.*,
        offsets.generated_number - 1 as day_offset,
        cast({{ dbt.dateadd('day', 'offsets.generated_number - 1', 'shares.service_from') }} as date) as service_date
    from shares
    inner join offsets on offsets.generated_number <= shares.service_days

),

-- what the division leaves, less than a pico a day, stays on the first day
spread as (

    select
        revenue_id,
        tenant_id,
        product_id,
        plan,
        type,
        service_date,
        cast(date_trunc('month', service_date) as date) as service_month,
        cast(
            case
                when day_offset = 0
                    then
                        original_amount
                        - cast(amount_per_day * cast(service_days - 1 as decimal(6, 0)) as decimal(26, 12))
                else amount_per_day
            end as decimal(26, 12)
        ) as original_amount,
        currency
    from days

)

select * from spread
