{%- set who = 'tenant_id, product_id, feature_id, environment, plan, cost_center, cost_nature' -%}
{%- set traces = 'team_id, api_key_id, unattributed_reason' -%}
with charges as (

    select * from {{ ref('fct_charges') }}

),

-- Who called matters to a rule only where no tenant carries the call.
usage as (

    select
        call_id,
        {{ who }},
        case when tenant_id = 'unattributed' then team_id end as team_id,
        case when tenant_id = 'unattributed' then api_key_id end as api_key_id,
        case when tenant_id = 'unattributed' then unattributed_reason end as unattributed_reason
    from {{ ref('fct_usage') }}

),

call_meters as (

    select * from {{ ref('int_call_meters_anchored') }}

),

gpu_calls as (

    select * from {{ ref('int_gpu_calls_costed') }}

),

gpu_unlogged as (

    select * from {{ ref('int_gpu_unlogged') }}

),

call_amounts as (

    select group_id, call_id, amount_usd, effective_amount_usd, true as is_metered
    from call_meters
    where amount_usd is not null
    union all
    select
        charge_id as group_id, call_id, billed_cost_usd as amount_usd, billed_cost_usd as effective_amount_usd,
        false as is_metered
    from gpu_calls
    where billed_cost_usd is not null

),

-- A call has one row in a group: to count rows is to count calls.
call_sums as (

    select
        call_amounts.group_id,
        call_amounts.is_metered,
        {%- for name in who.split(', ') + traces.split(', ') %}
        usage.{{ name }},
        {%- endfor %}
        cast(sum(call_amounts.amount_usd) as decimal(26, 12)) as amount_usd,
        cast(sum(call_amounts.effective_amount_usd) as decimal(26, 12)) as effective_amount_usd,
        cast(count(*) as decimal(38, 12)) as calls
    from call_amounts
    inner join usage
        on call_amounts.call_id = usage.call_id
    group by
        call_amounts.group_id,
        call_amounts.is_metered,
        usage.{{ (who.split(', ') + traces.split(', ')) | join(', usage.') }}

),

of_calls as (

    select
        case when is_metered then 'usage:' || group_id else group_id end as charge_id,
        {{ who }},
        {{ traces }},
        calls,
        amount_usd,
        effective_amount_usd
    from call_sums

),

of_no_call as (

    select
        charge_id,
        amount_usd,
        effective_amount_usd
    from charges
    where charge_category not in ('usage', 'gpu_busy')
    union all
    select
        charge_id,
        amount_usd,
        amount_usd as effective_amount_usd
    from gpu_unlogged
    where amount_usd <> 0

),

parts as (

    select * from of_calls
    union all
    select
        charge_id,
        'unattributed' as tenant_id,
        'unattributed' as product_id,
        'unattributed' as feature_id,
        'unattributed' as environment,
        'unattributed' as plan,
        cast(null as {{ dbt.type_string() }}) as cost_center,
        cast(null as {{ dbt.type_string() }}) as cost_nature,
        cast(null as {{ dbt.type_string() }}) as team_id,
        cast(null as {{ dbt.type_string() }}) as api_key_id,
        cast(null as {{ dbt.type_string() }}) as unattributed_reason,
        cast(null as decimal(38, 12)) as calls,
        cast(amount_usd as decimal(26, 12)) as amount_usd,
        cast(effective_amount_usd as decimal(26, 12)) as effective_amount_usd
    from of_no_call

),

keyed as (

    select
        charge_id || ':' || tenant_id || ':' || product_id || ':' || feature_id || ':' || environment || ':'
        || coalesce(cost_center, '') || ':' || coalesce(cost_nature, '') || ':'
        || coalesce(team_id, '') || ':' || coalesce(api_key_id, '') || ':'
        || coalesce(unattributed_reason, '') || ':' || case when calls is null then 'rest' else 'calls' end as part_id,
        *
    from parts

)

select * from keyed
