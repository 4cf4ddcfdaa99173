with source as (

    select * from {{ raw('config', 'anomaly_states') }}

),

typed as (

    select
        scope,
        coalesce(scope_id, 'company') as scope_id,
        kind,
        state,
        who,
        why,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
