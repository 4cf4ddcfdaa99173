with allocations as (

    select * from {{ ref('fct_allocations') }}

),

markups as (

    select * from {{ ref('stg_config__markups') }}

),

disputes as (

    select * from {{ ref('stg_config__disputes') }}

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
        plan,
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

),

priced as (

    select
        lines.*,
        cast(
            cast(lines.effective_amount_usd as decimal(26, 12))
            * coalesce(of_tenant.price_factor, of_plan.price_factor, of_all.price_factor) as decimal(38, 12)
        ) as price_usd,
        coalesce(of_line.dispute_status, of_month.dispute_status) as dispute_status
    from lines
    left join markups as of_tenant
        on
            lines.tenant_id = of_tenant.tenant_id
            and lines.usage_date >= of_tenant.valid_from
            and lines.usage_date < of_tenant.valid_to
    left join markups as of_plan
        on
            lines.plan = of_plan.plan
            and lines.usage_date >= of_plan.valid_from
            and lines.usage_date < of_plan.valid_to
    left join markups as of_all
        on
            of_all.tenant_id is null
            and of_all.plan is null
            and lines.target_type = 'tenant'
            and lines.usage_date >= of_all.valid_from
            and lines.usage_date < of_all.valid_to
    left join disputes as of_line
        on lines.chargeback_line_id = of_line.chargeback_line_id
    left join disputes as of_month
        on
            lines.tenant_id = of_month.tenant_id
            and lines.posting_period = of_month.posting_period
            and lines.service_provider = of_month.service_provider

)

select * from priced
