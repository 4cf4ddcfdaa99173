with all_bill_lines as (

    select * from {{ ref('int_bill_lines') }}

),

node_days as (

    select * from {{ ref('int_gpu_node_days') }}

),

resources as (

    select * from {{ ref('stg_config__gpu_node_resources') }}

),

-- What is given back, and what the whole account pays, stay charges of their own.
bill_lines as (

    select
        bill_line_id,
        service_provider,
        billing_account_id,
        resource_id,
        charge_start,
        charge_end,
        resource_hours,
        gpu_hours,
        amount_usd,
        is_final,
        greatest({{ dbt.datediff('charge_start', 'charge_end', 'second') }}, 1) as line_seconds
    from all_bill_lines
    where resource_id is not null and meter = 'other' and charge_category = 'usage' and amount_usd >= 0

),

named_days as (

    select
        node_days.usage_date,
        node_days.node_id,
        node_days.service_provider,
        node_days.billing_account_id,
        node_days.gpus,
        node_days.usd_per_gpu_hour,
        resources.resource_id,
        cast(node_days.usage_date as timestamp) as day_start,
        cast({{ dbt.dateadd('day', 1, 'node_days.usage_date') }} as timestamp) as day_end
    from node_days
    inner join resources
        on
            node_days.node_id = resources.node_id
            and node_days.usage_date >= resources.valid_from
            and node_days.usage_date < resources.valid_to

),

-- Nodes under one name share its line by GPUs.
placed as (

    select
        bill_lines.*,
        named_days.usage_date,
        named_days.node_id,
        named_days.gpus,
        named_days.usd_per_gpu_hour,
        greatest({{ dbt.datediff('bill_lines.charge_start', 'named_days.day_start', 'second') }}, 0) as begins_at,
        least({{ dbt.datediff('bill_lines.charge_start', 'named_days.day_end', 'second') }}, bill_lines.line_seconds) as ends_at,
        cast(sum(named_days.gpus) over (partition by bill_lines.bill_line_id, named_days.usage_date) as integer) as resource_gpus,
        cast(
            sum(named_days.gpus) over (
                partition by bill_lines.bill_line_id, named_days.usage_date
                order by named_days.node_id asc nulls last
                rows between unbounded preceding and current row
            ) as integer
        ) as gpus_end_at
    from bill_lines
    inner join named_days
        on
            bill_lines.service_provider = named_days.service_provider
            and bill_lines.billing_account_id = named_days.billing_account_id
            and bill_lines.resource_id = named_days.resource_id
            and named_days.day_end > bill_lines.charge_start
            and (named_days.day_start < bill_lines.charge_end or named_days.day_start <= bill_lines.charge_start)

),

day_parts as (

    select
        *,
        {{ due_between('amount_usd', 'begins_at', 'ends_at', 'line_seconds') }} as day_usd,
        {{ divide_exact('resource_hours', 'ends_at - begins_at', 'line_seconds', 6, 0) }} as day_hours,
        {{ divide_exact('gpu_hours', 'ends_at - begins_at', 'line_seconds', 6, 0) }} as day_gpu_hours
    from placed

),

node_parts as (

    select
        bill_line_id,
        usage_date,
        node_id,
        service_provider,
        billing_account_id,
        gpus,
        usd_per_gpu_hour,
        {{ due_between('day_usd', 'gpus_end_at - gpus', 'gpus_end_at', 'resource_gpus') }} as amount_usd,
        cast(
            coalesce(
                {{ divide_exact('day_gpu_hours', 'gpus', 'resource_gpus', 6, 0) }},
                {{ divide_exact('day_hours', 'gpus * gpus', 'resource_gpus', 6, 0) }}
            ) as decimal(18, 6)
        ) as billed_gpu_hours,
        -- One line that can still change leaves the whole day of the node open.
        min(case when is_final then 1 else 0 end) over (partition by usage_date, node_id) = 1 as is_final
    from day_parts

)

select * from node_parts
