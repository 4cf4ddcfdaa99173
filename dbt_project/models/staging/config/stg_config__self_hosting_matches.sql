with source as (

    select * from {{ raw('config', 'self_hosting_matches') }}

),

typed as (

    select
        workload_id,
        comparator_id,
        cast(workload_order as integer) as workload_order,
        model,
        feature_id,
        tenant_id,
        environment,
        host
    from source

)

select * from typed
