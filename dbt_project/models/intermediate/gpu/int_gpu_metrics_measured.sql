{%- do comes_after('int_sample_series') -%}
with kept_days as (

    select * from {{ ref('stg_kept__gpu_metrics_measured') }}
    where {{ is_touched('steps', 'sampled_date') }}

),

{{ gpu_metrics_measured(
    ref('int_gpu_samples') ~ ' where ' ~ is_touched_or_next('steps', 'usage_date'), "sampled_at is not null", 60
) }},

all_days as (

    select
        sampled_date,
        node_id,
        gpu_uuid,
        bucket_start,
        mig_instance_id,
        mig_profile,
        metric,
        unit,
        kind,
        samples,
        quantity_sum,
        quantity_min,
        quantity_max,
        quantity_p95,
        quantity_last,
        counter_increase,
        covered_seconds
    from kept_days
    union all
    select
        sampled_date,
        node_id,
        gpu_uuid,
        bucket_start,
        mig_instance_id,
        mig_profile,
        metric,
        unit,
        kind,
        samples,
        quantity_sum,
        quantity_min,
        quantity_max,
        quantity_p95,
        quantity_last,
        counter_increase,
        covered_seconds
    from measured

)

select * from all_days
