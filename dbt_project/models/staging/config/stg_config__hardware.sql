with source as (

    select * from {{ raw('config', 'hardware') }}

),

typed as (

    select
        hardware_id,
        hardware_name,
        cast(accelerators as integer) as accelerators,
        cast(memory_gb_per_accelerator as decimal(15, 3)) as memory_gb_per_accelerator,
        cast(capex_usd_low as decimal(18, 8)) as capex_usd_low,
        cast(capex_usd_high as decimal(18, 8)) as capex_usd_high,
        cast(peak_power_kw as decimal(15, 3)) as peak_power_kw,
        cast(rental_usd_per_hour_low as decimal(18, 8)) as rental_usd_per_hour_low,
        cast(rental_usd_per_hour_high as decimal(18, 8)) as rental_usd_per_hour_high,
        source,
        cast(checked as date) as checked
    from source

)

select * from typed
