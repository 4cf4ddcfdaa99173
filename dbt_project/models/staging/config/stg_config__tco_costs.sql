with source as (

    select * from {{ raw('config', 'tco_costs') }}

),

typed as (

    select
        cost_id,
        line,
        category,
        coalesce(product_id, 'unattributed') as product_id,
        cast(usd_per_month as decimal(18, 8)) as usd_per_month,
        source,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
