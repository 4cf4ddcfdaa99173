-- A slice that telemetry never showed while it was bound costs its deployment nothing: most likely it has another UUID or instance.
{{ config(severity='warn') }}
with bindings as (

    select * from {{ ref('stg_config__gpu_deployment_slices') }}

),

seen as (

    select * from {{ ref('int_gpu_slices_bound') }}

),

node_days as (

    select * from {{ ref('int_gpu_node_days') }}

)

select
    bindings.deployment_id,
    bindings.node_id,
    bindings.gpu_uuid,
    bindings.slice_id
from bindings
inner join node_days
    on
        bindings.node_id = node_days.node_id
        and node_days.usage_date >= bindings.valid_from
        and node_days.usage_date < bindings.valid_to
left join seen
    on
        node_days.usage_date = seen.usage_date
        and bindings.node_id = seen.node_id
        and bindings.gpu_uuid = seen.gpu_id
        and bindings.deployment_id = seen.deployment_id
        and coalesce(bindings.slice_id, seen.slice_id) = seen.slice_id
group by bindings.deployment_id, bindings.node_id, bindings.gpu_uuid, bindings.slice_id
having count(seen.slice_id) = 0
