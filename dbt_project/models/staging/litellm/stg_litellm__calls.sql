with source as (

    select * from {{ raw('litellm', 'spend_logs') }}

),

-- LiteLLM counts cache tokens in the prompt and reasoning in the completion; here the classes are disjoint.
classed as (

    select
        file_hash,
        row_number,
        'litellm' as feed,
        'spend_logs' as table_name,
        -- To an answer from its own cache, LiteLLM gives another id in each form of its log; the call's own id is the same.
        case
            when is_gateway_cache_hit and litellm_call_id is not null
                then {{ dbt.split_part('request_id', "'_cache_hit'", 1) }} || '_cache_hit:' || litellm_call_id
            else request_id
        end as response_id,
        -- LiteLLM's session_id groups the attempts of one ask, unless the caller uses it for a conversation and tags it so.
        case
            when session_id = '' or session_id = tag_session_id then request_id
            else coalesce(session_id, request_id)
        end as logical_request_id,
        nullif(session_id, '') as trace_id,
        cast(null as {{ dbt.type_string() }}) as parent_span_id,
        tag_task_id as task_id,
        tag_session_id as session_id,
        started_at,
        ended_at,
        completion_started_at,
        cast(started_at as date) as usage_date,
        tag_tenant,
        tag_product,
        tag_feature,
        tag_task_type,
        tag_environment,
        tag_purpose,
        tag_prompt_version as prompt_version,
        tag_app_release as app_release,
        cast(null as {{ dbt.type_string() }}) as experiment_variant,
        coalesce(tag_latency_insensitive, false) as latency_insensitive,
        nullif(end_user_key, '') as user_key,
        nullif(api_key_id, '') as api_key_id,
        nullif(team_id, '') as team_id,
        'litellm' as gateway,
        coalesce(gateway_provider, '') as gateway_provider,
        model_id,
        coalesce(nullif(region, ''), 'unknown') as region,
        call_type as operation,
        case when is_batch then 'batch' else coalesce(nullif(service_tier, ''), 'standard') end as logged_tier,
        reasoning_effort,
        prompt_tokens - cache_read_tokens - cache_write_5m_tokens - cache_write_1h_tokens
        - input_audio_tokens - input_image_tokens as input_uncached_tokens,
        cache_read_tokens,
        cache_write_5m_tokens,
        cache_write_1h_tokens,
        input_audio_tokens,
        input_image_tokens,
        completion_tokens - reasoning_tokens - output_audio_tokens - output_image_tokens as output_text_tokens,
        reasoning_tokens,
        output_audio_tokens,
        output_image_tokens,
        prompt_tokens as total_input_tokens,
        completion_tokens as total_output_tokens,
        searches,
        images,
        {{ billable_audio_seconds() }} as audio_seconds,
        video_seconds,
        characters,
        cast(0 as bigint) as pages,
        cast(0 as decimal(18, 6)) as cache_storage_token_hours,
        cast(0 as bigint) as tool_calls,
        status,
        http_status,
        cast(null as {{ dbt.type_string() }}) as finish_reason,
        spend_usd as reported_cost_usd,
        case
            when is_gateway_cache_hit then 'gateway_cache'
            when status = 'failure' and prompt_tokens + completion_tokens = 0 then 'not_billed'
            else 'billed'
        end as billing_status,
        false as is_rollup,
        updated_at
    from source

)

select * from classed
