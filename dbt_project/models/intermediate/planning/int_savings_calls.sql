{#- Weeks looked back on: long enough for habits to show, short enough that the savings are of today's prices and work. -#}
{%- set weeks = 4 -%}
{#- The hit rate the dictionary calls good; of what would be read, one token in ten is first written. -#}
{%- set good_hit_rate = '0.8' -%}
{#- Below this no provider's cache holds a prompt (OpenAI, Anthropic: 1,024 tokens). -#}
{%- set cacheable_tokens = 1024 -%}
{%- set unchanged = [
    'input_audio_tokens', 'input_image_tokens', 'output_audio_tokens', 'output_image_tokens', 'cache_write_1h_tokens', 'searches',
    'images', 'audio_seconds', 'video_seconds', 'characters', 'pages', 'cache_storage_token_hours', 'total_input_tokens',
] -%}
with usage as (

    select * from {{ ref('fct_usage') }}

),

price_keys as (

    select * from {{ ref('stg_pricing__price_keys') }}

),

latest as (

    select cast(max(week_start) - interval {{ 7 * (weeks - 1) }} day as date) as first_week_start
    from usage

),

recent as (

    select usage.*
    from usage
    inner join latest
        on usage.week_start >= latest.first_week_start
    where usage.pricing_status = 'priced'

),

-- what calls of a feature to a model look like in the week
habits as (

    select
        week_start,
        feature_id,
        service_provider,
        model,
        cast(sum(cache_read_tokens) as double) / nullif(cast(sum(total_input_tokens) as double), 0) as hit_rate,
        cast(floor(percentile_cont(0.95) within group (order by reasoning_tokens + output_text_tokens asc)) as bigint)
            as long_output_tokens
    from recent
    group by week_start, feature_id, service_provider, model

),

-- the first that applies: a call counts for one saving alone, so savings add up
levers as (

    select
        recent.*,
        habits.hit_rate,
        habits.long_output_tokens,
        case
            when recent.superseded_as = 'retry' then 'avoid_retries'
            when recent.latency_insensitive and batch_keys.price_set_id is not null then 'batch'
            when
                recent.has_prompt_cache and recent.total_input_tokens >= {{ cacheable_tokens }}
                and habits.hit_rate < {{ good_hit_rate }}
                and recent.cache_read_tokens < recent.total_input_tokens * {{ good_hit_rate }} then 'prompt_cache'
            when recent.reasoning_tokens > 2 * recent.output_text_tokens then 'reasoning_effort'
            when recent.reasoning_tokens + recent.output_text_tokens > habits.long_output_tokens then 'output_cap'
        end as lever
    from recent
    inner join habits
        on
            recent.week_start = habits.week_start
            and recent.feature_id = habits.feature_id
            and recent.service_provider = habits.service_provider
            and recent.model = habits.model
    left join price_keys as batch_keys
        on
            recent.service_tier = 'standard'
            and batch_keys.service_tier = 'batch'
            and recent.service_provider = batch_keys.service_provider
            and recent.host = batch_keys.host
            and recent.region = batch_keys.region
            and recent.model_id = batch_keys.model_id
            and recent.usage_date = batch_keys.usage_date
            and batch_keys.window_start_second = 0

),

cached as (

    select
        *,
        case
            when lever = 'prompt_cache'
                then
                    least(
                        input_uncached_tokens,
                        cast(floor(total_input_tokens * cast({{ good_hit_rate }} as decimal(2, 1))) as bigint) - cache_read_tokens
                    )
            else 0
        end as newly_cached_tokens,
        case
            when lever = 'reasoning_effort' then cast(floor(reasoning_tokens * 0.5) as bigint)
            when lever = 'output_cap' then least(reasoning_tokens, long_output_tokens)
            else reasoning_tokens
        end as left_reasoning_tokens
    from levers
    where lever is not null

),

-- one in ten of them is written, whatever a tenth is cut to
written as (

    select
        *,
        cast(ceil(newly_cached_tokens * 0.1) as bigint) as newly_written_tokens,
        case
            when lever = 'output_cap' then least(output_text_tokens, long_output_tokens - left_reasoning_tokens)
            else output_text_tokens
        end as left_output_text_tokens
    from cached

),

changed as (

    select
        week_start,
        tenant_id,
        product_id,
        feature_id,
        lever,
        model as current_model,
        hit_rate,
        long_output_tokens,
        contracted_cost_usd as current_cost_usd,
        call_id as response_id,
        service_provider,
        host,
        region,
        model_id,
        usage_date,
        started_at,
        operation,
        reported_cost_usd,
        case when lever = 'batch' then 'batch' else service_tier end as service_tier,
        case when lever = 'avoid_retries' then 'not_billed' else billing_status end as billing_status,
        input_uncached_tokens - newly_cached_tokens as input_uncached_tokens,
        cache_read_tokens + newly_cached_tokens - newly_written_tokens as cache_read_tokens,
        cache_write_5m_tokens + newly_written_tokens as cache_write_5m_tokens,
        left_reasoning_tokens as reasoning_tokens,
        left_output_text_tokens as output_text_tokens,
        total_output_tokens - reasoning_tokens - output_text_tokens + left_reasoning_tokens + left_output_text_tokens
            as total_output_tokens,
        {{ unchanged | join(', ') }}
    from written

),

priced as (

    select *
    from (
        {{ calls_priced('changed', ref('stg_pricing__price_keys'), ref('stg_pricing__price_sets')) | indent(8) }}
    ) as calls

)

select * from priced
