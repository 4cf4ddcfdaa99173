{%- set cell = 'usage_date, tenant_id, feature_id, model, api_key_id' -%}
{%- set counts = [
    'requests', 'input_tokens', 'cacheable_input_tokens', 'cache_read_tokens', 'output_text_tokens', 'reasoning_tokens', 'tasks',
] -%}
{%- set amounts = ['input_cost_usd', 'retry_cost_usd', 'reasoning_cost_usd', 'cache_savings_usd', 'tasks_cost_usd'] -%}
with calls as (

    select * from {{ ref('int_anomaly_calls') }}
    where {{ is_touched('everything', 'usage_date') }}

),

economics as (

    select * from {{ ref('unit_economics_daily') }}
    where {{ is_touched('everything', 'usage_date') }}

),

tasks as (

    select * from {{ ref('fct_tasks') }}
    where {{ is_touched('everything', 'ended_date') }}

),

-- what the ledger has beyond the calls: charges nobody called for, and what a rule moved; so the cells add up to all cost
other_costs as (

    select
        usage_date,
        tenant_id,
        feature_id,
        model,
        effective_cost_usd as cost_usd
    from economics
    union all
    select
        usage_date,
        tenant_id,
        feature_id,
        model,
        -cost_usd as cost_usd
    from calls

),

parts as (

    select
        {{ cell }},
        {{ (counts + amounts) | join(', ') }},
        cost_usd
    from calls
    union all
    select
        usage_date,
        tenant_id,
        feature_id,
        model,
        'unattributed' as api_key_id,
        {%- for name in counts %}
        0 as {{ name }},
        {%- endfor %}
        {%- for name in amounts %}
        cast(0 as decimal(26, 12)) as {{ name }},
        {%- endfor %}
        cost_usd
    from other_costs
    where cost_usd <> 0
    union all
    select
        ended_date as usage_date,
        tenant_id,
        feature_id,
        'unattributed' as model,
        'unattributed' as api_key_id,
        {%- for name in counts[:-1] %}
        0 as {{ name }},
        {%- endfor %}
        1 as tasks,
        {%- for name in amounts[:-1] %}
        cast(0 as decimal(26, 12)) as {{ name }},
        {%- endfor %}
        cost_usd as tasks_cost_usd,
        cast(0 as decimal(26, 12)) as cost_usd
    from tasks
    where ended_date is not null and unpriced_calls = 0

),

summed as (

    select
        {{ cell }},
        {%- for name in counts %}
        cast(coalesce(sum({{ name }}), 0) as bigint) as {{ name }},
        {%- endfor %}
        {%- for name in amounts %}
        cast(coalesce(sum({{ name }}), 0) as decimal(26, 12)) as {{ name }},
        {%- endfor %}
        cast(coalesce(sum(cost_usd), 0) as decimal(26, 12)) as cost_usd
    from parts
    group by {{ cell }}

)

select * from summed
