with source as (

    select * from {{ raw('config', 'self_hosting_months') }}

),

typed as (

    select
        workload_id,
        cast(month_number as integer) as month_number,
        cast(api_price_factor as decimal(24, 12)) as api_price_factor,
        cast(discount_factor as decimal(13, 12)) as discount_factor
    from source

)

select * from typed
