with efficiency as (

    select * from {{ ref('revenue_efficiency_monthly') }}

),

days as (

    select * from {{ ref('unit_economics_daily') }}

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

sums as (

    select
        efficiency.month_start,
        efficiency.product_id,
        efficiency.plan,
        cast(sum(efficiency.revenue_usd) as decimal(26, 12)) as revenue_usd,
        cast(sum(efficiency.effective_cost_usd) as decimal(26, 12)) as effective_cost_usd,
        cast(sum(efficiency.cogs_cost_usd) as decimal(26, 12)) as cogs_cost_usd,
        cast(
            sum(case when tenants.is_free_plan then efficiency.effective_cost_usd else 0 end) as decimal(26, 12)
        ) as free_cost_usd,
        cast(
            sum(case when tenants.is_free_plan then 0 else efficiency.revenue_usd end) as decimal(26, 12)
        ) as paid_revenue_usd,
        cast(sum(efficiency.unpriced_calls) as bigint) as unpriced_calls,
        cast(sum(efficiency.unpriced_tokens) as bigint) as unpriced_tokens
    from efficiency
    left join tenants on efficiency.tenant_id = tenants.tenant_id
    group by efficiency.month_start, efficiency.product_id, efficiency.plan

),

-- a user of two tenants or months counts once in each plan and month
active as (

    select
        cast(date_trunc('month', users.activity_date) as date) as month_start,
        users.product_id,
        users.plan,
        count(distinct users.user_key) as active_users
    from users
    inner join covered on users.activity_date between covered.first_date and covered.last_date
    group by cast(date_trunc('month', users.activity_date) as date), users.product_id, users.plan

),

joined as (

    select
        sums.*,
        sums.revenue_usd - sums.cogs_cost_usd as inference_margin_usd,
        coalesce(active.active_users, 0) as active_users,
        cast(
            sum(sums.paid_revenue_usd) over (partition by sums.month_start, sums.product_id) as decimal(26, 12)
        ) as product_paid_revenue_usd
    from sums
    left join active
        on
            sums.month_start = active.month_start
            and sums.product_id = active.product_id
            and sums.plan = active.plan

),

final as (

    select
        month_start,
        product_id,
        plan,
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
        cast(free_cost_usd as decimal(38, 12)) as free_cost_usd,
        case
            when product_paid_revenue_usd > 0
                then cast(free_cost_usd as double) / nullif(cast(product_paid_revenue_usd as double), 0)
        end as free_tier_cost_ratio,
        unpriced_calls,
        unpriced_tokens
    from joined

)

select * from final
