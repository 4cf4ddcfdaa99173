with spans as (

    select * from {{ ref('int_gpu_slices_spanned') }}

),

gpu_days as (

    select * from {{ ref('int_gpu_days') }}

),

seen as (

    select
        cast(sampled_at as date) as usage_date,
        node_id,
        gpu_uuid,
        slice_id,
        max(slice_profile) as slice_profile
    from spans
    group by cast(sampled_at as date), node_id, gpu_uuid, slice_id

),

-- 3g.20gb: three compute slices with 20 GB. What a profile of another form holds nobody knows.
sized as (

    select
        *,
        try_cast(split_part(slice_profile, 'g.', 1) as integer) as compute_slices
    from seen
    where try_cast(split_part(slice_profile, 'g.', 1) as integer) is not null

),

-- GPUs have seven compute slices; those with 6 or 24 GB in each (A30, RTX PRO 6000) have four, and never three in one. That
-- tells a GPU of seven with 96 GB (H100, GH200) from them, which has a 1g.24gb too.
totals as (

    select
        usage_date,
        node_id,
        gpu_uuid,
        cast(sum(compute_slices) as integer) as given_slices,
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
        end as whole_slices
    from sized
    group by usage_date, node_id, gpu_uuid

),

placed as (

    select
        *,
        cast(
            sum(compute_slices) over (
                partition by usage_date, node_id, gpu_uuid
                order by slice_id asc nulls last
                rows between unbounded preceding and current row
            ) as integer
        ) as ends_at
    from sized

),

-- A GPU that was cut anew during the day shows more slices than it has: they share it.
slices as (

    select
        placed.usage_date,
        placed.node_id,
        placed.gpu_uuid,
        placed.slice_id,
        placed.slice_profile,
        placed.ends_at - placed.compute_slices as begins_at,
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
