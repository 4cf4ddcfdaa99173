{{ config(materialized='view') }}
{%- set described = [
    'posting_period', 'usage_date', 'charge_id', 'target_type', 'target_id', 'tenant_id', 'cost_center', 'cost_nature',
    'product_id', 'feature_id', 'plan', 'rule_id', 'method', 'basis_quantity', 'share', 'amount_usd', 'effective_amount_usd',
    'invoice_id', 'service_provider', 'billing_account_id', 'model', 'charge_category', 'status', 'corrects_id',
] -%}
with markups as (

    select * from {{ within_database(ref('dim_markups')) }}

),

disputes as (

    select * from {{ within_database(ref('dim_disputes')) }}

),

-- The key of a line is a hash, the dearest of its columns: it is looked at only where a line of the charge is disputed.
lines as (

    {%- for is_disputed in [false, true] %}

    select
        allocations.allocation_id as chargeback_line_id,
        {%- for name in described %}
        allocations.{{ name }},
        {%- endfor %}
        of_line.dispute_status as line_dispute_status
    from {{ within_database(ref('fct_allocations')) }} as allocations
    left join disputes as of_line
        on {{ 'allocations.allocation_id' if is_disputed else 'cast(null as ' ~ dbt.type_string() ~ ')' }} = of_line.chargeback_line_id
    where
        allocations.charge_id {{ '' if is_disputed else 'not ' }}in (
            select disputes.charge_id from disputes
            where disputes.charge_id is not null
        )
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

priced as (

    select
        lines.chargeback_line_id,
        {%- for name in described %}
        lines.{{ name }},
        {%- endfor %}
        'USD' as currency,
        cast(
            cast(lines.effective_amount_usd as decimal(26, 12))
            * coalesce(of_tenant.price_factor, of_plan.price_factor, of_all.price_factor) as decimal(38, 12)
        ) as price_usd,
        coalesce(lines.line_dispute_status, of_month.dispute_status) as dispute_status
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
    left join disputes as of_month
        on
            lines.tenant_id = of_month.tenant_id
            and lines.posting_period = of_month.posting_period
            and lines.service_provider = of_month.service_provider

)

select * from priced
