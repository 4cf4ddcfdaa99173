with source as (

    select * from {{ raw('config', 'anomaly_limits') }}

),

typed as (

    select
        kind,
        cast(factor as decimal(9, 6)) as factor,
        cast(points as decimal(9, 6)) as points,
        cast(minimum_usd as decimal(18, 8)) as minimum_usd,
        cast(tenant_factor as decimal(9, 6)) as tenant_factor,
        cast(tenant_day_usd as decimal(18, 8)) as tenant_day_usd,
        cast(spreads as decimal(9, 6)) as spreads,
        cast(spreads_two_days as decimal(9, 6)) as spreads_two_days
    from source

)

select * from typed
