-- On days that OpenCost's export has, the pods' cost is the whole GPU cost, OpenCost's is all of its own, and nothing of the
-- difference is left without a cause.
with exported as (

    select
        usage_date,
        cast(sum(gpu_cost_usd) as decimal(38, 12)) as opencost_usd
    from {{ ref('stg_opencost__allocations') }}
    group by usage_date

),

costs as (

    select
        usage_date,
        cast(sum(cost_usd) as decimal(38, 12)) as cost_usd
    from {{ ref('gpu_cost_hourly') }}
    group by usage_date

),

compared as (

    select
        usage_date,
        cast(sum(gpu_cost_usd) as decimal(38, 12)) as cost_usd,
        cast(sum(opencost_gpu_cost_usd) as decimal(38, 12)) as opencost_usd,
        count(*) filter (where difference_usd <> host_difference_usd + hours_difference_usd + price_difference_usd) as rows_without_cause
    from {{ ref('opencost_comparison_daily') }}
    group by usage_date

),

differing as (

    select
        exported.usage_date,
        exported.opencost_usd,
        costs.cost_usd,
        compared.opencost_usd as compared_opencost_usd,
        compared.cost_usd as compared_cost_usd
    from exported
    left join costs
        on exported.usage_date = costs.usage_date
    left join compared
        on exported.usage_date = compared.usage_date
    where
        exported.opencost_usd <> coalesce(compared.opencost_usd, 0)
        or coalesce(costs.cost_usd, 0) <> coalesce(compared.cost_usd, 0)
        or coalesce(compared.rows_without_cause, 0) > 0

)

select * from differing
