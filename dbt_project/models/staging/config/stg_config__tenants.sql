with source as (

    select * from {{ raw('config', 'tenants') }}

),

typed as (

    select
        tenant_id,
        tenant_name,
        plan,
        cost_center,
        cast(is_free_plan as boolean) as is_free_plan
    from source

)

select * from typed
