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

-- Shares that need no weights; those of nobody take what no rule places.
unweighed_targets as (

    select
        'own' as set_kind,
        rules.rule_order,
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
        'fallback' as set_kind,
        rules.rule_order,
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
        case when is_fallback then 'fallback' else 'own' end as set_kind,
        rule_order,
        target_type,
        target_id,
        cast(share * 1000000 as decimal(19, 0)) as weight,
        cast(share as decimal(38, 12)) as basis_quantity
    from named_targets
    where share is not null

    union all

    -- What fixed shares leave of 1.
    select
        case when is_fallback then 'fallback' else 'own' end as set_kind,
        rule_order,
        'unattributed' as target_type,
        'unattributed' as target_id,
        cast(1000000 - sum(share) * 1000000 as decimal(19, 0)) as weight,
        cast(1 - sum(share) as decimal(38, 12)) as basis_quantity
    from named_targets
    where share is not null
    group by is_fallback, rule_order
    having sum(share) < 1

    union all

    select
        'nobody' as set_kind,
        0 as rule_order,
        'unattributed' as target_type,
        'unattributed' as target_id,
        cast(1 as decimal(19, 0)) as weight,
        cast(null as decimal(38, 12)) as basis_quantity

),

-- What there is to share: only rules, accounts and days of it need weights.
shared_days as (

    select distinct
        charges.service_provider,
        charges.billing_account_id,
        charges.usage_date,
        cast(date_trunc('month', charges.usage_date) as date) as month_start
    from traced
    inner join charges
        on traced.charge_id = charges.charge_id
    where traced.tenant_id = 'unattributed'

),

months as (

    select distinct month_start
    from shared_days

),

metric_products as (

    select distinct
        metric,
        product_id
    from metrics

),

-- What a rule weighs by: the same account or product as the part, in its month or in the days up to it.
weighed_sets as (

    select distinct
        rules.rule_order,
        shared_days.month_start,
        case when rules.scope = 'account' then shared_days.service_provider end as weighed_provider,
        case when rules.scope = 'account' then shared_days.billing_account_id end as weighed_account_id,
        case when rules.scope = 'product' then metric_products.product_id end as weighed_product_id,
        case
            when rules.window_days is null then shared_days.month_start
            else cast({{ dbt.dateadd('day', '1 - rules.window_days', 'shared_days.usage_date') }} as date)
        end as weighed_from,
        case
            when rules.window_days is null then cast({{ dbt.dateadd('month', 1, 'shared_days.month_start') }} as date)
            else cast({{ dbt.dateadd('day', 1, 'shared_days.usage_date') }} as date)
        end as weighed_to
    from rules
    inner join shared_days
        on
            shared_days.usage_date >= rules.valid_from
            and shared_days.usage_date < rules.valid_to
    left join metric_products
        on
            rules.scope = 'product'
            and rules.metric = metric_products.metric
    where rules.method in {{ weighed }} and (rules.scope <> 'product' or metric_products.product_id is not null)

),

sets as (

    select
        cast(row_number() over (
            order by
                set_kind asc nulls last, rule_order asc nulls last, month_start asc nulls last, weighed_from asc nulls last,
                weighed_to asc nulls last, weighed_provider asc nulls last, weighed_account_id asc nulls last,
                weighed_product_id asc nulls last
        ) as bigint) as set_number,
        *
    from (
        select
            'weighed' as set_kind,
            *
        from weighed_sets
        union all
        select distinct
            unweighed_targets.set_kind,
            unweighed_targets.rule_order,
            months.month_start,
            cast(null as {{ dbt.type_string() }}) as weighed_provider,
            cast(null as {{ dbt.type_string() }}) as weighed_account_id,
            cast(null as {{ dbt.type_string() }}) as weighed_product_id,
            cast(null as date) as weighed_from,
            cast(null as date) as weighed_to
        from unweighed_targets
        cross join months
    ) as wanted

),

wanted_sets as (

    select * from sets
    where set_kind = 'weighed'

),

set_metrics as (

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
    from wanted_sets
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

busy_hours as (

    select
        set_number,
        hour_start,
        cast(sum(quantity) as decimal(26, 12)) as quantity,
        row_number() over (
            partition by set_number
            order by cast(sum(quantity) as decimal(26, 12)) desc nulls last, hour_start asc nulls last
        ) as hour_rank,
        cast({{ dbt.datediff('max(weighed_from)', 'max(weighed_to)', 'day') }} as integer) * 24 as hours
    from set_metrics
    where method = 'blended'
    group by set_number, hour_start

),

-- The hour that 95 of 100 do not exceed, silent ones counted: with too few busy hours every one of them is a peak.
peak_limits as (

    select
        set_number,
        coalesce(max(case when hour_rank = hours - ceil(hours * 0.95) + 1 then quantity end), 0) as peak_limit
    from busy_hours
    group by set_number

),

peak_hours as (

    select
        busy_hours.set_number,
        busy_hours.hour_start
    from busy_hours
    inner join peak_limits
        on
            busy_hours.set_number = peak_limits.set_number
            and busy_hours.quantity >= peak_limits.peak_limit

),

quantities as (

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
    from set_metrics
    left join peak_hours
        on
            set_metrics.set_number = peak_hours.set_number
            and set_metrics.hour_start = peak_hours.hour_start
    group by set_metrics.set_number, set_metrics.rule_order, set_metrics.target_type, set_metrics.target_id
    having sum(set_metrics.quantity) > 0

),

-- Whole numbers: millionths of a cent, tokens or calls, millionths of a second.
named_quantities as (

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
    from quantities
    inner join rules
        on quantities.rule_order = rules.rule_order
    left join rule_targets
        on
            quantities.rule_order = rule_targets.rule_order
            and quantities.target_id = rule_targets.target_id
    where not rules.has_named_targets or rule_targets.target_id is not null

),

set_totals as (

    select
        set_number,
        rule_order,
        cast(sum(units) as decimal(19, 0)) as units,
        cast(sum(peak_units) as decimal(19, 0)) as peak_units
    from named_quantities
    group by set_number, rule_order
    having sum(units) > 0

),

-- A floor is for every target of the rule, also for one without any of the metric.
floored as (

    select
        set_totals.set_number,
        set_totals.rule_order,
        rule_targets.target_type,
        rule_targets.target_id
    from set_totals
    inner join rules
        on set_totals.rule_order = rules.rule_order
    inner join rule_targets
        on set_totals.rule_order = rule_targets.rule_order
    where rules.method = 'tiered'

),

weighed_targets as (

    select
        coalesce(named_quantities.set_number, floored.set_number) as set_number,
        coalesce(named_quantities.rule_order, floored.rule_order) as rule_order,
        coalesce(named_quantities.target_type, floored.target_type) as target_type,
        coalesce(named_quantities.target_id, floored.target_id) as target_id,
        coalesce(named_quantities.quantity, 0) as quantity,
        coalesce(named_quantities.units, 0) as units,
        coalesce(named_quantities.peak_units, 0) as peak_units,
        floored.target_id is not null as has_floor
    from named_quantities
    full outer join floored
        on
            named_quantities.set_number = floored.set_number
            and named_quantities.target_id = floored.target_id

),

-- Blended and tiered shares have 12 decimals.
shares as (

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
    from weighed_targets
    inner join rules
        on weighed_targets.rule_order = rules.rule_order
    inner join set_totals
        on weighed_targets.set_number = set_totals.set_number
    left join target_counts
        on weighed_targets.rule_order = target_counts.rule_order

),

weights as (

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
    from shares

),

set_targets as (

    select
        sets.set_number,
        unweighed_targets.target_type,
        unweighed_targets.target_id,
        unweighed_targets.weight,
        unweighed_targets.basis_quantity
    from unweighed_targets
    inner join sets
        on
            unweighed_targets.set_kind = sets.set_kind
            and unweighed_targets.rule_order = sets.rule_order
    union all
    select
        set_number,
        case when target_id = 'unattributed' then 'unattributed' else target_type end as target_type,
        target_id,
        weight,
        cast(case when method = 'proportional' then quantity else weight * 0.000000000001 end as decimal(38, 12)) as basis_quantity
    from weights
    where weight > 0

),

-- Where each target's weight begins and ends in its set; the first one ends at the total.
spans as (

    select
        *,
        cast(sum(weight) over (
            partition by set_number order by target_type desc nulls last, target_id desc nulls last
            rows between unbounded preceding and current row
        ) as decimal(19, 0)) as ends_at,
        cast(sum(weight) over (partition by set_number) as decimal(19, 0)) as total_weight
    from set_targets

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

placed_targets as (

    select
        sets.set_number,
        sets.set_kind,
        sets.rule_order,
        sets.month_start,
        sets.weighed_provider,
        sets.weighed_account_id,
        sets.weighed_product_id,
        sets.weighed_from,
        sets.weighed_to,
        spans.target_type,
        spans.target_id,
        case when spans.target_type = 'tenant' then spans.target_id else 'unattributed' end as tenant_id,
        coalesce(tenants.plan, 'unattributed') as plan,
        case
            when spans.target_type = 'cost_center' then spans.target_id
            else coalesce(tenants.cost_center, called.cost_center)
        end as cost_center,
        spans.basis_quantity,
        cast(spans.weight as bigint) as weight,
        cast(spans.ends_at - spans.weight as bigint) as begins_at,
        cast(spans.ends_at as bigint) as ends_at,
        cast(spans.total_weight as bigint) as total_weight,
        {{ span_fraction('(spans.ends_at - spans.weight)', 'spans.total_weight') }} as begins_fraction,
        {{ span_fraction('spans.ends_at', 'spans.total_weight') }} as ends_fraction
    from spans
    inner join sets
        on spans.set_number = sets.set_number
    left join tenants
        on spans.target_type = 'tenant' and spans.target_id = tenants.tenant_id
    left join called
        on
            spans.target_type = 'tenant'
            and spans.target_id = called.tenant_id
            and sets.month_start = called.month_start

)

select * from placed_targets
