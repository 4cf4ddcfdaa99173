with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched_week('anything', 'week_start') }}

),

limits as (

    select * from {{ ref('stg_config__rate_limits') }}

),

minutes as (

    select
        week_start,
        usage_date,
        service_provider,
        coalesce(model, 'unattributed') as model,
        date_trunc('minute', started_at) as started_minute,
        count(*) as calls,
        count(*) filter (where http_status = 429) as refused_calls,
        cast(sum(total_input_tokens + total_output_tokens) as bigint) as tokens
    from usage
    where started_at is not null
    group by week_start, usage_date, service_provider, coalesce(model, 'unattributed'), date_trunc('minute', started_at)

),

-- models that share a limit are one line; a model without one stands for itself
shared as (

    select
        minutes.week_start,
        minutes.service_provider,
        case
            when limits.model_prefix is null then minutes.model
            when limits.is_whole_model then limits.model_prefix
            else limits.model_prefix || '*'
        end as models,
        minutes.started_minute,
        limits.tokens_per_minute as tokens_limit,
        limits.requests_per_minute as requests_limit,
        cast(sum(minutes.calls) as bigint) as calls,
        cast(sum(minutes.refused_calls) as bigint) as refused_calls,
        cast(sum(minutes.tokens) as bigint) as tokens
    from minutes
    left join limits
        on
            minutes.service_provider = limits.service_provider
            and minutes.usage_date >= limits.valid_from
            and minutes.usage_date < limits.valid_to
            and {{ is_model_named('minutes.model', 'limits') }}
    group by
        minutes.week_start, minutes.service_provider, minutes.model, minutes.started_minute, limits.model_prefix,
        limits.is_whole_model, limits.tokens_per_minute, limits.requests_per_minute

),

added as (

    select
        week_start,
        service_provider,
        models,
        started_minute,
        tokens_limit,
        requests_limit,
        cast(sum(calls) as bigint) as calls,
        cast(sum(refused_calls) as bigint) as refused_calls,
        cast(sum(tokens) as bigint) as tokens
    from shared
    group by week_start, service_provider, models, started_minute, tokens_limit, requests_limit

),

-- the nearer of the two limits; null without one
pressed as (

    select
        *,
        greatest(
            coalesce(cast(tokens as double) / nullif(cast(tokens_limit as double), 0), 0),
            coalesce(cast(calls as double) / nullif(cast(requests_limit as double), 0), 0)
        ) as limit_share
    from added

),

weekly as (

    select
        week_start,
        service_provider,
        models,
        cast(sum(calls) as bigint) as calls,
        cast(sum(refused_calls) as bigint) as refused_calls,
        cast(sum(refused_calls) as double) / nullif(cast(sum(calls) as double), 0) as refused_share,
        max(tokens) as peak_tokens_per_minute,
        max(calls) as peak_requests_per_minute,
        max(tokens_limit) as tokens_per_minute_limit,
        max(requests_limit) as requests_per_minute_limit,
        max(limit_share) filter (where tokens_limit is not null or requests_limit is not null) as peak_limit_share,
        count(*) filter (where limit_share >= 0.8) as minutes_near_limit
    from pressed
    group by week_start, service_provider, models

)

select * from weekly
