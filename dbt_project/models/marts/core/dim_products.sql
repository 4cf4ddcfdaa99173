with features as (

    select * from {{ ref('dim_features') }}

),

products as (

    select
        product_id,
        min(product_name) as product_name
    from features
    group by product_id

)

select * from products
