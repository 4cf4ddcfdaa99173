with spans as (

    select * from {{ ref('int_gpu_samples_spanned') }}

),

gpu_days as (

    select * from {{ ref('int_gpu_days') }}

),

hour_numbers as (

    {{ dbt.generate_series(24) }}

),

gpu_hours as (

    select
        {{ dbt.dateadd('hour', 'hour_numbers.generated_number - 1', 'cast(gpu_days.usage_date as timestamp)') }} as hour_start,
        gpu_days.usage_date,
        gpu_days.node_id,
        gpu_days.gpu_id,
        gpu_days.pool_id,
        gpu_days.service_provider,
        gpu_days.billing_account_id,
        cast(3600 as decimal(18, 6)) as provisioned_seconds,
        {{ due_between('gpu_days.cost_usd', 'hour_numbers.generated_number - 1', 'hour_numbers.generated_number', '24') }}
            as cost_usd
    from gpu_days
    cross join hour_numbers

),

placed as (

    select
        node_id,
        gpu_uuid,
        busy_share,
        span_us,
        cast(date_trunc('hour', sampled_at) as timestamp) as hour_start,
        {{ dbt.datediff("date_trunc('hour', sampled_at)", 'sampled_at', 'microsecond') }} as offset_us
    from spans

),

-- A span is at most an hour long, so it lies in one hour or in two.
pieces as (

    select
        node_id,
        gpu_uuid,
        busy_share,
        hour_start,
        least(span_us, 3600000000 - offset_us) as piece_us
    from placed
    union all
    select
        node_id,
        gpu_uuid,
        busy_share,
        cast({{ dbt.dateadd('hour', 1, 'hour_start') }} as timestamp) as hour_start,
        span_us + offset_us - 3600000000 as piece_us
    from placed
    where span_us + offset_us > 3600000000

),

measured_pieces as (

    select
        node_id,
        gpu_uuid,
        hour_start,
        busy_share,
        cast(cast(piece_us as decimal(10, 0)) * 0.000001 as decimal(10, 6)) as piece_seconds
    from pieces

),

measured as (

    select
        node_id,
        gpu_uuid,
        hour_start,
        cast(sum(piece_seconds) as decimal(18, 6)) as covered_seconds,
        cast(sum(cast(busy_share * piece_seconds as decimal(18, 12))) as decimal(18, 6)) as busy_seconds
    from measured_pieces
    group by node_id, gpu_uuid, hour_start

),

observed as (

    select
        gpu_hours.*,
        coalesce(measured.covered_seconds, cast(0 as decimal(18, 6))) as covered_seconds,
        coalesce(measured.busy_seconds, cast(0 as decimal(18, 6))) as busy_seconds
    from gpu_hours
    left join measured
        on
            gpu_hours.node_id = measured.node_id
            and gpu_hours.gpu_id = measured.gpu_uuid
            and gpu_hours.hour_start = measured.hour_start

),

split as (

    select
        *,
        cast(covered_seconds - busy_seconds as decimal(18, 6)) as warm_idle_seconds,
        cast(provisioned_seconds - covered_seconds as decimal(18, 6)) as unobserved_seconds
    from observed

),

busy_priced as (

    select
        *,
        {{ divide_exact('cost_usd', 'busy_seconds', 'provisioned_seconds') }} as busy_cost_usd
    from split

),

-- What rounding down leaves is idle time's, of a kind that the hour has.
unobserved_priced as (

    select
        *,
        case
            when warm_idle_seconds = 0 then cast(cost_usd - busy_cost_usd as decimal(26, 12))
            else {{ divide_exact('cost_usd', 'unobserved_seconds', 'provisioned_seconds') }}
        end as unobserved_cost_usd
    from busy_priced

),

priced as (

    select
        hour_start,
        usage_date,
        node_id,
        gpu_id,
        pool_id,
        service_provider,
        billing_account_id,
        provisioned_seconds,
        covered_seconds,
        busy_seconds,
        warm_idle_seconds,
        unobserved_seconds,
        cost_usd,
        busy_cost_usd,
        cast(cost_usd - busy_cost_usd - unobserved_cost_usd as decimal(26, 12)) as warm_idle_cost_usd,
        unobserved_cost_usd
    from unobserved_priced

)

select * from priced
