with bill_lines as (

    select service_provider, usage_date as billed_on, currency, file_hash, row_number
    from {{ ref('int_bill_lines') }}
    where amount_usd is null

),

invoice_lines as (

    select service_provider, cast(issued_at as date) as billed_on, currency, file_hash, row_number
    from {{ ref('int_invoice_lines') }}
    where amount_usd is null

),

unrated as (

    select * from bill_lines
    union all
    select * from invoice_lines

)

select * from unrated
