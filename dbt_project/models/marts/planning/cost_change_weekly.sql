{%- set keys = ['tenant_id', 'product_id', 'feature_id', 'service_provider', 'host', 'model'] -%}
{%- set key_list = keys | join(', ') -%}
{%- set amounts = ['plain_list_usd', 'list_usd', 'served_usd', 'repeated_usd', 'other_usd', 'cost_usd'] -%}
{%- set counts = ['tasks', 'unpriced_calls', 'unpriced_tokens'] -%}
{%- set effects = [
    'volume', 'mix', 'tokens_per_task', 'list_rate', 'contract', 'cache', 'retry_and_fallback', 'new_and_lost', 'other_charges',
] -%}
with cells as (

    select * from {{ ref('int_cost_change_cells') }}
    where {{ is_touched_week('allocations', 'week_start', 1, 1) }}

),

classes as (

    select * from {{ ref('int_cost_change_classes') }}
    where {{ is_touched_week('allocations', 'week_start', 1, 1) }}

),

weeks as (

    select distinct week_start from cells

),

-- the first week has none before it
compared_weeks as (

    select later.week_start
    from weeks as later
    inner join weeks as earlier
        on earlier.week_start = cast(later.week_start - interval 7 day as date)

),

sides as (

    select
        cells.week_start,
        {{ key_list }},
        true as is_current,
        {{ counts | join(', ') }},
        {{ amounts | join(', ') }}
    from cells
    inner join compared_weeks
        on cells.week_start = compared_weeks.week_start
    union all
    select
        compared_weeks.week_start,
        {{ key_list }},
        false as is_current,
        {{ counts | join(', ') }},
        {{ amounts | join(', ') }}
    from cells
    inner join compared_weeks
        on cells.week_start = cast(compared_weeks.week_start - interval 7 day as date)

),

pairs as (

    select
        {%- for amount in amounts %}
        cast(coalesce(sum({{ amount }}) filter (where not is_current), 0) as decimal(26, 12)) as previous_{{ amount }},
        cast(coalesce(sum({{ amount }}) filter (where is_current), 0) as decimal(26, 12)) as current_{{ amount }},
        {%- endfor %}
        {%- for count in counts %}
        cast(coalesce(sum({{ count }}) filter (where not is_current), 0) as bigint) as previous_{{ count }},
        cast(coalesce(sum({{ count }}) filter (where is_current), 0) as bigint) as current_{{ count }},
        {%- endfor %}
        week_start,
        {{ key_list }}
    from sides
    group by week_start, {{ key_list }}

),

-- what the week's tokens would have cost at the prices of the week before; a class first used this week has no other price
repriced as (

    select
        current_class.week_start,
        {%- for key in keys %}
        current_class.{{ key }},
        {%- endfor %}
        cast(sum(
            case
                when previous_class.quantity > 0
                    then {{ divide_exact(
                        'previous_class.plain_list_usd', 'current_class.quantity', 'previous_class.quantity'
                    ) }}
                else current_class.plain_list_usd
            end
        ) as decimal(26, 12)) as repriced_usd
    from classes as current_class
    left join classes as previous_class
        on
            previous_class.week_start = cast(current_class.week_start - interval 7 day as date)
            {%- for key in keys %}
            and previous_class.{{ key }} = current_class.{{ key }}
            {%- endfor %}
            and previous_class.price_class = current_class.price_class
    group by
        {%- for key in keys %}
        current_class.{{ key }},
        {%- endfor %}
        current_class.week_start

),

-- a cell that cost nothing in one of the weeks has no ratio: it is new or lost as a whole
continuing as (

    select
        pairs.*,
        coalesce(repriced.repriced_usd, 0) as repriced_usd,
        pairs.previous_tasks > 0 and pairs.current_tasks > 0
        {%- for side in ['previous', 'current'] %}
        {%- for amount in ['plain_list_usd', 'list_usd', 'served_usd'] %}
        and pairs.{{ side }}_{{ amount }} >= 0.00000001
        {%- endfor %}
        {%- endfor %} as is_continuing
    from pairs
    left join repriced using (week_start, {{ key_list }})

),

with_totals as (

    select
        *,
        cast(sum(case when is_continuing then previous_tasks end) over (partition by week_start) as bigint) as all_previous_tasks,
        cast(sum(case when is_continuing then current_tasks end) over (partition by week_start) as bigint) as all_current_tasks
    from continuing

),

-- one factor after the other goes from last week's value to this week's; each step is the cost so far
steps as (

    select
        *,
        {{ divide_exact('previous_served_usd', 'all_current_tasks', 'all_previous_tasks') }} as at_volume_usd,
        {{ divide_exact('previous_served_usd', 'current_tasks', 'previous_tasks') }} as at_mix_usd,
        {{ divide_exact('previous_served_usd', 'repriced_usd', 'previous_plain_list_usd') }} as at_tokens_usd,
        {{ divide_exact('previous_served_usd', 'current_plain_list_usd', 'previous_plain_list_usd') }} as at_list_rate_usd,
        {{ divide_exact('previous_served_usd', 'current_list_usd', 'previous_list_usd') }} as at_cache_usd
    from with_totals

),

effects as (

    select
        *,
        case when is_continuing then at_volume_usd - previous_served_usd else 0 end as volume_usd,
        case when is_continuing then at_mix_usd - at_volume_usd else 0 end as mix_usd,
        case when is_continuing then at_tokens_usd - at_mix_usd else 0 end as tokens_per_task_usd,
        case when is_continuing then at_list_rate_usd - at_tokens_usd else 0 end as list_rate_usd,
        case when is_continuing then current_served_usd - at_cache_usd else 0 end as contract_usd,
        case when is_continuing then at_cache_usd - at_list_rate_usd else 0 end as cache_usd,
        current_repeated_usd - previous_repeated_usd as retry_and_fallback_usd,
        case when is_continuing then 0 else current_served_usd - previous_served_usd end as new_and_lost_usd,
        current_other_usd - previous_other_usd as other_charges_usd
    from steps

),

explained as (

    select
        week_start,
        {{ key_list }},
        previous_tasks,
        current_tasks as tasks,
        cast(previous_cost_usd as decimal(38, 12)) as previous_week_cost_usd,
        cast(current_cost_usd as decimal(38, 12)) as cost_usd,
        cast(current_cost_usd - previous_cost_usd as decimal(38, 12)) as cost_change_usd,
        {%- for effect in effects %}
        cast({{ effect }}_usd as decimal(38, 12)) as {{ effect }}_usd,
        {%- endfor %}
        {{ main_driver(effects) }} as main_driver,
        {%- for unpriced in ['unpriced_calls', 'unpriced_tokens'] %}
        previous_{{ unpriced }} as previous_week_{{ unpriced }},
        {%- endfor %}
        current_unpriced_calls as unpriced_calls,
        current_unpriced_tokens as unpriced_tokens
    from effects

)

select * from explained
