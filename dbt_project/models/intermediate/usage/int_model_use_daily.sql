{%- set kind = [
    'usage_date', 'team_id', 'tenant_id', 'feature_id', 'environment', 'service_provider', 'model', 'service_tier', 'reasoning_effort',
] -%}
with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched('anything', 'usage_date') }}

),

named as (

    select
        usage_date,
        coalesce(team_id, 'unattributed') as team_id,
        tenant_id,
        feature_id,
        environment,
        service_provider,
        coalesce(model, 'unattributed') as model,
        service_tier,
        coalesce(reasoning_effort, 'not said') as reasoning_effort,
        week_start,
        effective_cost_usd,
        total_input_tokens + total_output_tokens as tokens,
        pricing_status = 'unpriced' as is_unpriced
    from usage

),

kinds as (

    select
        {{ kind | join(', ') }},
        week_start,
        count(*) as calls,
        cast(sum(tokens) as bigint) as tokens,
        cast(sum(effective_cost_usd) as decimal(26, 12)) as cost_usd,
        count(*) filter (where is_unpriced) as unpriced_calls,
        cast(coalesce(sum(tokens) filter (where is_unpriced), 0) as bigint) as unpriced_tokens
    from named
    group by {{ kind | join(', ') }}, week_start

)

select * from kinds
