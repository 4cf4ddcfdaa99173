{%- do comes_after('int_sample_series') -%}
with kept as (

    select * from {{ ref('stg_kept__engine_falls') }}
    where {{ is_touched('steps', 'sampled_date') }}

),

samples as (

    select * from {{ ref('int_engine_samples') }}
    where {{ is_touched_or_next('steps', 'usage_date') }}

),

counters as (

    select *
    from samples
    where kind = 'counter'

),

steps as (

    {{ counter_steps('counters', ['engine_kind', 'instance', 'engine', 'model_name', 'label_key', 'metric'], 'quantity') }}

),

falls as (

    select
        cast(sampled_at as date) as sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        max(sampled_at) as sampled_at,
        next_sampled_at
    from steps
    where is_reset and step_us <= 744 * 3600000000
    group by cast(sampled_at as date), engine_kind, instance, engine, model_name, next_sampled_at

),

all_days as (

    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        sampled_at,
        next_sampled_at
    from kept
    union all
    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        sampled_at,
        next_sampled_at
    from falls

)

select * from all_days
