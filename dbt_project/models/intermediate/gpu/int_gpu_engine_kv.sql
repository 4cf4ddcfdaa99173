with samples as (

    select * from {{ ref('int_engine_samples') }}

),

engine_days as (

    select * from {{ ref('int_gpu_engine_days') }}

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
        spans.*,
        engine_days.deployment_id,
        engine_days.engines_at_once,
        cast(date_trunc('hour', spans.sampled_at) as timestamp) as hour_start,
        {{ dbt.datediff("date_trunc('hour', spans.sampled_at)", 'spans.sampled_at', 'microsecond') }} as offset_us
    from spans
    inner join engine_days
        on
            cast(spans.sampled_at as date) = engine_days.usage_date
            and spans.engine_kind = engine_days.engine_kind
            and spans.instance = engine_days.instance
            and spans.engine = engine_days.engine
            and spans.model_name = engine_days.model_name

),

-- A span is at most an hour long, so it lies in one hour or in two.
pieces as (

    select
        deployment_id,
        engines_at_once,
        engine_kind,
        instance,
        engine,
        model_name,
        sampled_at,
        used_share,
        requests_running,
        true as is_sample,
        hour_start,
        least(span_us, 3600000000 - offset_us) as piece_us
    from placed
    union all
    select
        deployment_id,
        engines_at_once,
        engine_kind,
        instance,
        engine,
        model_name,
        sampled_at,
        used_share,
        requests_running,
        false as is_sample,
        cast({{ dbt.dateadd('hour', 1, 'hour_start') }} as timestamp) as hour_start,
        span_us + offset_us - 3600000000 as piece_us
    from placed
    where span_us + offset_us > 3600000000

)

select * from pieces
