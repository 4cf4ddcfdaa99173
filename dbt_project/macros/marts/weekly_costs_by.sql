{#-
The CTEs up to weekly_costs: what a dimension cost each week and how that moved. `keys` are the columns that name one
value of the dimension. Every value has a row in every week, so one that vanished shows its fall.
-#}
{% macro weekly_costs_by(keys) %}
{%- set key_list = keys | join(', ') -%}
{%- set components = [
    'direct_cost_usd', 'shared_cost_usd', 'idle_cost_usd', 'unattributed_cost_usd', 'total_cost_usd',
] -%}
allocated as (

    select
        week_start,
        {%- for key in keys %}
        coalesce({{ key }}, 'unattributed') as {{ key }},
        {%- endfor %}
        cost_component,
        effective_amount_usd
    from {{ ref('int_allocations') }}

),

used as (

    select * from {{ ref('unit_economics_weekly') }}

),

costs as (

    select
        week_start,
        {{ key_list }},
        {%- for component in ['direct', 'shared', 'idle', 'unattributed'] %}
        cast(sum(effective_amount_usd) filter (where cost_component = '{{ component }}') as decimal(26, 12))
            as {{ component }}_cost_usd,
        {%- endfor %}
        cast(sum(effective_amount_usd) as decimal(26, 12)) as total_cost_usd
    from allocated
    group by week_start, {{ key_list }}

),

counts as (

    select
        week_start,
        {{ key_list }},
        cast(sum(requests) as bigint) as requests,
        cast(sum(calls) as bigint) as calls,
        cast(sum(unpriced_calls) as bigint) as unpriced_calls,
        cast(sum(unpriced_tokens) as bigint) as unpriced_tokens
    from used
    group by week_start, {{ key_list }}

),

every_week as (

    select distinct week_start from counts

),

every_value as (

    select distinct {{ key_list }} from counts

),

every_pair as (

    select
        every_week.week_start,
        {%- for key in keys %}
        every_value.{{ key }}{{ ',' if not loop.last }}
        {%- endfor %}
    from every_week
    cross join every_value

),

filled as (

    select
        week_start,
        {{ key_list }},
        {%- for name in ['requests', 'calls', 'unpriced_calls', 'unpriced_tokens'] %}
        cast(coalesce(counts.{{ name }}, 0) as bigint) as {{ name }},
        {%- endfor %}
        {%- for name in components %}
        cast(coalesce(costs.{{ name }}, 0) as decimal(26, 12)) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from every_pair
    left join counts using (week_start, {{ key_list }})
    left join costs using (week_start, {{ key_list }})

),

compared as (

    select
        current_week.*,
        previous_week.total_cost_usd as previous_week_cost_usd,
        current_week.total_cost_usd - previous_week.total_cost_usd as cost_change_usd,
        cast(sum(current_week.total_cost_usd) over (partition by current_week.week_start) as decimal(26, 12)) as week_cost_usd
    from filled as current_week
    left join filled as previous_week
        on previous_week.week_start = cast(current_week.week_start - interval 7 day as date)
        {%- for key in keys %}
        and previous_week.{{ key }} = current_week.{{ key }}
        {%- endfor %}

),

weekly_costs as (

    select
        week_start,
        {{ key_list }},
        requests,
        calls,
        {%- for name in components %}
        cast({{ name }} as decimal(38, 12)) as {{ name }},
        {%- endfor %}
        cast(total_cost_usd as double) / nullif(cast(week_cost_usd as double), 0) as cost_share,
        cast(previous_week_cost_usd as decimal(38, 12)) as previous_week_cost_usd,
        cast(cost_change_usd as decimal(38, 12)) as cost_change_usd,
        cast(cost_change_usd as double) / nullif(cast(previous_week_cost_usd as double), 0) as cost_change_share,
        unpriced_calls,
        unpriced_tokens
    from compared

)
{% endmacro %}
