with source as (

    select * from {{ raw('config', 'forecast_months') }}

),

typed as (

    select
        cast(month_number as integer) as month_number,
        cast(growth_factor as decimal(18, 8)) as growth_factor,
        cast(price_factor as decimal(18, 8)) as price_factor,
        cast(growth_reserve_percent as decimal(9, 6)) as growth_reserve_percent,
        cast(hidden_costs_percent as decimal(9, 6)) as hidden_costs_percent
    from source

)

select * from typed
