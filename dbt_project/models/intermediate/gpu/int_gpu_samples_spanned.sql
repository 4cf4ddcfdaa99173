{%- do comes_after('int_sample_series') -%}
with samples as (

    select * from {{ ref('int_gpu_samples') }}
    where {{ is_touched_or_next('steps', 'usage_date') }}

),

-- Slices of a GPU (MIG) report for themselves; adding them up would count the GPU several times.
shares as (

    select
        node_id,
        gpu_uuid,
        sampled_at,
        cast(
            coalesce(
                max(case when metric = 'engine_active_share' then quantity end),
                max(case when metric = 'util_share' then quantity end)
            ) as decimal(7, 6)
        ) as busy_share
    from samples
    where
        mig_instance_id = ''
        and metric in ('engine_active_share', 'util_share')
    group by node_id, gpu_uuid, sampled_at

),

spanned as (

    {{ sample_spans('shares', ['node_id', 'gpu_uuid'], ['busy_share']) }}

),

dated as (

    select
        *,
        cast(sampled_at as date) as usage_date
    from spanned

)

select * from dated
