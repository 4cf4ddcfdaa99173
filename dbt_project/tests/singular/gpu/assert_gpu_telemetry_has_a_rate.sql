-- GPUs whose node no rate card names cost nothing here: most likely its name in gpu_rates.yml is not the one it reports.
{{ config(severity='warn') }}
select
    spans.node_id,
    count(*) as samples
from {{ ref('int_gpu_samples_spanned') }} as spans
left join {{ ref('stg_config__gpu_nodes') }} as nodes
    on spans.node_id = nodes.node_id
where nodes.node_id is null
group by spans.node_id
