{%- do comes_after('int_sample_series') -%}
with kept as (

    select * from {{ ref('stg_kept__engine_seen_days') }}
    where {{ is_touched('steps', 'sampled_date') }}

),

samples as (

    select * from {{ ref('int_engine_samples') }}
    where {{ is_touched_or_next('steps', 'usage_date') }}

),

seen as (

    select
        cast(sampled_at as date) as sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        min(sampled_at) as first_sampled_at,
        max(sampled_at) as last_sampled_at
    from samples
    group by cast(sampled_at as date), engine_kind, instance, engine, model_name

),

all_days as (

    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        first_sampled_at,
        last_sampled_at
    from kept
    union all
    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        first_sampled_at,
        last_sampled_at
    from seen

)

select * from all_days
