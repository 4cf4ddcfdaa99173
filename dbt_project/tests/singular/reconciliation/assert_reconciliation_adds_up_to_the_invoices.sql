with invoices as (

    select
        service_provider,
        billing_account_id,
        billing_period_start,
        billing_period_end,
        cast(sum(amount_usd) as decimal(38, 12)) as invoiced_usd
    from {{ ref('int_invoice_lines') }}
    where line_type <> 'tax'
    group by service_provider, billing_account_id, billing_period_start, billing_period_end

),

reconciled as (

    select
        invoices.service_provider,
        invoices.billing_account_id,
        invoices.billing_period_start,
        invoices.invoiced_usd,
        cast(sum(days.billed_cost_usd) as decimal(38, 12)) as billed_usd
    from invoices
    left join {{ ref('reconciliation_daily') }} as days
        on
            invoices.service_provider = days.service_provider
            and invoices.billing_account_id = days.billing_account_id
            and days.usage_date >= invoices.billing_period_start
            and days.usage_date < invoices.billing_period_end
    group by invoices.service_provider, invoices.billing_account_id, invoices.billing_period_start, invoices.invoiced_usd
    -- A day that is not final holds an estimate, which the bill so far does not.
    having coalesce(bool_and(days.is_final), true)

),

differing as (

    select * from reconciled
    where invoiced_usd <> coalesce(billed_usd, 0)

)

select * from differing
