{#-
The samples of each series with the time they stand for, span_us from sampled_at on: until the next one. Where that is further
away than three usual steps (the median of the series' steps within that UTC day), the time between is a gap nobody saw, and the
sample stands for one usual step; so does the last one, and for nothing where it is alone on its day. More than an hour is never
believed.
-#}
{% macro sample_spans(relation, series, values) -%}
select
    {% for column in series %}sequenced.{{ column }},
    {% endfor %}sequenced.sampled_at,
    {% for column in values %}sequenced.{{ column }},
    {% endfor %}cast(
        least(
            3600000000,
            case
                when sequenced.step_us <= 3 * usual.median_step_us then sequenced.step_us
                else coalesce(floor(usual.median_step_us), 0)
            end
        ) as bigint
    ) as span_us
from ({{ sequenced_samples(relation, series, values) }}) as sequenced
left join ({{ usual_steps('(' ~ sequenced_samples(relation, series, []) ~ ') as stepped', series) }}) as usual
    on
        {% for column in series %}sequenced.{{ column }} = usual.{{ column }}
        and {% endfor %}cast(sequenced.sampled_at as date) = usual.sampled_date
{%- endmacro %}

{% macro sequenced_samples(relation, series, values) -%}
select
    {{ (series + ['sampled_at'] + values) | join(', ') }},
    next_sampled_at,
    {{ dbt.datediff('sampled_at', 'next_sampled_at', 'microsecond') }} as step_us
from (
    select
        {{ (series + ['sampled_at'] + values) | join(', ') }},
        lead(sampled_at) over (partition by {{ series | join(', ') }} order by sampled_at asc nulls last) as next_sampled_at
    from {{ relation }}
) as followed
{%- endmacro %}

{#-
The usual step of each series on a UTC day, from `steps` with sampled_at, next_sampled_at and step_us: the day alone decides
about its hours, whatever was sampled before and since. No usual step is longer than an hour: on a day of two samples the time
between is a gap.
-#}
{% macro usual_steps(steps, series) -%}
select
    {{ series | join(', ') }},
    cast(sampled_at as date) as sampled_date,
    percentile_cont(0.5) within group (order by least(3600000000, step_us)) as median_step_us
from {{ steps }}
where cast(sampled_at as date) = cast(next_sampled_at as date)
group by {{ series | join(', ') }}, cast(sampled_at as date)
{%- endmacro %}
