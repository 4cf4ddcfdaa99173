with nodes as (

    select * from {{ ref('stg_config__gpu_nodes') }}

),

spans as (

    select
        sampled_at,
        span_us
    from {{ ref('int_gpu_samples_spanned') }}
    union all
    select
        sampled_at,
        span_us
    from {{ ref('int_gpu_slices_spanned') }}

),

-- 10,000 days: a rate that holds longer than 27 years has to be written down again.
day_numbers as (

    {{ dbt.generate_series(10000) }}

),

-- Days end where the telemetry of the whole fleet does: a node that fell silent goes on costing money. Microseconds of more than
-- 35 minutes are no integer, which is what an interval takes.
observed as (

    select
        cast(
            max(
                {{ dbt.dateadd(
                    'microsecond', 'mod(span_us, 1000000)',
                    dbt.dateadd('second', 'cast((span_us - mod(span_us, 1000000)) / 1000000 as integer)', 'sampled_at')
                ) }}
            ) as date
        ) as first_incomplete_date
    from spans

),

rated_days as (

    select
        cast({{ dbt.dateadd('day', 'day_numbers.generated_number - 1', 'nodes.valid_from') }} as date) as usage_date,
        nodes.node_id,
        nodes.service_provider,
        nodes.billing_account_id,
        nodes.gpus,
        nodes.usd_per_gpu_hour,
        nodes.gpus_weight,
        nodes.vcpus_weight,
        nodes.memory_weight,
        nodes.valid_to
    from nodes
    cross join day_numbers

),

node_days as (

    select
        rated_days.usage_date,
        rated_days.node_id,
        rated_days.service_provider,
        rated_days.billing_account_id,
        rated_days.gpus,
        rated_days.usd_per_gpu_hour,
        rated_days.gpus_weight,
        rated_days.vcpus_weight,
        rated_days.memory_weight
    from rated_days
    inner join observed
        on
            rated_days.usage_date < rated_days.valid_to
            and rated_days.usage_date < observed.first_incomplete_date

)

select * from node_days
