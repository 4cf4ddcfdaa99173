with tenants as (

    select * from {{ ref('dim_tenants') }}

),

{{ weekly_costs_by(['tenant_id']) }},

named as (

    select
        weekly_costs.week_start,
        weekly_costs.tenant_id,
        coalesce(tenants.tenant_name, weekly_costs.tenant_id) as tenant_name,
        weekly_costs.requests,
        weekly_costs.calls,
        weekly_costs.direct_cost_usd,
        weekly_costs.shared_cost_usd,
        weekly_costs.idle_cost_usd,
        weekly_costs.unattributed_cost_usd,
        weekly_costs.total_cost_usd,
        weekly_costs.cost_share,
        weekly_costs.previous_week_cost_usd,
        weekly_costs.cost_change_usd,
        weekly_costs.cost_change_share,
        weekly_costs.unpriced_calls,
        weekly_costs.unpriced_tokens
    from weekly_costs
    left join tenants on weekly_costs.tenant_id = tenants.tenant_id

)

select * from named
