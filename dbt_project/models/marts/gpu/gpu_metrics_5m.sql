{%- do comes_after('int_gpu_metrics_measured') -%}
with last_days as (

    {{ gpu_5m_kept_after() }}

),

-- With the day before, whose last samples reach into the first.
{{ gpu_metrics_measured(
    ref('int_gpu_samples') ~ ' where ' ~ is_touched_or_surrounding('hours', 'usage_date'),
    'usage_date >= (select last_days.kept_after from last_days)',
    5
) }},

all_buckets as (

    {{ gpu_metrics_of('measured') }}

),

rolled_up as (

    select all_buckets.*
    from all_buckets
    inner join last_days
        on all_buckets.usage_date > last_days.kept_after

)

select * from rolled_up
