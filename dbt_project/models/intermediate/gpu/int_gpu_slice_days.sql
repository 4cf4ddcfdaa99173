with seen_days as (

    select * from {{ ref('int_gpu_seen_days') }}

),

gpu_days as (

    select * from {{ ref('int_gpu_days') }}

),

mig_models as (

    select * from {{ ref('mig_models') }}

),

seen as (

    select
        sampled_date as usage_date,
        node_id,
        gpu_uuid,
        slice_id,
        slice_profile,
        gpu_model
    from seen_days
    where slice_id <> 'whole'

),

named as (

    select distinct gpu_model
    from seen
    where gpu_model is not null

),

known as (

    select
        gpu_model,
        compute_slices,
        memory_slices,
        memory_gb
    from (
        select
            named.gpu_model,
            mig_models.compute_slices,
            mig_models.memory_slices,
            mig_models.memory_gb,
            row_number() over (
                partition by named.gpu_model
                order by length(mig_models.name_pattern) desc nulls last, mig_models.name_pattern asc nulls last
            ) as match_number
        from named
        inner join mig_models
            on named.gpu_model like mig_models.name_pattern
    ) as matched
    where match_number = 1

),

-- 3g.20gb: three compute slices with 20 GB. What a profile of another form holds nobody knows.
sized as (

    select
        seen.*,
        try_cast(split_part(seen.slice_profile, 'g.', 1) as integer) as compute_slices,
        known.compute_slices as known_compute_slices,
        known.memory_slices as known_memory_slices,
        -- Of 141 GB in eight, 35 GB are two slices: to the nearest.
        cast(
            {{ divide_whole(
                "2 * try_cast(split_part(split_part(seen.slice_profile, 'g.', 2), 'gb', 1) as integer) * known.memory_slices
                + known.memory_gb",
                '2 * known.memory_gb'
            ) }} as integer
        ) as memory_slices
    from seen
    left join known
        on seen.gpu_model = known.gpu_model
    where try_cast(split_part(seen.slice_profile, 'g.', 1) as integer) is not null

),

-- A GPU of a kind nobody knows has seven compute slices; those with 6 or 24 GB in each (A30, RTX PRO 6000) have four, and never
-- three in one. That tells a GPU of seven with 96 GB (H100, GH200) from them, which has a 1g.24gb too.
counted as (

    select
        usage_date,
        node_id,
        gpu_uuid,
        cast(sum(compute_slices) as integer) as given_compute_slices,
        case when count(*) = count(memory_slices) then cast(sum(memory_slices) as integer) end as given_memory_slices,
        max(known_memory_slices) as whole_memory_slices,
        coalesce(
            max(known_compute_slices),
            case
                when max(case when compute_slices in (3, 7) then 1 else 0 end) = 1 then 7
                when
                    max(
                        case
                            when
                                split_part(slice_profile, '+', 1) in (
                                    '1g.6gb', '2g.12gb', '4g.24gb', '1g.24gb', '2g.48gb', '4g.96gb'
                                )
                                then 1
                            else 0
                        end
                    ) = 1
                    then 4
                else 7
            end
        ) as whole_compute_slices
    from sized
    group by usage_date, node_id, gpu_uuid

),

-- Whichever of the two a GPU has given more of is what the next instance would lack: 2 x 3g.20gb hold all of its memory and
-- leave a compute slice that nobody can use.
decided as (

    select
        *,
        coalesce(
            given_memory_slices * whole_compute_slices > given_compute_slices * whole_memory_slices, false
        ) as is_by_memory
    from counted

),

totals as (

    select
        usage_date,
        node_id,
        gpu_uuid,
        is_by_memory,
        case when is_by_memory then given_memory_slices else given_compute_slices end as given_slices,
        case when is_by_memory then whole_memory_slices else whole_compute_slices end as whole_slices
    from decided

),

measured as (

    select
        sized.usage_date,
        sized.node_id,
        sized.gpu_uuid,
        sized.slice_id,
        sized.slice_profile,
        case when totals.is_by_memory then sized.memory_slices else sized.compute_slices end as held_slices
    from sized
    inner join totals
        on
            sized.usage_date = totals.usage_date
            and sized.node_id = totals.node_id
            and sized.gpu_uuid = totals.gpu_uuid

),

placed as (

    select
        *,
        cast(
            sum(held_slices) over (
                partition by usage_date, node_id, gpu_uuid
                order by slice_id asc nulls last
                rows between unbounded preceding and current row
            ) as integer
        ) as ends_at
    from measured

),

-- A GPU that was cut anew during the day shows more slices than it has: they share it.
slices as (

    select
        placed.usage_date,
        placed.node_id,
        placed.gpu_uuid,
        placed.slice_id,
        placed.slice_profile,
        placed.ends_at - placed.held_slices as begins_at,
        placed.ends_at,
        greatest(totals.whole_slices, totals.given_slices) as total_slices
    from placed
    inner join totals
        on
            placed.usage_date = totals.usage_date
            and placed.node_id = totals.node_id
            and placed.gpu_uuid = totals.gpu_uuid

    union all

    select
        usage_date,
        node_id,
        gpu_uuid,
        'uncut' as slice_id,
        'uncut' as slice_profile,
        given_slices as begins_at,
        whole_slices as ends_at,
        whole_slices as total_slices
    from totals
    where given_slices < whole_slices

),

units as (

    select
        gpu_days.*,
        coalesce(slices.slice_id, 'whole') as slice_id,
        coalesce(slices.slice_profile, 'whole') as slice_profile,
        coalesce(slices.begins_at, 0) as begins_at,
        coalesce(slices.ends_at, 1) as ends_at,
        coalesce(slices.total_slices, 1) as total_slices
    from gpu_days
    left join slices
        on
            gpu_days.usage_date = slices.usage_date
            and gpu_days.node_id = slices.node_id
            and gpu_days.gpu_id = slices.gpu_uuid

)

select * from units
