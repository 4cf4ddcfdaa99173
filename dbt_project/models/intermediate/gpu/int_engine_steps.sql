{%- do comes_after('int_sample_series') -%}
with kept as (

    select * from {{ ref('stg_kept__engine_steps') }}
    where {{ is_touched('steps', 'sampled_date') }}

),

samples as (

    select * from {{ ref('int_engine_samples') }}
    where {{ is_touched_or_next('steps', 'usage_date') }}

),

falls as (

    select * from {{ ref('int_engine_falls') }}

),

moments as (

    select distinct
        engine_kind,
        instance,
        engine,
        model_name,
        sampled_at
    from samples
    where kind = 'counter'

),

sequenced as (

    {{ sequenced_samples('moments', ['engine_kind', 'instance', 'engine', 'model_name'], []) }}

),

usual as (

    {{ usual_steps('sequenced', ['engine_kind', 'instance', 'engine', 'model_name']) }}

),

ends as (

    select distinct
        engine_kind,
        instance,
        engine,
        model_name,
        next_sampled_at
    from falls

),

steps as (

    select
        cast(sequenced.sampled_at as date) as sampled_date,
        sequenced.engine_kind,
        sequenced.instance,
        sequenced.engine,
        sequenced.model_name,
        sequenced.sampled_at as before_at,
        sequenced.next_sampled_at as sampled_at,
        sequenced.step_us,
        cast(floor(usual.median_step_us) as bigint) as median_step_us,
        ends.next_sampled_at is not null as is_fall,
        row_number() over (
            partition by
                sequenced.engine_kind,
                sequenced.instance,
                sequenced.engine,
                sequenced.model_name,
                cast(sequenced.sampled_at as date)
            order by sequenced.sampled_at asc nulls last
        ) as step_number
    from sequenced
    left join usual
        on
            sequenced.engine_kind = usual.engine_kind
            and sequenced.instance = usual.instance
            and sequenced.engine = usual.engine
            and sequenced.model_name = usual.model_name
            and cast(sequenced.sampled_at as date) = usual.sampled_date
    left join ends
        on
            sequenced.engine_kind = ends.engine_kind
            and sequenced.instance = ends.instance
            and sequenced.engine = ends.engine
            and sequenced.model_name = ends.model_name
            and sequenced.next_sampled_at = ends.next_sampled_at
    where sequenced.step_us <= 744 * 3600000000

),

-- The first step of a day and one into another day say on which days the engine counted.
noted as (

    select *
    from steps
    where
        is_fall
        or step_number = 1
        or cast(sampled_at as date) > sampled_date
        or coalesce(step_us > 3 * median_step_us, true)

),

all_days as (

    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        before_at,
        sampled_at,
        step_us,
        median_step_us
    from kept
    union all
    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        before_at,
        sampled_at,
        step_us,
        median_step_us
    from noted

)

select * from all_days
