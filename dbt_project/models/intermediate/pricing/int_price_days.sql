with price_keys as (

    select * from {{ ref('stg_pricing__price_keys') }}

),

price_sets as (

    select * from {{ ref('stg_pricing__price_sets') }}

),

hashed_keys as (

    select
        usage_date,
        price_set_id,
        {{ whole_row_hash('price_keys') }} as key_hash
    from price_keys
    where not is_compared

),

hashed_sets as (

    select
        price_set_id,
        {{ whole_row_hash('price_sets') }} as set_hash
    from price_sets

),

days as (

    select
        hashed_keys.usage_date,
        hashed_keys.key_hash,
        hashed_sets.set_hash
    from hashed_keys
    left join hashed_sets
        on hashed_keys.price_set_id = hashed_sets.price_set_id

)

select * from days
