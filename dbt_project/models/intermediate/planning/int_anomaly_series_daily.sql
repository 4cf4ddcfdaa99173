{%- set counts = [
    'requests', 'input_tokens', 'cacheable_input_tokens', 'cache_read_tokens', 'output_text_tokens', 'reasoning_tokens', 'tasks',
] -%}
{%- set amounts = [
    'cost_usd', 'input_cost_usd', 'retry_cost_usd', 'reasoning_cost_usd', 'cache_savings_usd', 'tasks_cost_usd',
] -%}
{%- set scopes = {
    'company': "'company'", 'tenant': 'tenant_id', 'feature': 'feature_id', 'model': 'model', 'key': 'api_key_id',
} -%}
{#- part / whole is what is watched, money what the part costs or saves -#}
{%- set kinds = {
    'spend': ('cost_usd', '1', 'cost_usd', ['company', 'tenant', 'feature', 'model', 'key']),
    'cache': ('cache_read_tokens', 'cacheable_input_tokens', 'cache_savings_usd', ['company', 'tenant', 'feature', 'model']),
    'retry': ('retry_cost_usd', 'cost_usd', 'retry_cost_usd', ['company', 'tenant', 'feature', 'model']),
    'reasoning': ('reasoning_tokens', 'output_text_tokens', 'reasoning_cost_usd', ['company', 'tenant', 'feature', 'model']),
    'prompt': ('input_tokens', 'requests', 'input_cost_usd', ['company', 'tenant', 'feature', 'model']),
    'cost_per_task': ('tasks_cost_usd', 'tasks', 'tasks_cost_usd', ['company', 'tenant', 'feature']),
} -%}
with cells as (

    select * from {{ ref('int_anomaly_cells') }}

),

days as (

    select * from {{ ref('int_anomaly_days') }}

),

limits as (

    select * from {{ ref('stg_config__anomaly_limits') }}

),

scoped as (
    {%- for scope, id in scopes.items() %}

    select
        usage_date,
        '{{ scope }}' as scope,
        {{ id }} as scope_id,
        model,
        {{ (counts + amounts) | join(', ') }}
    from cells
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

by_model as (

    select
        usage_date,
        scope,
        scope_id,
        {%- for name in counts %}
        cast(sum({{ name }}) as bigint) as {{ name }},
        {%- endfor %}
        {%- for name in amounts %}
        cast(sum({{ name }}) as decimal(26, 12)) as {{ name }},
        {%- endfor %}
        model
    from scoped
    group by usage_date, scope, scope_id, model

),

totals as (

    select
        usage_date,
        scope,
        {%- for name in counts %}
        cast(sum({{ name }}) as bigint) as {{ name }},
        {%- endfor %}
        {%- for name in amounts %}
        cast(sum({{ name }}) as decimal(26, 12)) as {{ name }},
        {%- endfor %}
        scope_id
    from by_model
    group by usage_date, scope, scope_id

),

measures as (
    {%- for kind, (part, whole, money, watched) in kinds.items() %}

    select
        usage_date,
        '{{ kind }}' as kind,
        scope,
        scope_id,
        'all' as model,
        cast({{ part }} as decimal(26, 12)) as part,
        cast({{ whole }} as decimal(26, 12)) as whole,
        cast({{ money }} as decimal(26, 12)) as amount_usd
    from totals
    where scope in ('{{ watched | join("', '") }}')
    union all
    {%- endfor %}

    select
        by_model.usage_date,
        'mix' as kind,
        by_model.scope,
        by_model.scope_id,
        by_model.model,
        cast(by_model.cost_usd as decimal(26, 12)) as part,
        cast(totals.cost_usd as decimal(26, 12)) as whole,
        cast(by_model.cost_usd as decimal(26, 12)) as amount_usd
    from by_model
    inner join totals
        on
            by_model.usage_date = totals.usage_date
            and by_model.scope = totals.scope
            and by_model.scope_id = totals.scope_id
    where by_model.scope in ('company', 'tenant', 'feature')

),

-- what never costs the minimum has no anomaly; calls without a known key are nobody's key
series as (

    select
        measures.kind,
        measures.scope,
        measures.scope_id,
        measures.model
    from measures
    inner join limits
        on measures.kind = limits.kind
    where measures.scope <> 'key' or measures.scope_id <> 'unattributed'
    group by measures.kind, measures.scope, measures.scope_id, measures.model, limits.minimum_usd
    having max(measures.amount_usd) >= limits.minimum_usd

),

-- a share can rise from nothing, so a model of the mix is watched from its scope's first day
first_days as (

    select
        scope,
        scope_id,
        min(usage_date) as first_date
    from totals
    where cost_usd > 0
    group by scope, scope_id

),

dense as (

    select
        days.usage_date,
        days.is_final,
        days.final_days_before,
        days.weekday,
        series.kind,
        series.scope,
        series.scope_id,
        series.model,
        coalesce(measures.part, cast(0 as decimal(26, 12))) as part,
        case series.kind
            when 'spend' then cast(1 as decimal(26, 12))
            when 'mix' then cast(coalesce(totals.cost_usd, 0) as decimal(26, 12))
            else coalesce(measures.whole, cast(0 as decimal(26, 12)))
        end as whole,
        coalesce(measures.amount_usd, cast(0 as decimal(26, 12))) as amount_usd
    from series
    inner join first_days
        on
            series.scope = first_days.scope
            and series.scope_id = first_days.scope_id
    inner join days
        on days.usage_date >= first_days.first_date
    left join measures
        on
            days.usage_date = measures.usage_date
            and series.kind = measures.kind
            and series.scope = measures.scope
            and series.scope_id = measures.scope_id
            and series.model = measures.model
    left join totals
        on
            days.usage_date = totals.usage_date
            and series.scope = totals.scope
            and series.scope_id = totals.scope_id

)

select * from dense
