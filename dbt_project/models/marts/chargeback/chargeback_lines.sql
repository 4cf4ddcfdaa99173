with allocations as (

    select * from {{ ref('fct_allocations') }}

),

lines as (

    select
        allocation_id as chargeback_line_id,
        posting_period,
        usage_date,
        charge_id,
        target_type,
        target_id,
        tenant_id,
        cost_center,
        cost_nature,
        product_id,
        feature_id,
        rule_id,
        method,
        basis_quantity,
        share,
        amount_usd,
        effective_amount_usd,
        'USD' as currency,
        invoice_id,
        service_provider,
        billing_account_id,
        model,
        charge_category,
        status,
        corrects_id
    from allocations

)

select * from lines
