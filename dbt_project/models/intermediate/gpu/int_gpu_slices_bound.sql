with slice_days as (

    select * from {{ ref('int_gpu_slice_days') }}

),

bindings as (

    select * from {{ ref('stg_config__gpu_deployment_slices') }}

),

-- Who has a GPU as a whole has what cutting it left over too.
bound as (

    select
        slice_days.usage_date,
        slice_days.node_id,
        slice_days.gpu_id,
        slice_days.slice_id,
        bindings.deployment_id,
        slice_days.begins_at,
        slice_days.ends_at,
        slice_days.total_slices
    from slice_days
    inner join bindings
        on
            slice_days.node_id = bindings.node_id
            and slice_days.gpu_id = bindings.gpu_uuid
            and slice_days.slice_id = coalesce(bindings.slice_id, slice_days.slice_id)
            and slice_days.usage_date >= bindings.valid_from
            and slice_days.usage_date < bindings.valid_to

)

select * from bound
