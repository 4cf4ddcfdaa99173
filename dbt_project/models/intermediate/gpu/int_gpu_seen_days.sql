{%- do comes_after('int_sample_series') -%}
with kept as (

    select * from {{ ref('stg_kept__gpu_seen_days') }}
    where {{ is_touched('steps', 'sampled_date') }}

),

spans as (

    select
        node_id,
        gpu_uuid,
        'whole' as slice_id,
        cast(null as {{ dbt.type_string() }}) as slice_profile,
        cast(null as {{ dbt.type_string() }}) as gpu_model,
        sampled_at,
        span_us
    from {{ ref('int_gpu_samples_spanned') }}
    where {{ is_touched('steps', 'usage_date') }}
    union all
    select
        node_id,
        gpu_uuid,
        slice_id,
        slice_profile,
        gpu_model,
        sampled_at,
        span_us
    from {{ ref('int_gpu_slices_spanned') }}
    where {{ is_touched('steps', 'usage_date') }}

),

-- Microseconds of more than 35 minutes are no integer, which is what an interval takes.
ended as (

    select
        *,
        {{ dbt.dateadd(
            'microsecond', 'mod(span_us, 1000000)',
            dbt.dateadd('second', 'cast((span_us - mod(span_us, 1000000)) / 1000000 as integer)', 'sampled_at')
        ) }} as observed_until
    from spans

),

seen as (

    select
        cast(sampled_at as date) as sampled_date,
        node_id,
        gpu_uuid,
        slice_id,
        max(slice_profile) as slice_profile,
        max(gpu_model) as gpu_model,
        count(*) as samples,
        min(sampled_at) as first_sampled_at,
        max(sampled_at) as last_sampled_at,
        cast(max(observed_until) as timestamp) as observed_until
    from ended
    group by cast(sampled_at as date), node_id, gpu_uuid, slice_id

),

all_days as (

    select
        sampled_date,
        node_id,
        gpu_uuid,
        slice_id,
        slice_profile,
        gpu_model,
        samples,
        first_sampled_at,
        last_sampled_at,
        observed_until
    from kept
    union all
    select
        sampled_date,
        node_id,
        gpu_uuid,
        slice_id,
        slice_profile,
        gpu_model,
        samples,
        first_sampled_at,
        last_sampled_at,
        observed_until
    from seen

)

select * from all_days
