with source as (

    select * from {{ raw('config', 'settings') }}

),

typed as (

    select
        company,
        display_time_zone,
        default_tenant_id,
        cast(gpu_5m_days as int) as gpu_5m_days,
        cast(unpriced_share_limit as decimal(9, 6)) as unpriced_share_limit,
        cast(unattributed_share_limit as decimal(9, 6)) as unattributed_share_limit,
        cast(unexplained_limit_usd as decimal(26, 12)) as unexplained_limit_usd,
        cast(quarantined_share_limit as decimal(9, 6)) as quarantined_share_limit
    from source

)

select * from typed
