with source as (

    select * from {{ raw('config', 'tco_model_updates') }}

),

typed as (

    select
        update_id,
        cast(update_date as date) as update_date,
        coalesce(product_id, 'unattributed') as product_id,
        cast(engineer_hours as decimal(9, 2)) as engineer_hours,
        cast(usd_per_hour as decimal(18, 8)) as usd_per_hour,
        role,
        cast(hours_per_year as integer) as hours_per_year
    from source

)

select * from typed
