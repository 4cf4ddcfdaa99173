-- GPUs whose node no rate card names cost nothing here: most likely its name in gpu_rates.yml is not the one it reports.
{{ config(severity='warn') }}
select
    seen.node_id,
    sum(seen.samples) as samples
from {{ ref('int_gpu_seen_days') }} as seen
left join {{ ref('stg_config__gpu_nodes') }} as nodes
    on seen.node_id = nodes.node_id
where
    nodes.node_id is null
    and seen.slice_id = 'whole'
group by seen.node_id
