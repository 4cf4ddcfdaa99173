{#-
The samples of each series with the time they stand for, span_us from sampled_at on: until the next one. Where that is further
away than three usual steps (the median of the series), the time between is a gap nobody saw, and the sample stands for
one usual step; so does the last one. More than an hour is never believed.
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
left join (
    select
        {{ series | join(', ') }},
        percentile_cont(0.5) within group (order by step_us) as median_step_us
    from ({{ sequenced_samples(relation, series, []) }}) as stepped
    where step_us is not null
    group by {{ series | join(', ') }}
) as usual
    on
        {% for column in series %}{% if not loop.first %}and {% endif %}sequenced.{{ column }} = usual.{{ column }}
        {% endfor %}
{%- endmacro %}

{% macro sequenced_samples(relation, series, values) -%}
select
    {{ (series + ['sampled_at'] + values) | join(', ') }},
    {{ dbt.datediff(
        'sampled_at',
        'lead(sampled_at) over (partition by ' ~ series | join(', ') ~ ' order by sampled_at asc nulls last)',
        'microsecond'
    ) }} as step_us
from {{ relation }}
{%- endmacro %}
