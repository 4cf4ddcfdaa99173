-- Each week's rows are what its GPUs cost and the seconds they were paid for, to the last digit; nobody pays less than
-- nothing for idle time; and a replica is charged once: prefill and decode are its cost.
with weeks as (

    select
        week_start,
        cast(sum(busy_cost_usd) as decimal(38, 12)) as busy_cost_usd,
        cast(sum(gpu_cost_usd) as decimal(38, 12)) as gpu_cost_usd,
        cast(sum(provisioned_gpu_seconds) as decimal(26, 12)) as provisioned_seconds,
        cast(sum(busy_gpu_seconds) as decimal(26, 12)) as busy_seconds,
        count(case when idle_cost_usd < 0 or prefill_cost_usd + decode_cost_usd <> gpu_cost_usd then 1 end) as wrong_rows
    from {{ ref('self_hosting_weekly') }}
    group by week_start

),

fleet as (

    select
        cast(date_trunc('week', usage_date) as date) as week_start,
        cast(sum(busy_cost_usd) as decimal(38, 12)) as busy_cost_usd,
        cast(sum(cost_usd) as decimal(38, 12)) as cost_usd,
        cast(sum(provisioned_seconds) as decimal(26, 12)) as provisioned_seconds,
        cast(sum(busy_seconds) as decimal(26, 12)) as busy_seconds
    from {{ ref('gpu_cost_hourly') }}
    group by cast(date_trunc('week', usage_date) as date)

)

select
    coalesce(weeks.week_start, fleet.week_start) as week_start,
    weeks.gpu_cost_usd,
    fleet.cost_usd,
    weeks.wrong_rows
from weeks
full outer join fleet
    on weeks.week_start = fleet.week_start
where
    weeks.week_start is null
    or fleet.week_start is null
    or weeks.busy_cost_usd <> fleet.busy_cost_usd
    or weeks.gpu_cost_usd <> fleet.cost_usd
    or weeks.provisioned_seconds <> fleet.provisioned_seconds
    or weeks.busy_seconds <> fleet.busy_seconds
    or weeks.wrong_rows > 0
