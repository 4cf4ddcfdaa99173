{#- The money each kind moves, and how a cell of another scope is known to be of it. -#}
{%- set amounts = {
    'spend': 'cost_usd', 'mix': 'cost_usd', 'cache': 'cache_savings_usd', 'retry': 'retry_cost_usd',
    'reasoning': 'reasoning_cost_usd', 'prompt': 'input_cost_usd', 'cost_per_task': 'cost_usd',
} -%}
{%- set scopes = {'company': none, 'tenant': 'tenant_id', 'feature': 'feature_id', 'model': 'model', 'key': 'api_key_id'} -%}
{%- set dimensions = {'tenant': 'tenant_id', 'feature': 'feature_id', 'model': 'model', 'key': 'api_key_id'} -%}
with found as (

    select * from {{ ref('int_anomalies_found') }}

),

cells as (

    select * from {{ ref('int_anomaly_cells') }}

),

days as (

    select * from {{ ref('int_anomaly_days') }}

),

-- the day itself and the seven final days before it, of the cells an anomaly is about; savings that are lost count as a rise
sides as (
    {%- for scope, column in scopes.items() %}

    select
        found.usage_date,
        found.kind,
        found.scope,
        found.scope_id,
        found.model,
        cells.tenant_id,
        cells.feature_id,
        cells.model as cell_model,
        cells.api_key_id,
        case found.kind
            {%- for kind, amount in amounts.items() %}
            when '{{ kind }}' then cast(cells.{{ amount }} as decimal(26, 12))
            {%- endfor %}
        end
        * (
            case when days.usage_date = found.usage_date then 7 else -1 end
            * case when found.kind = 'cache' then -1 else 1 end
        ) as risen_usd
    from found
    inner join days
        on
            days.usage_date = found.usage_date
            or (
                days.is_final
                and days.final_days_before < found.final_days_before
                and days.final_days_before >= found.final_days_before - 7
            )
    inner join cells
        on
            days.usage_date = cells.usage_date
            {%- if column %}
            and found.scope_id = cells.{{ column }}
            {%- endif %}
            and (found.kind <> 'mix' or found.model = cells.model)
    where found.scope = '{{ scope }}'
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

parts as (
    {%- for dimension, column in dimensions.items() %}

    select
        usage_date,
        kind,
        scope,
        scope_id,
        model,
        '{{ dimension }}' as dimension,
        {{ 'cell_model' if column == 'model' else column }} as part_id,
        risen_usd
    from sides
    where scope <> '{{ dimension }}'{{ " and kind <> 'mix'" if dimension == 'model' }}
    {%- if not loop.last %}

    union all
    {%- endif %}
    {%- endfor %}

),

summed as (

    select
        usage_date,
        kind,
        scope,
        scope_id,
        model,
        dimension,
        part_id,
        cast(sum(risen_usd) as decimal(26, 12)) as risen_usd
    from parts
    where part_id <> 'unattributed'
    group by usage_date, kind, scope, scope_id, model, dimension, part_id

),

ranked as (

    select
        *,
        row_number() over (
            partition by usage_date, kind, scope, scope_id, model, dimension
            order by risen_usd desc nulls last, part_id asc nulls last
        ) as place
    from summed
    where risen_usd > 0

),

causes as (

    select
        usage_date,
        kind,
        scope,
        scope_id,
        {%- for dimension in dimensions %}
        max(case when dimension = '{{ dimension }}' then part_id end) as main_{{ dimension }},
        {%- endfor %}
        model
    from ranked
    where place = 1
    group by usage_date, kind, scope, scope_id, model

)

select * from causes
