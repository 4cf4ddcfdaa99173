with source as (

    select * from {{ raw('config', 'disputes') }}

),

typed as (

    select
        chargeback_line_id,
        tenant_id,
        posting_period,
        service_provider,
        status as dispute_status
    from source

)

select * from typed
