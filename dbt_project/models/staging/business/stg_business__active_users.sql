with source as (

    select * from {{ raw('business', 'active_users') }}

),

typed as (

    select
        cast(activity_date as date) as activity_date,
        tenant_id,
        product_id,
        user_key,
        file_hash,
        cast(row_number as bigint) as row_number
    from source

)

select * from typed
