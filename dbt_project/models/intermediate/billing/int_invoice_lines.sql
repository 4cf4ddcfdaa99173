with lines as (

    select * from {{ ref('stg_business__invoices') }}
    where line_type <> 'tax'

),

-- The same line may come in two files; the order is by content, so the files' order of arrival never decides.
ranked as (

    select
        *,
        row_number() over (
            partition by invoice_id, line_type, description
            order by issued_at desc nulls last, file_hash desc, row_number desc
        ) as rank_number
    from lines

),

kept as (

    select
        invoice_id,
        service_provider,
        billing_account_id,
        billing_period_start,
        billing_period_end,
        line_type,
        amount_ex_tax,
        currency,
        description,
        file_hash,
        row_number
    from ranked
    where rank_number = 1

)

select * from kept
