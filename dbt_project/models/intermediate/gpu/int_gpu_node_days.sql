with nodes as (

    select * from {{ ref('stg_config__gpu_nodes') }}

),

seen as (

    select * from {{ ref('int_gpu_seen_days') }}

),

-- 10,000 days: a rate that holds longer than 27 years has to be written down again.
day_numbers as (

    {{ dbt.generate_series(10000) }}

),

-- Days end where the telemetry of the whole fleet does: a node that fell silent goes on costing money.
observed as (

    select cast(max(observed_until) as date) as first_incomplete_date
    from seen

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
