with pod_hours as (

    select * from {{ ref('int_gpu_pod_hours') }}

),

deployment_days as (

    select * from {{ ref('int_gpu_deployment_days') }}

),

rules as (

    select * from {{ ref('stg_config__kubernetes_pods') }}

),

pod_labels as (

    select
        sampled_date as usage_date,
        coalesce(namespace, 'unattributed') as namespace,
        pod,
        pod_labels
    from {{ ref('int_gpu_pod_labels') }}

    union all

    select
        usage_date,
        namespace,
        pod,
        pod_labels
    from {{ ref('stg_kube_state_metrics__pod_labels') }}

),

pod_days as (

    select
        usage_date,
        node_id,
        namespace,
        pod,
        cast(sum(gpu_seconds) as decimal(38, 6)) as gpu_seconds,
        cast(sum(cost_usd) as decimal(38, 12)) as cost_usd
    from pod_hours
    group by usage_date, node_id, namespace, pod

),

deployed as (

    select
        usage_date,
        node_id,
        min(deployment_id) as first_deployment_id,
        max(deployment_id) as last_deployment_id
    from deployment_days
    group by usage_date, node_id

),

fitting as (

    select
        pod_days.usage_date,
        pod_days.node_id,
        pod_days.namespace,
        pod_days.pod,
        min(rules.rule_order) as rule_order
    from pod_days
    left join pod_labels
        on
            pod_days.usage_date = pod_labels.usage_date
            and pod_days.namespace = pod_labels.namespace
            and pod_days.pod = pod_labels.pod
    inner join rules
        on
            pod_days.namespace like rules.namespace
            and pod_days.pod like rules.pod
            and (rules.labelled is null or replace(pod_labels.pod_labels, rules.labelled, '') <> pod_labels.pod_labels)
            and pod_days.usage_date >= rules.valid_from
            and pod_days.usage_date < rules.valid_to
    where pod_days.pod <> 'unattributed'
    group by pod_days.usage_date, pod_days.node_id, pod_days.namespace, pod_days.pod

),

-- Tenants of a deployment share it by their tokens, so a node that has one is no single tenant's.
attributed as (

    select
        pod_days.usage_date,
        pod_days.node_id,
        pod_days.namespace,
        pod_days.pod,
        case
            when deployed.node_id is not null then 'shared'
            when rules.tenant_id is not null then rules.tenant_id
            else 'unattributed'
        end as tenant_id,
        case
            when deployed.first_deployment_id = deployed.last_deployment_id then deployed.first_deployment_id
            when deployed.node_id is not null then 'shared'
            else coalesce(rules.deployment_id, 'unattributed')
        end as deployment_id,
        case
            when deployed.node_id is not null then 'gpu_rates'
            when rules.labelled is not null then 'pod_label'
            when rules.tenant_id is not null then 'kubernetes_pods'
            else 'unattributed'
        end as attribution_method,
        case
            when deployed.node_id is not null or rules.tenant_id is not null then null
            when pod_days.pod = 'unattributed' then 'no_pod_named'
            else 'no_rule_fits'
        end as unattributed_reason,
        pod_days.gpu_seconds,
        pod_days.cost_usd
    from pod_days
    left join deployed
        on
            pod_days.usage_date = deployed.usage_date
            and pod_days.node_id = deployed.node_id
    left join fitting
        on
            pod_days.usage_date = fitting.usage_date
            and pod_days.node_id = fitting.node_id
            and pod_days.namespace = fitting.namespace
            and pod_days.pod = fitting.pod
    left join rules
        on fitting.rule_order = rules.rule_order

)

select * from attributed
