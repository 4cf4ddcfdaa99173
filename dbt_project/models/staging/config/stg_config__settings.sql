with source as (

    select * from {{ raw('config', 'settings') }}

),

typed as (

    select
        company,
        display_time_zone,
        default_tenant_id,
        cast(gpu_5m_days as int) as gpu_5m_days
    from source

)

select * from typed
