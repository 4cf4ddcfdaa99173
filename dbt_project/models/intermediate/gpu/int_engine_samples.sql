{%- do comes_after('int_sample_days') -%}
with vllm as (

    select * from {{ ref('stg_vllm__samples') }}
    where {{ is_touched_moment('samples', 'sampled_at') }}

),

sglang as (

    select * from {{ ref('stg_sglang__samples') }}
    where {{ is_touched_moment('samples', 'sampled_at') }}

),

tgi as (

    select * from {{ ref('stg_tgi__samples') }}
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
        'vllm' as engine_kind,
        sampled_at,
        instance,
        engine,
        model_name,
        label_key,
        metric,
        value
    from vllm
    union all
    select
        'sglang' as engine_kind,
        sampled_at,
        instance,
        engine,
        model_name,
        label_key,
        metric,
        value
    from sglang
    union all
    select
        'tgi' as engine_kind,
        sampled_at,
        instance,
        engine,
        model_name,
        label_key,
        metric,
        value
    from tgi
    union all
    select
        'triton' as engine_kind,
        sampled_at,
        instance,
        engine,
        model_name,
        label_key,
        metric,
        value
    from triton
    where gpu_uuid is null

),

canonical as (

    select
        exported.sampled_at,
        exported.engine_kind,
        exported.instance,
        exported.engine,
        coalesce(exported.model_name, '') as model_name,
        exported.label_key,
        metrics.metric,
        metrics.unit,
        metrics.kind,
        {{ telemetry_quantity('exported.value', 'metrics.factor') }} as quantity
    from exported
    inner join metrics
        on
            exported.engine_kind = metrics.source
            and exported.metric = metrics.exported
    -- What samples of earlier days said is kept: a lake file that holds some of them still is not read for them.
    inner join first_days
        on exported.sampled_at >= first_days.samples_from

),

-- A server that exports a metric under two of its names at once says one thing twice.
told as (

    select
        sampled_at,
        cast(sampled_at as date) as usage_date,
        engine_kind,
        instance,
        engine,
        model_name,
        label_key,
        metric,
        min(unit) as unit,
        min(kind) as kind,
        max(quantity) as quantity
    from canonical
    where quantity is not null
    group by sampled_at, engine_kind, instance, engine, model_name, label_key, metric

)

select * from told
