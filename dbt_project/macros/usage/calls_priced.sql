{#- `calls` with what each costs by its price set, exactly; null with a reason where one class that was used has no price. -#}
{% macro calls_priced(calls, price_keys, price_sets) -%}
{%- set meters = {
    'input_uncached': 'keyed.input_uncached_tokens',
    'cache_read': 'keyed.cache_read_tokens',
    'cache_write_5m': 'keyed.cache_write_5m_tokens',
    'cache_write_1h': 'keyed.cache_write_1h_tokens',
    'input_audio': 'keyed.input_audio_tokens',
    'input_image': 'keyed.input_image_tokens',
    'output': 'keyed.output_text_tokens',
    'reasoning': 'keyed.reasoning_tokens',
    'output_audio': 'keyed.output_audio_tokens',
    'output_image': 'keyed.output_image_tokens',
} -%}
{#- Units besides tokens and searches, by what a price is for. -#}
{%- set units = ['image', 'audio_hour', 'video_second', 'million_characters', 'page', 'request', 'cache_storage_mtok_hour'] -%}
with usage as (

    select * from {{ calls }}

),

price_keys as (

    select * from {{ price_keys }}

),

price_sets as (

    select * from {{ price_sets }}

),

keyed as (

    select
        usage.*,
        price_keys.price_region,
        coalesce(price_keys.model, usage.model_id) as model,
        price_keys.price_set_id,
        price_keys.price_reason,
        coalesce(price_keys.has_prompt_cache, false) as has_prompt_cache,
        case
            when usage.total_input_tokens > price_keys.second_threshold_tokens then 2
            when
                price_keys.is_threshold_inclusive
                and usage.total_input_tokens = price_keys.second_threshold_tokens
                then 2
            when usage.total_input_tokens > price_keys.threshold_tokens then 1
            when price_keys.is_threshold_inclusive and usage.total_input_tokens = price_keys.threshold_tokens then 1
            else 0
        end as context_tier
    from usage
    left join price_keys
        on
            usage.service_provider = price_keys.service_provider
            and usage.host = price_keys.host
            and usage.region = price_keys.region
            and usage.model_id = price_keys.model_id
            and usage.service_tier = price_keys.service_tier
            and usage.usage_date = price_keys.usage_date
            and {{ dbt.datediff("date_trunc('day', usage.started_at)", 'usage.started_at', 'second') }}
            >= price_keys.window_start_second
            and {{ dbt.datediff("date_trunc('day', usage.started_at)", 'usage.started_at', 'second') }}
            < price_keys.window_end_second

),

-- Null as soon as one class that was used has no price: an unpriced call is never partly priced. Images and seconds of audio
-- beside tokens of the same medium, and characters beside any tokens, say the same twice: they cost what their price says, and
-- need none. Audio is priced by the hour: cut off at fourteen places, where twelve are kept.
metered as (

    select
        keyed.*,
        {%- for meter in meters %}
        price_sets.contracted_{{ meter }}_per_mtok_usd,
        {%- endfor %}
        {%- for basis in ['list', 'contracted'] %}
        cast(
            case
                when keyed.searches = 0 then 0
                else
                    cast(
                        cast(keyed.searches as decimal(12, 0)) * price_sets.{{ basis }}_search_usd * 1000000
                        as decimal(24, 8)
                    )
            end
            {%- for meter, tokens in meters.items() %}
            + case
                when {{ tokens }} = 0 then 0
                else
                    cast(
                        cast({{ tokens }} as decimal(12, 0)) * price_sets.{{ basis }}_{{ meter }}_per_mtok_usd
                        as decimal(24, 8)
                    )
            end
            {%- endfor %}
            + case
                when
                    keyed.images > 0 or keyed.audio_seconds > 0 or keyed.video_seconds > 0 or keyed.characters > 0
                    or keyed.pages > 0 or keyed.cache_storage_token_hours > 0 or price_sets.{{ basis }}_request_usd > 0
                    then cast((
                        cast(case
                            when
                                price_sets.{{ basis }}_image_usd is null
                                and keyed.input_image_tokens + keyed.output_image_tokens > 0 then 0
                            when keyed.images = 0 then 0
                            else cast(keyed.images as decimal(12, 0)) * price_sets.{{ basis }}_image_usd
                        end as decimal(23, 14))
                        + cast(case
                            when
                                price_sets.{{ basis }}_audio_hour_usd is null
                                and keyed.input_audio_tokens + keyed.output_audio_tokens > 0 then 0
                            when keyed.audio_seconds = 0 then 0
                            else {{ divide_exact(
                                'cast(price_sets.' ~ basis ~ '_audio_hour_usd as decimal(26, 14))', 'keyed.audio_seconds', '3600', 14, 6
                            ) }}
                        end as decimal(23, 14))
                        + cast(case
                            when keyed.video_seconds = 0 then 0
                            else cast(keyed.video_seconds as decimal(19, 6)) * price_sets.{{ basis }}_video_second_usd
                        end as decimal(23, 14))
                        + cast(case
                            when
                                price_sets.{{ basis }}_million_characters_usd is null
                                and keyed.total_input_tokens + keyed.total_output_tokens > 0 then 0
                            when keyed.characters = 0 then 0
                            else
                                cast(
                                    cast(keyed.characters as decimal(12, 0))
                                    * price_sets.{{ basis }}_million_characters_usd as decimal(30, 8)
                                ) * 0.000001
                        end as decimal(23, 14))
                        + cast(case
                            when keyed.pages = 0 then 0
                            else cast(keyed.pages as decimal(12, 0)) * price_sets.{{ basis }}_page_usd
                        end as decimal(23, 14))
                        + cast(case
                            when keyed.cache_storage_token_hours = 0 then 0
                            else
                                cast(
                                    cast(keyed.cache_storage_token_hours as decimal(19, 6))
                                    * price_sets.{{ basis }}_cache_storage_mtok_hour_usd as decimal(30, 8)
                                ) * 0.000001
                        end as decimal(23, 14))
                        + cast(coalesce(price_sets.{{ basis }}_request_usd, 0) as decimal(23, 14))
                    ) * 1000000 as decimal(24, 8))
                else 0
            end
            as decimal(30, 8)
        ) as {{ basis }}_cost_millionths_usd,
        {%- endfor %}
        {%- for unit in units %}
        price_sets.contracted_{{ unit }}_usd,
        {%- endfor %}
        price_sets.contracted_search_usd
    from keyed
    left join price_sets
        on
            keyed.price_set_id = price_sets.price_set_id
            and keyed.context_tier = price_sets.context_tier

),

-- LiteLLM's log of a transcription, speech, image or reranking may count nothing at all: that is not known, and not free.
priced as (

    select
        *,
        case
            when total_input_tokens > 0 then false
            when total_output_tokens > 0 then false
            else
                contracted_cost_millionths_usd = 0
                and searches + images + characters + pages = 0
                and audio_seconds + video_seconds + cache_storage_token_hours = 0
                and (
                    coalesce(reported_cost_usd > 0, false)
                    {%- for operation in ['transcription', 'speech', 'image_', 'video_', 'rerank', 'ocr'] %}
                    or coalesce(operation like '%{{ operation }}%', false)
                    {%- endfor %}
                )
        end as is_uncounted,
        {{ usd_from_millionths('list_cost_millionths_usd') }} as list_raw_cost_usd,
        {{ usd_from_millionths('contracted_cost_millionths_usd') }} as contracted_raw_cost_usd
    from metered

),

judged as (

    select
        *,
        response_id as call_id,
        {%- for basis in ['list', 'contracted'] %}
        case
            when billing_status in ('not_billed', 'gateway_cache') then cast(0 as decimal(26, 12))
            when host = 'self_hosted' or is_uncounted then null
            else {{ basis }}_raw_cost_usd
        end as {{ basis }}_cost_usd,
        {%- endfor %}
        case
            when billing_status in ('not_billed', 'gateway_cache') then 'not_billed'
            when host = 'self_hosted' then 'self_hosted'
            when contracted_raw_cost_usd is null or is_uncounted then 'unpriced'
            else 'priced'
        end as pricing_status,
        case
            when billing_status in ('not_billed', 'gateway_cache') or host = 'self_hosted' then null
            when is_uncounted then 'the log counts nothing of what the call used'
            when contracted_raw_cost_usd is not null then null
            when price_set_id is null then coalesce(price_reason, 'no price key')
            else
                'no price for '
                || case
                    {%- for meter, tokens in meters.items() %}
                    when {{ tokens | replace('keyed.', '') }} > 0 and contracted_{{ meter }}_per_mtok_usd is null then '{{ meter }}'
                    {%- endfor %}
                    when searches > 0 and contracted_search_usd is null then 'search'
                    when images > 0 and contracted_image_usd is null and input_image_tokens + output_image_tokens = 0 then 'image'
                    when audio_seconds > 0 and contracted_audio_hour_usd is null and input_audio_tokens + output_audio_tokens = 0
                        then 'audio_second'
                    when video_seconds > 0 and contracted_video_second_usd is null then 'video_second'
                    when
                        characters > 0 and contracted_million_characters_usd is null
                        and total_input_tokens + total_output_tokens = 0 then 'character'
                    when pages > 0 and contracted_page_usd is null then 'page'
                    else 'cache_storage_token_hour'
                end
                || ', which the call used'
        end as unpriced_reason
    from priced

)

select * from judged
{%- endmacro %}
