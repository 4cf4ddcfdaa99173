with source as (

    select * from {{ raw('config', 'kubernetes_pods') }}

),

-- The settings take no character that means something in a pattern of LIKE.
typed as (

    select
        cast(rule_order as integer) as rule_order,
        replace(namespace, '*', '%') as namespace,
        replace(pod, '*', '%') as pod,
        '|' || label || '=' || label_value || '|' as labelled,
        tenant_id,
        deployment_id,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
