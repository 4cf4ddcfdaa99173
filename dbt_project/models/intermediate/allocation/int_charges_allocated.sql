{%- set who = 'tenant_id, product_id, feature_id, environment, plan, cost_center, cost_nature' -%}
with charges as (

    select * from {{ ref('fct_charges') }}

),

usage as (

    select
        call_id,
        {{ who }}
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

rules as (

    select * from {{ ref('stg_config__allocation_rules') }}

),

tenants as (

    select * from {{ ref('stg_config__tenants') }}

),

call_amounts as (

    select group_id, call_id, amount_usd, true as is_metered
    from call_meters
    where amount_usd is not null
    union all
    select charge_id as group_id, call_id, billed_cost_usd as amount_usd, false as is_metered
    from gpu_calls
    where billed_cost_usd is not null

),

-- A call has one row in a group: to count rows is to count calls.
call_sums as (

    select
        call_amounts.group_id,
        call_amounts.is_metered,
        {%- for name in who.split(', ') %}
        usage.{{ name }},
        {%- endfor %}
        cast(sum(call_amounts.amount_usd) as decimal(26, 12)) as amount_usd,
        cast(count(*) as decimal(38, 12)) as basis_quantity
    from call_amounts
    inner join usage
        on call_amounts.call_id = usage.call_id
    group by
        call_amounts.group_id,
        call_amounts.is_metered,
        usage.{{ who.split(', ') | join(', usage.') }}

),

direct as (

    select
        case when is_metered then 'usage:' || group_id else group_id end as charge_id,
        {{ who }},
        amount_usd,
        basis_quantity
    from call_sums

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
        charges.charge_id,
        charges.charge_category,
        charges.amount_usd,
        rules.rule_id,
        rules.rule_version,
        totals.total_weight,
        totals.first_tenant_id,
        charges.service_provider,
        charges.billing_account_id,
        charges.posting_period,
        case
            when rules.method = 'proportional' and totals.total_weight is null then rules.fallback
            else coalesce(rules.method, 'unattributed')
        end as method,
        row_number() over (partition by charges.charge_id order by rules.rule_order asc nulls last) as rule_number
    from charges
    left join rules
        on
            charges.charge_category = rules.charge_category
            and charges.usage_date >= rules.valid_from
            and charges.usage_date < rules.valid_to
    left join totals
        on
            charges.service_provider = totals.service_provider
            and charges.billing_account_id = totals.billing_account_id
            and charges.posting_period = totals.posting_period
    where charges.charge_category not in ('usage', 'gpu_busy')

),

tenant_count as (

    select
        cast(count(*) as decimal(26, 12)) as total_weight,
        min(tenant_id) as first_tenant_id
    from tenants

),

weighed as (

    select
        ruled.charge_id,
        ruled.charge_category,
        ruled.amount_usd,
        ruled.rule_id,
        ruled.rule_version,
        ruled.method,
        ruled.total_weight,
        ruled.first_tenant_id,
        weights.tenant_id,
        weights.plan,
        weights.cost_center,
        weights.weight
    from ruled
    inner join weights using (service_provider, billing_account_id, posting_period)
    where ruled.rule_number = 1 and ruled.method = 'proportional'

    union all

    select
        ruled.charge_id,
        ruled.charge_category,
        ruled.amount_usd,
        ruled.rule_id,
        ruled.rule_version,
        ruled.method,
        tenant_count.total_weight,
        tenant_count.first_tenant_id,
        tenants.tenant_id,
        tenants.plan,
        tenants.cost_center,
        cast(1 as decimal(26, 12)) as weight
    from ruled
    cross join tenant_count
    cross join tenants
    where ruled.rule_number = 1 and ruled.method = 'even'

),

spread as (

    select
        charge_id,
        charge_category,
        rule_id,
        rule_version,
        method,
        tenant_id,
        plan,
        cost_center,
        weight as basis_quantity,
        tenant_id = first_tenant_id as takes_leftover,
        amount_usd as charge_usd,
        {{ divide_exact('amount_usd', 'cast(weight as decimal(28, 8))', 'cast(total_weight as decimal(28, 8))') }} as shared_usd
    from weighed

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
        spread.method,
        case
            when spread.tenant_id = 'unattributed' then 'unattributed'
            when spread.charge_category = 'gpu_idle' then 'idle'
            else 'shared'
        end as cost_component,
        spread.tenant_id,
        'unattributed' as product_id,
        'unattributed' as feature_id,
        'unattributed' as environment,
        spread.plan,
        spread.cost_center,
        cast(null as {{ dbt.type_string() }}) as cost_nature,
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
        cast(null as {{ dbt.type_string() }}) as cost_nature,
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
        cast(null as {{ dbt.type_string() }}) as cost_nature,
        cast(null as decimal(38, 12)) as basis_quantity,
        amount_usd
    from gpu_unlogged
    where amount_usd <> 0

)

select * from parts
