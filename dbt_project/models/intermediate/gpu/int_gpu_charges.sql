{% set kinds = ['warm_idle', 'reserved_unused', 'unallocated', 'overhead', 'unobserved'] -%}
with hours as (

    select * from {{ ref('int_gpu_hours') }}

),

deployment_days as (

    select * from {{ ref('int_gpu_deployment_days') }}

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
