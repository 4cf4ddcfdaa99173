{%- set who = [
    'tenant_id', 'product_id', 'feature_id', 'environment', 'plan', 'cost_center', 'cost_nature', 'purpose', 'team_id',
    'api_key_id', 'unattributed_reason',
] -%}
-- Who called matters to a rule only where no tenant carries the call.
with usage as (

    select
        call_id,
        usage_date,
        tenant_id,
        product_id,
        feature_id,
        environment,
        plan,
        cost_center,
        cost_nature,
        purpose,
        case when tenant_id = 'unattributed' then team_id end as team_id,
        case when tenant_id = 'unattributed' then api_key_id end as api_key_id,
        case when tenant_id = 'unattributed' then unattributed_reason end as unattributed_reason
    from {{ ref('fct_usage') }}
    where {{ is_touched('anything', 'usage_date') }}

),

call_meters as (

    select * from {{ ref('int_call_meters_anchored') }}
    where {{ is_touched('anything', 'usage_date') }}

),

gpu_calls as (

    select * from {{ ref('int_gpu_calls_costed') }}
    where {{ is_touched('anything', 'usage_date') }}

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
        usage.usage_date,
        {%- for name in who %}
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
        usage.usage_date,
        usage.{{ who | join(', usage.') }}

)

select * from call_sums
