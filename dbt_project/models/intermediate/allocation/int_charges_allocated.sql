{#- The longest chain of rules; the settings refuse a longer one. -#}
{%- set steps = 3 -%}
{%- set who = 'tenant_id, product_id, feature_id, environment, plan, cost_center, cost_nature' -%}
{%- set matched = [
    'charge_category', 'service_provider', 'billing_account_id', 'billing_scope_id', 'host', 'model', 'meter', 'invoice_id',
    'team_id', 'api_key_id', 'product_id', 'feature_id', 'environment', 'unattributed_reason',
] -%}
{%- set of_charge = 'charge_category, service_provider, billing_account_id, billing_scope_id, host, model, meter, invoice_id, '
    ~ 'usage_date' -%}
{%- set span = ['spans.ends_at - spans.weight', 'spans.ends_at', 'divided.total_weight'] -%}
{%- set weighed = "('proportional', 'blended', 'tiered')" -%}
with charges as (

    select * from {{ ref('fct_charges') }}

),

traced as (

    select * from {{ ref('int_charges_traced') }}

),

metrics as (

    select * from {{ ref('int_allocation_metrics_daily') }}

),

rules as (

    select * from {{ ref('stg_config__allocation_rules') }}

),

matches as (

    select * from {{ ref('stg_config__allocation_matches') }}

),

named_targets as (

    select * from {{ ref('stg_config__allocation_targets') }}

),

tenants as (

    select * from {{ ref('stg_config__tenants') }}

),

features as (

    select * from {{ ref('stg_config__features') }}

),

teams as (

    select * from {{ ref('stg_config__teams') }}

),

-- Everything a rule can mean by all of a kind.
every_target as (

    select
        'tenant' as target_type,
        tenant_id as target_id
    from tenants
    union
    select
        'product' as target_type,
        product_id as target_id
    from features
    union
    select
        'cost_center' as target_type,
        cost_center as target_id
    from tenants
    where cost_center is not null
    union
    select
        'cost_center' as target_type,
        cost_center as target_id
    from teams
    where cost_center is not null

),

-- What a rule charges where it says so itself: the named ones, else all of the kind.
rule_targets as (

    select
        rule_order,
        target_type,
        target_id
    from named_targets
    where not is_fallback and share is null
    union all
    select
        rules.rule_order,
        rules.target_type,
        every_target.target_id
    from rules
    inner join every_target
        on rules.target_type = every_target.target_type
    where not rules.has_named_targets

),

target_counts as (

    select
        rule_order,
        cast(count(*) as decimal(9, 0)) as targets
    from rule_targets
    group by rule_order

),

-- Shares that need no weights. A fallback has the number of its rule below zero.
unweighed_targets as (

    select
        rules.rule_order as set_number,
        rule_targets.target_type,
        rule_targets.target_id,
        cast(1 as decimal(19, 0)) as weight,
        cast(1 as decimal(38, 12)) as basis_quantity
    from rules
    inner join rule_targets
        on rules.rule_order = rule_targets.rule_order
    where rules.method = 'even'

    union all

    select
        -rules.rule_order as set_number,
        rule_targets.target_type,
        rule_targets.target_id,
        cast(1 as decimal(19, 0)) as weight,
        cast(1 as decimal(38, 12)) as basis_quantity
    from rules
    inner join rule_targets
        on rules.rule_order = rule_targets.rule_order
    where rules.method in {{ weighed }} and rules.fallback = 'even'

    union all

    select
        case when is_fallback then -rule_order else rule_order end as set_number,
        target_type,
        target_id,
        cast(share * 1000000 as decimal(19, 0)) as weight,
        cast(share as decimal(38, 12)) as basis_quantity
    from named_targets
    where share is not null

    union all

    -- What fixed shares leave of 1.
    select
        case when is_fallback then -rule_order else rule_order end as set_number,
        'unattributed' as target_type,
        'unattributed' as target_id,
        cast(1000000 - sum(share) * 1000000 as decimal(19, 0)) as weight,
        cast(1 - sum(share) as decimal(38, 12)) as basis_quantity
    from named_targets
    where share is not null
    group by is_fallback, rule_order
    having sum(share) < 1

),

unweighed_sets as (

    select distinct set_number
    from unweighed_targets

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

wanted_sets_{{ step }} as (

    select
        rule_order,
        weighed_provider,
        weighed_account_id,
        weighed_product_id,
        weighed_from,
        weighed_to,
        row_number() over (
            order by
                rule_order asc nulls last, weighed_from asc nulls last, weighed_to asc nulls last,
                weighed_provider asc nulls last, weighed_account_id asc nulls last, weighed_product_id asc nulls last
        ) + 1000000 as set_number
    from (
        select distinct rule_order, weighed_provider, weighed_account_id, weighed_product_id, weighed_from, weighed_to
        from ruled_{{ step }}
        where method in {{ weighed }}
    ) as distinct_sets

),

set_metrics_{{ step }} as (

    select
        wanted_sets.set_number,
        wanted_sets.rule_order,
        wanted_sets.weighed_from,
        wanted_sets.weighed_to,
        rules.method,
        rules.target_type,
        case rules.target_type
            when 'tenant' then metrics.tenant_id
            when 'product' then metrics.product_id
            else coalesce(metrics.cost_center, tenants.cost_center, 'unattributed')
        end as target_id,
        metrics.hour_start,
        metrics.user_key,
        metrics.quantity
    from wanted_sets_{{ step }} as wanted_sets
    inner join rules
        on wanted_sets.rule_order = rules.rule_order
    inner join metrics
        on
            rules.metric = metrics.metric
            and metrics.usage_date >= wanted_sets.weighed_from
            and metrics.usage_date < wanted_sets.weighed_to
            and coalesce(metrics.service_provider = wanted_sets.weighed_provider, wanted_sets.weighed_provider is null)
            and coalesce(metrics.billing_account_id = wanted_sets.weighed_account_id, wanted_sets.weighed_account_id is null)
            and coalesce(metrics.product_id = wanted_sets.weighed_product_id, wanted_sets.weighed_product_id is null)
    left join tenants
        on metrics.tenant_id = tenants.tenant_id

),

busy_hours_{{ step }} as (

    select
        set_number,
        hour_start,
        cast(sum(quantity) as decimal(26, 12)) as quantity,
        row_number() over (
            partition by set_number
            order by cast(sum(quantity) as decimal(26, 12)) desc nulls last, hour_start asc nulls last
        ) as hour_rank,
        cast({{ dbt.datediff('max(weighed_from)', 'max(weighed_to)', 'day') }} as integer) * 24 as hours
    from set_metrics_{{ step }}
    where method = 'blended'
    group by set_number, hour_start

),

-- The hour that 95 of 100 do not exceed, silent ones counted: with too few busy hours every one of them is a peak.
peak_limits_{{ step }} as (

    select
        set_number,
        coalesce(max(case when hour_rank = hours - ceil(hours * 0.95) + 1 then quantity end), 0) as peak_limit
    from busy_hours_{{ step }}
    group by set_number

),

peak_hours_{{ step }} as (

    select
        busy_hours.set_number,
        busy_hours.hour_start
    from busy_hours_{{ step }} as busy_hours
    inner join peak_limits_{{ step }} as peak_limits
        on
            busy_hours.set_number = peak_limits.set_number
            and busy_hours.quantity >= peak_limits.peak_limit

),

quantities_{{ step }} as (

    select
        set_metrics.set_number,
        set_metrics.rule_order,
        set_metrics.target_type,
        set_metrics.target_id,
        cast(
            case when max(set_metrics.user_key) is null then sum(set_metrics.quantity) else count(distinct set_metrics.user_key) end
            as decimal(26, 12)
        ) as quantity,
        cast(sum(case when peak_hours.set_number is null then 0 else set_metrics.quantity end) as decimal(26, 12)) as peak_quantity
    from set_metrics_{{ step }} as set_metrics
    left join peak_hours_{{ step }} as peak_hours
        on
            set_metrics.set_number = peak_hours.set_number
            and set_metrics.hour_start = peak_hours.hour_start
    group by set_metrics.set_number, set_metrics.rule_order, set_metrics.target_type, set_metrics.target_id
    having sum(set_metrics.quantity) > 0

),

-- Whole numbers: millionths of a cent, tokens or calls, millionths of a second.
named_quantities_{{ step }} as (

    select
        quantities.set_number,
        quantities.rule_order,
        quantities.target_type,
        quantities.target_id,
        quantities.quantity,
        cast(
            case
                when rules.metric in ('billed_cost_usd', 'effective_cost_usd', 'revenue_usd') then quantities.quantity * 100000000
                when rules.metric in ('gpu_seconds', 'weighted_tokens') then quantities.quantity * 1000000
                else quantities.quantity
            end as decimal(19, 0)
        ) as units,
        cast(quantities.peak_quantity * 1000000 as decimal(19, 0)) as peak_units
    from quantities_{{ step }} as quantities
    inner join rules
        on quantities.rule_order = rules.rule_order
    left join rule_targets
        on
            quantities.rule_order = rule_targets.rule_order
            and quantities.target_id = rule_targets.target_id
    where not rules.has_named_targets or rule_targets.target_id is not null

),

set_totals_{{ step }} as (

    select
        set_number,
        rule_order,
        cast(sum(units) as decimal(19, 0)) as units,
        cast(sum(peak_units) as decimal(19, 0)) as peak_units
    from named_quantities_{{ step }}
    group by set_number, rule_order
    having sum(units) > 0

),

-- A floor is for every target of the rule, also for one without any of the metric.
floored_{{ step }} as (

    select
        set_totals.set_number,
        set_totals.rule_order,
        rule_targets.target_type,
        rule_targets.target_id
    from set_totals_{{ step }} as set_totals
    inner join rules
        on set_totals.rule_order = rules.rule_order
    inner join rule_targets
        on set_totals.rule_order = rule_targets.rule_order
    where rules.method = 'tiered'

),

weighed_targets_{{ step }} as (

    select
        coalesce(named_quantities.set_number, floored.set_number) as set_number,
        coalesce(named_quantities.rule_order, floored.rule_order) as rule_order,
        coalesce(named_quantities.target_type, floored.target_type) as target_type,
        coalesce(named_quantities.target_id, floored.target_id) as target_id,
        coalesce(named_quantities.quantity, 0) as quantity,
        coalesce(named_quantities.units, 0) as units,
        coalesce(named_quantities.peak_units, 0) as peak_units,
        floored.target_id is not null as has_floor
    from named_quantities_{{ step }} as named_quantities
    full outer join floored_{{ step }} as floored
        on
            named_quantities.set_number = floored.set_number
            and named_quantities.target_id = floored.target_id

),

-- Blended and tiered shares have 12 decimals.
shares_{{ step }} as (

    select
        weighed_targets.set_number,
        weighed_targets.target_type,
        weighed_targets.target_id,
        weighed_targets.quantity,
        weighed_targets.units,
        case when weighed_targets.has_floor then 1 else 0 end as floors,
        rules.method,
        rules.token_share,
        rules.floor_share,
        1 - rules.floor_share * target_counts.targets as share_above_floors,
        {{ divide_whole('weighed_targets.units * 1000000000000', 'set_totals.units') }} as unit_share,
        coalesce({{ divide_whole('weighed_targets.peak_units * 1000000000000', 'set_totals.peak_units') }}, 0) as peak_share
    from weighed_targets_{{ step }} as weighed_targets
    inner join rules
        on weighed_targets.rule_order = rules.rule_order
    inner join set_totals_{{ step }} as set_totals
        on weighed_targets.set_number = set_totals.set_number
    left join target_counts
        on weighed_targets.rule_order = target_counts.rule_order

),

weights_{{ step }} as (

    select
        set_number,
        target_type,
        target_id,
        quantity,
        method,
        cast(
            case method
                when 'proportional' then units
                when 'blended' then token_share * unit_share + (1 - token_share) * peak_share
                else floors * floor_share * 1000000000000 + share_above_floors * unit_share
            end as decimal(19, 0)
        ) as weight
    from shares_{{ step }}

),

set_targets_{{ step }} as (

    select
        set_number,
        target_type,
        target_id,
        weight,
        basis_quantity
    from unweighed_targets
    union all
    select
        set_number,
        case when target_id = 'unattributed' then 'unattributed' else target_type end as target_type,
        target_id,
        weight,
        cast(case when method = 'proportional' then quantity else weight * 0.000000000001 end as decimal(38, 12)) as basis_quantity
    from weights_{{ step }}
    where weight > 0
    union all
    select
        0 as set_number,
        'unattributed' as target_type,
        'unattributed' as target_id,
        cast(1 as decimal(19, 0)) as weight,
        cast(null as decimal(38, 12)) as basis_quantity

),

-- Where each target's weight begins and ends in its set; the first one ends at the total.
spans_{{ step }} as (

    select
        set_targets.*,
        cast(sum(weight) over (
            partition by set_number order by target_type desc nulls last, target_id desc nulls last
            rows between unbounded preceding and current row
        ) as decimal(19, 0)) as ends_at,
        cast(sum(weight) over (partition by set_number) as decimal(19, 0)) as total_weight
    from set_targets_{{ step }} as set_targets

),

set_weights_{{ step }} as (

    select
        set_number,
        max(total_weight) as total_weight
    from spans_{{ step }}
    group by set_number

),

placed_{{ step }} as (

    select
        ruled.*,
        case
            when ruled.method in {{ weighed }} and set_totals.set_number is not null then set_totals.set_number
            when ruled.method not in {{ weighed }} and own_sets.set_number is not null then ruled.rule_order
            when ruled.method in {{ weighed }} and fallback_sets.set_number is not null then -ruled.rule_order
            else 0
        end as set_number
    from ruled_{{ step }} as ruled
    left join wanted_sets_{{ step }} as wanted_sets
        on
            ruled.rule_order = wanted_sets.rule_order
            and ruled.weighed_from = wanted_sets.weighed_from
            and ruled.weighed_to = wanted_sets.weighed_to
            and coalesce(ruled.weighed_provider, '') = coalesce(wanted_sets.weighed_provider, '')
            and coalesce(ruled.weighed_account_id, '') = coalesce(wanted_sets.weighed_account_id, '')
            and coalesce(ruled.weighed_product_id, '') = coalesce(wanted_sets.weighed_product_id, '')
    left join set_totals_{{ step }} as set_totals
        on wanted_sets.set_number = set_totals.set_number
    left join unweighed_sets as own_sets
        on ruled.rule_order = own_sets.set_number
    left join unweighed_sets as fallback_sets
        on ruled.rule_order = -fallback_sets.set_number

),

divided_{{ step }} as (

    select
        placed.*,
        case
            when placed.set_number = 0 then 'unattributed'
            when placed.set_number < 0 then placed.fallback
            else placed.method
        end as method_used,
        set_weights.total_weight,
        {{ pico_quotient('placed.amount_usd', 'set_weights.total_weight') }} as amount_quotient,
        {{ pico_remainder('placed.amount_usd', 'set_weights.total_weight') }} as amount_remainder,
        {{ pico_quotient('placed.effective_amount_usd', 'set_weights.total_weight') }} as effective_quotient,
        {{ pico_remainder('placed.effective_amount_usd', 'set_weights.total_weight') }} as effective_remainder
    from placed_{{ step }} as placed
    inner join set_weights_{{ step }} as set_weights
        on placed.set_number = set_weights.set_number

),

billed_{{ step }} as (

    select
        divided.charge_id,
        divided.service_provider,
        divided.through_rules,
        divided.rule_order,
        divided.method_used as method,
        divided.charge_category,
        divided.billing_account_id,
        divided.billing_scope_id,
        divided.host,
        divided.model,
        divided.meter,
        divided.invoice_id,
        divided.usage_date,
        spans.target_type,
        spans.target_id,
        divided.product_id,
        divided.feature_id,
        divided.environment,
        divided.cost_center,
        divided.cost_nature,
        spans.basis_quantity,
        spans.weight,
        spans.ends_at,
        divided.total_weight,
        divided.effective_quotient,
        divided.effective_remainder,
        divided.effective_amount_usd = divided.amount_usd as is_effective_billed,
        {{ split_exact('divided.amount_quotient', 'divided.amount_remainder', *span) }} as amount_usd
    from divided_{{ step }} as divided
    inner join spans_{{ step }} as spans
        on divided.set_number = spans.set_number

),

-- Most amounts are both: divided once.
split_{{ step }} as (

    select
        billed.*,
        case
            when billed.is_effective_billed then billed.amount_usd
            else {{ split_exact('billed.effective_quotient', 'billed.effective_remainder', 'billed.ends_at - billed.weight',
            'billed.ends_at', 'billed.total_weight') }}
        end as effective_amount_usd
    from billed_{{ step }} as billed

),
{%- if step < steps %}

parts_{{ step + 1 }} as (

    select
        charge_id || ':' || coalesce(through_rules, '') || ':' || cast(rule_order as {{ dbt.type_string() }}) || ':'
        || target_type || ':' || target_id || ':' || product_id || ':' || feature_id || ':' || environment || ':'
        || coalesce(cost_center, '') || ':' || coalesce(cost_nature, '') as part_id,
        charge_id,
        {{ of_charge }},
        case when target_type = 'product' then target_id else product_id end as product_id,
        feature_id,
        environment,
        case when target_type = 'cost_center' then target_id else cost_center end as cost_center,
        cost_nature,
        cast(null as {{ dbt.type_string() }}) as team_id,
        cast(null as {{ dbt.type_string() }}) as api_key_id,
        cast(null as {{ dbt.type_string() }}) as unattributed_reason,
        target_type as at_type,
        target_id as at_id,
        through_rules,
        rule_order,
        method,
        basis_quantity,
        amount_usd,
        effective_amount_usd
    from split_{{ step }}
    where target_type in ('pool', 'product', 'cost_center')

),
{%- endif %}
{%- endfor %}
{%- for step in range(1, steps + 1) %}

-- What no rule takes, or takes further, ends where it is; by which key it was called no longer matters.
ended_{{ step }} as (

    select
        parts.charge_id,
        parts.charge_category,
        parts.through_rules,
        parts.rule_order,
        coalesce(parts.method, 'unattributed') as method,
        case when parts.at_type = 'charge' then 'unattributed' else parts.at_type end as target_type,
        coalesce(parts.at_id, 'unattributed') as target_id,
        parts.product_id,
        parts.feature_id,
        parts.environment,
        parts.cost_center,
        parts.cost_nature,
        cast(sum(parts.basis_quantity) as decimal(38, 12)) as basis_quantity,
        cast(sum(parts.amount_usd) as decimal(26, 12)) as amount_usd,
        cast(sum(parts.effective_amount_usd) as decimal(26, 12)) as effective_amount_usd
    from parts_{{ step }} as parts
    left join first_rules_{{ step }} as first_rules
        on parts.part_id = first_rules.part_id
    where first_rules.part_id is null
    group by
        parts.charge_id, parts.charge_category, parts.through_rules, parts.rule_order, parts.method, parts.at_type,
        parts.at_id, parts.product_id, parts.feature_id, parts.environment, parts.cost_center, parts.cost_nature

),
{%- endfor %}

ended as (

    {%- for step in range(1, steps + 1) %}
    select * from ended_{{ step }}
    union all
    select
        charge_id,
        charge_category,
        through_rules,
        rule_order,
        method,
        target_type,
        target_id,
        product_id,
        feature_id,
        environment,
        cost_center,
        cost_nature,
        basis_quantity,
        amount_usd,
        effective_amount_usd
    from split_{{ step }}
    {%- if step < steps %}
    where target_type in ('tenant', 'unattributed')
    union all
    {%- endif %}
    {%- endfor %}

),

-- The teams of a tenant can have a cost center where the tenant has none: that of the month's calls, which a later month
-- must not change.
called as (

    select
        traced.tenant_id,
        cast(date_trunc('month', charges.usage_date) as date) as month_start,
        max(traced.cost_center) as cost_center
    from traced
    inner join charges
        on traced.charge_id = charges.charge_id
    where traced.tenant_id <> 'unattributed'
    group by traced.tenant_id, cast(date_trunc('month', charges.usage_date) as date)

),

ruled_parts as (

    select
        ended.charge_id,
        rules.rule_id,
        rules.rule_version,
        ended.through_rules,
        ended.method,
        ended.target_type,
        ended.target_id,
        case
            when ended.target_type = 'unattributed' and ended.method <> 'unattributed' then 'unattributed'
            when ended.charge_category = 'gpu_idle' then 'idle'
            when ended.target_type = 'unattributed' then 'unattributed'
            when ended.method = 'direct' then 'direct'
            else 'shared'
        end as cost_component,
        case when ended.target_type = 'tenant' then ended.target_id else 'unattributed' end as tenant_id,
        case when ended.target_type = 'product' then ended.target_id else ended.product_id end as product_id,
        ended.feature_id,
        ended.environment,
        coalesce(tenants.plan, 'unattributed') as plan,
        case
            when ended.target_type = 'cost_center' then ended.target_id
            else coalesce(ended.cost_center, tenants.cost_center, called.cost_center)
        end as cost_center,
        ended.cost_nature,
        ended.basis_quantity,
        ended.amount_usd,
        ended.effective_amount_usd
    from ended
    inner join charges
        on ended.charge_id = charges.charge_id
    left join rules
        on ended.rule_order = rules.rule_order
    left join tenants
        on ended.target_type = 'tenant' and ended.target_id = tenants.tenant_id
    left join called
        on
            ended.target_type = 'tenant'
            and ended.target_id = called.tenant_id
            and cast(date_trunc('month', charges.usage_date) as date) = called.month_start

),

-- Parts of calls that differed only in what the target's own replaces are one part.
ruled_targets as (

    select
        charge_id,
        rule_id,
        rule_version,
        through_rules,
        method,
        target_type,
        target_id,
        cost_component,
        {{ who }},
        max(basis_quantity) as basis_quantity,
        cast(sum(amount_usd) as decimal(26, 12)) as amount_usd,
        cast(sum(effective_amount_usd) as decimal(26, 12)) as effective_amount_usd
    from ruled_parts
    group by
        charge_id, rule_id, rule_version, through_rules, method, target_type, target_id, cost_component,
        {{ who }}

),

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
        effective_amount_usd
    from traced
    where tenant_id <> 'unattributed'

    union all

    select * from ruled_targets

)

select * from parts
