with groups as (

    select * from {{ ref('int_anchor_groups') }}

),

bill_lines as (

    select * from {{ ref('int_bill_lines') }}

),

gpu_charges as (

    select * from {{ ref('int_gpu_charges') }}

),

invoice_lines as (

    select * from {{ ref('int_invoice_lines') }}

),

dated as (

    select
        'usage:' || group_id as charge_id, service_provider, billing_account_id,
        cast(null as {{ dbt.type_string() }}) as billing_scope_id, usage_date, coalesce(host, 'direct') as host, model, service_tier, meter,
        'usage' as charge_category,
        case when is_final then 'anchored' else 'estimated' end as charge_status,
        cast(logged_quantity as decimal(38, 6)) as quantity,
        case when is_final then attributed_usd else contracted_usd end as amount_usd,
        source_file_hash, source_row_number
    from groups
    where logged_quantity > 0

    union all

    select
        'unlogged:' || group_id as charge_id, service_provider, billing_account_id,
        cast(null as {{ dbt.type_string() }}) as billing_scope_id, usage_date, coalesce(host, 'direct') as host, model, service_tier, meter,
        'unlogged_traffic' as charge_category,
        'anchored' as charge_status,
        cast(billed_quantity - logged_quantity as decimal(38, 6)) as quantity,
        cast(billed_usd - attributed_usd as decimal(26, 12)) as amount_usd,
        source_file_hash, source_row_number
    from groups
    where is_final and billed_usd is not null and billed_usd <> attributed_usd

    union all

    select
        bill_line_id as charge_id, service_provider, billing_account_id,
        billing_scope_id, usage_date, 'direct' as host, model, service_tier, line_item as meter,
        'non_token' as charge_category,
        case when is_final then 'anchored' else 'estimated' end as charge_status,
        cast(null as decimal(38, 6)) as quantity,
        amount_usd,
        file_hash as source_file_hash, row_number as source_row_number
    from bill_lines
    where meter = 'other'

    union all

    select
        charge_id, service_provider, billing_account_id,
        cast(null as {{ dbt.type_string() }}) as billing_scope_id, usage_date, host, model,
        'standard' as service_tier, 'gpu_seconds' as meter,
        charge_category,
        'anchored' as charge_status,
        cast(gpu_seconds as decimal(38, 6)) as quantity,
        amount_usd,
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
    where line_type = 'usage'
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

invoiced as (

    select
        dated.*,
        usage_invoices.invoice_id
    from dated
    left join invoices_of_days as usage_invoices
        on
            dated.service_provider = usage_invoices.service_provider
            and dated.billing_account_id = usage_invoices.billing_account_id
            and dated.usage_date >= usage_invoices.billing_period_start
            and dated.usage_date < usage_invoices.billing_period_end

),

charged as (

    select
        invoice_id,
        cast(sum(amount_usd) as decimal(26, 12)) as charged_usd
    from invoiced
    where invoice_id is not null
    group by invoice_id

),

-- What the invoice says and its days do not: cents rounded, or a foreign invoice settled at another rate than its days.
rounding as (

    select
        'rounding:' || usage_invoices.invoice_id as charge_id, usage_invoices.service_provider, usage_invoices.billing_account_id,
        cast(null as {{ dbt.type_string() }}) as billing_scope_id,
        cast({{ dbt.dateadd('day', -1, 'usage_invoices.billing_period_end') }} as date) as usage_date,
        'direct' as host, 'unattributed' as model, 'standard' as service_tier,
        case when usage_invoices.currency = 'USD' then 'rounding' else 'fx' end as meter,
        case when usage_invoices.currency = 'USD' then 'rounding' else 'fx' end as charge_category,
        'anchored' as charge_status, cast(null as decimal(38, 6)) as quantity,
        cast(usage_invoices.amount_usd - coalesce(charged.charged_usd, 0) as decimal(26, 12)) as amount_usd,
        usage_invoices.file_hash as source_file_hash, usage_invoices.row_number as source_row_number,
        usage_invoices.invoice_id
    from usage_invoices
    left join charged
        on usage_invoices.invoice_id = charged.invoice_id
    where usage_invoices.amount_usd <> coalesce(charged.charged_usd, 0)

),

credits_and_fees as (

    select
        'invoice:' || file_hash || ':' || cast(row_number as {{ dbt.type_string() }}) as charge_id, service_provider, billing_account_id,
        cast(null as {{ dbt.type_string() }}) as billing_scope_id,
        cast({{ dbt.dateadd('day', -1, 'billing_period_end') }} as date) as usage_date,
        'direct' as host, 'unattributed' as model, 'standard' as service_tier, line_type as meter,
        line_type as charge_category, 'anchored' as charge_status, cast(null as decimal(38, 6)) as quantity,
        amount_usd,
        file_hash as source_file_hash, row_number as source_row_number, invoice_id
    from invoice_lines
    where line_type not in ('usage', 'tax')

),

charges as (

    select * from invoiced
    union all
    select * from rounding
    union all
    select * from credits_and_fees

)

select * from charges
