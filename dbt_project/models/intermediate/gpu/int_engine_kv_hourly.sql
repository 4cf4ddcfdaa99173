{%- do comes_after('int_sample_series') -%}
with kept as (

    select * from {{ ref('stg_kept__engine_kv_hourly') }}
    where {{ is_touched('steps', 'sampled_date') }}

),

samples as (

    select * from {{ ref('int_engine_samples') }}
    where {{ is_touched_or_next('steps', 'usage_date') }}

),

-- An engine scraped by two jobs says one thing twice.
gauges as (

    select
        engine_kind,
        instance,
        engine,
        model_name,
        sampled_at,
        max(case when metric = 'kv_cache_used_share' then quantity end) as used_share,
        max(case when metric = 'requests_running' then quantity end) as requests_running
    from samples
    where metric in ('kv_cache_used_share', 'requests_running')
    group by engine_kind, instance, engine, model_name, sampled_at

),

observed as (

    select *
    from gauges
    where used_share is not null

),

spans as (

    {{ sample_spans(
        'observed', ['engine_kind', 'instance', 'engine', 'model_name'], ['used_share', 'requests_running']
    ) }}

),

placed as (

    select
        cast(sampled_at as date) as sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        used_share,
        used_share >= 0.9 as is_pressed,
        case when requests_running is not null then used_share > 0 and requests_running = 0 end as is_idle,
        span_us,
        cast(date_trunc('hour', sampled_at) as timestamp) as hour_start,
        {{ dbt.datediff("date_trunc('hour', sampled_at)", 'sampled_at', 'microsecond') }} as offset_us
    from spans

),

-- A span is at most an hour long, so it lies in one hour or in two.
pieces as (

    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        used_share,
        is_pressed,
        is_idle,
        hour_start,
        least(span_us, 3600000000 - offset_us) as piece_us
    from placed
    union all
    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        used_share,
        is_pressed,
        is_idle,
        cast({{ dbt.dateadd('hour', 1, 'hour_start') }} as timestamp) as hour_start,
        span_us + offset_us - 3600000000 as piece_us
    from placed
    where span_us + offset_us > 3600000000

),

measured as (

    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        hour_start,
        is_pressed,
        is_idle,
        cast(
            sum(cast(used_share as decimal(8, 6)) * cast(piece_us as decimal(10, 0)) * 0.000001) as decimal(18, 12)
        ) as used_share_seconds,
        cast(sum(cast(piece_us as decimal(20, 0))) as decimal(18, 0)) as covered_us
    from pieces
    group by sampled_date, engine_kind, instance, engine, model_name, hour_start, is_pressed, is_idle

),

all_days as (

    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        hour_start,
        is_pressed,
        is_idle,
        used_share_seconds,
        covered_us
    from kept
    union all
    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        hour_start,
        is_pressed,
        is_idle,
        used_share_seconds,
        covered_us
    from measured

)

select * from all_days
