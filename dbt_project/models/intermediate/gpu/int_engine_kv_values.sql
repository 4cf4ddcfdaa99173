{%- do comes_after('int_sample_series') -%}
with kept as (

    select * from {{ ref('stg_kept__engine_kv_values') }}
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
        max(quantity) as used_share
    from samples
    where metric = 'kv_cache_used_share'
    group by engine_kind, instance, engine, model_name, sampled_at

),

counted as (

    select
        cast(sampled_at as date) as sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        used_share,
        count(*) as samples
    from gauges
    group by cast(sampled_at as date), engine_kind, instance, engine, model_name, used_share

),

all_days as (

    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        used_share,
        samples
    from kept
    union all
    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        used_share,
        samples
    from counted

)

select * from all_days
