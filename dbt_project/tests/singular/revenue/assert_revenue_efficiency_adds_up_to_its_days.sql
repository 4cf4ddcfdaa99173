-- revenue and cost of the covered days, by week and by month, are those of the facts
with covered as (

    select
        min(usage_date) as first_date,
        max(usage_date) as last_date
    from {{ ref('unit_economics_daily') }}
    where calls > 0

),

revenue as (

    select coalesce(sum(fct_revenue.amount_usd), 0) as revenue_usd
    from {{ ref('fct_revenue') }} as fct_revenue
    inner join covered on fct_revenue.service_date between covered.first_date and covered.last_date

),

costs as (

    select coalesce(sum(unit_economics_daily.effective_cost_usd), 0) as effective_cost_usd
    from {{ ref('unit_economics_daily') }} as unit_economics_daily
    inner join covered on unit_economics_daily.usage_date between covered.first_date and covered.last_date

),

marts as (

    {% for grain in ['weekly', 'monthly'] -%}
    select
        '{{ grain }}' as grain,
        coalesce(sum(revenue_usd), 0) as revenue_usd,
        coalesce(sum(effective_cost_usd), 0) as effective_cost_usd
    from {{ ref('revenue_efficiency_' ~ grain) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select
    marts.*,
    revenue.revenue_usd as expected_revenue_usd,
    costs.effective_cost_usd as expected_cost_usd
from marts
cross join revenue
cross join costs
where
    marts.revenue_usd <> revenue.revenue_usd
    or marts.effective_cost_usd <> costs.effective_cost_usd
