{#- The longest chain of rules; the settings refuse a longer one. -#}
{%- set steps = 3 -%}
{%- set who = 'tenant_id, product_id, feature_id, environment, plan, cost_center, cost_nature' -%}
{%- set matched = [
    'charge_category', 'service_provider', 'billing_account_id', 'billing_scope_id', 'host', 'model', 'meter', 'invoice_id',
    'team_id', 'api_key_id', 'product_id', 'feature_id', 'environment', 'unattributed_reason',
] -%}
{%- set of_charge = 'charge_category, service_provider, billing_account_id, billing_scope_id, host, model, meter, invoice_id, '
    ~ 'usage_date' -%}
{%- set weighed = "('proportional', 'blended', 'tiered')" -%}
{%- do comes_after('int_charge_days') -%}
with charges as (

    select * from {{ ref('fct_charges') }}

),

traced as (

    select * from {{ ref('int_charges_traced') }}

),

shares as (

    select * from {{ ref('dim_allocation_shares') }}

),

rules as (

    select * from {{ ref('stg_config__allocation_rules') }}

),

matches as (

    select * from {{ ref('stg_config__allocation_matches') }}

),

closed_allocations as (

    select * from {{ ref('stg_accounting__closed_allocations') }}

),

sets as (

    select distinct
        set_number,
        set_kind,
        rule_order,
        month_start,
        weighed_provider,
        weighed_account_id,
        weighed_product_id,
        weighed_from,
        weighed_to,
        total_weight
    from shares

),

parts_1 as (

    select
        traced.part_id,
        traced.charge_id,
        {%- for name in of_charge.split(', ') %}
        charges.{{ name }},
        {%- endfor %}
        traced.product_id,
        traced.feature_id,
        traced.environment,
        traced.cost_center,
        traced.cost_nature,
        traced.team_id,
        traced.api_key_id,
        traced.unattributed_reason,
        traced.tags,
        'charge' as at_type,
        cast(null as {{ dbt.type_string() }}) as at_id,
        cast(null as {{ dbt.type_string() }}) as through_rules,
        cast(null as integer) as rule_order,
        cast(null as {{ dbt.type_string() }}) as method,
        traced.calls as basis_quantity,
        traced.amount_usd,
        traced.effective_amount_usd
    from traced
    inner join charges
        on traced.charge_id = charges.charge_id
    where traced.tenant_id = 'unattributed'

),
{%- for step in range(1, steps + 1) %}

-- Step {{ step }}: the first rule that fits takes what no tenant carries.
first_rules_{{ step }} as (

    select
        parts.part_id,
        min(matches.rule_order) as rule_order
    from parts_{{ step }} as parts
    inner join matches
        on
            parts.at_type = matches.from_type
            and parts.usage_date >= matches.valid_from
            and parts.usage_date < matches.valid_to
            and coalesce(matches.from_id = parts.at_id, matches.from_id is null)
            {%- for name in matched %}
            and coalesce(matches.{{ name }} = parts.{{ name }}, matches.{{ name }} is null)
            {%- endfor %}
            and coalesce(parts.tags like matches.tags escape '!', matches.tags is null)
    group by parts.part_id

),

-- From here on only the charge and what is known of its calls' product matters: keys and teams under one rule are one part.
taken_{{ step }} as (

    select
        parts.charge_id,
        {%- for name in of_charge.split(', ') %}
        max(parts.{{ name }}) as {{ name }},
        {%- endfor %}
        parts.product_id,
        parts.feature_id,
        parts.environment,
        parts.cost_center,
        parts.cost_nature,
        {% if step == 1 %}cast(null as {{ dbt.type_string() }}){% else %}coalesce(parts.through_rules || ' > ', '')
        || max(previous_rules.rule_id) || ':' || parts.at_type || '/' || parts.at_id{% endif %} as through_rules,
        first_rules.rule_order,
        cast(sum(parts.amount_usd) as decimal(26, 12)) as amount_usd,
        cast(sum(parts.effective_amount_usd) as decimal(26, 12)) as effective_amount_usd
    from parts_{{ step }} as parts
    inner join first_rules_{{ step }} as first_rules
        on parts.part_id = first_rules.part_id
    {%- if step > 1 %}
    inner join rules as previous_rules
        on parts.rule_order = previous_rules.rule_order
    {%- endif %}
    group by
        parts.charge_id, parts.product_id, parts.feature_id, parts.environment, parts.cost_center, parts.cost_nature,
        parts.through_rules, parts.rule_order, parts.at_type, parts.at_id, first_rules.rule_order

),

-- What a rule weighs by: the same account or product as the part, in its month or in the days up to it.
ruled_{{ step }} as (

    select
        taken.*,
        rules.method,
        rules.fallback,
        cast(date_trunc('month', taken.usage_date) as date) as month_start,
        case when rules.method in {{ weighed }} and rules.scope = 'account' then taken.service_provider end as weighed_provider,
        case when rules.method in {{ weighed }} and rules.scope = 'account' then taken.billing_account_id end as weighed_account_id,
        case when rules.method in {{ weighed }} and rules.scope = 'product' then taken.product_id end as weighed_product_id,
        case
            when rules.method not in {{ weighed }} then null
            when rules.window_days is null then cast(date_trunc('month', taken.usage_date) as date)
            else cast({{ dbt.dateadd('day', '1 - rules.window_days', 'taken.usage_date') }} as date)
        end as weighed_from,
        case
            when rules.method not in {{ weighed }} then null
            when rules.window_days is null
                then cast({{ dbt.dateadd('month', 1, "date_trunc('month', taken.usage_date)") }} as date)
            else cast({{ dbt.dateadd('day', 1, 'taken.usage_date') }} as date)
        end as weighed_to
    from taken_{{ step }} as taken
    inner join rules
        on taken.rule_order = rules.rule_order

),

-- A rule whose weights are all zero uses its fallback.
placed_{{ step }} as (

    select
        ruled.*,
        case
            when coalesce(weighed_sets.set_number, own_sets.set_number) is not null then ruled.method
            when fallback_sets.set_number is not null then ruled.fallback
            else 'unattributed'
        end as method_used,
        coalesce(weighed_sets.set_number, own_sets.set_number, fallback_sets.set_number, nobody_sets.set_number) as set_number,
        coalesce(
            weighed_sets.total_weight, own_sets.total_weight, fallback_sets.total_weight, nobody_sets.total_weight
        ) as total_weight
    from ruled_{{ step }} as ruled
    inner join sets as nobody_sets
        on
            nobody_sets.set_kind = 'nobody'
            and ruled.month_start = nobody_sets.month_start
    left join sets as weighed_sets
        on
            weighed_sets.set_kind = 'weighed'
            and ruled.rule_order = weighed_sets.rule_order
            and ruled.weighed_from = weighed_sets.weighed_from
            and ruled.weighed_to = weighed_sets.weighed_to
            and coalesce(ruled.weighed_provider, '') = coalesce(weighed_sets.weighed_provider, '')
            and coalesce(ruled.weighed_account_id, '') = coalesce(weighed_sets.weighed_account_id, '')
            and coalesce(ruled.weighed_product_id, '') = coalesce(weighed_sets.weighed_product_id, '')
    left join sets as own_sets
        on
            own_sets.set_kind = 'own'
            and ruled.method not in {{ weighed }}
            and ruled.rule_order = own_sets.rule_order
            and ruled.month_start = own_sets.month_start
    left join sets as fallback_sets
        on
            fallback_sets.set_kind = 'fallback'
            and ruled.method in {{ weighed }}
            and ruled.rule_order = fallback_sets.rule_order
            and ruled.month_start = fallback_sets.month_start

),

divided_{{ step }} as (

    select
        charge_id,
        {{ of_charge }},
        through_rules,
        rule_order,
        method_used as method,
        product_id,
        feature_id,
        environment,
        cost_center,
        cost_nature,
        set_number,
        amount_usd,
        effective_amount_usd,
        cast({{ pico_quotient('amount_usd', 'total_weight') }} as decimal(26, 0)) as amount_quotient,
        cast({{ pico_remainder('amount_usd', 'total_weight') }} as bigint) as amount_remainder,
        cast({{ pico_quotient('effective_amount_usd', 'total_weight') }} as decimal(26, 0)) as effective_quotient,
        cast({{ pico_remainder('effective_amount_usd', 'total_weight') }} as bigint) as effective_remainder
    from placed_{{ step }}

),

-- What a rule puts on a pool, product or cost center, another may take further.
parts_{{ step + 1 }} as (

    select
        '{{ step }}:' || divided.charge_id || ':' || coalesce(divided.through_rules, '') || ':'
        || cast(divided.rule_order as {{ dbt.type_string() }}) || ':' || shares.target_type || ':' || shares.target_id || ':'
        || divided.product_id || ':' || divided.feature_id || ':' || divided.environment || ':'
        || coalesce(divided.cost_center, '') || ':' || coalesce(divided.cost_nature, '') as part_id,
        divided.charge_id,
        {%- for name in of_charge.split(', ') %}
        divided.{{ name }},
        {%- endfor %}
        case when shares.target_type = 'product' then shares.target_id else divided.product_id end as product_id,
        divided.feature_id,
        divided.environment,
        case when shares.target_type = 'cost_center' then shares.target_id else divided.cost_center end as cost_center,
        divided.cost_nature,
        cast(null as {{ dbt.type_string() }}) as team_id,
        cast(null as {{ dbt.type_string() }}) as api_key_id,
        cast(null as {{ dbt.type_string() }}) as unattributed_reason,
        cast(null as {{ dbt.type_string() }}) as tags,
        shares.target_type as at_type,
        shares.target_id as at_id,
        divided.through_rules,
        divided.rule_order,
        divided.method,
        shares.basis_quantity,
        {{ split_by_span('divided.amount_quotient', 'divided.amount_remainder', 'shares') }} as amount_usd,
        {{ split_by_span('divided.effective_quotient', 'divided.effective_remainder', 'shares') }} as effective_amount_usd
    from divided_{{ step }} as divided
    inner join shares
        on divided.set_number = shares.set_number
    where shares.target_type not in ('tenant', 'unattributed')

),
{%- endfor %}

parts_of_steps as (

    {%- for step in range(1, steps + 2) %}
    select * from parts_{{ step }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

taken_parts as (

    {%- for step in range(1, steps + 1) %}
    select part_id from first_rules_{{ step }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

-- What no rule takes, or takes further, ends where it is; by which key it was called no longer matters.
left_over as (

    select
        parts.charge_id,
        parts.charge_category,
        parts.usage_date,
        parts.through_rules,
        parts.rule_order,
        coalesce(parts.method, 'unattributed') as method,
        case when parts.at_type = 'charge' then 'unattributed' else parts.at_type end as target_type,
        coalesce(parts.at_id, 'unattributed') as target_id,
        'unattributed' as tenant_id,
        parts.product_id,
        parts.feature_id,
        parts.environment,
        'unattributed' as plan,
        parts.cost_center,
        parts.cost_nature,
        cast(sum(parts.basis_quantity) as decimal(38, 12)) as basis_quantity,
        cast(sum(parts.amount_usd) as decimal(26, 12)) as amount_usd,
        cast(sum(parts.effective_amount_usd) as decimal(26, 12)) as effective_amount_usd
    from parts_of_steps as parts
    left join taken_parts
        on parts.part_id = taken_parts.part_id
    where taken_parts.part_id is null
    group by
        parts.charge_id, parts.charge_category, parts.usage_date, parts.through_rules, parts.rule_order, parts.method,
        parts.at_type, parts.at_id, parts.product_id, parts.feature_id, parts.environment, parts.cost_center,
        parts.cost_nature

),

divided as (

    {%- for step in range(1, steps + 1) %}
    select * from divided_{{ step }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

-- Of parts that differ only in their cost center, a target can get two that no longer differ.
counted as (

    select
        *,
        count(*) over (
            partition by charge_id, rule_order, through_rules, product_id, feature_id, environment, cost_nature
        ) as alike
    from divided

),

ended as (

    select * from left_over
    union all
    select
        counted.charge_id,
        counted.charge_category,
        counted.usage_date,
        counted.through_rules,
        counted.rule_order,
        counted.method,
        shares.target_type,
        shares.target_id,
        shares.tenant_id,
        counted.product_id,
        counted.feature_id,
        counted.environment,
        shares.plan,
        coalesce(counted.cost_center, shares.cost_center) as cost_center,
        counted.cost_nature,
        shares.basis_quantity,
        {{ split_by_span('counted.amount_quotient', 'counted.amount_remainder', 'shares') }} as amount_usd,
        {{ split_by_span('counted.effective_quotient', 'counted.effective_remainder', 'shares') }} as effective_amount_usd
    from counted
    inner join shares
        on counted.set_number = shares.set_number
    where counted.alike > 1 and shares.target_type in ('tenant', 'unattributed')

),

-- Parts of calls that differed only in what the target's own replaces are one part.
ruled_targets as (

    select
        ended.charge_id,
        rules.rule_id,
        rules.rule_version,
        ended.through_rules,
        ended.method,
        ended.target_type,
        ended.target_id,
        {{ cost_component('ended.target_type', 'ended.method', 'ended.charge_category') }} as cost_component,
        ended.{{ who.split(', ') | join(', ended.') }},
        max(ended.basis_quantity) as basis_quantity,
        cast(sum(ended.amount_usd) as decimal(26, 12)) as amount_usd,
        cast(sum(ended.effective_amount_usd) as decimal(26, 12)) as effective_amount_usd
    from ended
    left join rules
        on ended.rule_order = rules.rule_order
    group by
        ended.charge_id, rules.rule_id, rules.rule_version, ended.through_rules, ended.method, ended.target_type,
        ended.target_id, ended.charge_category, ended.{{ who.split(', ') | join(', ended.') }}

),

{%- set quotients = {
    'amount_quotient': 'decimal(26, 0)', 'amount_remainder': 'bigint', 'effective_quotient': 'decimal(26, 0)',
    'effective_remainder': 'bigint',
} %}

parts as (

    select
        charge_id,
        cast(null as {{ dbt.type_string() }}) as rule_id,
        cast(null as {{ dbt.type_string() }}) as rule_version,
        cast(null as {{ dbt.type_string() }}) as through_rules,
        'direct' as method,
        'tenant' as target_type,
        tenant_id as target_id,
        'direct' as cost_component,
        {{ who }},
        calls as basis_quantity,
        amount_usd,
        effective_amount_usd,
        {%- for name, type in quotients.items() %}
        cast(null as {{ type }}) as {{ name }},
        {%- endfor %}
        cast(null as bigint) as set_number
    from traced
    where tenant_id <> 'unattributed' and {{ is_touched('charges', 'usage_date') }}

    union all

    select
        *,
        {%- for name, type in quotients.items() %}
        cast(null as {{ type }}) as {{ name }},
        {%- endfor %}
        cast(null as bigint) as set_number
    from ruled_targets

    union all

    select
        counted.charge_id,
        rules.rule_id,
        rules.rule_version,
        counted.through_rules,
        counted.method,
        cast(null as {{ dbt.type_string() }}) as target_type,
        cast(null as {{ dbt.type_string() }}) as target_id,
        cast(null as {{ dbt.type_string() }}) as cost_component,
        cast(null as {{ dbt.type_string() }}) as tenant_id,
        counted.product_id,
        counted.feature_id,
        counted.environment,
        cast(null as {{ dbt.type_string() }}) as plan,
        counted.cost_center,
        counted.cost_nature,
        cast(null as decimal(38, 12)) as basis_quantity,
        counted.amount_usd,
        counted.effective_amount_usd,
        {%- for name in quotients %}
        counted.{{ name }},
        {%- endfor %}
        counted.set_number
    from counted
    inner join rules
        on counted.rule_order = rules.rule_order
    where counted.alike = 1

),

last_closed as (

    select max(posting_period) as posting_period
    from closed_allocations

),

of_charges as (

    select
        parts.charge_id,
        charges.posting_period,
        coalesce(charges.posting_period <= last_closed.posting_period, false) as is_of_closed_period,
        charges.usage_date,
        cast(date_trunc('week', charges.usage_date) as date) as week_start,
        charges.invoice_id,
        charges.service_provider,
        charges.billing_account_id,
        charges.host,
        charges.model,
        charges.charge_category,
        parts.target_type,
        parts.target_id,
        parts.{{ who.split(', ') | join(',\n        parts.') }},
        coalesce(parts.rule_id, 'direct') as rule_id,
        coalesce(parts.rule_version, '0') as rule_version,
        parts.through_rules,
        parts.method,
        parts.cost_component,
        parts.basis_quantity,
        parts.set_number,
        {%- for name in quotients %}
        parts.{{ name }},
        {%- endfor %}
        cast(charges.amount_usd as decimal(38, 12)) as charge_amount_usd,
        cast(parts.amount_usd as decimal(38, 12)) as amount_usd,
        cast(parts.effective_amount_usd as decimal(38, 12)) as effective_amount_usd,
        charges.charge_status as status
    from parts
    inner join charges
        on parts.charge_id = charges.charge_id
    cross join last_closed

)

select * from of_charges
