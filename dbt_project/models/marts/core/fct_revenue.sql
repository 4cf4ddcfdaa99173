with days as (

    select * from {{ ref('int_revenue_days_spread') }}

),

rates as (

    select * from {{ ref('int_fx_rates_monthly') }}

),

tenants as (

    select * from {{ ref('dim_tenants') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

rated as (

    select
        days.*,
        case when days.currency = 'USD' then cast(1 as decimal(15, 8)) else rates.usd_per_unit end as usd_per_unit
    from days
    left join rates
        on
            days.currency = rates.currency
            and days.service_month = rates.service_month

),

converted as (

    select
        rated.revenue_id,
        coalesce(tenants.tenant_id, 'unattributed') as tenant_id,
        coalesce(products.product_id, 'unattributed') as product_id,
        coalesce(rated.plan, 'unattributed') as plan,
        rated.type,
        rated.service_date,
        cast(date_trunc('week', rated.service_date) as date) as week_start,
        cast(cast(rated.original_amount as decimal(22, 12)) * rated.usd_per_unit as decimal(38, 12)) as amount_usd,
        rated.currency,
        cast(rated.original_amount as decimal(38, 12)) as original_amount,
        rated.usd_per_unit
    from rated
    left join tenants on rated.tenant_id = tenants.tenant_id
    left join products on rated.product_id = products.product_id

)

select * from converted
