{#-
A gateway's calls with disjoint token classes, from the lake columns of sources/gateway.py. The three flags say what its
counts contain, as in the reader's Convention: classes that do not add up never get here. A log that names its gateway has a column for it; one with
deletions says of a row that the versions of its call up to then are gone.
-#}
{% macro gateway_calls(feed, table, input_has_cache_read, input_has_cache_write, output_has_reasoning, has_gateway=false, has_deletions=false) %}
{%- set reads = 'cache_read_tokens' -%}
{%- set writes = 'cache_write_5m_tokens + cache_write_1h_tokens' -%}
with source as (

    select * from {{ raw(feed, table) }}

),
{%- if has_deletions %}

deleted as (

    select
        response_id,
        max(version_at) as deleted_at
    from source
    where is_deleted
    group by response_id

),

standing as (

    select source.*
    from source
    left join deleted
        on source.response_id = deleted.response_id
    where deleted.response_id is null or source.version_at > deleted.deleted_at

),
{%- endif %}

classed as (

    select
        file_hash,
        row_number,
        '{{ feed }}' as feed,
        '{{ table }}' as table_name,
        response_id,
        logical_request_id,
        trace_id,
        parent_span_id,
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
        tag_experiment_variant as experiment_variant,
        coalesce(tag_latency_insensitive, false) as latency_insensitive,
        user_key,
        api_key_id,
        team_id,
        {{ 'gateway' if has_gateway else "'" ~ feed ~ "'" }} as gateway,
        coalesce(gateway_provider, '') as gateway_provider,
        model_id,
        lower(coalesce(nullif(region, ''), 'unknown')) as region,
        operation,
        service_tier as logged_tier,
        reasoning_effort,
        input_tokens{{ ' - ' ~ reads if input_has_cache_read }}{{ ' - ' ~ writes | replace('+', '-') if input_has_cache_write }}
        - input_audio_tokens - input_image_tokens as input_uncached_tokens,
        cache_read_tokens,
        cache_write_5m_tokens,
        cache_write_1h_tokens,
        input_audio_tokens,
        input_image_tokens,
        output_tokens{{ ' - reasoning_tokens' if output_has_reasoning }} - output_audio_tokens - output_image_tokens
            as output_text_tokens,
        reasoning_tokens,
        output_audio_tokens,
        output_image_tokens,
        input_tokens{{ ' + ' ~ reads if not input_has_cache_read }}{{ ' + ' ~ writes if not input_has_cache_write }}
            as total_input_tokens,
        output_tokens{{ ' + reasoning_tokens' if not output_has_reasoning }} as total_output_tokens,
        searches,
        images,
        {{ billable_audio_seconds() }} as audio_seconds,
        video_seconds,
        characters,
        pages,
        cache_storage_token_hours,
        tool_calls,
        status,
        http_status,
        finish_reason,
        reported_cost_usd,
        billing_status,
        is_rollup,
        version_at as updated_at
    from {{ 'standing' if has_deletions else 'source' }}

)

select * from classed
{% endmacro %}
