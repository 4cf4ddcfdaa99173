with reported as (

    select * from {{ ref('stg_business__active_users') }}

),

tenants as (

    select * from {{ ref('dim_tenants') }}

),

products as (

    select * from {{ ref('dim_products') }}

),

users as (

    select distinct
        reported.activity_date,
        coalesce(tenants.tenant_id, 'unattributed') as tenant_id,
        coalesce(products.product_id, 'unattributed') as product_id,
        coalesce(tenants.plan, 'unattributed') as plan,
        reported.user_key
    from reported
    left join tenants on reported.tenant_id = tenants.tenant_id
    left join products on reported.product_id = products.product_id

)

select * from users
