{%- do comes_after('int_sample_series') -%}
{%- set kept_from -%}
usage_date > (
    select
        cast({{ dbt.dateadd('day', '0 - max(settings.gpu_5m_days)', 'max(newest.usage_date)') }} as date) as kept_after
    from {{ ref('int_gpu_samples') }} as newest
    cross join {{ ref('stg_config__settings') }} as settings
)
{%- endset -%}
with {{ gpu_metrics_measured(
    ref('int_gpu_samples') ~ ' where ' ~ is_touched_or_surrounding('hours', 'usage_date'), kept_from, 5
) }},

rolled_up as (

    {{ gpu_metrics_of('measured') }}

)

select * from rolled_up
