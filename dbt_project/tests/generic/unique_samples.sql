{#- The same of samples, on the days a run touches: all of them are more than a day's run can look at. -#}
{% test unique_samples(model, columns) %}
{%- do comes_after('int_sample_days') -%}
{{ rows_that_repeat('(select * from ' ~ model ~ ' where ' ~ is_touched_moment('samples', 'sampled_at') ~ ') as samples', columns) }}
{% endtest %}
