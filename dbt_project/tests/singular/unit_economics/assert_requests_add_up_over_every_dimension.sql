-- a logical request counts once wherever it is counted
with counts as (

    select
        'fct_usage' as counted_in,
        count(distinct logical_request_id) as requests
    from {{ ref('fct_usage') }}

    {% for mart in [
        'unit_economics_daily', 'cost_per_tenant_weekly', 'cost_per_feature_weekly', 'cost_per_model_weekly',
    ] -%}
    union all

    select
        '{{ mart }}' as counted_in,
        coalesce(sum(requests), 0) as requests
    from {{ ref(mart) }}
    {% endfor %}

)

select
    counts.counted_in,
    counts.requests,
    facts.requests as expected_requests
from counts
inner join counts as facts on facts.counted_in = 'fct_usage'
where counts.requests <> facts.requests
