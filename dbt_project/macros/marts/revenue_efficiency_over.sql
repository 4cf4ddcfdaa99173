{#-
What revenue costs to serve, by 'week' (ISO, Monday) or 'month'. Only days with usage data count on either side:
a subscription that runs on has no cost yet to stand against.
-#}
{% macro revenue_efficiency_over(period) %}
{%- set keys = [period ~ '_start', 'tenant_id', 'product_id', 'plan'] | join(', ') -%}
with revenue as (

    select * from {{ ref('fct_revenue') }}

),

costs as (

    select * from {{ ref('unit_economics_daily') }}

),

users as (

    select * from {{ ref('int_active_users_deduplicated') }}

),

covered as (

    select
        min(usage_date) as first_date,
        max(usage_date) as last_date
    from costs
    where calls > 0

),

period_revenue as (

    select
        cast(date_trunc('{{ period }}', revenue.service_date) as date) as {{ period }}_start,
        revenue.tenant_id,
        revenue.product_id,
        revenue.plan,
        cast(sum(revenue.amount_usd) as decimal(26, 12)) as revenue_usd
    from revenue
    inner join covered on revenue.service_date between covered.first_date and covered.last_date
    group by cast(date_trunc('{{ period }}', revenue.service_date) as date), tenant_id, product_id, plan

),

period_costs as (

    select
        cast(date_trunc('{{ period }}', costs.usage_date) as date) as {{ period }}_start,
        costs.tenant_id,
        costs.product_id,
        costs.plan,
        cast(sum(costs.effective_cost_usd) as decimal(26, 12)) as effective_cost_usd,
        cast(sum(costs.cogs_cost_usd) as decimal(26, 12)) as cogs_cost_usd,
        cast(sum(costs.cogs_credit_offset_usd) as decimal(26, 12)) as credit_offset_usd,
        cast(sum(costs.unpriced_calls) as bigint) as unpriced_calls,
        cast(sum(costs.unpriced_tokens) as bigint) as unpriced_tokens
    from costs
    inner join covered on costs.usage_date between covered.first_date and covered.last_date
    group by cast(date_trunc('{{ period }}', costs.usage_date) as date), tenant_id, product_id, plan

),

period_users as (

    select
        cast(date_trunc('{{ period }}', users.activity_date) as date) as {{ period }}_start,
        users.tenant_id,
        users.product_id,
        users.plan,
        count(distinct users.user_key) as active_users
    from users
    inner join covered on users.activity_date between covered.first_date and covered.last_date
    group by cast(date_trunc('{{ period }}', users.activity_date) as date), tenant_id, product_id, plan

),

joined as (

    select
        {{ keys }},
        cast(coalesce(period_revenue.revenue_usd, 0) as decimal(26, 12)) as revenue_usd,
        cast(coalesce(period_users.active_users, 0) as bigint) as active_users,
        cast(coalesce(period_costs.effective_cost_usd, 0) as decimal(26, 12)) as effective_cost_usd,
        cast(coalesce(period_costs.cogs_cost_usd, 0) as decimal(26, 12)) as cogs_cost_usd,
        cast(coalesce(period_costs.credit_offset_usd, 0) as decimal(26, 12)) as credit_offset_usd,
        cast(coalesce(period_costs.unpriced_calls, 0) as bigint) as unpriced_calls,
        cast(coalesce(period_costs.unpriced_tokens, 0) as bigint) as unpriced_tokens
    from period_costs
    full outer join period_revenue using ({{ keys }})
    full outer join period_users using ({{ keys }})

),

-- without revenue, or with more credited than charged, a share of it says nothing
ratios as (

    select
        joined.*,
        case
            when revenue_usd > 0 then cast(cogs_cost_usd as double) / nullif(cast(revenue_usd as double), 0)
        end as cost_per_revenue_dollar,
        case
            when revenue_usd > 0
                then cast(cogs_cost_usd + credit_offset_usd as double) / nullif(cast(revenue_usd as double), 0)
        end as cost_per_revenue_dollar_after_credits
    from joined

),

final as (

    select
        {{ keys }},
        cast(revenue_usd as decimal(38, 12)) as revenue_usd,
        active_users,
        cast(effective_cost_usd as decimal(38, 12)) as effective_cost_usd,
        cast(cogs_cost_usd as decimal(38, 12)) as cogs_cost_usd,
        cast(credit_offset_usd as decimal(38, 12)) as credit_offset_usd,
        cost_per_revenue_dollar,
        1 - cost_per_revenue_dollar as inference_margin,
        1 - cost_per_revenue_dollar_after_credits as inference_margin_after_credits,
        case
            when cost_per_revenue_dollar <= 0.15 then 'healthy'
            when cost_per_revenue_dollar <= 0.30 then 'watch'
            when cost_per_revenue_dollar is not null then 'risk'
        end as band,
        cast(effective_cost_usd as double) / nullif(active_users, 0) as cost_per_active_user_usd,
        unpriced_calls,
        unpriced_tokens
    from ratios

)

select * from final
{% endmacro %}
