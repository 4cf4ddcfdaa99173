with source as (

    select * from {{ raw('opencost', 'allocations') }}

),

typed as (

    select
        cast(window_start as date) as usage_date,
        cast(retrieved_at as timestamp) as retrieved_at,
        cluster,
        node_id,
        namespace,
        pod,
        cast(gpu_hours as decimal(26, 6)) as gpu_hours,
        cast(gpu_cost as decimal(26, 12)) as gpu_cost_usd,
        cast(total_cost as decimal(26, 12)) as total_cost_usd,
        file_hash,
        cast(row_number as bigint) as row_number
    from source

),

latest as (

    select
        usage_date,
        max(retrieved_at) as retrieved_at
    from typed
    group by usage_date

),

-- An export is a snapshot: the last one retrieved replaces its days. Several clusters are one export, or carry the same time.
current_allocations as (

    select typed.*
    from typed
    inner join latest
        on
            typed.usage_date = latest.usage_date
            and typed.retrieved_at = latest.retrieved_at

)

select * from current_allocations
