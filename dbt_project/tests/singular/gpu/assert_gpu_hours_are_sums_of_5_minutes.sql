with hours as (

    select * from {{ ref('gpu_metrics_hourly') }}

),

buckets as (

    select * from {{ ref('gpu_metrics_5m') }}

),

summed as (

    select
        cast(date_trunc('hour', bucket_start) as timestamp) as hour_start,
        node_id,
        gpu_uuid,
        mig_instance_id,
        metric,
        sum(samples) as samples,
        coalesce(sum(quantity_sum), 0) as quantity_sum,
        min(quantity_min) as quantity_min,
        max(quantity_max) as quantity_max,
        sum(covered_seconds) as covered_seconds
    from buckets
    group by date_trunc('hour', bucket_start), node_id, gpu_uuid, mig_instance_id, metric

),

kept_hours as (

    select hours.*
    from hours
    where hours.usage_date > (select min(buckets.usage_date) as first_date from buckets)

)

select
    kept_hours.bucket_start,
    kept_hours.gpu_uuid,
    kept_hours.metric
from kept_hours
left join summed
    on
        kept_hours.bucket_start = summed.hour_start
        and kept_hours.node_id = summed.node_id
        and kept_hours.gpu_uuid = summed.gpu_uuid
        and kept_hours.mig_instance_id = summed.mig_instance_id
        and kept_hours.metric = summed.metric
where
    summed.samples is null
    or summed.samples <> kept_hours.samples
    or summed.quantity_sum <> coalesce(kept_hours.quantity_sum, 0)
    or coalesce(summed.quantity_min, 0) <> coalesce(kept_hours.quantity_min, 0)
    or coalesce(summed.quantity_max, 0) <> coalesce(kept_hours.quantity_max, 0)
    or summed.covered_seconds <> kept_hours.covered_seconds
