{%- do comes_after('int_sample_series') -%}
with kept as (

    select * from {{ ref('stg_kept__engine_counts_hourly') }}
    where {{ is_touched('steps', 'sampled_date') }}

),

samples as (

    select * from {{ ref('int_engine_samples') }}
    where {{ is_touched_or_next('steps', 'usage_date') }}

),

counters as (

    select
        engine_kind,
        instance,
        engine,
        model_name,
        label_key,
        metric,
        sampled_at,
        cast(floor(quantity) as bigint) as counted
    from samples
    where metric in (
        'prompt_tokens_total',
        'output_tokens_total',
        'cached_tokens_total',
        'preemptions_total',
        'preempted_input_tokens_total',
        'preempted_output_tokens_total',
        'draft_tokens_total',
        'accepted_tokens_total'
    )

),

steps as (

    {{ counter_steps('counters', ['engine_kind', 'instance', 'engine', 'model_name', 'label_key', 'metric'], 'counted') }}

),

usual as (

    {{ usual_steps('steps', ['engine_kind', 'instance', 'engine', 'model_name', 'label_key', 'metric']) }}

),

-- Over a gap that reaches beyond the hour nobody knows which hour the increase belongs to.
placed as (

    select
        cast(steps.sampled_at as date) as sampled_date,
        steps.engine_kind,
        steps.instance,
        steps.engine,
        steps.model_name,
        cast(date_trunc('hour', steps.sampled_at) as timestamp) as hour_start,
        steps.metric,
        steps.increase,
        case
            when
                steps.step_us <= 3 * usual.median_step_us
                or steps.next_sampled_at <= {{ dbt.dateadd('hour', 1, "date_trunc('hour', steps.sampled_at)") }}
                then steps.increase
        end as increase_known
    from steps
    left join usual
        on
            steps.engine_kind = usual.engine_kind
            and steps.instance = usual.instance
            and steps.engine = usual.engine
            and steps.model_name = usual.model_name
            and steps.label_key = usual.label_key
            and steps.metric = usual.metric
            and cast(steps.sampled_at as date) = usual.sampled_date
    where steps.step_us <= 744 * 3600000000

),

counted as (

    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        hour_start,
        metric,
        cast(sum(increase) as bigint) as increase,
        cast(sum(increase_known) as bigint) as increase_known
    from placed
    group by sampled_date, engine_kind, instance, engine, model_name, hour_start, metric

),

all_days as (

    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        hour_start,
        metric,
        increase,
        increase_known
    from kept
    union all
    select
        sampled_date,
        engine_kind,
        instance,
        engine,
        model_name,
        hour_start,
        metric,
        increase,
        increase_known
    from counted

)

select * from all_days
