with source as (

    select * from {{ raw('business', 'revenue') }}

),

typed as (

    select
        revenue_id,
        tenant_id,
        product_id,
        plan,
        type,
        cast(service_from as date) as service_from,
        cast(service_to as date) as service_to,
        cast(amount_ex_tax as decimal(26, 12)) as amount_ex_tax,
        currency,
        file_hash,
        cast(row_number as bigint) as row_number
    from source

)

select * from typed
