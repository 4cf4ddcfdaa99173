with samples as (

    select * from {{ ref('int_engine_samples') }}

),

engine_days as (

    select * from {{ ref('int_gpu_engine_days') }}

),

counters as (

    select *
    from samples
    where kind = 'counter'

),

steps as (

    {{ counter_steps(
        'counters', ['engine_kind', 'instance', 'engine', 'model_name', 'label_key', 'metric'], 'quantity'
    ) }}

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
    from steps
    where is_reset
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

moments as (

    select distinct
        engine_kind,
        instance,
        engine,
        model_name,
        sampled_at
    from counters

),

sequenced as (

    select
        *,
        lag(sampled_at) over (
            partition by engine_kind, instance, engine, model_name order by sampled_at asc nulls last
        ) as before_at
    from moments

),

stepped as (

    select
        *,
        {{ dbt.datediff('before_at', 'sampled_at', 'microsecond') }} as step_us
    from sequenced
    where before_at is not null

),

usual as (

    select
        engine_kind,
        instance,
        engine,
        model_name,
        cast(floor(percentile_cont(0.5) within group (order by step_us)) as bigint) as median_step_us
    from stepped
    group by engine_kind, instance, engine, model_name

),

engine_steps as (

    select
        stepped.engine_kind,
        stepped.instance,
        stepped.engine,
        stepped.model_name,
        stepped.before_at,
        stepped.sampled_at,
        stepped.step_us,
        usual.median_step_us,
        restarts.next_sampled_at is not null as is_restart,
        stepped.step_us > 3 * usual.median_step_us as is_gap
    from stepped
    inner join usual
        on
            stepped.engine_kind = usual.engine_kind
            and stepped.instance = usual.instance
            and stepped.engine = usual.engine
            and stepped.model_name = usual.model_name
    left join restarts
        on
            stepped.engine_kind = restarts.engine_kind
            and stepped.instance = restarts.instance
            and stepped.engine = restarts.engine
            and stepped.model_name = restarts.model_name
            and stepped.sampled_at = restarts.next_sampled_at

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
                then engine_steps.step_us - engine_steps.median_step_us
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
