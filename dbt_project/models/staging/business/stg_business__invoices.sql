with source as (

    select * from {{ raw('business', 'invoices') }}

),

typed as (

    select
        invoice_id,
        service_provider,
        billing_account_id,
        cast(billing_period_start as date) as billing_period_start,
        cast(billing_period_end as date) as billing_period_end,
        cast(issued_at as timestamp) as issued_at,
        line_type,
        cast(amount_ex_tax as decimal(26, 12)) as amount_ex_tax,
        currency,
        description,
        file_hash,
        cast(row_number as bigint) as row_number
    from source

)

select * from typed
