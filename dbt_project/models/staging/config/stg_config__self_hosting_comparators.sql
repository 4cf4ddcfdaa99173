with source as (

    select * from {{ raw('config', 'self_hosting_comparators') }}

),

typed as (

    select
        workload_id,
        comparator_id,
        kind,
        service_provider,
        model_id,
        cast(passing_share as decimal(9, 6)) as passing_share
    from source

)

select * from typed
