{#- As unique_combination, on the days a run touches: all samples there are would be most of what it costs. A full run looks at all. -#}
{% test unique_samples(model, columns) %}
{%- do comes_after('int_sample_days') -%}
{{ rows_that_repeat('(select * from ' ~ model ~ ' where ' ~ is_touched_moment('samples', 'sampled_at') ~ ') as samples', columns) }}
{% endtest %}
