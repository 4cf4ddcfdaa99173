{%- do comes_after('int_gpu_cost_days') -%}
{%- set keys = 'service_provider, billing_account_id, usage_date, model, service_tier, meter' -%}
with call_meters as (

    select * from {{ ref('int_call_meters') }}
    where {{ is_touched('anything', 'usage_date') }}

),

groups as (

    select * from {{ ref('int_anchor_groups_carried') }}

),

shared as (

    select
        call_meters.call_id,
        call_meters.usage_date,
        call_meters.meter,
        groups.group_id,
        groups.is_final,
        groups.is_split,
        groups.has_effective,
        groups.carried_usd,
        groups.carried_effective_usd,
        call_meters.call_id = groups.first_call_id as takes_leftover,
        call_meters.contracted_cost_usd,
        case
            when not groups.is_split then call_meters.contracted_cost_usd
            when groups.logged_weight = 0
                then {{ divide_exact('groups.carried_usd', 'call_meters.quantity', 'groups.logged_quantity', weight_places=0) }}
            else {{ divide_exact('groups.carried_usd', 'call_meters.weight', 'groups.logged_weight') }}
        end as shared_usd,
        case
            when not groups.has_effective then null
            when groups.logged_weight = 0
                then {{ divide_exact('groups.carried_effective_usd', 'call_meters.quantity', 'groups.logged_quantity', weight_places=0) }}
            else {{ divide_exact('groups.carried_effective_usd', 'call_meters.weight', 'groups.logged_weight') }}
        end as shared_effective_usd
    from call_meters
    inner join groups using ({{ keys }})

),

leftovers as (

    select
        group_id,
        cast(max(carried_usd) - sum(shared_usd) as decimal(26, 12)) as leftover_usd,
        cast(max(carried_effective_usd) - sum(shared_effective_usd) as decimal(26, 12)) as leftover_effective_usd
    from shared
    where is_split
    group by group_id

),

-- Truncation leaves fewer pico-dollars than the group has calls; its first call carries them.
anchored as (

    select
        shared.call_id,
        shared.usage_date,
        shared.meter,
        shared.group_id,
        shared.is_final,
        shared.has_effective,
        shared.contracted_cost_usd,
        cast(shared.shared_usd + case when shared.takes_leftover then coalesce(leftovers.leftover_usd, 0) else 0 end as decimal(26, 12))
            as amount_usd,
        cast(
            shared.shared_effective_usd + case when shared.takes_leftover then coalesce(leftovers.leftover_effective_usd, 0) else 0 end
            as decimal(26, 12)
        ) as effective_usd
    from shared
    left join leftovers
        on shared.group_id = leftovers.group_id

),

amounts as (

    select
        call_id,
        usage_date,
        meter,
        group_id,
        is_final,
        contracted_cost_usd,
        amount_usd,
        case when has_effective then effective_usd else amount_usd end as effective_amount_usd
    from anchored

)

select * from amounts
