with reported_tasks as (

    select * from {{ ref('stg_business__tasks') }}

),

files as (

    select * from {{ ref('stg_meta__files') }}

),

tenants as (

    select * from {{ ref('stg_config__tenants') }}

),

features as (

    select * from {{ ref('stg_config__features') }}

),

file_names as (

    select
        identity,
        max(file_name) as file_name
    from files
    where
        feed = 'business'
        and table_name = 'tasks'
        and status = 'committed'
    group by identity

),

versions as (

    select
        reported_tasks.*,
        row_number() over (
            partition by reported_tasks.task_id
            order by
                file_names.file_name desc nulls last,
                reported_tasks.file_hash desc nulls last,
                reported_tasks.row_number desc nulls last
        ) as version_rank
    from reported_tasks
    left join file_names on reported_tasks.file_hash = file_names.identity

),

latest as (

    select
        versions.task_id,
        -- an id the company does not know is no better than none
        tenants.tenant_id,
        features.feature_id,
        versions.task_type,
        versions.started_at,
        versions.ended_at,
        versions.outcome,
        versions.reopened_at
    from versions
    left join tenants on versions.tenant_id = tenants.tenant_id
    left join features on versions.feature_id = features.feature_id
    where versions.version_rank = 1

)

select * from latest
