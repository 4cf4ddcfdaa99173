with deployment_days as (

    select * from {{ ref('int_gpu_deployment_days') }}

),

gpu_hours as (

    select * from {{ ref('gpu_cost_hourly') }}

),

engine_days as (

    select * from {{ ref('int_gpu_engine_days') }}

),

kv_hours as (

    select * from {{ ref('int_engine_kv_hourly') }}

),

kv_values as (

    select * from {{ ref('int_engine_kv_values') }}

),

engine_steps as (

    select * from {{ ref('int_gpu_engine_steps') }}

),

counts as (

    select * from {{ ref('int_engine_counts_hourly') }}

),

engine_tokens as (

    select * from {{ ref('int_gpu_engine_tokens_hourly') }}

),

weeks as (

    select
        cast(date_trunc('week', usage_date) as date) as week_start,
        deployment_id,
        -- Weights that changed within the week weigh no week.
        case when min(input_weight) = max(input_weight) then min(input_weight) end as input_weight
    from deployment_days
    group by cast(date_trunc('week', usage_date) as date), deployment_id

),

nodes as (

    select
        usage_date,
        deployment_id,
        count(*) over (partition by usage_date, node_id) as deployments_on_node
    from deployment_days
    where share_id = 'whole'

),

shared_days as (

    select distinct
        usage_date,
        deployment_id
    from nodes
    where deployments_on_node > 1

),

-- Of a node with several deployments and no shares of it nobody knows whose its GPUs are.
cost_hours as (

    select
        gpu_hours.hour_start,
        gpu_hours.deployment_id,
        cast(sum(gpu_hours.cost_usd) as decimal(26, 12)) as cost_usd,
        cast(sum(gpu_hours.busy_cost_usd) as decimal(26, 12)) as busy_cost_usd
    from gpu_hours
    left join shared_days
        on
            gpu_hours.usage_date = shared_days.usage_date
            and gpu_hours.deployment_id = shared_days.deployment_id
    where shared_days.deployment_id is null
    group by gpu_hours.hour_start, gpu_hours.deployment_id

),

cost_weeks as (

    select
        cast(date_trunc('week', cost_hours.hour_start) as date) as week_start,
        cost_hours.deployment_id,
        cast(sum(cost_hours.cost_usd) as decimal(26, 12)) as gpu_cost_usd,
        cast(sum(cost_hours.busy_cost_usd) as decimal(26, 12)) as busy_cost_usd
    from cost_hours
    group by cast(date_trunc('week', cost_hours.hour_start) as date), cost_hours.deployment_id

),

shared_weeks as (

    select distinct
        cast(date_trunc('week', usage_date) as date) as week_start,
        deployment_id
    from shared_days

),

engine_weeks as (

    select
        cast(date_trunc('week', usage_date) as date) as week_start,
        deployment_id,
        max(engines_at_once) as engines_at_once
    from engine_days
    group by cast(date_trunc('week', usage_date) as date), deployment_id

),

kv_deployed as (

    select
        kv_hours.*,
        engine_days.deployment_id,
        engine_days.engines_at_once
    from kv_hours
    inner join engine_days
        on
            kv_hours.sampled_date = engine_days.usage_date
            and kv_hours.engine_kind = engine_days.engine_kind
            and kv_hours.instance = engine_days.instance
            and kv_hours.engine = engine_days.engine
            and kv_hours.model_name = engine_days.model_name

),

kv_costed as (

    select
        kv_deployed.*,
        {{ divide_exact(
            'cost_hours.cost_usd', 'kv_deployed.covered_us', 'kv_deployed.engines_at_once * 3600000000', weight_places=0
        ) }} as cost_usd
    from kv_deployed
    left join cost_hours
        on
            kv_deployed.hour_start = cost_hours.hour_start
            and kv_deployed.deployment_id = cost_hours.deployment_id

),

kv_weeks as (

    select
        cast(date_trunc('week', hour_start) as date) as week_start,
        deployment_id,
        cast(sum(covered_us) * 0.000001 as decimal(18, 6)) as kv_observed_seconds,
        cast(sum(used_share_seconds) as decimal(26, 6)) as kv_used_share_seconds,
        cast(sum(case when is_pressed then covered_us else 0 end) * 0.000001 as decimal(18, 6)) as kv_pressure_seconds,
        case
            when count(cost_usd) = count(*)
                then cast(sum(case when is_pressed then cost_usd else 0 end) as decimal(26, 12))
        end as kv_pressure_cost_usd,
        cast(
            sum(case when is_idle then covered_us when not is_idle then 0 end) * 0.000001 as decimal(18, 6)
        ) as kv_idle_seconds,
        case
            when count(cost_usd) = count(*)
                then cast(sum(case when is_idle then cost_usd when not is_idle then 0 end) as decimal(26, 12))
        end as kv_idle_cost_usd
    from kv_costed
    group by cast(date_trunc('week', hour_start) as date), deployment_id

),

kv_value_weeks as (

    select
        cast(date_trunc('week', kv_values.sampled_date) as date) as week_start,
        engine_days.deployment_id,
        kv_values.used_share,
        cast(sum(kv_values.samples) as bigint) as samples
    from kv_values
    inner join engine_days
        on
            kv_values.sampled_date = engine_days.usage_date
            and kv_values.engine_kind = engine_days.engine_kind
            and kv_values.instance = engine_days.instance
            and kv_values.engine = engine_days.engine
            and kv_values.model_name = engine_days.model_name
    group by cast(date_trunc('week', kv_values.sampled_date) as date), engine_days.deployment_id, kv_values.used_share

),

-- One by one, the samples of years of many engines would not fit into memory.
kv_value_places as (

    select
        *,
        cast(
            sum(samples) over (partition by week_start, deployment_id order by used_share nulls last) as bigint
        ) as samples_up_to,
        cast(sum(samples) over (partition by week_start, deployment_id) as bigint) as all_samples
    from kv_value_weeks

),

kv_percentiles as (

    select
        week_start,
        deployment_id,
        cast(
            {{ percentile_95_counted('used_share', 'samples', 'samples_up_to', 'all_samples') }} as double
        ) as kv_used_share_p95
    from kv_value_places
    group by week_start, deployment_id

),

steps_costed as (

    select
        engine_steps.*,
        {{ divide_exact(
            'cost_hours.cost_usd', 'engine_steps.down_us', 'engine_steps.engines_at_once * 3600000000', weight_places=0
        ) }} as down_cost_usd
    from engine_steps
    left join cost_hours
        on
            cast(date_trunc('hour', engine_steps.sampled_at) as timestamp) = cost_hours.hour_start
            and engine_steps.deployment_id = cost_hours.deployment_id

),

start_weeks as (

    select
        cast(date_trunc('week', sampled_at) as date) as week_start,
        deployment_id,
        count(case when is_restart then 1 end) as cold_starts,
        count(down_us) as cold_starts_timed,
        case
            when count(case when is_restart then 1 end) = 0 then 0
            else cast(sum(cast(down_us as decimal(20, 0))) as decimal(20, 0))
        end as down_us,
        case
            when count(case when is_restart then 1 end) = 0 then 0
            when count(down_cost_usd) = count(down_us) then cast(sum(down_cost_usd) as decimal(26, 12))
        end as down_cost_usd,
        count(unseen_us) as telemetry_gaps,
        cast(coalesce(sum(cast(unseen_us as decimal(20, 0))), 0) as decimal(20, 0)) as unseen_us
    from steps_costed
    group by cast(date_trunc('week', sampled_at) as date), deployment_id

),

counted_weeks as (

    select
        cast(date_trunc('week', counts.sampled_date) as date) as week_start,
        engine_days.deployment_id,
        {% for metric in [
            'preemptions', 'preempted_input_tokens', 'preempted_output_tokens', 'draft_tokens', 'accepted_tokens',
        ] %}
        cast(sum(case when counts.metric = '{{ metric }}_total' then counts.increase end) as bigint) as {{ metric }}
        {%- if not loop.last %},{% endif %}
        {% endfor %}
    from counts
    inner join engine_days
        on
            counts.sampled_date = engine_days.usage_date
            and counts.engine_kind = engine_days.engine_kind
            and counts.instance = engine_days.instance
            and counts.engine = engine_days.engine
            and counts.model_name = engine_days.model_name
    group by cast(date_trunc('week', counts.sampled_date) as date), engine_days.deployment_id

),

token_weeks as (

    select
        cast(date_trunc('week', usage_date) as date) as week_start,
        deployment_id,
        cast(sum(weighted_tokens) as decimal(26, 6)) as weighted_tokens
    from engine_tokens
    group by cast(date_trunc('week', usage_date) as date), deployment_id

),

joined as (

    select
        weeks.week_start,
        weeks.deployment_id,
        engine_weeks.engines_at_once,
        case when shared_weeks.deployment_id is null then cost_weeks.gpu_cost_usd end as gpu_cost_usd,
        case when shared_weeks.deployment_id is null then cost_weeks.busy_cost_usd end as busy_cost_usd,
        kv_weeks.kv_observed_seconds,
        kv_weeks.kv_used_share_seconds,
        kv_percentiles.kv_used_share_p95,
        kv_weeks.kv_pressure_seconds,
        kv_weeks.kv_pressure_cost_usd,
        kv_weeks.kv_idle_seconds,
        kv_weeks.kv_idle_cost_usd,
        counted_weeks.preemptions,
        counted_weeks.preempted_input_tokens + counted_weeks.preempted_output_tokens as preempted_tokens,
        cast(
            cast(counted_weeks.preempted_input_tokens + counted_weeks.preempted_output_tokens as decimal(15, 0))
            * weeks.input_weight as decimal(26, 6)
        ) as preempted_weight,
        token_weeks.weighted_tokens,
        counted_weeks.draft_tokens,
        counted_weeks.accepted_tokens,
        start_weeks.cold_starts,
        start_weeks.cold_starts_timed,
        start_weeks.down_us,
        start_weeks.down_cost_usd,
        start_weeks.telemetry_gaps,
        start_weeks.unseen_us
    from weeks
    {% for part in [
        'cost_weeks', 'shared_weeks', 'engine_weeks', 'kv_weeks', 'kv_percentiles', 'counted_weeks', 'start_weeks', 'token_weeks',
    ] %}
    left join {{ part }}
        on
            weeks.week_start = {{ part }}.week_start
            and weeks.deployment_id = {{ part }}.deployment_id
    {% endfor %}

),

published as (

    select
        week_start,
        deployment_id,
        engines_at_once,
        cast(gpu_cost_usd as decimal(38, 12)) as gpu_cost_usd,
        kv_observed_seconds,
        kv_used_share_seconds,
        cast(kv_used_share_seconds as double) / nullif(cast(kv_observed_seconds as double), 0) as kv_used_share,
        kv_used_share_p95,
        kv_pressure_seconds,
        cast(kv_pressure_cost_usd as decimal(38, 12)) as kv_pressure_cost_usd,
        kv_idle_seconds,
        cast(kv_idle_cost_usd as decimal(38, 12)) as kv_idle_cost_usd,
        preemptions,
        preempted_tokens,
        cast(
            {{ divide_exact('busy_cost_usd', 'preempted_weight', 'weighted_tokens + preempted_weight', weight_places=6) }}
            as decimal(38, 12)
        ) as preemption_cost_usd,
        draft_tokens,
        accepted_tokens,
        cast(accepted_tokens as double) / nullif(cast(draft_tokens as double), 0) as draft_acceptance_rate,
        cold_starts,
        cold_starts_timed,
        cast(down_us * 0.000001 as decimal(18, 6)) as cold_start_seconds,
        cast(down_cost_usd as decimal(38, 12)) as cold_start_cost_usd,
        telemetry_gaps,
        cast(unseen_us * 0.000001 as decimal(18, 6)) as telemetry_gap_seconds
    from joined

)

select * from published
