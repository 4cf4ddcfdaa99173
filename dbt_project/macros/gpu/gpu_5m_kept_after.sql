{#- The day after which buckets of five minutes are kept: so many days up to the newest sample of a GPU. -#}
{% macro gpu_5m_kept_after() -%}
select cast({{ dbt.dateadd('day', '0 - max(settings.gpu_5m_days)', 'max(newest.usage_date)') }} as date) as kept_after
from {{ ref('int_gpu_samples') }} as newest
cross join {{ ref('stg_config__settings') }} as settings
{%- endmacro %}

{#- Days that are kept again and have gone: the newest sample was taken away, or the setting says more days. -#}
{% macro gpu_5m_days_missing(relation) %}
    {%- set found = run_query(
        'select distinct usage_date from ' ~ ref('int_gpu_samples') ~ ' where usage_date > (' ~ gpu_5m_kept_after()
        ~ ") and usage_date < (select coalesce(min(usage_date), date '9999-12-31') from " ~ relation ~ ')'
    ) -%}
    {%- set days = found.columns[0].values() | list -%}
    {%- for day in found.columns[0].values() -%}
        {%- do days.append(day + modules.datetime.timedelta(days=1)) -%}
    {%- endfor -%}
    {{- return(days) -}}
{% endmacro %}
