-- a logical request counts once wherever it is counted, with its last attempt
{%- set weekly = {'unit_economics_daily': "cast(date_trunc('week', usage_date) as date)"} %}
with counts as (

    select
        'fct_usage' as counted_in,
        count(*) as requests
    from {{ ref('fct_usage') }}
    where is_last_attempt and {{ is_touched_week('anything', 'week_start') }}

    {% for mart in [
        'unit_economics_daily', 'cost_per_tenant_weekly', 'cost_per_feature_weekly', 'cost_per_model_weekly',
    ] -%}
    union all

    select
        '{{ mart }}' as counted_in,
        coalesce(sum(requests), 0) as requests
    from {{ ref(mart) }}
    where {{ is_touched_week('anything', weekly.get(mart, 'week_start')) }}
    {% endfor %}

)

select
    counts.counted_in,
    counts.requests,
    facts.requests as expected_requests
from counts
inner join counts as facts on facts.counted_in = 'fct_usage'
where counts.requests <> facts.requests
