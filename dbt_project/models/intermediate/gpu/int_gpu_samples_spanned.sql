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

sequenced as (

    select
        node_id,
        gpu_uuid,
        sampled_at,
        coalesce(engine_share, cast(util_percent * 0.01 as decimal(7, 6))) as busy_share,
        {{ dbt.datediff(
            'sampled_at',
            'lead(sampled_at) over (partition by node_id, gpu_uuid order by sampled_at asc nulls last)',
            'microsecond'
        ) }} as step_us
    from readings

),

steps as (

    select
        node_id,
        gpu_uuid,
        percentile_cont(0.5) within group (order by step_us) as median_step_us
    from sequenced
    where step_us is not null
    group by node_id, gpu_uuid

),

-- A sample stands until the next one. Where that is further away than three usual steps, the time between is a gap
-- nobody saw, and the sample stands for one usual step; so does the last one. More than an hour is never believed.
spanned as (

    select
        sequenced.node_id,
        sequenced.gpu_uuid,
        sequenced.sampled_at,
        sequenced.busy_share,
        cast(
            least(
                3600000000,
                case
                    when sequenced.step_us <= 3 * steps.median_step_us then sequenced.step_us
                    else coalesce(floor(steps.median_step_us), 0)
                end
            ) as bigint
        ) as span_us
    from sequenced
    left join steps
        on
            sequenced.node_id = steps.node_id
            and sequenced.gpu_uuid = steps.gpu_uuid

)

select * from spanned
