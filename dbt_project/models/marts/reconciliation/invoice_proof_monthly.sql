with charges as (

    select
        charge_id,
        invoice_id,
        service_provider,
        billing_account_id,
        posting_period,
        charge_category,
        charge_status,
        cast(amount_usd as decimal(26, 12)) as amount_usd,
        cast(effective_amount_usd as decimal(26, 12)) as effective_amount_usd,
        cast(cast(amount_usd as decimal(26, 12)) - cast(effective_amount_usd as decimal(26, 12)) as decimal(26, 12)) as off_cost_usd,
        coalesce(invoice_id, 'provisional:' || service_provider || ':' || billing_account_id || ':' || posting_period) as proof_id
    from {{ ref('fct_charges') }}

),

allocations as (

    select * from {{ ref('int_allocations') }}

),

invoice_lines as (

    select * from {{ ref('int_invoice_lines') }}

),

bill_lines as (

    select * from {{ ref('int_bill_lines') }}

),

placed as (

    select
        charge_id,
        cast(coalesce(sum(amount_usd) filter (where rule_id = 'direct' and target_type <> 'unattributed'), 0) as decimal(26, 12))
            as attributed_usd,
        cast(coalesce(sum(amount_usd) filter (where rule_id <> 'direct' and target_type <> 'unattributed'), 0) as decimal(26, 12))
            as allocated_usd,
        cast(coalesce(sum(amount_usd) filter (where target_type = 'unattributed'), 0) as decimal(26, 12)) as unattributed_usd
    from allocations
    group by charge_id

),

charged as (

    select
        charges.proof_id,
        max(charges.invoice_id) as invoice_id,
        max(charges.service_provider) as service_provider,
        max(charges.billing_account_id) as billing_account_id,
        max(charges.posting_period) as posting_period,
        cast(sum(charges.amount_usd) as decimal(26, 12)) as billed_usd,
        cast(sum(placed.attributed_usd) as decimal(26, 12)) as attributed_usd,
        cast(sum(placed.allocated_usd) as decimal(26, 12)) as allocated_usd,
        cast(sum(placed.unattributed_usd) as decimal(26, 12)) as unattributed_usd,
        cast(sum(charges.effective_amount_usd) as decimal(26, 12)) as effective_usd,
        cast(coalesce(sum(charges.off_cost_usd) filter (where charges.charge_category = 'credit'), 0) as decimal(26, 12))
            as credits_usd,
        cast(coalesce(sum(charges.off_cost_usd) filter (where charges.charge_category = 'commitment'), 0) as decimal(26, 12))
            as paid_before_use_usd,
        cast(coalesce(sum(charges.off_cost_usd) filter (where charges.charge_category = 'shortfall'), 0) as decimal(26, 12))
            as unused_usd,
        cast(coalesce(sum(charges.off_cost_usd) filter (
            where charges.charge_category not in ('credit', 'commitment', 'shortfall')
        ), 0) as decimal(26, 12)) as drawn_usd,
        cast(coalesce(sum(charges.amount_usd) filter (where charges.charge_category = 'fx'), 0) as decimal(26, 12)) as fx_usd,
        cast(coalesce(sum(charges.amount_usd) filter (where charges.charge_category = 'rounding'), 0) as decimal(26, 12)) as rounding_usd,
        cast(coalesce(sum(charges.amount_usd) filter (where charges.charge_status = 'estimated'), 0) as decimal(26, 12)) as estimated_usd,
        bool_or(charges.charge_status = 'estimated') as is_estimated
    from charges
    left join placed
        on charges.charge_id = placed.charge_id
    group by charges.proof_id

),

invoiced as (

    select
        invoice_id,
        cast(coalesce(sum(amount_usd) filter (where line_type <> 'tax'), 0) as decimal(26, 12)) as invoiced_usd,
        cast(coalesce(sum(amount_usd) filter (where line_type = 'tax'), 0) as decimal(26, 12)) as tax_usd
    from invoice_lines
    group by invoice_id

),

-- Tax on a bill, until the invoice has it.
billed_taxes as (

    select
        service_provider,
        billing_account_id,
        substr(cast(usage_date as {{ dbt.type_string() }}), 1, 7) as posting_period,
        cast(sum(amount_usd) as decimal(26, 12)) as tax_usd
    from bill_lines
    where charge_category = 'tax'
    group by service_provider, billing_account_id, substr(cast(usage_date as {{ dbt.type_string() }}), 1, 7)

),

joined as (

    select
        charged.*,
        invoiced.invoiced_usd,
        case when charged.invoice_id is null then billed_taxes.tax_usd else invoiced.tax_usd end as tax_usd
    from charged
    left join invoiced
        on charged.invoice_id = invoiced.invoice_id
    left join billed_taxes
        on
            charged.service_provider = billed_taxes.service_provider
            and charged.billing_account_id = billed_taxes.billing_account_id
            and charged.posting_period = billed_taxes.posting_period

),

proofs as (

    select
        proof_id,
        invoice_id,
        service_provider,
        billing_account_id,
        posting_period,
        {%- for name in [
            'invoiced_usd', 'billed_usd', 'attributed_usd', 'allocated_usd', 'unattributed_usd', 'effective_usd', 'credits_usd',
            'paid_before_use_usd', 'drawn_usd', 'unused_usd', 'fx_usd', 'rounding_usd', 'estimated_usd',
        ] %}
        cast({{ name }} as decimal(38, 12)) as {{ name }},
        {%- endfor %}
        cast(coalesce(tax_usd, 0) as decimal(38, 12)) as tax_usd,
        cast(billed_usd + coalesce(tax_usd, 0) as decimal(38, 12)) as payable_usd,
        cast(attributed_usd + allocated_usd + unattributed_usd as double) / nullif(cast(billed_usd as double), 0)
            as reconciliation_ratio,
        case
            when attributed_usd + allocated_usd + unattributed_usd <> billed_usd or invoiced_usd <> billed_usd then 'differs'
            when is_estimated then 'estimated'
            when invoice_id is null then 'provisional'
            else 'proved'
        end as status
    from joined

)

select * from proofs
