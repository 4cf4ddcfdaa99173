with source as (

    select * from {{ raw('config', 'features') }}

),

typed as (

    select
        feature_id,
        feature_name,
        product_id,
        product_name
    from source

)

select * from typed
