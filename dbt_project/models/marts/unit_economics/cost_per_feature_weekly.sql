with features as (

    select * from {{ ref('dim_features') }}

),

{{ weekly_costs_by(['feature_id']) }},

named as (

    select
        weekly_costs.week_start,
        weekly_costs.feature_id,
        coalesce(features.feature_name, weekly_costs.feature_id) as feature_name,
        coalesce(features.product_id, 'unattributed') as product_id,
        weekly_costs.requests,
        weekly_costs.calls,
        weekly_costs.direct_cost_usd,
        weekly_costs.shared_cost_usd,
        weekly_costs.idle_cost_usd,
        weekly_costs.unattributed_cost_usd,
        weekly_costs.total_cost_usd,
        weekly_costs.cost_share,
        weekly_costs.previous_week_cost_usd,
        weekly_costs.cost_change_usd,
        weekly_costs.cost_change_share,
        weekly_costs.unpriced_calls,
        weekly_costs.unpriced_tokens
    from weekly_costs
    left join features on weekly_costs.feature_id = features.feature_id

)

select * from named
