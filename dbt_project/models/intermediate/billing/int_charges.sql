with bill_charges as (

    select * from {{ ref('int_bill_charges') }}

),

gpu_charges as (

    select * from {{ ref('int_gpu_charges') }}

),

all_invoice_lines as (

    select * from {{ ref('int_invoice_lines') }}

),

-- A credit or fee can stand on the bill of the days and on the invoice: it is a charge once, and the invoice's line then is
-- part of what its days are held against.
on_bill as (

    select distinct
        lines.file_hash,
        lines.row_number
    from all_invoice_lines as lines
    inner join bill_charges
        on
            lines.service_provider = bill_charges.service_provider
            and lines.billing_account_id = bill_charges.billing_account_id
            and lines.line_type = bill_charges.charge_category
            and bill_charges.usage_date >= lines.billing_period_start
            and bill_charges.usage_date < lines.billing_period_end
    where lines.line_type in ('credit', 'fee', 'commitment')

),

invoice_lines as (

    select
        lines.*,
        on_bill.file_hash is not null as is_on_bill
    from all_invoice_lines as lines
    left join on_bill
        on
            lines.file_hash = on_bill.file_hash
            and lines.row_number = on_bill.row_number

),

terms as (

    select * from {{ ref('stg_config__contract_terms') }}
    where kind in ('commitment', 'prepaid')

),

dated as (

    select * from bill_charges

    union all

    select
        charge_id, service_provider, billing_account_id,
        cast(null as {{ dbt.type_string() }}) as billing_scope_id, usage_date, host, model,
        'standard' as service_tier, meter,
        charge_category,
        charge_status,
        cast(gpu_seconds as decimal(38, 6)) as quantity,
        amount_usd, amount_usd as effective_amount_usd, cast(0 as decimal(26, 12)) as drawn_usd,
        cast(null as {{ dbt.type_string() }}) as source_file_hash, cast(null as bigint) as source_row_number
    from gpu_charges

),

usage_invoices as (

    select
        invoice_id,
        service_provider,
        billing_account_id,
        billing_period_start,
        billing_period_end,
        max(currency) as currency,
        min(file_hash) as file_hash,
        min(row_number) as row_number,
        cast(sum(amount_usd) as decimal(26, 12)) as amount_usd
    from invoice_lines
    -- What was paid before is taken off by a line of its own, or not charged.
    where line_type = 'usage' or (line_type = 'commitment' and amount_usd < 0) or is_on_bill
    group by invoice_id, service_provider, billing_account_id, billing_period_start, billing_period_end

),

-- A provider can send two invoices for one account and period: the first carries the days, each later one its own amount.
invoices_of_days as (

    select
        service_provider,
        billing_account_id,
        billing_period_start,
        billing_period_end,
        min(invoice_id) as invoice_id
    from usage_invoices
    group by service_provider, billing_account_id, billing_period_start, billing_period_end

),

-- Of invoices whose periods overlap the first carries the day.
invoices_of_charges as (

    select
        dated.charge_id,
        min(invoices_of_days.invoice_id) as invoice_id
    from dated
    inner join invoices_of_days
        on
            dated.service_provider = invoices_of_days.service_provider
            and dated.billing_account_id = invoices_of_days.billing_account_id
            and dated.usage_date >= invoices_of_days.billing_period_start
            and dated.usage_date < invoices_of_days.billing_period_end
    group by dated.charge_id

),

invoiced as (

    select
        dated.*,
        invoices_of_charges.invoice_id
    from dated
    left join invoices_of_charges
        on dated.charge_id = invoices_of_charges.charge_id

),

charged as (

    select
        invoice_id,
        max(charge_status) as charge_status,
        cast(sum(amount_usd) as decimal(26, 12)) as charged_usd
    from invoiced
    where invoice_id is not null
    group by invoice_id

),

-- What the invoice says and its days do not: cents rounded, or a foreign invoice settled at another rate than its days.
rounding as (

    select
        'rounding:' || usage_invoices.invoice_id as charge_id, usage_invoices.service_provider, usage_invoices.billing_account_id,
        usage_invoices.billing_period_end,
        case when usage_invoices.currency = 'USD' then 'rounding' else 'fx' end as charge_category,
        -- Against days that are estimated it is an estimate.
        coalesce(charged.charge_status, 'anchored') as charge_status,
        cast(usage_invoices.amount_usd - coalesce(charged.charged_usd, 0) as decimal(26, 12)) as amount_usd,
        cast(usage_invoices.amount_usd - coalesce(charged.charged_usd, 0) as decimal(26, 12)) as effective_amount_usd,
        usage_invoices.file_hash as source_file_hash, usage_invoices.row_number as source_row_number,
        usage_invoices.invoice_id
    from usage_invoices
    left join charged
        on usage_invoices.invoice_id = charged.invoice_id
    where usage_invoices.amount_usd <> coalesce(charged.charged_usd, 0)

),

invoice_charges as (

    select
        'invoice:' || file_hash || ':' || cast(row_number as {{ dbt.type_string() }}) as charge_id,
        service_provider, billing_account_id, billing_period_end,
        line_type as charge_category, 'anchored' as charge_status, amount_usd,
        case
            when line_type = 'commitment' and {{ pays_a_term('invoice_lines', 'terms') }} then cast(0 as decimal(26, 12))
            else amount_usd
        end as effective_amount_usd,
        file_hash as source_file_hash, row_number as source_row_number, invoice_id
    from invoice_lines
    where line_type not in ('usage', 'tax') and not (line_type = 'commitment' and amount_usd < 0) and not is_on_bill

    union all

    select * from rounding

),

charges as (

    select * from invoiced

    union all

    select
        charge_id, service_provider, billing_account_id,
        cast(null as {{ dbt.type_string() }}) as billing_scope_id,
        cast({{ dbt.dateadd('day', -1, 'billing_period_end') }} as date) as usage_date,
        'direct' as host, 'unattributed' as model, 'standard' as service_tier, charge_category as meter, charge_category,
        charge_status, cast(null as decimal(38, 6)) as quantity,
        amount_usd, effective_amount_usd, cast(0 as decimal(26, 12)) as drawn_usd,
        source_file_hash, source_row_number, invoice_id
    from invoice_charges

)

select * from charges
