{%- set who = 'tenant_id, product_id, feature_id, environment, plan, cost_center, cost_nature' -%}
{%- set traces = 'team_id, api_key_id, unattributed_reason' -%}
with charges as (

    select * from {{ ref('fct_charges') }}

),

call_sums as (

    select * from {{ ref('int_charge_calls') }}
    where tenant_id = 'unattributed' or {{ is_touched('anything', 'usage_date') }}

),

gpu_unlogged as (

    select * from {{ ref('int_gpu_unlogged') }}

),

tags as (

    select * from {{ ref('int_charge_tags') }}

),

first_days as (

    select * from {{ ref('stg_meta__first_days') }}

),

-- what calls are for is no matter of who pays them
of_calls as (

    select
        case when call_sums.is_metered then 'usage:' || call_sums.group_id else call_sums.group_id end as charge_id,
        call_sums.usage_date,
        {%- for name in who.split(', ') + traces.split(', ') %}
        call_sums.{{ name }},
        {%- endfor %}
        tags.tags,
        cast(sum(call_sums.calls) as decimal(38, 12)) as calls,
        cast(sum(call_sums.amount_usd) as decimal(26, 12)) as amount_usd,
        cast(sum(call_sums.effective_amount_usd) as decimal(26, 12)) as effective_amount_usd
    from call_sums
    left join tags
        on
            call_sums.tenant_id = 'unattributed'
            and call_sums.is_metered
            and 'usage:' || call_sums.group_id = tags.charge_id
    group by
        call_sums.group_id, call_sums.is_metered, call_sums.usage_date,
        call_sums.{{ (who ~ ', ' ~ traces) | replace(', ', ', call_sums.') }}, tags.tags

),

-- of every day whose calls went: what no call carries is made anew in every run
carried as (

    select
        call_sums_kept.group_id,
        cast(sum(call_sums_kept.amount_usd) as decimal(26, 12)) as amount_usd,
        cast(sum(call_sums_kept.effective_amount_usd) as decimal(26, 12)) as effective_amount_usd
    from {{ ref('int_charge_calls') }} as call_sums_kept
    inner join first_days
        on call_sums_kept.usage_date < first_days.calls_from
    where call_sums_kept.is_metered
    group by call_sums_kept.group_id

),

-- what a bill that came later says otherwise than what is kept of those calls
of_calls_that_went as (

    select
        charges.charge_id,
        cast(
            cast(charges.amount_usd as decimal(26, 12)) - coalesce(carried.amount_usd, cast(0 as decimal(26, 12))) as decimal(26, 12)
        ) as amount_usd,
        cast(
            cast(charges.effective_amount_usd as decimal(26, 12)) - coalesce(carried.effective_amount_usd, cast(0 as decimal(26, 12)))
            as decimal(26, 12)
        ) as effective_amount_usd
    from charges
    inner join first_days
        on charges.usage_date < first_days.calls_from
    -- calls that had no price until then carry nothing
    left join carried
        on charges.charge_id = 'usage:' || carried.group_id
    where charges.charge_category = 'usage'

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
        effective_amount_usd
    from of_calls_that_went
    where amount_usd <> 0 or effective_amount_usd <> 0
    union all
    select
        charge_id,
        amount_usd,
        amount_usd as effective_amount_usd
    from gpu_unlogged
    where amount_usd <> 0

),

-- Where lines of different tags are one charge, what is due up to the end of each less what is due up to its beginning.
tagged as (

    select
        of_no_call.charge_id,
        tags.tags,
        of_no_call.amount_usd,
        of_no_call.effective_amount_usd,
        coalesce(tags.begins_at, 0) as begins_at,
        coalesce(tags.ends_at, 1) as ends_at,
        coalesce(tags.total, 1) as total
    from of_no_call
    left join tags
        on of_no_call.charge_id = tags.charge_id

),

tagged_parts as (

    select
        charge_id,
        tags,
        {{ divide_exact('amount_usd', 'ends_at', 'total', weight_places=12) }}
        - {{ divide_exact('amount_usd', 'begins_at', 'total', weight_places=12) }} as amount_usd,
        {{ divide_exact('effective_amount_usd', 'ends_at', 'total', weight_places=12) }}
        - {{ divide_exact('effective_amount_usd', 'begins_at', 'total', weight_places=12) }} as effective_amount_usd
    from tagged

),

parts as (

    select * from of_calls
    union all
    select
        charge_id,
        cast(null as date) as usage_date,
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
        tags,
        cast(null as decimal(38, 12)) as calls,
        cast(amount_usd as decimal(26, 12)) as amount_usd,
        cast(effective_amount_usd as decimal(26, 12)) as effective_amount_usd
    from tagged_parts

),

keyed as (

    select
        charge_id || ':' || tenant_id || ':' || product_id || ':' || feature_id || ':' || environment || ':'
        || coalesce(cost_center, '') || ':' || coalesce(cost_nature, '') || ':'
        || coalesce(team_id, '') || ':' || coalesce(api_key_id, '') || ':'
        || coalesce(unattributed_reason, '') || ':' || coalesce(tags, '') || ':'
        || case when calls is null then 'rest' else 'calls' end as part_id,
        *
    from parts

)

select * from keyed
