-- the nine effects are the change of each row, and the rows of a week the change of all cost
with explained as (

    select
        week_start,
        sum(cost_usd) as cost_usd,
        sum(previous_week_cost_usd) as previous_week_cost_usd,
        sum(
            volume_usd + mix_usd + tokens_per_task_usd + list_rate_usd + contract_usd + cache_usd + retry_and_fallback_usd
            + new_and_lost_usd + other_charges_usd - cost_change_usd
        ) as unexplained_usd,
        count(*) filter (where cost_change_usd <> 0 and main_driver is null) as rows_without_a_driver
    from {{ ref('cost_change_weekly') }}
    group by week_start

),

weeks as (

    select
        week_start,
        sum(effective_cost_usd) as cost_usd
    from {{ ref('unit_economics_weekly') }}
    group by week_start

),

compared as (

    select
        this_week.week_start,
        this_week.cost_usd,
        last_week.cost_usd as previous_week_cost_usd
    from weeks as this_week
    inner join weeks as last_week
        on last_week.week_start = cast(this_week.week_start - interval 7 day as date)

)

select
    week_start,
    explained.unexplained_usd,
    explained.rows_without_a_driver,
    compared.cost_usd - explained.cost_usd as missing_usd
from compared
full outer join explained using (week_start)
where
    explained.cost_usd is null
    or compared.cost_usd is null
    or explained.unexplained_usd <> 0
    or explained.rows_without_a_driver > 0
    or compared.cost_usd <> explained.cost_usd
    or compared.previous_week_cost_usd <> explained.previous_week_cost_usd
