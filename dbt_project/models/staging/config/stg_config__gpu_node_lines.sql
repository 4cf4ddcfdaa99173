with source as (

    select * from {{ raw('config', 'gpu_node_lines') }}

),

typed as (

    select
        node_id,
        line,
        per,
        cast(usd as decimal(26, 12)) as usd,
        cast(unmeasured_usd as decimal(26, 12)) as unmeasured_usd,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
