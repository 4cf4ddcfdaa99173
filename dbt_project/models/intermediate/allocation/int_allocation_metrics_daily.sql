-- Each metric only where a rule asks for it: most homes have no rule by revenue.
with asked as (

    select distinct metric
    from {{ ref('stg_config__allocation_rules') }}
    where metric is not null

),

traced as (

    select * from {{ ref('int_charges_traced') }}

),

charges as (

    select * from {{ ref('fct_charges') }}

),

usage_hours as (

    select * from {{ ref('int_usage_accounts_hourly') }}

),

tasks as (

    select * from {{ ref('fct_tasks') }}

),

features as (

    select * from {{ ref('stg_config__features') }}

),

revenue as (

    select * from {{ ref('fct_revenue') }}

),

active_users as (

    select * from {{ ref('int_active_users_deduplicated') }}

),

{%- set cost_metrics = {
    'billed_cost_usd': 'traced.amount_usd',
    'effective_cost_usd': 'traced.effective_amount_usd',
    'gpu_seconds': divide_exact('charges.quantity', 'traced.amount_usd', 'charges.amount_usd', weight_places=12),
} %}
{%- for metric, quantity in cost_metrics.items() %}

{{ metric }}_days as (

    select
        '{{ metric }}' as metric,
        charges.usage_date,
        charges.service_provider,
        charges.billing_account_id,
        traced.tenant_id,
        traced.product_id,
        traced.cost_center,
        cast(sum({{ quantity }}) as decimal(26, 12)) as quantity
    from traced
    inner join charges
        on traced.charge_id = charges.charge_id
    where
        '{{ metric }}' in (select asked.metric from asked)
        and traced.calls is not null
        {%- if metric == 'gpu_seconds' %} and charges.charge_category = 'gpu_busy'{% endif %}
    group by
        charges.usage_date, charges.service_provider, charges.billing_account_id,
        traced.tenant_id, traced.product_id, traced.cost_center

),
{%- endfor %}
{%- set call_metrics = ['tokens', 'provisioned_tokens', 'calls', 'requests'] %}
{%- for metric in call_metrics %}

{{ metric }}_days as (

    select
        '{{ metric }}' as metric,
        usage_date,
        service_provider,
        billing_account_id,
        tenant_id,
        product_id,
        cost_center,
        cast(sum({{ metric }}) as decimal(26, 12)) as quantity
    from usage_hours
    where
        '{{ metric }}' in (select asked.metric from asked)
        {%- if metric == 'provisioned_tokens' %} and provisioned_calls > 0{% endif %}
    group by usage_date, service_provider, billing_account_id, tenant_id, product_id, cost_center

),
{%- endfor %}

tasks_days as (

    select
        'tasks' as metric,
        tasks.ended_date as usage_date,
        cast(null as {{ dbt.type_string() }}) as service_provider,
        cast(null as {{ dbt.type_string() }}) as billing_account_id,
        tasks.tenant_id,
        coalesce(features.product_id, 'unattributed') as product_id,
        cast(null as {{ dbt.type_string() }}) as cost_center,
        cast(count(*) as decimal(26, 12)) as quantity
    from tasks
    left join features
        on tasks.feature_id = features.feature_id
    where 'tasks' in (select asked.metric from asked) and tasks.ended_date is not null
    group by tasks.ended_date, tasks.tenant_id, coalesce(features.product_id, 'unattributed')

),

revenue_usd_days as (

    select
        'revenue_usd' as metric,
        service_date as usage_date,
        cast(null as {{ dbt.type_string() }}) as service_provider,
        cast(null as {{ dbt.type_string() }}) as billing_account_id,
        tenant_id,
        product_id,
        cast(null as {{ dbt.type_string() }}) as cost_center,
        cast(sum(amount_usd) as decimal(26, 12)) as quantity
    from revenue
    where 'revenue_usd' in (select asked.metric from asked)
    group by service_date, tenant_id, product_id

),

summed as (

    {%- for metric in cost_metrics.keys() | list + call_metrics + ['tasks', 'revenue_usd'] %}
    select
        *,
        cast(null as timestamp) as hour_start,
        cast(null as {{ dbt.type_string() }}) as user_key
    from {{ metric }}_days
    {{ 'union all' }}
    {%- endfor %}
    -- A user is counted once in the whole of what a rule looks at, so each stands for itself here.
    select
        'active_users' as metric,
        activity_date as usage_date,
        cast(null as {{ dbt.type_string() }}) as service_provider,
        cast(null as {{ dbt.type_string() }}) as billing_account_id,
        tenant_id,
        product_id,
        cast(null as {{ dbt.type_string() }}) as cost_center,
        cast(1 as decimal(26, 12)) as quantity,
        cast(null as timestamp) as hour_start,
        user_key
    from active_users
    where 'active_users' in (select asked.metric from asked)
    union all
    select
        'weighted_tokens' as metric,
        usage_date,
        service_provider,
        billing_account_id,
        tenant_id,
        product_id,
        cost_center,
        cast(weighted_tokens as decimal(26, 12)) as quantity,
        hour_start,
        cast(null as {{ dbt.type_string() }}) as user_key
    from usage_hours
    where 'weighted_tokens' in (select asked.metric from asked)

)

select * from summed
