{%- set kind = [
    'usage_date', 'team_id', 'tenant_id', 'feature_id', 'environment', 'service_provider', 'model', 'service_tier', 'reasoning_effort',
] -%}
with kinds as (

    select * from {{ ref('int_model_use_daily') }}

),

rules as (

    select * from {{ ref('stg_config__model_policy_rules') }}

),

-- rules that name several of a thing match a call more than once, each time with the same answer
matched as (

    select
        kinds.*,
        rules.policy_id,
        rules.is_allowed,
        rules.use_instead,
        rules.reason,
        row_number() over (
            partition by kinds.{{ kind | join(', kinds.') }}
            order by rules.rule_order asc nulls last
        ) as match_number
    from kinds
    inner join rules
        on
            kinds.usage_date >= rules.valid_from
            and kinds.usage_date < rules.valid_to
            {%- for column in ['team_id', 'feature_id', 'environment', 'service_tier', 'reasoning_effort'] %}
            and coalesce(rules.{{ column }}, kinds.{{ column }}) = kinds.{{ column }}
            {%- endfor %}
            and {{ is_model_named('kinds.model', 'rules') }}

),

violations as (

    select
        week_start,
        policy_id,
        team_id,
        tenant_id,
        feature_id,
        environment,
        service_provider,
        model,
        service_tier,
        reasoning_effort,
        max(use_instead) as use_instead,
        max(reason) as reason,
        min(usage_date) as first_date,
        cast(sum(calls) as bigint) as calls,
        cast(sum(tokens) as bigint) as tokens,
        cast(coalesce(sum(cost_usd), 0) as decimal(38, 12)) as cost_usd,
        cast(sum(unpriced_calls) as bigint) as unpriced_calls,
        cast(sum(unpriced_tokens) as bigint) as unpriced_tokens
    from matched
    where match_number = 1 and not is_allowed
    group by
        week_start, policy_id, team_id, tenant_id, feature_id, environment, service_provider, model, service_tier, reasoning_effort

)

select * from violations
