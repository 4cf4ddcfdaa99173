with source as (

    select * from {{ raw('config', 'people') }}

),

typed as (

    select
        role,
        coalesce(product_id, 'unattributed') as product_id,
        line,
        cast(loaded_usd_per_year as decimal(18, 8)) as loaded_usd_per_year,
        cast(share as decimal(9, 6)) as share,
        is_serving,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
