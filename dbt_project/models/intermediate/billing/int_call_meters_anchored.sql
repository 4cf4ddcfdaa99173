{%- set keys = 'service_provider, billing_account_id, usage_date, model, service_tier, meter' -%}
with call_meters as (

    select * from {{ ref('int_call_meters') }}

),

groups as (

    select * from {{ ref('int_anchor_groups') }}

),

shared as (

    select
        call_meters.call_id,
        call_meters.meter,
        groups.group_id,
        groups.is_final,
        groups.attributed_usd,
        call_meters.call_id = groups.first_call_id as takes_leftover,
        call_meters.contracted_cost_usd,
        case
            when not groups.is_final then call_meters.contracted_cost_usd
            when groups.logged_weight = 0
                then {{ divide_exact('groups.attributed_usd', 'call_meters.quantity', 'groups.logged_quantity', weight_places=0) }}
            else {{ divide_exact('groups.attributed_usd', 'call_meters.weight', 'groups.logged_weight') }}
        end as shared_usd
    from call_meters
    inner join groups using ({{ keys }})

),

leftovers as (

    select
        group_id,
        cast(max(attributed_usd) - sum(shared_usd) as decimal(26, 12)) as leftover_usd
    from shared
    where is_final
    group by group_id

),

-- Truncation leaves fewer pico-dollars than the group has calls; its first call carries them.
anchored as (

    select
        shared.call_id,
        shared.meter,
        shared.group_id,
        shared.is_final,
        shared.contracted_cost_usd,
        cast(
            shared.shared_usd + case when shared.takes_leftover and shared.is_final then leftovers.leftover_usd else 0 end
            as decimal(26, 12)
        ) as amount_usd
    from shared
    left join leftovers
        on shared.group_id = leftovers.group_id

)

select * from anchored
