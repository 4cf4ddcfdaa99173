with busy_hours as (

    select * from {{ ref('int_gpu_busy_hourly') }}

),

slice_days as (

    select * from {{ ref('int_gpu_slice_days') }}

),

node_shares as (

    select * from {{ ref('int_gpu_node_shares') }}

),

-- A share of a node is that share of each of its slices; who has slices of its own has all of them and nothing of the others.
shares as (

    select
        usage_date,
        node_id,
        share_id,
        pool_id,
        is_bound,
        oversubscribed_millionths,
        case when is_bound then 0 else begins_at end as begins_at,
        case when is_bound then 1 else ends_at end as ends_at,
        case when is_bound then 1 else total_millionths end as total_millionths
    from node_shares

),

slices_bound as (

    select * from {{ ref('int_gpu_slices_bound') }}

),

deployment_days as (

    select * from {{ ref('int_gpu_deployment_days') }}

),

hour_numbers as (

    {{ dbt.generate_series(24) }}

),

deployed as (

    select distinct
        usage_date,
        node_id
    from deployment_days

),

gpu_hours as (

    select
        {{ dbt.dateadd('hour', 'hour_numbers.generated_number - 1', 'cast(slice_days.usage_date as timestamp)') }} as hour_start,
        slice_days.usage_date,
        slice_days.node_id,
        slice_days.gpu_id,
        slice_days.slice_id,
        slice_days.slice_profile,
        slice_days.begins_at,
        slice_days.ends_at,
        slice_days.total_slices,
        slice_days.service_provider,
        slice_days.billing_account_id,
        case
            when slice_days.slice_id = 'uncut' then 'overhead'
            when not slice_days.is_seen and slice_days.is_node_seen then 'reserved_unused'
            else 'unobserved'
        end as unseen_kind,
        case when deployed.node_id is null then 'unallocated' else 'warm_idle' end as seen_kind,
        {{ due_between(
            'slice_days.cost_usd', 'hour_numbers.generated_number - 1', 'hour_numbers.generated_number', '24'
        ) }} as gpu_cost_usd
    from slice_days
    cross join hour_numbers
    left join deployed
        on
            slice_days.usage_date = deployed.usage_date
            and slice_days.node_id = deployed.node_id

),

-- A slice is the GPU's time and money from its beginning to its end, so that all of them are the GPU's.
slice_hours as (

    select
        *,
        cast(
            (
                {{ divide_exact('3600000000', 'ends_at', 'total_slices', 0, 0) }}
                - {{ divide_exact('3600000000', 'begins_at', 'total_slices', 0, 0) }}
            ) * 0.000001 as decimal(18, 6)
        ) as slice_seconds,
        {{ due_between('gpu_cost_usd', 'begins_at', 'ends_at', 'total_slices') }} as slice_cost_usd
    from gpu_hours

),

-- So are the shares of a slice that deployments are given; what none is given nobody may use. A slice that is
-- bound to none has a measure of its own: who is busy on it, nobody has said.
share_hours as (

    select
        slice_hours.hour_start,
        slice_hours.usage_date,
        slice_hours.node_id,
        slice_hours.gpu_id,
        slice_hours.slice_id,
        slice_hours.slice_profile,
        shares.share_id,
        shares.pool_id,
        slice_hours.service_provider,
        slice_hours.billing_account_id,
        slice_hours.unseen_kind,
        case when shares.share_id in ('free', 'unbound') then 'unallocated' else slice_hours.seen_kind end as seen_kind,
        cast(
            {{ divide_exact('slice_hours.slice_seconds', 'shares.ends_at', 'shares.total_millionths', 6, 0) }}
            - {{ divide_exact('slice_hours.slice_seconds', 'shares.begins_at', 'shares.total_millionths', 6, 0) }}
            as decimal(18, 6)
        ) as provisioned_seconds,
        cast(
            {{ divide_exact(
                'slice_hours.slice_seconds',
                'shares.oversubscribed_millionths',
                'shares.total_millionths - shares.oversubscribed_millionths', 6, 0
            ) }} as decimal(18, 6)
        ) as oversubscribed_seconds,
        {{ due_between('slice_hours.slice_cost_usd', 'shares.begins_at', 'shares.ends_at', 'shares.total_millionths') }} as cost_usd
    from slice_hours
    left join slices_bound
        on
            slice_hours.usage_date = slices_bound.usage_date
            and slice_hours.node_id = slices_bound.node_id
            and slice_hours.gpu_id = slices_bound.gpu_id
            and slice_hours.slice_id = slices_bound.slice_id
    inner join shares
        on
            slice_hours.usage_date = shares.usage_date
            and slice_hours.node_id = shares.node_id
            and (not shares.is_bound or shares.share_id = coalesce(slices_bound.deployment_id, 'unbound'))

),

measured as (

    select
        node_id,
        gpu_uuid,
        slice_id,
        hour_start,
        cast(sum(covered_seconds) as decimal(18, 6)) as covered_seconds,
        cast(sum(busy_seconds) as decimal(18, 6)) as busy_seconds
    from busy_hours
    group by node_id, gpu_uuid, slice_id, hour_start

),

-- Seconds of the slice or share are that part of the GPU's. Pods that share a GPU by time have one measure, the GPU's.
observed as (

    select
        share_hours.*,
        coalesce(
            {{ divide_exact('share_hours.provisioned_seconds', 'measured.covered_seconds', '3600', 6, 6) }}, 0
        ) as covered_seconds,
        case
            when share_hours.share_id = 'free' then 0
            else
                coalesce(
                    {{ divide_exact('share_hours.provisioned_seconds', 'measured.busy_seconds', '3600', 6, 6) }}, 0
                )
        end as busy_seconds
    from share_hours
    left join measured
        on
            share_hours.node_id = measured.node_id
            and share_hours.gpu_id = measured.gpu_uuid
            and share_hours.slice_id = measured.slice_id
            and share_hours.hour_start = measured.hour_start

),

split as (

    select
        *,
        cast(covered_seconds - busy_seconds as decimal(18, 6)) as seen_idle_seconds,
        cast(provisioned_seconds - covered_seconds as decimal(18, 6)) as unseen_seconds
    from observed

),

busy_priced as (

    select
        *,
        coalesce({{ divide_exact('cost_usd', 'busy_seconds', 'provisioned_seconds') }}, 0) as busy_cost_usd
    from split

),

-- What rounding down leaves is idle time's, of a kind that the hour has.
unseen_priced as (

    select
        *,
        case
            when seen_idle_seconds = 0 then cast(cost_usd - busy_cost_usd as decimal(26, 12))
            else {{ divide_exact('cost_usd', 'unseen_seconds', 'provisioned_seconds') }}
        end as unseen_cost_usd
    from busy_priced

),

idle_priced as (

    select
        *,
        cast(cost_usd - busy_cost_usd - unseen_cost_usd as decimal(26, 12)) as seen_idle_cost_usd
    from unseen_priced

),

priced as (

    select
        hour_start,
        usage_date,
        node_id,
        gpu_id,
        slice_id,
        slice_profile,
        share_id,
        pool_id,
        service_provider,
        billing_account_id,
        provisioned_seconds,
        oversubscribed_seconds,
        cast(covered_seconds as decimal(18, 6)) as covered_seconds,
        cast(busy_seconds as decimal(18, 6)) as busy_seconds,
        {% for kind, part in [
            ('warm_idle', 'seen'), ('unallocated', 'seen'), ('reserved_unused', 'unseen'), ('overhead', 'unseen'),
            ('unobserved', 'unseen'),
        ] %}
        {%- set measure = 'seen_idle' if part == 'seen' else 'unseen' -%}
        cast(case when {{ part }}_kind = '{{ kind }}' then {{ measure }}_seconds else 0 end as decimal(18, 6))
            as {{ kind }}_seconds,
        cast(case when {{ part }}_kind = '{{ kind }}' then {{ measure }}_cost_usd else 0 end as decimal(26, 12))
            as {{ kind }}_cost_usd,
        {% endfor -%}
        cost_usd,
        busy_cost_usd
    from idle_priced

)

select * from priced
