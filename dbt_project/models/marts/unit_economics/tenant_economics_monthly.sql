with efficiency as (

    select * from {{ ref('revenue_efficiency_monthly') }}

),

days as (

    select * from {{ ref('unit_economics_daily') }}

),

revenue as (

    select * from {{ ref('fct_revenue') }}

),

revenue_lines as (

    select * from {{ ref('int_revenue_lines_deduplicated') }}

),

users as (

    select * from {{ ref('int_active_users_deduplicated') }}

),

tenants as (

    select * from {{ ref('dim_tenants') }}

),

covered as (

    select
        min(usage_date) as first_date,
        max(usage_date) as last_date
    from days
    where calls > 0

),

-- the days of the month that have usage data, which is all that revenue and cost of it are of
months as (

    select distinct
        efficiency.month_start,
        greatest(efficiency.month_start, covered.first_date) as first_date,
        least(
            cast({{ dbt.dateadd('day', -1, dbt.dateadd('month', 1, 'efficiency.month_start')) }} as date), covered.last_date
        ) as last_date
    from efficiency
    cross join covered

),

sums as (

    select
        month_start,
        tenant_id,
        cast(sum(revenue_usd) as decimal(26, 12)) as revenue_usd,
        cast(sum(effective_cost_usd) as decimal(26, 12)) as effective_cost_usd,
        cast(sum(cogs_cost_usd) as decimal(26, 12)) as cogs_cost_usd,
        cast(sum(unpriced_calls) as bigint) as unpriced_calls,
        cast(sum(unpriced_tokens) as bigint) as unpriced_tokens
    from efficiency
    group by month_start, tenant_id

),

-- what the subscriptions in force on the month's last day come to in a year: they are spread straight line
contracts as (

    select
        months.month_start,
        revenue.tenant_id,
        cast(sum(revenue.amount_usd) as decimal(26, 12)) * 365 as annual_contract_value_usd
    from revenue
    inner join months on revenue.service_date = months.last_date
    where revenue.type = 'subscription'
    group by months.month_start, revenue.tenant_id

),

paid_until as (

    select
        tenant_id,
        cast({{ dbt.dateadd('day', 1, 'max(service_to)') }} as date) as renewal_date
    from revenue_lines
    where type = 'subscription'
    group by tenant_id

),

-- a tenant that came in the middle of the month had fewer days to cost something in
first_days as (

    select
        tenant_id,
        min(first_date) as first_date
    from (
        select
            tenant_id,
            min(usage_date) as first_date
        from days
        where calls > 0
        group by tenant_id

        union all

        select
            tenant_id,
            min(service_date) as first_date
        from revenue
        where type = 'subscription'
        group by tenant_id
    ) as firsts
    group by tenant_id

),

active as (

    select
        months.month_start,
        users.tenant_id,
        count(distinct users.user_key) as active_users
    from users
    inner join months on users.activity_date between months.first_date and months.last_date
    group by months.month_start, users.tenant_id

),

joined as (

    select
        sums.month_start,
        sums.tenant_id,
        coalesce(tenants.tenant_name, sums.tenant_id) as tenant_name,
        coalesce(tenants.plan, 'unattributed') as plan,
        coalesce(tenants.is_free_plan, false) as is_free_plan,
        {{ dbt.datediff(
            "greatest(months.first_date, least(coalesce(first_days.first_date, months.first_date), months.last_date))",
            'months.last_date', 'day'
        ) }} + 1 as usage_days,
        sums.revenue_usd,
        sums.effective_cost_usd,
        sums.cogs_cost_usd,
        sums.revenue_usd - sums.cogs_cost_usd as inference_margin_usd,
        coalesce(active.active_users, 0) as active_users,
        contracts.annual_contract_value_usd,
        paid_until.renewal_date,
        sums.unpriced_calls,
        sums.unpriced_tokens
    from sums
    inner join months on sums.month_start = months.month_start
    left join tenants on sums.tenant_id = tenants.tenant_id
    left join first_days on sums.tenant_id = first_days.tenant_id
    left join active on sums.month_start = active.month_start and sums.tenant_id = active.tenant_id
    left join contracts on sums.month_start = contracts.month_start and sums.tenant_id = contracts.tenant_id
    left join paid_until on sums.tenant_id = paid_until.tenant_id

),

final as (

    select
        month_start,
        tenant_id,
        tenant_name,
        plan,
        is_free_plan,
        cast(usage_days as bigint) as usage_days,
        cast(revenue_usd as decimal(38, 12)) as revenue_usd,
        cast(effective_cost_usd as decimal(38, 12)) as effective_cost_usd,
        cast(cogs_cost_usd as decimal(38, 12)) as cogs_cost_usd,
        cast(inference_margin_usd as decimal(38, 12)) as inference_margin_usd,
        case
            when revenue_usd > 0 then cast(inference_margin_usd as double) / nullif(cast(revenue_usd as double), 0)
        end as inference_margin,
        cast(active_users as bigint) as active_users,
        cast(effective_cost_usd as double) / nullif(active_users, 0) as cost_per_active_user_usd,
        cast(inference_margin_usd as double) / nullif(active_users, 0) as margin_per_active_user_usd,
        cast(annual_contract_value_usd as decimal(38, 12)) as annual_contract_value_usd,
        cast(effective_cost_usd as double) / nullif(usage_days, 0) * 365
        / nullif(cast(annual_contract_value_usd as double), 0) as cost_to_acv,
        renewal_date,
        unpriced_calls,
        unpriced_tokens
    from joined

)

select * from final
