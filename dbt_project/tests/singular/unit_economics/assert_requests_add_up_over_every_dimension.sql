-- a logical request counts once wherever it is counted, with its last attempt
{%- set weekly = {'unit_economics_daily': "cast(date_trunc('week', usage_date) as date)"} %}
with counts as (

    select
        'fct_usage' as counted_in,
        week_start,
        count(*) as requests
    from {{ ref('fct_usage') }}
    where is_last_attempt and {{ is_touched_week('anything', 'week_start') }}
    group by week_start

    {% for mart in [
        'unit_economics_daily', 'cost_per_tenant_weekly', 'cost_per_feature_weekly', 'cost_per_model_weekly',
    ] -%}
    union all

    select
        '{{ mart }}' as counted_in,
        {{ weekly.get(mart, 'week_start') }} as week_start,
        sum(requests) as requests
    from {{ ref(mart) }}
    where {{ is_touched_week('anything', weekly.get(mart, 'week_start')) }}
    group by {{ weekly.get(mart, 'week_start') }}
    {% endfor %}

)

-- a mart without a row of the week counts none
select week_start
from counts
group by week_start
having
    min(requests) <> max(requests)
    or (count(*) < 5 and max(requests) > 0)
