{%- do comes_after('int_sample_series') -%}
with samples as (

    select * from {{ ref('int_gpu_samples') }}
    where {{ is_touched_or_next('steps', 'usage_date') }}

),

-- GPU_UTIL is absent or 0 on a slice; only the engine's own activity is the slice's.
shares as (

    select
        node_id,
        gpu_uuid,
        mig_instance_id as slice_id,
        mig_profile as slice_profile,
        gpu_model,
        sampled_at,
        cast(quantity as decimal(7, 6)) as busy_share
    from samples
    where
        mig_instance_id <> ''
        and metric = 'engine_active_share'

),

-- A slice that is cut anew under its old number goes on where it was: its time is not there twice.
spanned as (

    {{ sample_spans('shares', ['node_id', 'gpu_uuid', 'slice_id'], ['slice_profile', 'gpu_model', 'busy_share']) }}

),

dated as (

    select
        *,
        cast(sampled_at as date) as usage_date
    from spanned

)

select * from dated
