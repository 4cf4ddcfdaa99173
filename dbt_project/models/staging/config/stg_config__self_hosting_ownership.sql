with source as (

    select * from {{ raw('config', 'self_hosting_ownership') }}

),

typed as (

    select
        cast(life_years as integer) as life_years,
        cast(residual_share as decimal(9, 6)) as residual_share,
        cast(usd_per_kwh as decimal(18, 8)) as usd_per_kwh,
        cast(power_usage_effectiveness as decimal(7, 4)) as power_usage_effectiveness,
        cast(colo_usd_per_kw_month as decimal(18, 8)) as colo_usd_per_kw_month,
        cast(support_share_per_year as decimal(9, 6)) as support_share_per_year,
        cast(discount_rate as decimal(9, 6)) as discount_rate,
        cast(growth_factor as decimal(18, 12)) as growth_factor
    from source

)

select * from typed
