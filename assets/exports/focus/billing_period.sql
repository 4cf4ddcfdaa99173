-- One row per provider that billed in the month.
with issuers as (

    select service_provider from fct_allocations where posting_period = $period
    union
    select service_provider from fct_invoice_lines where posting_period = $period

),

issued as (

    select
        service_provider,
        max(issued_at) as issued_at
    from fct_invoice_lines
    where posting_period = $period
    group by service_provider

)

select
    cast($period || '-01' as date) as BillingPeriodCreated,
    cast($period || '-01' as date) + interval 1 month as BillingPeriodEnd,
    greatest(cast($period || '-01' as date), issued.issued_at) as BillingPeriodLastUpdated,
    cast($period || '-01' as date) as BillingPeriodStart,
    case when $is_closing or closed.parts > 0 then 'Closed' else 'Open' end as BillingPeriodStatus,
    issuers.service_provider as InvoiceIssuerName
from issuers
cross join (select count(*) as parts from fct_allocations where posting_period = $period and status = 'closed') as closed
left join issued using (service_provider)
order by issuers.service_provider
