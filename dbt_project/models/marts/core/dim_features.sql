with features as (

    select * from {{ ref('stg_config__features') }}

),

with_unattributed as (

    select
        feature_id,
        feature_name,
        product_id,
        product_name
    from features

    union all

    select
        'unattributed' as feature_id,
        'Unattributed' as feature_name,
        'unattributed' as product_id,
        'Unattributed' as product_name

)

select * from with_unattributed
