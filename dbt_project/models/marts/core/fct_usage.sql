with usage as (

    select * from {{ ref('int_usage_priced') }}
    where {{ is_touched('anything', 'usage_date', 'file_hash') }}

),

anchored as (

    select * from {{ ref('int_usage_anchored') }}
    where {{ is_touched('anything', 'usage_date') }}

),

gpu_calls as (

    select * from {{ ref('int_gpu_calls_costed') }}
    where {{ is_touched('anything', 'usage_date') }}

),

repeated as (

    select logical_request_id
    from {{ ref('int_usage_priced') }}
    where {{ is_around_touched('anything', 'usage_date', 'file_hash') }}
    group by logical_request_id
    having count(*) > 1

),

-- Only asks of several attempts are ordered: a window over all calls costs four times as much.
attempts as (

    select
        calls.call_id,
        row_number() over asked as attempt,
        lead(calls.model) over asked as next_model,
        lead(calls.contracted_output_per_mtok_usd) over asked as next_output_price,
        lead(calls.call_id) over asked is null as is_last_attempt
    from {{ ref('int_usage_priced') }} as calls
    inner join repeated
        on calls.logical_request_id = repeated.logical_request_id
    where {{ is_around_touched('anything', 'calls.usage_date', 'calls.file_hash') }}
    window asked as (
        partition by calls.logical_request_id
        order by calls.started_at asc nulls last, calls.call_id asc nulls last
    )

),

kinds as (

    select distinct
        usage_date,
        environment,
        plan,
        coalesce(tag_purpose, 'serve') as purpose
    from {{ ref('int_usage_priced') }}
    where {{ is_touched('anything', 'usage_date', 'file_hash') }}

),

natures as (
    {{ cost_natures('kinds') }}
),

costed as (

    select
        usage.*,
        natures.cost_nature,
        coalesce(attempts.attempt, 1) as attempt,
        coalesce(attempts.is_last_attempt, true) as is_last_attempt,
        case
            when coalesce(attempts.is_last_attempt, true) then null
            when attempts.next_model = usage.model then 'retry'
            when attempts.next_output_price > usage.contracted_output_per_mtok_usd then 'escalation'
            else 'fallback'
        end as superseded_as,
        case
            when usage.billing_status in ('not_billed', 'gateway_cache') then cast(0 as decimal(26, 12))
            when usage.host = 'self_hosted' then gpu_calls.billed_cost_usd
            when
                anchored.call_id is null and usage.total_input_tokens + usage.total_output_tokens + usage.searches = 0
                and usage.pricing_status <> 'unpriced'
                then cast(0 as decimal(26, 12))
            when anchored.is_anchored then anchored.amount_usd
        end as billed_cost_usd,
        case when not anchored.has_unpriced_meter then anchored.effective_amount_usd end as anchored_effective_usd,
        case
            when usage.host = 'self_hosted' then null
            else coalesce(anchored.input_cost_usd, cast(0 as decimal(26, 12)))
        end as input_cost_usd,
        case
            when usage.host = 'self_hosted' then null
            else coalesce(anchored.output_cost_usd, cast(0 as decimal(26, 12)))
        end as output_cost_usd,
        coalesce(anchored.output_text_cost_usd, cast(0 as decimal(26, 12))) as output_text_cost_usd,
        cast(usage.output_text_tokens as decimal(12, 0))
        * case when usage.contracted_reasoning_per_mtok_usd is null then 1 else usage.contracted_output_per_mtok_usd end
            as output_text_weight,
        cast(usage.reasoning_tokens as decimal(12, 0)) * coalesce(usage.contracted_reasoning_per_mtok_usd, 1)
            as reasoning_weight,
        coalesce(anchored.cache_actual_input_cost_usd, cast(0 as decimal(26, 12))) as cache_actual_input_cost_usd,
        cast(
            usage.input_uncached_tokens + usage.cache_read_tokens + usage.cache_write_5m_tokens
            + usage.cache_write_1h_tokens as decimal(12, 0)
        )
        * usage.contracted_input_uncached_per_mtok_usd as cache_plain_input_millionths_usd,
        case
            when usage.cache_write_5m_tokens = 0 then 0
            else
                cast(usage.cache_write_5m_tokens as decimal(12, 0))
                * (usage.contracted_cache_write_5m_per_mtok_usd - usage.contracted_input_uncached_per_mtok_usd)
        end
        + case
            when usage.cache_write_1h_tokens = 0 then 0
            else
                cast(usage.cache_write_1h_tokens as decimal(12, 0))
                * (usage.contracted_cache_write_1h_per_mtok_usd - usage.contracted_input_uncached_per_mtok_usd)
        end as cache_write_premium_millionths_usd
    from usage
    left join attempts
        on usage.call_id = attempts.call_id
    left join anchored
        on usage.call_id = anchored.call_id
    left join gpu_calls
        on usage.call_id = gpu_calls.call_id
    left join natures
        on
            usage.usage_date = natures.usage_date
            and usage.environment = natures.environment
            and usage.plan = natures.plan
            and coalesce(usage.tag_purpose, 'serve') = natures.purpose

),

facts as (

    select
        call_id,
        response_id,
        logical_request_id,
        cast(attempt as integer) as attempt,
        is_last_attempt,
        trace_id,
        task_id,
        session_id,
        started_at,
        ended_at,
        usage_date,
        cast(date_trunc('week', usage_date) as date) as week_start,
        tenant_id,
        user_key,
        api_key_id,
        resolved_team_id as team_id,
        cost_center,
        product_id,
        feature_id,
        coalesce(tag_task_type, 'none') as task_type,
        environment,
        plan,
        coalesce(tag_purpose, 'serve') as purpose,
        cost_nature,
        gateway,
        service_provider,
        coalesce(billing_account_id, 'unattributed') as billing_account_id,
        host,
        region,
        price_region,
        model_id,
        model,
        operation,
        service_tier,
        latency_insensitive,
        reasoning_effort,
        prompt_version,
        app_release,
        input_uncached_tokens,
        cache_read_tokens,
        cache_write_5m_tokens,
        cache_write_1h_tokens,
        input_audio_tokens,
        input_image_tokens,
        output_text_tokens,
        reasoning_tokens,
        output_audio_tokens,
        output_image_tokens,
        total_input_tokens,
        total_output_tokens,
        searches,
        images,
        audio_seconds,
        video_seconds,
        characters,
        pages,
        cache_storage_token_hours,
        billing_status,
        status,
        cast(http_status as integer) as http_status,
        cast({{ dbt.datediff('started_at', 'ended_at', 'microsecond') }} as double) / 1000000 as latency_seconds,
        cast({{ dbt.datediff('started_at', 'completion_started_at', 'microsecond') }} as double) / 1000000
            as time_to_first_token_seconds,
        cast(reported_cost_usd as decimal(38, 12)) as reported_cost_usd,
        cast(list_cost_usd as decimal(38, 12)) as list_cost_usd,
        cast(contracted_cost_usd as decimal(38, 12)) as contracted_cost_usd,
        cast(billed_cost_usd as decimal(38, 12)) as billed_cost_usd,
        cast(coalesce(anchored_effective_usd, billed_cost_usd, contracted_cost_usd) as decimal(38, 12)) as effective_cost_usd,
        case
            when billed_cost_usd is not null then 'anchored'
            when contracted_cost_usd is not null then 'estimated'
            else 'unpriced'
        end as cost_status,
        superseded_as,
        is_last_attempt and status = 'failure' as is_failed_last,
        cast({{ divide_exact('output_text_cost_usd', 'reasoning_weight', 'reasoning_weight + output_text_weight') }} as decimal(38, 12))
            as reasoning_cost_usd,
        cast(input_cost_usd as decimal(38, 12)) as input_cost_usd,
        cast(output_cost_usd as decimal(38, 12)) as output_cost_usd,
        cast({{ usd_from_millionths('cache_plain_input_millionths_usd') }} as decimal(38, 12)) as cache_plain_input_cost_usd,
        cast(cache_actual_input_cost_usd as decimal(38, 12)) as cache_actual_input_cost_usd,
        cast({{ usd_from_millionths('cache_write_premium_millionths_usd') }} as decimal(38, 12)) as cache_write_premium_usd,
        has_prompt_cache,
        pricing_status,
        unpriced_reason,
        price_set_id,
        context_tier,
        attribution_method,
        unattributed_reason,
        file_hash,
        row_number
    from costed

)

select * from facts
