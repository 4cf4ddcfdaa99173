{%- do comes_after('int_sample_series') -%}
with kept as (

    select * from {{ ref('stg_kept__gpu_busy_hourly') }}
    where {{ is_touched('steps', 'sampled_date') }}

),

spans as (

    select
        node_id,
        gpu_uuid,
        'whole' as slice_id,
        sampled_at,
        busy_share,
        span_us
    from {{ ref('int_gpu_samples_spanned') }}
    where {{ is_touched('steps', 'usage_date') }}
    union all
    select
        node_id,
        gpu_uuid,
        slice_id,
        sampled_at,
        busy_share,
        span_us
    from {{ ref('int_gpu_slices_spanned') }}
    where {{ is_touched('steps', 'usage_date') }}

),

placed as (

    select
        cast(sampled_at as date) as sampled_date,
        node_id,
        gpu_uuid,
        slice_id,
        busy_share,
        span_us,
        cast(date_trunc('hour', sampled_at) as timestamp) as hour_start,
        {{ dbt.datediff("date_trunc('hour', sampled_at)", 'sampled_at', 'microsecond') }} as offset_us
    from spans

),

-- A span is at most an hour long, so it lies in one hour or in two.
pieces as (

    select
        sampled_date,
        node_id,
        gpu_uuid,
        slice_id,
        busy_share,
        hour_start,
        least(span_us, 3600000000 - offset_us) as piece_us
    from placed
    union all
    select
        sampled_date,
        node_id,
        gpu_uuid,
        slice_id,
        busy_share,
        cast({{ dbt.dateadd('hour', 1, 'hour_start') }} as timestamp) as hour_start,
        span_us + offset_us - 3600000000 as piece_us
    from placed
    where span_us + offset_us > 3600000000

),

measured_pieces as (

    select
        sampled_date,
        node_id,
        gpu_uuid,
        slice_id,
        hour_start,
        busy_share,
        cast(cast(piece_us as decimal(10, 0)) * 0.000001 as decimal(10, 6)) as piece_seconds
    from pieces

),

measured as (

    select
        sampled_date,
        hour_start,
        node_id,
        gpu_uuid,
        slice_id,
        cast(sum(piece_seconds) as decimal(18, 6)) as covered_seconds,
        cast(sum(cast(busy_share * piece_seconds as decimal(18, 12))) as decimal(18, 12)) as busy_seconds
    from measured_pieces
    group by sampled_date, hour_start, node_id, gpu_uuid, slice_id

),

all_days as (

    select
        sampled_date,
        node_id,
        gpu_uuid,
        hour_start,
        slice_id,
        covered_seconds,
        busy_seconds
    from kept
    union all
    select
        sampled_date,
        node_id,
        gpu_uuid,
        hour_start,
        slice_id,
        covered_seconds,
        busy_seconds
    from measured

)

select * from all_days
