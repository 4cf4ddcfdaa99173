-- direct + shared + idle + unattributed = total in every row, and the totals of a week are all its cost
with ledger as (

    select
        week_start,
        sum(effective_amount_usd) as ledger_cost_usd
    from {{ ref('fct_allocations') }}
    group by week_start

),

rows_of_marts as (

    {% for mart in ['cost_per_tenant_weekly', 'cost_per_feature_weekly', 'cost_per_model_weekly'] -%}
    select
        '{{ mart }}' as mart,
        week_start,
        direct_cost_usd + shared_cost_usd + idle_cost_usd + unattributed_cost_usd as components_cost_usd,
        total_cost_usd
    from {{ ref(mart) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

),

weeks as (

    select
        mart,
        week_start,
        count(*) filter (where components_cost_usd <> total_cost_usd) as rows_that_differ,
        sum(total_cost_usd) as total_cost_usd
    from rows_of_marts
    group by mart, week_start

)

select
    weeks.*,
    ledger.ledger_cost_usd
from weeks
left join ledger on weeks.week_start = ledger.week_start
where
    weeks.rows_that_differ > 0
    or weeks.total_cost_usd <> coalesce(ledger.ledger_cost_usd, 0)
