{#-
What each series of counters grew by from one sample to the next, before anything is added up. A counter lower than before began
at 0 in between (is_reset): it grew by what it shows, and what it had grown by before stays. The first sample of a series says
nothing of what came before it. `relation` has sampled_at, once per series and moment, and no null in `value`.
-#}
{% macro counter_steps(relation, series, value) -%}
select
    {{ series | join(', ') }},
    sampled_at,
    next_sampled_at,
    {{ dbt.datediff('sampled_at', 'next_sampled_at', 'microsecond') }} as step_us,
    next_count < count_before as is_reset,
    case when next_count >= count_before then next_count - count_before else next_count end as increase
from (
    select
        {{ series | join(', ') }},
        sampled_at,
        {{ value }} as count_before,
        lead(sampled_at) over (
            partition by {{ series | join(', ') }} order by sampled_at asc nulls last
        ) as next_sampled_at,
        lead({{ value }}) over (
            partition by {{ series | join(', ') }} order by sampled_at asc nulls last
        ) as next_count
    from {{ relation }}
) as counted
where next_sampled_at is not null
{%- endmacro %}
