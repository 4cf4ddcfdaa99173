with counts as (

    select * from {{ ref('int_engine_counts_hourly') }}

),

deployment_days as (

    select * from {{ ref('int_gpu_deployment_days') }}

),

-- An increase of unknown hour would make one hour's calls cheap and leave the others' bypass unseen.
known as (

    select *
    from counts
    where
        metric in ('prompt_tokens_total', 'output_tokens_total', 'cached_tokens_total')
        and increase_known is not null

),

served_hours as (

    select
        hour_start,
        cast(hour_start as date) as usage_date,
        instance,
        model_name,
        cast(sum(case when metric = 'prompt_tokens_total' then increase_known else 0 end) as bigint) as prompt_tokens,
        cast(sum(case when metric = 'cached_tokens_total' then increase_known else 0 end) as bigint) as cached_tokens,
        cast(sum(case when metric = 'output_tokens_total' then increase_known else 0 end) as bigint) as output_tokens
    from known
    group by hour_start, instance, model_name

),

served_names as (

    select distinct
        usage_date,
        instance,
        model_name
    from served_hours

),

matches as (

    {{ engine_deployments('served_names', 'deployment_days') }}

),

deployed as (

    select
        served_hours.hour_start,
        served_hours.usage_date,
        matches.pool_id,
        matches.deployment_id,
        matches.model,
        matches.input_weight,
        matches.cache_read_weight,
        matches.output_weight,
        cast(sum(served_hours.prompt_tokens) as bigint) as prompt_tokens,
        cast(sum(served_hours.cached_tokens) as bigint) as counted_cached_tokens,
        cast(sum(served_hours.output_tokens) as bigint) as output_tokens
    from served_hours
    inner join matches
        on
            served_hours.usage_date = matches.usage_date
            and served_hours.instance = matches.instance
            and served_hours.model_name = matches.model_name
    group by
        served_hours.hour_start,
        served_hours.usage_date,
        matches.pool_id,
        matches.deployment_id,
        matches.model,
        matches.input_weight,
        matches.cache_read_weight,
        matches.output_weight

),

-- A cache hit may be counted in an earlier scrape than its prompt.
classed as (

    select
        *,
        least(counted_cached_tokens, prompt_tokens) as cache_read_tokens
    from deployed

),

weighted as (

    select
        hour_start,
        usage_date,
        pool_id,
        deployment_id,
        model,
        prompt_tokens - cache_read_tokens as input_uncached_tokens,
        cache_read_tokens,
        output_tokens,
        cast(
            cast(prompt_tokens - cache_read_tokens as decimal(15, 0)) * input_weight
            + cast(cache_read_tokens as decimal(15, 0)) * cache_read_weight
            + cast(output_tokens as decimal(15, 0)) * output_weight
            as decimal(26, 6)
        ) as weighted_tokens,
        cast(cast(output_tokens as decimal(15, 0)) * output_weight as decimal(26, 6)) as weighted_output_tokens
    from classed

)

select * from weighted
