with seen_days as (

    select * from {{ ref('int_engine_seen_days') }}

),

deployment_days as (

    select * from {{ ref('int_gpu_deployment_days') }}

),

engine_days as (

    select
        sampled_date as usage_date,
        engine_kind,
        instance,
        engine,
        model_name,
        first_sampled_at,
        last_sampled_at
    from seen_days

),

served_names as (

    select distinct
        usage_date,
        instance,
        model_name
    from engine_days

),

matches as (

    {{ engine_deployments('served_names', 'deployment_days') }}

),

deployed as (

    select
        engine_days.*,
        matches.pool_id,
        matches.deployment_id
    from engine_days
    inner join matches
        on
            engine_days.usage_date = matches.usage_date
            and engine_days.instance = matches.instance
            and engine_days.model_name = matches.model_name

),

-- The most engines there are at once there are when one of them appears.
present as (

    select
        deployed.usage_date,
        deployed.deployment_id,
        deployed.first_sampled_at,
        count(*) as engines
    from (select distinct usage_date, deployment_id, first_sampled_at from deployed) as deployed
    inner join deployed as others
        on
            deployed.usage_date = others.usage_date
            and deployed.deployment_id = others.deployment_id
            and deployed.first_sampled_at between others.first_sampled_at and others.last_sampled_at
    group by deployed.usage_date, deployed.deployment_id, deployed.first_sampled_at

),

at_once as (

    select
        usage_date,
        deployment_id,
        max(engines) as engines_at_once
    from present
    group by usage_date, deployment_id

),

counted as (

    select
        deployed.*,
        at_once.engines_at_once
    from deployed
    inner join at_once
        on
            deployed.usage_date = at_once.usage_date
            and deployed.deployment_id = at_once.deployment_id

)

select * from counted
