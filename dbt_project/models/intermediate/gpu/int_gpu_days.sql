with seen as (

    select * from {{ ref('int_gpu_seen_days') }}

),

node_days as (

    select * from {{ ref('int_gpu_node_days') }}

),

node_costs as (

    select * from {{ ref('int_gpu_node_costs') }}

),

seats as (

    {{ dbt.generate_series(1000) }}

),

lifetimes as (

    select
        node_id,
        gpu_uuid,
        cast(min(first_sampled_at) as date) as first_date,
        cast(max(last_sampled_at) as date) as last_date,
        max(last_sampled_at) as last_sampled_at
    from seen
    group by node_id, gpu_uuid

),

-- The rate card says how many GPUs are paid for, the telemetry which: on the day one is replaced the newer one counts.
ranked_gpus as (

    select
        node_days.usage_date,
        node_days.node_id,
        lifetimes.gpu_uuid,
        row_number() over (
            partition by node_days.usage_date, node_days.node_id
            order by lifetimes.last_sampled_at desc nulls last, lifetimes.gpu_uuid asc nulls last
        ) as seat
    from node_days
    inner join lifetimes
        on
            node_days.node_id = lifetimes.node_id
            and node_days.usage_date between lifetimes.first_date and lifetimes.last_date

),

node_day_costs as (

    select
        usage_date,
        node_id,
        cast(sum(book_cost_usd) as decimal(26, 12)) as cost_usd
    from node_costs
    group by usage_date, node_id

),

-- A GPU that is paid for and never seen has a seat too. Each has the same share of what the node costs.
gpu_days as (

    select
        node_days.usage_date,
        node_days.node_id,
        coalesce(ranked_gpus.gpu_uuid, 'unseen-' || cast(seats.generated_number as {{ dbt.type_string() }})) as gpu_id,
        node_days.service_provider,
        node_days.billing_account_id,
        ranked_gpus.gpu_uuid is not null as is_seen,
        count(ranked_gpus.gpu_uuid) over (partition by node_days.usage_date, node_days.node_id) > 0 as is_node_seen,
        {{ due_between(
            'node_day_costs.cost_usd', 'seats.generated_number - 1', 'seats.generated_number', 'node_days.gpus'
        ) }} as cost_usd
    from node_days
    inner join seats
        on node_days.gpus >= seats.generated_number
    left join node_day_costs
        on
            node_days.usage_date = node_day_costs.usage_date
            and node_days.node_id = node_day_costs.node_id
    left join ranked_gpus
        on
            node_days.usage_date = ranked_gpus.usage_date
            and node_days.node_id = ranked_gpus.node_id
            and seats.generated_number = ranked_gpus.seat

)

select * from gpu_days
