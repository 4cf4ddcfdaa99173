{%- do comes_after('int_sample_series') -%}
with kept as (

    select * from {{ ref('stg_kept__gpu_energy_measured') }}
    where {{ is_touched('steps', 'sampled_date') }}

),

samples as (

    select * from {{ ref('int_gpu_samples') }}
    where {{ is_touched_or_next('steps', 'usage_date') }}

),

-- A step between two samples may reach over 744 hours (31 days); nobody knows the hours of a longer one.
hour_numbers as (

    {{ dbt.generate_series(744) }}

),

counters as (

    select
        node_id,
        gpu_uuid,
        sampled_at,
        source,
        cast(floor(quantity) as decimal(18, 0)) as energy_mj
    from samples
    where metric = 'energy_millijoules'

),

powers as (

    select
        node_id,
        gpu_uuid,
        sampled_at,
        cast(quantity as decimal(23, 3)) as power_watts
    from samples
    where metric = 'power_watts'

),

counter_steps as (

    {{ counter_steps('counters', ['node_id', 'gpu_uuid', 'source'], 'energy_mj') }}

),

usual_steps as (

    {{ usual_steps('counter_steps', ['node_id', 'gpu_uuid']) }}

),

placed_steps as (

    select
        cast(counter_steps.sampled_at as date) as sampled_date,
        counter_steps.node_id,
        counter_steps.gpu_uuid,
        counter_steps.increase as energy_mj,
        counter_steps.step_us,
        cast(date_trunc('hour', counter_steps.sampled_at) as timestamp) as hour_start,
        {{ dbt.datediff(
            "date_trunc('hour', counter_steps.sampled_at)", 'counter_steps.sampled_at', 'microsecond'
        ) }} as offset_us,
        coalesce(counter_steps.step_us > 3 * usual_steps.median_step_us, true) as is_gap
    from counter_steps
    left join usual_steps
        on
            counter_steps.node_id = usual_steps.node_id
            and counter_steps.gpu_uuid = usual_steps.gpu_uuid
            and cast(counter_steps.sampled_at as date) = usual_steps.sampled_date

),

-- A step that reaches into other hours is cut by time: its parts from the step's begin to each cut, less what came before.
cut_steps as (

    select
        placed_steps.*,
        hour_numbers.generated_number - 1 as hour_number,
        greatest(0, (hour_numbers.generated_number - 1) * 3600000000 - placed_steps.offset_us) as begins_us,
        least(placed_steps.step_us, hour_numbers.generated_number * 3600000000 - placed_steps.offset_us) as ends_us
    from placed_steps
    inner join hour_numbers
        on (hour_numbers.generated_number - 1) * 3600000000 < placed_steps.offset_us + placed_steps.step_us
    where
        placed_steps.offset_us + placed_steps.step_us > 3600000000
        and placed_steps.offset_us + placed_steps.step_us <= 744 * 3600000000

),

counter_pieces as (

    select
        sampled_date,
        node_id,
        gpu_uuid,
        hour_start,
        cast(energy_mj as decimal(26, 0)) as energy_mj,
        step_us as covered_us,
        0 as gap_us
    from placed_steps
    where offset_us + step_us <= 3600000000
    union all
    select
        sampled_date,
        node_id,
        gpu_uuid,
        cast({{ dbt.dateadd('hour', 'hour_number', 'hour_start') }} as timestamp) as hour_start,
        cast(
            {{ divide_exact('energy_mj', 'ends_us', 'step_us', 0, 0) }}
            - {{ divide_exact('energy_mj', 'begins_us', 'step_us', 0, 0) }} as decimal(26, 0)
        ) as energy_mj,
        ends_us - begins_us as covered_us,
        case when is_gap then ends_us - begins_us else 0 end as gap_us
    from cut_steps

),

power_spans as (

    {{ sample_spans('powers', ['node_id', 'gpu_uuid'], ['power_watts']) }}

),

placed_spans as (

    select
        cast(sampled_at as date) as sampled_date,
        node_id,
        gpu_uuid,
        power_watts,
        span_us,
        cast(date_trunc('hour', sampled_at) as timestamp) as hour_start,
        {{ dbt.datediff("date_trunc('hour', sampled_at)", 'sampled_at', 'microsecond') }} as offset_us
    from power_spans

),

-- A span is at most an hour long, so it lies in one hour or in two.
power_pieces as (

    select
        sampled_date,
        node_id,
        gpu_uuid,
        hour_start,
        power_watts,
        least(span_us, 3600000000 - offset_us) as covered_us
    from placed_spans
    union all
    select
        sampled_date,
        node_id,
        gpu_uuid,
        cast({{ dbt.dateadd('hour', 1, 'hour_start') }} as timestamp) as hour_start,
        power_watts,
        span_us + offset_us - 3600000000 as covered_us
    from placed_spans
    where span_us + offset_us > 3600000000

),

-- A watt for a microsecond is a thousandth of a millijoule.
by_method as (

    select
        sampled_date,
        hour_start,
        node_id,
        gpu_uuid,
        'counter' as method,
        cast(sum(energy_mj) as decimal(29, 6)) as energy_mj,
        cast(sum(covered_us) as decimal(18, 0)) as covered_us,
        cast(sum(gap_us) as decimal(18, 0)) as gap_us
    from counter_pieces
    group by sampled_date, hour_start, node_id, gpu_uuid
    union all
    select
        sampled_date,
        hour_start,
        node_id,
        gpu_uuid,
        'power' as method,
        cast(
            cast(sum(power_watts * cast(covered_us as decimal(10, 0))) as decimal(26, 3)) * 0.001 as decimal(29, 6)
        ) as energy_mj,
        cast(sum(covered_us) as decimal(18, 0)) as covered_us,
        cast(0 as decimal(18, 0)) as gap_us
    from power_pieces
    group by sampled_date, hour_start, node_id, gpu_uuid

),

all_days as (

    select
        sampled_date,
        node_id,
        gpu_uuid,
        hour_start,
        method,
        energy_mj,
        covered_us,
        gap_us
    from kept
    union all
    select
        sampled_date,
        node_id,
        gpu_uuid,
        hour_start,
        method,
        energy_mj,
        covered_us,
        gap_us
    from by_method

)

select * from all_days
