with samples as (

    select * from {{ ref('stg_dcgm__samples') }}

),

-- Slices of a GPU (MIG) report for themselves; adding them up would count the GPU several times.
readings as (

    select
        node_id,
        gpu_uuid,
        sampled_at,
        max(case when metric = 'DCGM_FI_PROF_GR_ENGINE_ACTIVE' then cast(value as decimal(7, 6)) end) as engine_share,
        max(case when metric = 'DCGM_FI_DEV_GPU_UTIL' then cast(value as decimal(9, 6)) end) as util_percent
    from samples
    where
        mig_instance_id is null
        and metric in ('DCGM_FI_PROF_GR_ENGINE_ACTIVE', 'DCGM_FI_DEV_GPU_UTIL')
    group by node_id, gpu_uuid, sampled_at

),

shares as (

    select
        node_id,
        gpu_uuid,
        sampled_at,
        coalesce(engine_share, cast(util_percent * 0.01 as decimal(7, 6))) as busy_share
    from readings

),

spanned as (

    {{ sample_spans('shares', ['node_id', 'gpu_uuid'], ['busy_share']) }}

)

select * from spanned
