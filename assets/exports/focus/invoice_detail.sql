-- One row per line of the invoices whose last day lies in the month, as they were issued. What was settled at another
-- exchange rate than the days' is a row of its own: in USD no paper says it.
with lines as (

    select * from fct_invoice_lines
    where posting_period = $period

),

exchanged as (

    select
        invoice_id,
        sum(amount_usd) as fx_usd
    from fct_allocations
    where posting_period = $period and charge_category = 'fx' and corrects_id is null
    group by invoice_id

),

issued as (

    select
        lines.* exclude (amount_usd),
        lines.amount_usd - case when exchanged.fx_usd is null then 0 else exchanged.fx_usd end as amount_usd
    from lines
    left join exchanged
        on lines.invoice_id = exchanged.invoice_id and lines.invoice_line_id = lines.invoice_id || ':usage:1'
    union all by name
    select
        lines.* replace (
            lines.invoice_id || ':fx:1' as invoice_line_id,
            'fx' as line_type,
            'Settled at another exchange rate than its days' as description,
            exchanged.fx_usd as amount_usd,
            0 as amount
        )
    from lines
    inner join exchanged
        on lines.invoice_id = exchanged.invoice_id and lines.invoice_line_id = lines.invoice_id || ':usage:1'

)

select
    amount_usd as BilledCost,
    billing_account_id as BillingAccountId,
    'USD' as BillingCurrency,
    cast($period || '-01' as date) + interval 1 month as BillingPeriodEnd,
    cast($period || '-01' as date) as BillingPeriodStart,
    case line_type
        when 'usage' then 'Usage' when 'credit' then 'Credit' when 'fee' then 'Purchase' when 'tax' then 'Tax'
        when 'fx' then 'Adjustment'
        -- What was paid before is taken off the usage.
        when 'commitment' then case when amount_usd < 0 then 'Usage' else 'Purchase' end
    end as ChargeCategory,
    issued_at as InvoiceDetailCreated,
    description as InvoiceDetailDescription,
    invoice_line_id as InvoiceDetailId,
    issued_at as InvoiceDetailLastUpdated,
    invoice_id as InvoiceId,
    issued_at as InvoiceIssueDate,
    'Issued' as InvoiceIssueStatus,
    service_provider as InvoiceIssuerName,
    currency as PaymentCurrency,
    amount as PaymentCurrencyBilledCost,
    invoice_line_id as PaymentCurrencyInvoiceDetailId,
    'Not stated' as PaymentTerms,
    invoice_id as ReferenceInvoiceId
from issued
order by invoice_line_id
