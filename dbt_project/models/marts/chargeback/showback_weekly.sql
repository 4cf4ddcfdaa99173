with allocations as (

    select * from {{ ref('int_allocations') }}

),

tenants as (

    select * from {{ ref('dim_tenants') }}

),

unattributed as (

    select
        week_start,
        cast(sum(effective_amount_usd) as decimal(38, 12)) as unattributed_cost_usd
    from allocations
    where cost_component = 'unattributed'
    group by week_start

),

caused as (

    select
        week_start,
        coalesce(cost_center, 'unattributed') as cost_center,
        tenant_id,
        product_id,
        feature_id,
        service_provider,
        model,
        {%- for component in ['direct', 'shared', 'idle'] %}
        cast(sum(case when cost_component = '{{ component }}' then effective_amount_usd else 0 end) as decimal(38, 12))
            as {{ component }}_cost_usd,
        {%- endfor %}
        cast(sum(effective_amount_usd) as decimal(38, 12)) as total_cost_usd
    from allocations
    where cost_component <> 'unattributed'
    group by week_start, coalesce(cost_center, 'unattributed'), tenant_id, product_id, feature_id, service_provider, model

),

beside as (

    select
        caused.week_start,
        caused.cost_center,
        caused.tenant_id,
        caused.product_id,
        caused.feature_id,
        caused.service_provider,
        caused.model,
        coalesce(tenants.is_free_plan, false) as is_free_plan,
        caused.direct_cost_usd,
        caused.shared_cost_usd,
        caused.idle_cost_usd,
        caused.total_cost_usd,
        cast(coalesce(unattributed.unattributed_cost_usd, 0) as decimal(38, 12)) as week_unattributed_cost_usd
    from caused
    left join tenants
        on caused.tenant_id = tenants.tenant_id
    left join unattributed
        on caused.week_start = unattributed.week_start

)

select * from beside
