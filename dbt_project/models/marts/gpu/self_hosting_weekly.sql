with calls as (

    select * from {{ ref('int_gpu_calls_hourly') }}

),

unlogged as (

    select * from {{ ref('int_gpu_unlogged') }}

),

charges as (

    select * from {{ ref('int_gpu_charges') }}

),

engine_tokens as (

    select * from {{ ref('int_gpu_engine_tokens_hourly') }}

),

deployment_days as (

    select * from {{ ref('int_gpu_deployment_days') }}

),

energy as (

    select * from {{ ref('int_gpu_energy_hourly') }}

),

slices_bound as (

    select * from {{ ref('int_gpu_slices_bound') }}

),

node_shares as (

    select * from {{ ref('int_gpu_node_shares') }}

),

logged as (

    select
        hour_start,
        pool_id,
        cast(sum(input_uncached_tokens) as bigint) as input_uncached_tokens,
        cast(sum(cache_read_tokens) as bigint) as cache_read_tokens,
        cast(sum(output_tokens) as bigint) as output_tokens,
        cast(sum(weighted_tokens) as decimal(26, 6)) as weighted_tokens,
        cast(sum(weighted_output_tokens) as decimal(26, 6)) as weighted_output_tokens
    from calls
    group by hour_start, pool_id

),

counted as (

    select
        hour_start,
        usage_date,
        pool_id,
        cast(sum(input_uncached_tokens) as bigint) as input_uncached_tokens,
        cast(sum(cache_read_tokens) as bigint) as cache_read_tokens,
        cast(sum(output_tokens) as bigint) as output_tokens,
        cast(sum(weighted_tokens) as decimal(26, 6)) as weighted_tokens,
        cast(sum(weighted_output_tokens) as decimal(26, 6)) as weighted_output_tokens
    from engine_tokens
    group by hour_start, usage_date, pool_id

),

-- What the engine counted beyond the log went past the gateway; an hour in which it counted no more has no such tokens.
bypass_hours as (

    select
        counted.usage_date,
        counted.pool_id,
        counted.weighted_tokens > coalesce(logged.weighted_tokens, 0) as is_bypassed,
        counted.input_uncached_tokens - coalesce(logged.input_uncached_tokens, 0) as input_uncached_tokens,
        counted.cache_read_tokens - coalesce(logged.cache_read_tokens, 0) as cache_read_tokens,
        counted.output_tokens - coalesce(logged.output_tokens, 0) as output_tokens,
        counted.weighted_tokens - coalesce(logged.weighted_tokens, 0) as weighted_tokens,
        counted.weighted_output_tokens - coalesce(logged.weighted_output_tokens, 0) as weighted_output_tokens
    from counted
    left join logged
        on
            counted.hour_start = logged.hour_start
            and counted.pool_id = logged.pool_id

),

bypass as (

    select
        usage_date,
        pool_id,
        cast(sum(case when is_bypassed then input_uncached_tokens else 0 end) as bigint) as input_uncached_tokens,
        cast(sum(case when is_bypassed then cache_read_tokens else 0 end) as bigint) as cache_read_tokens,
        cast(sum(case when is_bypassed then output_tokens else 0 end) as bigint) as output_tokens,
        cast(sum(case when is_bypassed then weighted_tokens else 0 end) as decimal(26, 6)) as weighted_tokens,
        cast(sum(case when is_bypassed then weighted_output_tokens else 0 end) as decimal(26, 6)) as weighted_output_tokens
    from bypass_hours
    group by usage_date, pool_id

),

used as (

    select
        cast(date_trunc('week', hour_start) as date) as week_start,
        pool_id,
        deployment_id,
        tenant_id,
        calls,
        input_uncached_tokens,
        cache_read_tokens,
        output_tokens,
        weighted_tokens,
        weighted_output_tokens,
        busy_cost_usd
    from calls

    union all

    select
        cast(date_trunc('week', unlogged.usage_date) as date) as week_start,
        unlogged.pool_id,
        unlogged.deployment_id,
        'unattributed' as tenant_id,
        0 as calls,
        bypass.input_uncached_tokens,
        bypass.cache_read_tokens,
        bypass.output_tokens,
        bypass.weighted_tokens,
        bypass.weighted_output_tokens,
        unlogged.amount_usd as busy_cost_usd
    from unlogged
    left join bypass
        on
            unlogged.usage_date = bypass.usage_date
            and unlogged.pool_id = bypass.pool_id

),

shares as (

    select
        week_start,
        pool_id,
        deployment_id,
        tenant_id,
        cast(sum(calls) as bigint) as calls,
        cast(sum(input_uncached_tokens) as bigint) as input_uncached_tokens,
        cast(sum(cache_read_tokens) as bigint) as cache_read_tokens,
        cast(sum(output_tokens) as bigint) as output_tokens,
        cast(sum(weighted_tokens) as decimal(26, 6)) as weighted_tokens,
        cast(sum(weighted_output_tokens) as decimal(26, 6)) as weighted_output_tokens,
        cast(sum(busy_cost_usd) as decimal(26, 12)) as busy_cost_usd,
        -- Nano-dollars, so that products of two of them stay within 38 digits. What no log explains is below nothing where
        -- rent came down after calls went, which still cost what they did then: no idle time goes with that.
        cast(
            case
                when sum(busy_cost_usd) > 0 then floor(cast(sum(busy_cost_usd) as decimal(26, 12)) * 1000000000)
                else 0
            end as decimal(19, 0)
        ) as busy_weight
    from used
    group by week_start, pool_id, deployment_id, tenant_id

),

numbered as (

    select
        *,
        cast(sum(busy_weight) over (partition by week_start, pool_id) as decimal(19, 0)) as pool_weight,
        row_number() over (
            partition by week_start, pool_id, case when tenant_id = 'unattributed' then 0 else 1 end
            order by deployment_id asc nulls last, tenant_id asc nulls last
        ) as number_of_kind
    from shares

),

-- In a week in which nothing was busy nobody used the GPUs: their cost is nobody's.
weighed as (

    select
        *,
        case
            when pool_weight > 0 then busy_weight
            when tenant_id = 'unattributed' and number_of_kind = 1 then 1
            else 0
        end as weight
    from numbered

),

placed as (

    select
        *,
        cast(sum(weight) over (partition by week_start, pool_id) as decimal(19, 0)) as total_weight,
        cast(
            sum(weight) over (
                partition by week_start, pool_id
                order by deployment_id asc nulls last, tenant_id asc nulls last
                rows between unbounded preceding and current row
            ) as decimal(19, 0)
        ) as ends_at
    from weighed

),

pool_weeks as (

    select
        cast(date_trunc('week', usage_date) as date) as week_start,
        pool_id,
        cast(
            sum(case when charge_category = 'gpu_idle' then amount_usd else 0 end) as decimal(26, 12)
        ) as idle_cost_usd,
        cast(sum(gpu_seconds) as decimal(26, 12)) as provisioned_gpu_seconds,
        cast(
            sum(case when charge_category = 'gpu_busy' then gpu_seconds else 0 end) as decimal(26, 12)
        ) as busy_gpu_seconds
    from charges
    group by cast(date_trunc('week', usage_date) as date), pool_id

),

gpu_energy_days as (

    select
        usage_date,
        node_id,
        gpu_uuid,
        cast(sum(energy_kwh) as decimal(26, 12)) as energy_kwh
    from energy
    group by usage_date, node_id, gpu_uuid

),

bound_energy_days as (

    select
        slices_bound.usage_date,
        slices_bound.node_id,
        slices_bound.deployment_id,
        cast(
            sum(
                {{ due_between(
                    'gpu_energy_days.energy_kwh', 'slices_bound.begins_at', 'slices_bound.ends_at', 'slices_bound.total_slices'
                ) }}
            ) as decimal(26, 12)
        ) as energy_kwh
    from slices_bound
    inner join gpu_energy_days
        on
            slices_bound.usage_date = gpu_energy_days.usage_date
            and slices_bound.node_id = gpu_energy_days.node_id
            and slices_bound.gpu_id = gpu_energy_days.gpu_uuid
    group by slices_bound.usage_date, slices_bound.node_id, slices_bound.deployment_id

),

bound_node_days as (

    select
        usage_date,
        node_id,
        cast(sum(energy_kwh) as decimal(26, 12)) as energy_kwh
    from bound_energy_days
    group by usage_date, node_id

),

node_energy_days as (

    select
        usage_date,
        node_id,
        cast(sum(energy_kwh) as decimal(26, 12)) as energy_kwh
    from gpu_energy_days
    group by usage_date, node_id

),

-- The rest is what the shares of a node divide, or what is bound to none.
energy_days as (

    select
        node_energy_days.usage_date,
        node_energy_days.node_id,
        'unbound' as bound_to,
        cast(node_energy_days.energy_kwh - coalesce(bound_node_days.energy_kwh, 0) as decimal(26, 12)) as energy_kwh
    from node_energy_days
    left join bound_node_days
        on
            node_energy_days.usage_date = bound_node_days.usage_date
            and node_energy_days.node_id = bound_node_days.node_id
    union all
    select
        usage_date,
        node_id,
        deployment_id as bound_to,
        energy_kwh
    from bound_energy_days

),

pool_energy as (

    select
        cast(date_trunc('week', node_shares.usage_date) as date) as week_start,
        node_shares.pool_id,
        cast(
            sum(
                case
                    when node_shares.is_bound then energy_days.energy_kwh
                    else {{ due_between(
                        'energy_days.energy_kwh',
                        'node_shares.begins_at', 'node_shares.ends_at', 'node_shares.total_millionths'
                    ) }}
                end
            ) as decimal(26, 12)
        ) as energy_kwh
    from node_shares
    inner join energy_days
        on
            node_shares.usage_date = energy_days.usage_date
            and node_shares.node_id = energy_days.node_id
            and case when node_shares.is_bound then node_shares.share_id else 'unbound' end = energy_days.bound_to
    group by cast(date_trunc('week', node_shares.usage_date) as date), node_shares.pool_id

),

divided as (

    select
        placed.*,
        {{ pico_quotient('pool_weeks.idle_cost_usd', 'placed.total_weight') }} as idle_quotient,
        {{ pico_remainder('pool_weeks.idle_cost_usd', 'placed.total_weight') }} as idle_remainder,
        {{ pico_quotient('pool_weeks.provisioned_gpu_seconds', 'placed.total_weight') }} as provisioned_quotient,
        {{ pico_remainder('pool_weeks.provisioned_gpu_seconds', 'placed.total_weight') }} as provisioned_remainder,
        {{ pico_quotient('pool_weeks.busy_gpu_seconds', 'placed.total_weight') }} as busy_quotient,
        {{ pico_remainder('pool_weeks.busy_gpu_seconds', 'placed.total_weight') }} as busy_remainder,
        {{ pico_quotient('pool_energy.energy_kwh', 'placed.total_weight') }} as energy_quotient,
        {{ pico_remainder('pool_energy.energy_kwh', 'placed.total_weight') }} as energy_remainder
    from placed
    inner join pool_weeks
        on
            placed.week_start = pool_weeks.week_start
            and placed.pool_id = pool_weeks.pool_id
    left join pool_energy
        on
            placed.week_start = pool_energy.week_start
            and placed.pool_id = pool_energy.pool_id

),

split as (

    select
        *,
        {{ split_exact('idle_quotient', 'idle_remainder', 'ends_at - weight', 'ends_at', 'total_weight') }}
            as idle_cost_usd,
        {{ split_exact('provisioned_quotient', 'provisioned_remainder', 'ends_at - weight', 'ends_at', 'total_weight') }}
            as provisioned_gpu_seconds,
        {{ split_exact('busy_quotient', 'busy_remainder', 'ends_at - weight', 'ends_at', 'total_weight') }}
            as busy_gpu_seconds,
        {{ split_exact('energy_quotient', 'energy_remainder', 'ends_at - weight', 'ends_at', 'total_weight') }}
            as energy_kwh
    from divided

),

rows_of_week as (

    select
        week_start,
        deployment_id,
        tenant_id,
        cast(sum(calls) as bigint) as calls,
        cast(sum(input_uncached_tokens) as bigint) as input_uncached_tokens,
        cast(sum(cache_read_tokens) as bigint) as cache_read_tokens,
        cast(sum(output_tokens) as bigint) as output_tokens,
        cast(sum(weighted_tokens) as decimal(26, 6)) as weighted_tokens,
        cast(sum(weighted_output_tokens) as decimal(26, 6)) as weighted_output_tokens,
        cast(sum(busy_cost_usd) as decimal(26, 12)) as busy_cost_usd,
        cast(sum(idle_cost_usd) as decimal(26, 12)) as idle_cost_usd,
        cast(sum(busy_cost_usd) + sum(idle_cost_usd) as decimal(26, 12)) as gpu_cost_usd,
        cast(sum(provisioned_gpu_seconds) as decimal(26, 12)) as provisioned_gpu_seconds,
        cast(sum(busy_gpu_seconds) as decimal(26, 12)) as busy_gpu_seconds,
        cast(sum(energy_kwh) as decimal(26, 12)) as energy_kwh
    from split
    group by week_start, deployment_id, tenant_id

),

-- One node whose rate nobody knows leaves the whole unknown.
sustainable as (

    select
        cast(date_trunc('week', usage_date) as date) as week_start,
        deployment_id,
        case
            when count(*) = count(sustainable_tokens_per_second)
                then cast(sum(sustainable_tokens_per_second * 86400) as decimal(26, 6))
        end as sustainable_tokens
    from deployment_days
    group by cast(date_trunc('week', usage_date) as date), deployment_id

),

totalled as (

    select
        rows_of_week.*,
        rows_of_week.input_uncached_tokens + rows_of_week.cache_read_tokens + rows_of_week.output_tokens as total_tokens,
        case
            when rows_of_week.weighted_tokens > 0
                then
                    {{ divide_exact(
                        'rows_of_week.gpu_cost_usd',
                        'rows_of_week.weighted_output_tokens',
                        'rows_of_week.weighted_tokens',
                        weight_places=6
                    ) }}
        end as decode_cost_usd,
        sustainable.sustainable_tokens
    from rows_of_week
    left join sustainable
        on
            rows_of_week.week_start = sustainable.week_start
            and rows_of_week.deployment_id = sustainable.deployment_id

),

published as (

    select
        week_start,
        deployment_id,
        tenant_id,
        calls,
        input_uncached_tokens,
        cache_read_tokens,
        output_tokens,
        total_tokens,
        weighted_tokens,
        cast(busy_cost_usd as decimal(38, 12)) as busy_cost_usd,
        cast(idle_cost_usd as decimal(38, 12)) as idle_cost_usd,
        cast(gpu_cost_usd as decimal(38, 12)) as gpu_cost_usd,
        cast(gpu_cost_usd - decode_cost_usd as decimal(38, 12)) as prefill_cost_usd,
        cast(decode_cost_usd as decimal(38, 12)) as decode_cost_usd,
        provisioned_gpu_seconds,
        busy_gpu_seconds,
        energy_kwh,
        case when total_tokens > 0 then cast({{ cost_per_mtok('gpu_cost_usd', 'total_tokens') }} as decimal(38, 12)) end
            as cost_per_mtok_allocation_usd,
        case when total_tokens > 0 then cast({{ cost_per_mtok('busy_cost_usd', 'total_tokens') }} as decimal(38, 12)) end
            as cost_per_mtok_usage_usd,
        cast(busy_gpu_seconds as double) / nullif(cast(provisioned_gpu_seconds as double), 0) as utilisation,
        sustainable_tokens,
        cast(total_tokens as double) / nullif(cast(sustainable_tokens as double), 0) as throughput_utilisation
    from totalled

)

select * from published
