{%- set window_seconds = 300 -%}
with loads as (

    select * from {{ ref('int_self_hosting_loads') }}
    where period_kind = 'week'

),

workloads as (

    select * from {{ ref('stg_config__self_hosting_workloads') }}

),

deployment_days as (

    select * from {{ ref('int_gpu_deployment_days') }}

),

provisioned_days as (

    select
        usage_date,
        deployment_id,
        case when count(*) = count(gpus) then cast(sum(gpus) as decimal(18, 6)) end as gpus
    from deployment_days
    group by usage_date, deployment_id

),

provisioned as (

    select
        cast(date_trunc('week', usage_date) as date) as week_start,
        deployment_id,
        case when count(*) = count(gpus) then max(gpus) end as provisioned_gpus
    from provisioned_days
    group by cast(date_trunc('week', usage_date) as date), deployment_id

),

sized as (

    select
        loads.*,
        workloads.deployment_id,
        workloads.shape,
        workloads.percentile,
        workloads.headroom,
        workloads.may_be_interrupted,
        workloads.gpus,
        workloads.min_replicas,
        workloads.max_replicas,
        workloads.layers,
        workloads.kv_heads,
        workloads.head_dim,
        workloads.bytes_per_element,
        workloads.context_tokens,
        {%- for name in ['p50', 'needed'] %}
        cast({{ ceil_quotient(
            'cast(loads.' ~ name ~ '_window_seconds * 1000000 as decimal(26, 0)) * 1000000',
            'cast(workloads.target_utilisation * 1000000 as decimal(20, 0)) * ' ~ window_seconds ~ '000000'
        ) }} as integer) as {{ name }}_replicas,
        {%- endfor %}
        cast({{ ceil_quotient(
            'cast(loads.needed_window_seconds * workloads.spike_reserve * 1000000 as decimal(26, 0)) * 1000000',
            'cast(workloads.target_utilisation * 1000000 as decimal(20, 0)) * ' ~ window_seconds ~ '000000'
        ) }} as integer) as spike_reserve_replicas,
        {{ kv_bytes_per_token('workloads.layers', 'workloads.kv_heads', 'workloads.head_dim', 'workloads.bytes_per_element') }}
            as kv_bytes_per_token,
        cast(
            cast(workloads.gpus * workloads.gpu_memory_gb as decimal(20, 3)) * cast(1 - workloads.reserved_share as decimal(7, 6))
            - workloads.weights_gb
            as decimal(26, 9)
        ) as kv_memory_gb
    from loads
    inner join workloads
        on loads.workload_id = workloads.workload_id

),

planned as (

    select
        sized.*,
        provisioned.provisioned_gpus,
        greatest(sized.needed_replicas, sized.min_replicas) as replicas,
        case
            when sized.kv_memory_gb > 0 and sized.kv_bytes_per_token > 0 then {{ floor_quotient(
                'cast(sized.kv_memory_gb as decimal(24, 9)) * 100000000000', 'sized.kv_bytes_per_token * 100'
            ) }}
        end as concurrent_tokens
    from sized
    left join provisioned
        on
            sized.period_start = provisioned.week_start
            and sized.deployment_id = provisioned.deployment_id

),

-- What is busy half of the time is reserved, what is above it bursts.
covered as (

    select
        *,
        least(replicas, greatest(min_replicas, p50_replicas)) as reserved_replicas
    from planned

),

final as (

    select
        period_start as week_start,
        workload_id,
        deployment_id,
        shape,
        cast(covered_days as integer) as covered_days,
        calls,
        input_tokens,
        output_tokens,
        {%- for name in ['p50', 'p95', 'p99'] %}
        {{ divide_exact(name ~ '_window_tokens', '1', window_seconds | string, 6, 0) }} as {{ name }}_tokens_per_second,
        {%- endfor %}
        percentile as sized_percentile,
        headroom,
        {%- for name in ['p50', 'p95', 'p99', 'needed'] %}
        {{ divide_exact(name ~ '_window_seconds', '1', window_seconds | string, 6, 0) }} as {{ name }}_busy_replicas,
        {%- endfor %}
        min_replicas,
        replicas as replicas_needed,
        replicas <= max_replicas as is_within_reach,
        replicas * gpus as gpus_needed,
        provisioned_gpus,
        reserved_replicas,
        replicas - reserved_replicas as burst_replicas,
        spike_reserve_replicas,
        case
            when may_be_interrupted then cast(replicas - min_replicas as double) / nullif(cast(replicas as double), 0)
            else 0
        end as spot_share,
        cast(replica_seconds as double) / nullif(cast(replicas as double) * covered_days * 86400, 0) as throughput_utilisation,
        kv_bytes_per_token,
        kv_memory_gb,
        cast(concurrent_tokens as decimal(38, 0)) as concurrent_tokens,
        context_tokens,
        cast(
            case when context_tokens > 0 then {{ floor_quotient('concurrent_tokens', 'context_tokens') }} end as decimal(38, 0)
        ) as concurrent_contexts
    from covered

)

select * from final
