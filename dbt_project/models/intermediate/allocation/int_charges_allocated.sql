{%- set who = 'tenant_id, product_id, feature_id, environment, plan, cost_center' -%}
with charges as (

    select * from {{ ref('fct_charges') }}

),

usage as (

    select * from {{ ref('fct_usage') }}

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

rules as (

    select * from {{ ref('stg_config__allocation_rules') }}

),

call_amounts as (

    select 'usage:' || group_id as charge_id, call_id, amount_usd
    from call_meters
    where amount_usd is not null
    union all
    select charge_id, call_id, billed_cost_usd as amount_usd
    from gpu_calls
    where billed_cost_usd is not null

),

direct as (

    select
        call_amounts.charge_id,
        {%- for name in who.split(', ') %}
        usage.{{ name }},
        {%- endfor %}
        cast(sum(call_amounts.amount_usd) as decimal(26, 12)) as amount_usd,
        cast(count(distinct call_amounts.call_id) as decimal(38, 12)) as basis_quantity
    from call_amounts
    inner join usage
        on call_amounts.call_id = usage.call_id
    group by
        call_amounts.charge_id
        {%- for name in who.split(', ') %}, usage.{{ name }}{% endfor %}

),

weights as (

    select
        charges.service_provider,
        charges.billing_account_id,
        charges.posting_period,
        direct.tenant_id,
        max(direct.plan) as plan,
        max(direct.cost_center) as cost_center,
        cast(sum(direct.amount_usd) as decimal(26, 12)) as weight
    from direct
    inner join charges
        on direct.charge_id = charges.charge_id
    group by charges.service_provider, charges.billing_account_id, charges.posting_period, direct.tenant_id
    having sum(direct.amount_usd) > 0

),

totals as (

    select
        service_provider,
        billing_account_id,
        posting_period,
        cast(sum(weight) as decimal(26, 12)) as total_weight,
        min(tenant_id) as first_tenant_id
    from weights
    group by service_provider, billing_account_id, posting_period

),

ruled as (

    select
        charges.*,
        rules.rule_id,
        rules.rule_version,
        rules.method,
        row_number() over (partition by charges.charge_id order by rules.rule_order asc nulls last) as rule_number
    from charges
    left join rules
        on
            charges.charge_category = rules.charge_category
            and charges.usage_date >= rules.valid_from
            and charges.usage_date < rules.valid_to
    where charges.charge_category not in ('usage', 'gpu_busy')

),

spread as (

    select
        ruled.charge_id,
        ruled.rule_id,
        ruled.rule_version,
        weights.tenant_id,
        weights.plan,
        weights.cost_center,
        weights.weight as basis_quantity,
        weights.tenant_id = totals.first_tenant_id as takes_leftover,
        ruled.amount_usd as charge_usd,
        {{ divide_exact('ruled.amount_usd', 'cast(weights.weight as decimal(28, 8))', 'cast(totals.total_weight as decimal(28, 8))') }} as shared_usd
    from ruled
    inner join totals using (service_provider, billing_account_id, posting_period)
    inner join weights using (service_provider, billing_account_id, posting_period)
    where ruled.rule_number = 1 and ruled.method = 'proportional'

),

leftovers as (

    select
        charge_id,
        cast(max(charge_usd) - sum(shared_usd) as decimal(26, 12)) as leftover_usd
    from spread
    group by charge_id

),

parts as (

    select
        charge_id,
        cast(null as {{ dbt.type_string() }}) as rule_id,
        cast(null as {{ dbt.type_string() }}) as rule_version,
        case when tenant_id = 'unattributed' then 'unattributed' else 'direct' end as method,
        case when tenant_id = 'unattributed' then 'unattributed' else 'direct' end as cost_component,
        {{ who }},
        basis_quantity,
        amount_usd
    from direct

    union all

    select
        spread.charge_id,
        spread.rule_id,
        spread.rule_version,
        'proportional' as method,
        case when spread.tenant_id = 'unattributed' then 'unattributed' else 'shared' end as cost_component,
        spread.tenant_id,
        'unattributed' as product_id,
        'unattributed' as feature_id,
        'unattributed' as environment,
        spread.plan,
        spread.cost_center,
        cast(spread.basis_quantity as decimal(38, 12)) as basis_quantity,
        cast(spread.shared_usd + case when spread.takes_leftover then leftovers.leftover_usd else 0 end as decimal(26, 12)) as amount_usd
    from spread
    inner join leftovers
        on spread.charge_id = leftovers.charge_id

    union all

    select
        ruled.charge_id,
        ruled.rule_id,
        ruled.rule_version,
        'unattributed' as method,
        case when ruled.charge_category = 'gpu_idle' then 'idle' else 'unattributed' end as cost_component,
        'unattributed' as tenant_id,
        'unattributed' as product_id,
        'unattributed' as feature_id,
        'unattributed' as environment,
        'unattributed' as plan,
        cast(null as {{ dbt.type_string() }}) as cost_center,
        cast(null as decimal(38, 12)) as basis_quantity,
        cast(ruled.amount_usd as decimal(26, 12)) as amount_usd
    from ruled
    left join leftovers
        on ruled.charge_id = leftovers.charge_id
    where ruled.rule_number = 1 and leftovers.charge_id is null

    union all

    select
        charge_id,
        cast(null as {{ dbt.type_string() }}) as rule_id,
        cast(null as {{ dbt.type_string() }}) as rule_version,
        'unattributed' as method,
        'unattributed' as cost_component,
        'unattributed' as tenant_id,
        'unattributed' as product_id,
        'unattributed' as feature_id,
        'unattributed' as environment,
        'unattributed' as plan,
        cast(null as {{ dbt.type_string() }}) as cost_center,
        cast(null as decimal(38, 12)) as basis_quantity,
        amount_usd
    from gpu_unlogged
    where amount_usd <> 0

)

select * from parts
