{%- set series = 'kind, scope, scope_id, model' -%}
{%- set names = {
    'spend': 'cost', 'mix': 'share of cost', 'cache': 'cache hit rate', 'retry': 'retry share of cost',
    'reasoning': 'reasoning ratio', 'prompt': 'input tokens a request', 'cost_per_task': 'cost per task',
} -%}
{#- Days without an anomaly after which the next one is another: a weekend does not end one. -#}
{%- set quiet_days = 3 -%}
with found as (

    select * from {{ ref('int_anomalies_found') }}

),

causes as (

    select * from {{ ref('int_anomaly_causes') }}

),

states as (

    select * from {{ ref('stg_config__anomaly_states') }}

),

surprising as (

    select
        *,
        is_above_expected or is_above_tenant_factor as is_surprising
    from found

),

follow_ups as (

    select
        *,
        case
            when {{ dbt.datediff('lag(usage_date) over by_day', 'usage_date', 'day') }} <= {{ quiet_days }} then 0
            else 1
        end as is_first
    from surprising
    window by_day as (
        partition by {{ series }}, is_surprising
        order by usage_date asc nulls last
    )

),

episodes as (

    select
        *,
        cast(sum(is_first) over (
            partition by {{ series }}, is_surprising
            order by usage_date asc nulls last
            rows between unbounded preceding and current row
        ) as bigint) as episode
    from follow_ups

),

since as (

    select
        *,
        min(usage_date) over (partition by {{ series }}, is_surprising, episode) as since_date
    from episodes

),

-- what somebody muted is muted, whoever else has acknowledged it
decided as (

    select
        since.usage_date,
        since.kind,
        since.scope,
        since.scope_id,
        since.model,
        states.state,
        states.who,
        states.why,
        row_number() over (
            partition by since.usage_date, since.kind, since.scope, since.scope_id, since.model
            order by states.state desc nulls last, states.valid_from desc nulls last
        ) as place
    from since
    inner join states
        on
            since.scope = states.scope
            and since.scope_id = states.scope_id
            and since.kind = states.kind
            and since.usage_date >= states.valid_from
            and since.usage_date < states.valid_to

),

joined as (

    select
        since.*,
        decided.state as decided_state,
        decided.who as state_who,
        decided.why as state_why,
        causes.main_tenant,
        causes.main_feature,
        causes.main_model,
        causes.main_key,
        cast(cast(since.rate / nullif(since.expected_rate, 0) as decimal(18, 2)) as {{ dbt.type_string() }}) as times_text
    from since
    left join decided
        on
            since.usage_date = decided.usage_date
            and since.kind = decided.kind
            and since.scope = decided.scope
            and since.scope_id = decided.scope_id
            and since.model = decided.model
            and decided.place = 1
    left join causes
        on
            since.usage_date = causes.usage_date
            and since.kind = causes.kind
            and since.scope = causes.scope
            and since.scope_id = causes.scope_id
            and since.model = causes.model

),

-- one and the same thing is off at several scopes and in several ways: where it is, is what they share
placed as (

    select
        *,
        nullif(case when scope = 'tenant' then scope_id else main_tenant end, 'unattributed') as at_tenant,
        nullif(case when scope = 'feature' then scope_id else main_feature end, 'unattributed') as at_feature,
        nullif(
            case when scope = 'model' then scope_id when kind = 'mix' then model else main_model end, 'unattributed'
        ) as at_model
    from joined

),

worded as (

    select
        *,
        coalesce(
            nullif(
                trim(
                    coalesce(' tenant ' || at_tenant, '') || coalesce(' feature ' || at_feature, '')
                    || coalesce(' model ' || at_model, '')
                ),
                ''
            ),
            scope || ' ' || scope_id
        ) as incident,
        case kind
            {%- for kind, name in names.items() %}
            when '{{ kind }}' then '{{ name }}'{{ " || ' of ' || model" if kind == 'mix' }}
            {%- endfor %}
        end
        || case when times_text is null then ' where there was none' else ' is ' || times_text || ' x what is usual' end
        || ' since ' || cast(since_date as {{ dbt.type_string() }})
        || coalesce(
            ', mostly' || nullif(
                coalesce(' tenant ' || main_tenant, '')
                || coalesce(' feature ' || main_feature, '')
                || coalesce(' model ' || main_model, '')
                || coalesce(' key ' || case when length(main_key) > 20 then substr(main_key, 1, 12) || '...' else main_key end, ''),
                ''
            ),
            ''
        ) as root_cause
    from placed

),

anomalies as (

    select
        usage_date,
        kind,
        scope,
        scope_id,
        model,
        is_final,
        since_date,
        rate,
        trailing_rate,
        expected_rate,
        usual_spread,
        cast(amount_usd as decimal(38, 12)) as amount_usd,
        cast(trailing_usd as decimal(38, 12)) as trailing_usd,
        cast(expected_usd as decimal(38, 12)) as expected_usd,
        cast(case when kind = 'cache' then expected_usd - amount_usd else amount_usd - expected_usd end as decimal(38, 12))
            as impact_usd,
        is_above_trailing,
        is_above_expected,
        is_above_tenant_factor,
        is_above_tenant_day,
        case
            when not is_surprising then 'expected'
            else coalesce(decided_state, 'open')
        end as state,
        case when is_surprising then state_who end as state_who,
        case when is_surprising then state_why end as state_why,
        main_tenant,
        main_feature,
        main_model,
        main_key,
        incident,
        root_cause
    from worded

)

select * from anomalies
