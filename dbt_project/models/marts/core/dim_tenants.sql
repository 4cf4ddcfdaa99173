with tenants as (

    select * from {{ ref('stg_config__tenants') }}

),

with_unattributed as (

    select
        tenant_id,
        tenant_name,
        plan,
        cost_center,
        is_free_plan
    from tenants

    union all

    select
        'unattributed' as tenant_id,
        'Unattributed' as tenant_name,
        'unattributed' as plan,
        cast(null as {{ dbt.type_string() }}) as cost_center,
        false as is_free_plan

)

select * from with_unattributed
