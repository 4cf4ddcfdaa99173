with usage as (

    select * from {{ ref('int_usage_economics_daily') }}

),

allocations as (

    select * from {{ ref('int_allocations') }}

),

seen as (

    select distinct
        service_provider,
        host,
        model,
        has_prompt_cache
    from usage

    union all

    select distinct
        coalesce(service_provider, 'unattributed') as service_provider,
        coalesce(host, 'unattributed') as host,
        coalesce(model, 'unattributed') as model,
        false as has_prompt_cache
    from allocations

),

models as (

    select
        service_provider,
        host,
        model,
        coalesce(bool_or(has_prompt_cache), false) as has_prompt_cache
    from seen
    group by service_provider, host, model

)

select * from models
