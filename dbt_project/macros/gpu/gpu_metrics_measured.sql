{#-
CTEs, the last of them `measured`: the samples of each UTC day, GPU or slice and metric by the buckets of `minutes` that they lie in
or reach into, from the samples themselves: an hour is no average of twelve averages. A sample counts in the bucket it was taken in;
the time it stands for, at most an hour, is cut at the buckets' edges. A counter's growth from one sample to the next is of the
bucket of the first, unless more than 744 hours (31 days) lie between; two sources of a GPU count from different beginnings.
-#}
{% macro gpu_metrics_measured(samples, kept_from, minutes) -%}
{%- set series = ['node_id', 'gpu_uuid', 'mig_instance_id', 'metric'] -%}
{%- set bucket_us = minutes * 60000000 -%}
samples as (

    select * from {{ samples }}

),

kept as (

    select * from samples where {{ kept_from }}

),

bucket_numbers as (

    {{ dbt.generate_series(60 // minutes + 1) }}

),

counters as (

    select * from kept where kind = 'counter'

),

steps as (

    {{ counter_steps('counters', series + ['source'], 'quantity') }}

),

spans as (

    {{ sample_spans('kept', series, ['quantity', 'kind', 'unit', 'mig_profile']) }}

),

placed as (

    select
        spans.*,
        cast(spans.sampled_at as date) as sampled_date,
        case when steps.step_us <= 744 * 3600000000 then steps.increase end as increase,
        cast(date_trunc('hour', spans.sampled_at) as timestamp) as hour_start,
        {{ dbt.datediff("date_trunc('hour', spans.sampled_at)", 'spans.sampled_at', 'microsecond') }} as hour_us
    from spans
    left join steps
        on
            spans.node_id = steps.node_id
            and spans.gpu_uuid = steps.gpu_uuid
            and spans.mig_instance_id = steps.mig_instance_id
            and spans.metric = steps.metric
            and spans.sampled_at = steps.sampled_at

),

bucketed as (

    select
        *,
        cast(hour_us - hour_us % {{ bucket_us }} as bigint) as bucket_us,
        cast(hour_us % {{ bucket_us }} as bigint) as offset_us
    from placed

),

-- The bucket of the sample, and those its time reaches into.
pieces as (

    select
        *,
        1 as bucket_number,
        least(span_us, {{ bucket_us }} - offset_us) as covered_us
    from bucketed
    union all
    select
        bucketed.*,
        bucket_numbers.generated_number as bucket_number,
        least({{ bucket_us }}, bucketed.offset_us + bucketed.span_us - (bucket_numbers.generated_number - 1) * {{ bucket_us }})
            as covered_us
    from bucketed
    inner join bucket_numbers
        on
            bucket_numbers.generated_number > 1
            and bucketed.offset_us + bucketed.span_us > (bucket_numbers.generated_number - 1) * {{ bucket_us }}
    where bucketed.offset_us + bucketed.span_us > {{ bucket_us }}

),

dated as (

    select
        *,
        bucket_number = 1 as is_sample,
        cast(
            {{ dbt.dateadd(
                'minute', 'cast(floor(bucket_us / 60000000) as int) + (bucket_number - 1) * ' ~ minutes, 'hour_start'
            ) }} as timestamp
        ) as bucket_start
    from pieces

),

last_samples as (

    select
        bucket_start,
        node_id,
        gpu_uuid,
        mig_instance_id,
        metric,
        max(sampled_at) as sampled_at
    from dated
    where is_sample
    group by bucket_start, node_id, gpu_uuid, mig_instance_id, metric

),

summed as (

    select
        sampled_date,
        bucket_start,
        node_id,
        gpu_uuid,
        mig_instance_id,
        metric,
        min(mig_profile) as mig_profile,
        min(unit) as unit,
        min(kind) as kind,
        cast(sum(case when is_sample then 1 else 0 end) as bigint) as samples,
        cast(sum(case when is_sample and kind = 'gauge' then quantity end) as decimal(38, 6)) as quantity_sum,
        min(case when is_sample then quantity end) as quantity_min,
        max(case when is_sample then quantity end) as quantity_max,
        {{ percentile_95('case when is_sample then quantity end') }} as quantity_p95,
        cast(sum(case when is_sample then increase end) as decimal(38, 6)) as counter_increase,
        cast(sum(covered_us) as decimal(18, 0)) as covered_us
    from dated
    group by sampled_date, bucket_start, node_id, gpu_uuid, mig_instance_id, metric

),

measured as (

    select
        summed.sampled_date,
        summed.bucket_start,
        summed.node_id,
        summed.gpu_uuid,
        summed.mig_instance_id,
        summed.mig_profile,
        summed.metric,
        summed.unit,
        summed.kind,
        summed.samples,
        summed.quantity_sum,
        summed.quantity_min,
        summed.quantity_max,
        cast(summed.quantity_p95 as decimal(26, 6)) as quantity_p95,
        kept.quantity as quantity_last,
        summed.counter_increase,
        cast(summed.covered_us * 0.000001 as decimal(18, 6)) as covered_seconds
    from summed
    left join last_samples
        on
            summed.sampled_date = cast(last_samples.sampled_at as date)
            and summed.bucket_start = last_samples.bucket_start
            and summed.node_id = last_samples.node_id
            and summed.gpu_uuid = last_samples.gpu_uuid
            and summed.mig_instance_id = last_samples.mig_instance_id
            and summed.metric = last_samples.metric
    left join kept
        on
            last_samples.node_id = kept.node_id
            and last_samples.gpu_uuid = kept.gpu_uuid
            and last_samples.mig_instance_id = kept.mig_instance_id
            and last_samples.metric = kept.metric
            and last_samples.sampled_at = kept.sampled_at

)
{%- endmacro %}

{#- What the samples of all days measured of each bucket, of a table that gpu_metrics_measured made: a sample counts in one of them. -#}
{% macro gpu_metrics_of(measured) -%}
select
    bucket_start,
    cast(bucket_start as date) as usage_date,
    node_id,
    gpu_uuid,
    mig_instance_id,
    min(mig_profile) as mig_profile,
    metric,
    min(unit) as unit,
    min(kind) as kind,
    cast(sum(samples) as bigint) as samples,
    cast(sum(quantity_sum) as decimal(38, 6)) as quantity_sum,
    min(quantity_min) as quantity_min,
    max(quantity_max) as quantity_max,
    max(quantity_p95) as quantity_p95,
    max(quantity_last) as quantity_last,
    cast(sum(counter_increase) as decimal(38, 6)) as counter_increase,
    cast(sum(covered_seconds) as decimal(18, 6)) as covered_seconds
from {{ measured }}
group by bucket_start, node_id, gpu_uuid, mig_instance_id, metric
{%- endmacro %}
