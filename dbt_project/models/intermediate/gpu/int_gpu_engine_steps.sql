with steps as (

    select * from {{ ref('int_engine_steps') }}

),

day_falls as (

    select * from {{ ref('int_engine_falls') }}

),

engine_days as (

    select * from {{ ref('int_gpu_engine_days') }}

),

-- A restart is between the samples of some counter that fell.
falls as (

    select
        engine_kind,
        instance,
        engine,
        model_name,
        next_sampled_at,
        max(sampled_at) as sampled_at
    from day_falls
    group by engine_kind, instance, engine, model_name, next_sampled_at

),

falls_in_order as (

    select
        *,
        lag(next_sampled_at) over (
            partition by engine_kind, instance, engine, model_name order by next_sampled_at asc nulls last
        ) as fell_before_at
    from falls

),

-- A series that came back later than the others fell with them.
restarts as (

    select *
    from falls_in_order
    where coalesce(fell_before_at <= sampled_at, true)

),

-- Of a sample alone on its day nobody knows the usual step: what follows is a gap.
engine_steps as (

    select
        steps.engine_kind,
        steps.instance,
        steps.engine,
        steps.model_name,
        steps.before_at,
        steps.sampled_at,
        steps.step_us,
        steps.median_step_us,
        restarts.next_sampled_at is not null as is_restart,
        coalesce(steps.step_us > 3 * steps.median_step_us, true) as is_gap
    from steps
    left join restarts
        on
            steps.engine_kind = restarts.engine_kind
            and steps.instance = restarts.instance
            and steps.engine = restarts.engine
            and steps.model_name = restarts.model_name
            and steps.sampled_at = restarts.next_sampled_at

),

-- Time in which no scrape was missed is shorter than a step, and unknown.
timed as (

    select
        engine_steps.*,
        engine_days.deployment_id,
        engine_days.engines_at_once,
        case
            when engine_steps.is_restart and engine_steps.step_us * 2 > engine_steps.median_step_us * 3
                then engine_steps.step_us - engine_steps.median_step_us
        end as down_us,
        case
            when engine_steps.is_gap and not engine_steps.is_restart
                then engine_steps.step_us - coalesce(engine_steps.median_step_us, 0)
        end as unseen_us
    from engine_steps
    inner join engine_days
        on
            cast(engine_steps.sampled_at as date) = engine_days.usage_date
            and engine_steps.engine_kind = engine_days.engine_kind
            and engine_steps.instance = engine_days.instance
            and engine_steps.engine = engine_days.engine
            and engine_steps.model_name = engine_days.model_name

)

select * from timed
