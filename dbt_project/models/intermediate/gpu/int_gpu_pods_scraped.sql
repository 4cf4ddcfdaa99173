{%- do comes_after('int_sample_days') -%}
{#- A scrape in parts: up to sixteen pods that share a GPU have the same of it, to the last part. -#}
{%- set parts = '720720' -%}
with kept as (

    select * from {{ ref('stg_kept__gpu_pods_scraped') }}
    where {{ is_touched('samples', 'sampled_date') }}

),

first_days as (

    select * from {{ ref('stg_meta__first_days') }}

),

named_pods as (

    select * from {{ ref('stg_dcgm__pods') }}
    where {{ is_touched_moment('samples', 'sampled_at') }}

),

pods as (

    select
        named_pods.*,
        case when coalesce(named_pods.mig_instance_id, '') = '' then 'whole' else named_pods.mig_instance_id end as slice_id
    from named_pods
    inner join first_days
        on named_pods.sampled_at >= first_days.samples_from

),

scrapes as (

    select
        node_id,
        gpu_uuid as gpu_id,
        slice_id,
        sampled_at,
        count(pod) as pods,
        coalesce(min(namespace), 'unattributed') as namespace,
        coalesce(min(pod), 'unattributed') as pod
    from pods
    group by node_id, gpu_uuid, slice_id, sampled_at

),

-- Time slicing repeats a scrape for every pod on the GPU: they share it.
shared as (

    select
        scrapes.node_id,
        scrapes.gpu_id,
        scrapes.slice_id,
        scrapes.sampled_at,
        scrapes.pods,
        coalesce(pods.namespace, 'unattributed') as namespace,
        pods.pod,
        row_number() over (
            partition by scrapes.node_id, scrapes.gpu_id, scrapes.slice_id, scrapes.sampled_at
            order by pods.namespace asc nulls last, pods.pod asc nulls last
        ) as place
    from scrapes
    inner join pods
        on
            scrapes.node_id = pods.node_id
            and scrapes.gpu_id = pods.gpu_uuid
            and scrapes.slice_id = pods.slice_id
            and scrapes.sampled_at = pods.sampled_at
    where scrapes.pods > 1 and pods.pod is not null

),

named as (

    select
        node_id,
        gpu_id,
        slice_id,
        sampled_at,
        namespace,
        pod,
        {{ parts }} as scrape_parts
    from scrapes
    where pods < 2

    union all

    select
        node_id,
        gpu_id,
        slice_id,
        sampled_at,
        namespace,
        pod,
        {{ divide_exact(parts, 'place', 'pods', 0, 0) }} - {{ divide_exact(parts, 'place - 1', 'pods', 0, 0) }} as scrape_parts
    from shared

),

held as (

    select
        cast(sampled_at as date) as sampled_date,
        cast(date_trunc('hour', sampled_at) as timestamp) as hour_start,
        node_id,
        gpu_id,
        slice_id,
        namespace,
        pod,
        cast(sum(scrape_parts) as bigint) as scrape_parts
    from named
    group by
        cast(sampled_at as date), cast(date_trunc('hour', sampled_at) as timestamp), node_id, gpu_id, slice_id, namespace, pod

),

all_days as (

    select
        sampled_date,
        hour_start,
        node_id,
        gpu_id,
        slice_id,
        namespace,
        pod,
        scrape_parts
    from kept
    union all
    select
        sampled_date,
        hour_start,
        node_id,
        gpu_id,
        slice_id,
        namespace,
        pod,
        scrape_parts
    from held

)

select * from all_days
