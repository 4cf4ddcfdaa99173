{% set kinds = ['warm_idle', 'reserved_unused', 'unallocated', 'overhead', 'unobserved'] -%}
with hours as (

    select * from {{ ref('int_gpu_hours') }}

),

deployment_days as (

    select * from {{ ref('int_gpu_deployment_days') }}

),

node_days as (

    select * from {{ ref('int_gpu_node_days') }}

),

rent_billed as (

    select * from {{ ref('int_gpu_rent_billed') }}

),

billed_accounts as (

    select distinct
        service_provider,
        billing_account_id
    from rent_billed

),

final_days as (

    select distinct
        usage_date,
        node_id
    from rent_billed
    where is_final

),

-- Where an account's bill names nodes, the rate card stands in for it until it comes.
estimated_nodes as (

    select
        node_days.usage_date,
        node_days.node_id
    from node_days
    inner join billed_accounts
        on
            node_days.service_provider = billed_accounts.service_provider
            and node_days.billing_account_id = billed_accounts.billing_account_id
    left join final_days
        on
            node_days.usage_date = final_days.usage_date
            and node_days.node_id = final_days.node_id
    where node_days.usd_per_gpu_hour is not null and final_days.node_id is null

),

estimated_pools as (

    select distinct
        hours.usage_date,
        hours.pool_id
    from hours
    inner join estimated_nodes
        on
            hours.usage_date = estimated_nodes.usage_date
            and hours.node_id = estimated_nodes.node_id

),

pool_days as (

    select
        usage_date,
        pool_id,
        service_provider,
        billing_account_id,
        cast(sum(busy_seconds) as decimal(26, 6)) as busy_seconds,
        {% for kind in kinds -%}
        cast(sum({{ kind }}_seconds) as decimal(26, 6)) as {{ kind }}_seconds,
        cast(sum({{ kind }}_cost_usd) as decimal(26, 12)) as {{ kind }}_cost_usd,
        {% endfor -%}
        cast(sum(busy_cost_usd) as decimal(26, 12)) as busy_cost_usd
    from hours
    where share_id <> 'oversubscribed'
    group by usage_date, pool_id, service_provider, billing_account_id

),

served as (

    select
        usage_date,
        pool_id,
        min(model) as first_model,
        max(model) as last_model,
        min(deployment_id) as first_deployment_id,
        max(deployment_id) as last_deployment_id
    from deployment_days
    group by usage_date, pool_id

),

named as (

    select
        pool_days.*,
        case when estimated_pools.pool_id is null then 'anchored' else 'estimated' end as charge_status,
        case
            when served.first_model = served.last_model then served.first_model
            when served.first_model is null then 'unattributed'
            else 'shared'
        end as model,
        case
            when served.first_deployment_id = served.last_deployment_id then served.first_deployment_id
            when served.first_deployment_id is null then 'unattributed'
            else 'shared'
        end as deployment_id
    from pool_days
    left join served
        on
            pool_days.usage_date = served.usage_date
            and pool_days.pool_id = served.pool_id
    left join estimated_pools
        on
            pool_days.usage_date = estimated_pools.usage_date
            and pool_days.pool_id = estimated_pools.pool_id

),

charges as (

    select
        'gpu:' || pool_id || ':' || cast(usage_date as {{ dbt.type_string() }}) || ':busy' as charge_id,
        usage_date,
        pool_id,
        service_provider,
        billing_account_id,
        'self_hosted' as host,
        model,
        deployment_id,
        'gpu_busy' as charge_category,
        charge_status,
        'gpu_seconds' as meter,
        cast(busy_seconds as decimal(26, 6)) as gpu_seconds,
        busy_cost_usd as amount_usd
    from named
    {%- for kind in kinds %}
    union all
    select
        'gpu:' || pool_id || ':' || cast(usage_date as {{ dbt.type_string() }})
        || ':{{ 'idle' if kind == 'warm_idle' else kind }}' as charge_id,
        usage_date,
        pool_id,
        service_provider,
        billing_account_id,
        'self_hosted' as host,
        model,
        deployment_id,
        'gpu_idle' as charge_category,
        charge_status,
        '{{ 'gpu_seconds' if kind == 'warm_idle' else kind }}' as meter,
        {{ kind }}_seconds as gpu_seconds,
        {{ kind }}_cost_usd as amount_usd
    from named
    {%- if kind != 'warm_idle' %}
    where {{ kind }}_seconds > 0
    {%- endif %}
    {%- endfor %}

)

select * from charges
