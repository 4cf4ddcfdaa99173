-- the cells anomalies are looked for in hold all cost of each day, whoever has it
with cells as (

    select
        usage_date,
        tenant_id,
        feature_id,
        model,
        sum(cost_usd) as cost_usd
    from {{ ref('int_anomaly_cells') }}
    group by usage_date, tenant_id, feature_id, model

),

economics as (

    select
        usage_date,
        tenant_id,
        feature_id,
        model,
        sum(effective_cost_usd) as cost_usd
    from {{ ref('unit_economics_daily') }}
    group by usage_date, tenant_id, feature_id, model

),

differing as (

    select
        usage_date,
        tenant_id,
        feature_id,
        model
    from cells
    full outer join economics
        using (usage_date, tenant_id, feature_id, model)
    where coalesce(cells.cost_usd, 0) <> coalesce(economics.cost_usd, 0)

)

select * from differing
