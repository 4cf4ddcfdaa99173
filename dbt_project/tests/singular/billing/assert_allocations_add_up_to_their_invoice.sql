with invoices as (

    select
        invoice_id,
        cast(sum(amount_usd) as decimal(38, 12)) as invoiced_usd
    from {{ ref('int_invoice_lines') }}
    where line_type <> 'tax'
    group by invoice_id

),

allocations as (

    select
        invoice_id,
        cast(sum(amount_usd) as decimal(38, 12)) as allocated_usd
    from {{ ref('int_allocations') }}
    group by invoice_id

),

differing as (

    select
        invoices.invoice_id,
        invoices.invoiced_usd,
        allocations.allocated_usd
    from invoices
    left join allocations
        on invoices.invoice_id = allocations.invoice_id
    where invoices.invoiced_usd <> coalesce(allocations.allocated_usd, 0)

)

select * from differing
