with source as (

    select * from {{ raw('config', 'fx_rates') }}

),

typed as (

    select
        currency,
        cast(rate_date as date) as rate_date,
        cast(usd_per_unit as decimal(18, 8)) as usd_per_unit
    from source

)

select * from typed
