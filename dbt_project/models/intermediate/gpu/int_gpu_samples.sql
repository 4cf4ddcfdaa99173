{%- do comes_after('int_sample_days') -%}
with dcgm as (

    select * from {{ ref('stg_dcgm__samples') }}
    where {{ is_touched_moment('samples', 'sampled_at') }}

),

nvidia_smi as (

    select * from {{ ref('stg_nvidia_smi__samples') }}
    where {{ is_touched_moment('samples', 'sampled_at') }}

),

triton as (

    select * from {{ ref('stg_triton__samples') }}
    where {{ is_touched_moment('samples', 'sampled_at') }}

),

metrics as (

    select * from {{ ref('telemetry_metrics') }}

),

first_days as (

    select * from {{ ref('stg_meta__first_days') }}

),

exported as (

    select
        'dcgm' as source,
        1 as source_rank,
        sampled_at,
        node_id,
        gpu_uuid,
        coalesce(mig_instance_id, '') as mig_instance_id,
        coalesce(mig_profile, '') as mig_profile,
        gpu_model,
        metric,
        value
    from dcgm
    union all
    select
        'nvidia_smi' as source,
        2 as source_rank,
        sampled_at,
        node_id,
        gpu_uuid,
        '' as mig_instance_id,
        '' as mig_profile,
        gpu_model,
        metric,
        value
    from nvidia_smi
    union all
    select
        'triton' as source,
        3 as source_rank,
        sampled_at,
        split_part(instance, ':', 1) as node_id,
        gpu_uuid,
        '' as mig_instance_id,
        '' as mig_profile,
        cast(null as {{ dbt.type_string() }}) as gpu_model,
        metric,
        value
    from triton
    where gpu_uuid is not null

),

canonical as (

    select
        exported.source,
        exported.source_rank,
        exported.sampled_at,
        cast(exported.sampled_at as date) as usage_date,
        exported.node_id,
        exported.gpu_uuid,
        case when metrics.scope = 'slice' then exported.mig_instance_id else '' end as mig_instance_id,
        case when metrics.scope = 'slice' then exported.mig_profile else '' end as mig_profile,
        exported.gpu_model,
        metrics.metric,
        metrics.unit,
        metrics.kind,
        {{ telemetry_quantity('exported.value', 'metrics.factor') }} as quantity
    from exported
    inner join metrics
        on
            exported.source = metrics.source
            and exported.metric = metrics.exported
    -- What samples of earlier days said is kept: a lake file that holds some of them still is not read for them.
    inner join first_days
        on exported.sampled_at >= first_days.samples_from

),

-- Slices of a GPU (MIG) repeat what is the whole GPU's, and pods that share it repeat everything.
collapsed as (

    select
        source,
        source_rank,
        sampled_at,
        usage_date,
        node_id,
        gpu_uuid,
        mig_instance_id,
        metric,
        min(mig_profile) as mig_profile,
        min(gpu_model) as gpu_model,
        min(unit) as unit,
        min(kind) as kind,
        max(quantity) as quantity
    from canonical
    where quantity is not null
    group by source, source_rank, sampled_at, usage_date, node_id, gpu_uuid, mig_instance_id, metric

),

preferred as (

    select
        usage_date,
        gpu_uuid,
        metric,
        min(source_rank) as source_rank
    from collapsed
    group by usage_date, gpu_uuid, metric

),

chosen as (

    select
        collapsed.sampled_at,
        collapsed.usage_date,
        collapsed.node_id,
        collapsed.gpu_uuid,
        collapsed.mig_instance_id,
        collapsed.mig_profile,
        collapsed.gpu_model,
        collapsed.metric,
        collapsed.unit,
        collapsed.kind,
        collapsed.quantity,
        collapsed.source
    from collapsed
    inner join preferred
        on
            collapsed.usage_date = preferred.usage_date
            and collapsed.gpu_uuid = preferred.gpu_uuid
            and collapsed.metric = preferred.metric
            and collapsed.source_rank = preferred.source_rank

)

select * from chosen
