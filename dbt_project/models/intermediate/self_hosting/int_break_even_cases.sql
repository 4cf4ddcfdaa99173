with workloads as (

    select * from {{ ref('stg_config__self_hosting_workloads') }}

),

comparators as (

    select * from {{ ref('stg_config__self_hosting_comparators') }}

),

cases as (

    select * from {{ ref('stg_config__self_hosting_cases') }}

),

loads as (

    select * from {{ ref('int_self_hosting_loads') }}
    where period_kind = 'month'

),

api_costs as (

    select * from {{ ref('int_self_hosting_api_costs') }}

),

node_costs as (

    select * from {{ ref('int_gpu_node_costs') }}

),

node_days as (

    select * from {{ ref('int_gpu_node_days') }}

),

node_day_costs as (

    select
        usage_date,
        node_id,
        cast(sum(economic_cost_usd) as decimal(26, 12)) as economic_cost_usd
    from node_costs
    group by usage_date, node_id

),

-- A decision looks at the economic cost of a node, rented or owned, over the month.
node_months as (

    select
        node_day_costs.node_id,
        cast(date_trunc('month', node_day_costs.usage_date) as date) as month_start,
        cast(sum(node_day_costs.economic_cost_usd) as decimal(26, 12)) as economic_cost_usd,
        cast(sum(node_days.gpus * 24) as bigint) as gpu_hours
    from node_day_costs
    inner join node_days
        on
            node_day_costs.node_id = node_days.node_id
            and node_day_costs.usage_date = node_days.usage_date
    group by node_day_costs.node_id, cast(date_trunc('month', node_day_costs.usage_date) as date)

),

node_rates as (

    select
        node_id,
        month_start,
        {{ divide_exact('economic_cost_usd', '1', 'gpu_hours', 12, 0) }} as usd_per_gpu_hour
    from node_months

),

rated as (

    select
        loads.*,
        workloads.gpus,
        workloads.target_utilisation,
        workloads.min_replicas,
        workloads.max_replicas,
        workloads.overhead_usd_per_month,
        workloads.usd_per_mtok,
        coalesce(cast(workloads.usd_per_gpu_hour as decimal(26, 12)), node_rates.usd_per_gpu_hour) as usd_per_gpu_hour
    from loads
    inner join workloads
        on loads.workload_id = workloads.workload_id
    left join node_rates
        on
            workloads.node_id = node_rates.node_id
            and loads.period_start = node_rates.month_start

),

crossed as (

    select
        rated.workload_id,
        comparators.comparator_id,
        rated.period_start as month_start,
        cases.case_name,
        cases.input_name,
        comparators.kind,
        comparators.passing_share,
        rated.period_days as month_days,
        rated.covered_days,
        rated.min_replicas,
        rated.max_replicas,
        rated.overhead_usd_per_month,
        rated.usd_per_mtok,
        cast(rated.input_tokens + rated.output_tokens as bigint) as tokens,
        rated.replica_seconds,
        rated.needed_window_seconds,
        rated.target_utilisation,
        cases.throughput_factor,
        cases.traffic_factor,
        cast(
            cast(cast(rated.usd_per_gpu_hour as decimal(22, 12)) * cases.gpu_rate_factor as decimal(24, 12))
            * cast(rated.gpus * rated.period_days * 24 as decimal(9, 0))
            as decimal(26, 12)
        ) as replica_month_usd,
        cast(cast(api_costs.price_per_mtok_usd as decimal(24, 12)) * cases.api_price_factor as decimal(26, 12)) as price_per_mtok_usd,
        api_costs.unpriced_calls
    from rated
    inner join comparators
        on rated.workload_id = comparators.workload_id
    cross join cases
    left join api_costs
        on
            rated.workload_id = api_costs.workload_id
            and comparators.comparator_id = api_costs.comparator_id
            and rated.period_start = api_costs.month_start

),

-- As a whole month of the traffic of its covered days. What a replica carries in it follows from the shape of the traffic:
-- so many tokens come while the load that is sized for keeps so many replicas busy.
monthly as (

    select
        *,
        {{ ceil_quotient(
            'cast(tokens * month_days as decimal(20, 0)) * cast(traffic_factor * 1000000 as decimal(8, 0)) * cast(coalesce(passing_share, 1) * 1000000 as decimal(8, 0))',
            'cast(covered_days as decimal(20, 0)) * 1000000000000'
        ) }} as month_tokens,
        case
            when needed_window_seconds > 0 then {{ ceil_quotient(
                'cast(tokens * month_days as decimal(20, 0)) * cast(cast(300000000 as decimal(19, 0)) * cast(target_utilisation * throughput_factor as decimal(18, 12)) as decimal(17, 0))',
                'cast(cast(covered_days as decimal(5, 0)) * cast(needed_window_seconds as decimal(20, 6)) * 1000000 as decimal(30, 0))'
            ) }}
        end as tokens_per_replica,
        cast(price_per_mtok_usd - usd_per_mtok as decimal(26, 12)) as net_price_per_mtok_usd
    from crossed

),

planned as (

    select
        *,
        greatest(cast(min_replicas as decimal(30, 0)), {{ ceil_quotient('month_tokens', 'tokens_per_replica') }}) as replicas
    from monthly

),

costed as (

    select
        workload_id,
        comparator_id,
        month_start,
        case_name,
        input_name,
        kind,
        passing_share,
        month_days,
        covered_days,
        min_replicas,
        max_replicas,
        tokens,
        month_tokens,
        tokens_per_replica,
        replica_seconds,
        cast(replicas as integer) as replicas,
        replica_month_usd,
        overhead_usd_per_month,
        price_per_mtok_usd,
        net_price_per_mtok_usd,
        unpriced_calls,
        {{ divide_exact('price_per_mtok_usd', 'month_tokens', '1000000', 12, 0) }} as api_month_usd,
        cast(
            cast(replica_month_usd * cast(replicas as decimal(9, 0)) as decimal(26, 12))
            + overhead_usd_per_month
            + {{ divide_exact('usd_per_mtok', 'month_tokens', '1000000', 12, 0) }}
            as decimal(26, 12)
        ) as self_hosted_month_usd
    from planned

)

select * from costed
