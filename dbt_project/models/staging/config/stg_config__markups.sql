with source as (

    select * from {{ raw('config', 'markups') }}

),

typed as (

    select
        tenant_id,
        plan,
        cast(price_factor as decimal(10, 6)) as price_factor,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
