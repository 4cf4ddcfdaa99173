{#-
The columns that unpivot_call_meters reads besides the keys of a call: DuckDB writes out what is read once per meter, so it
had better hold these only.
-#}
{% macro call_meter_quantities(relation) %}
    {%- for class in [
        'input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'input_audio', 'input_image', 'output_text',
        'reasoning', 'output_audio', 'output_image',
    ] %}
        {{ relation }}.{{ class }}_tokens,
    {%- endfor %}
    {%- for count in [
        'total_input_tokens', 'total_output_tokens', 'images', 'audio_seconds', 'video_seconds', 'characters', 'pages',
        'cache_storage_token_hours',
    ] %}
        {{ relation }}.{{ count }},
    {%- endfor %}
        {{ relation }}.searches
{%- endmacro %}
{% macro call_meter_prices(relation) %}
    {%- for meter in [
        'input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'input_audio', 'input_image', 'output',
        'reasoning', 'output_audio', 'output_image',
    ] %}
        {{ relation }}.contracted_{{ meter }}_per_mtok_usd,
    {%- endfor %}
    {%- for unit in [
        'image', 'audio_hour', 'video_second', 'million_characters', 'page', 'request', 'cache_storage_mtok_hour',
    ] %}
        {{ relation }}.contracted_{{ unit }}_usd,
    {%- endfor %}
        {{ relation }}.contracted_search_usd
{%- endmacro %}
{% macro has_units() -%}
images > 0 or audio_seconds > 0 or video_seconds > 0 or characters > 0 or pages > 0
or cache_storage_token_hours > 0 or contracted_request_usd > 0
{%- endmacro %}
{#-
What calls used, one select per meter: quantity, unit price and contracted cost. `relation` has the token classes and the
contracted prices of int_usage_priced; `also` names further columns to carry along. A search line of a bill names no
model, so searches are counted over the account's day; of tiers it may tell some apart only (billed_tier). Audio and video are counted in thousandths of a second, begun ones
in full: quantities are whole. Units that only repeat what the call's tokens say (int_usage_priced) are no meter of it.
`with_units` holds the few rows of the relation that have units besides tokens and searches.
-#}
{% macro unpivot_call_meters(relation, with_units, also=[]) %}
    {%- set meters = {
        'input_uncached': 'input_uncached_tokens', 'cache_read': 'cache_read_tokens',
        'cache_write_5m': 'cache_write_5m_tokens', 'cache_write_1h': 'cache_write_1h_tokens',
        'input_audio': 'input_audio_tokens', 'input_image': 'input_image_tokens',
        'output': 'output_text_tokens + reasoning_tokens',
        'output_audio': 'output_audio_tokens', 'output_image': 'output_image_tokens', 'search': 'searches',
    } %}
    {%- set units = {
        'image': ('images', 'image', 'input_image_tokens + output_image_tokens = 0'),
        'audio_millisecond': ('audio_seconds', 'audio_hour', 'input_audio_tokens + output_audio_tokens = 0'),
        'video_millisecond': ('video_seconds', 'video_second', 'true'),
        'character': ('characters', 'million_characters', 'total_input_tokens + total_output_tokens = 0'),
        'page': ('pages', 'page', 'true'),
        'cache_storage_token_hour': ('cache_storage_token_hours', 'cache_storage_mtok_hour', 'true'),
    } %}
    {%- for meter, quantity in meters.items() %}

    select
        {%- for name in also %}
        {{ name }},
        {%- endfor %}
        call_id,
        service_provider,
        coalesce(billing_account_id, 'unattributed') as billing_account_id,
        usage_date,
        {{ "'unattributed'" if meter == 'search' else 'model' }} as model,
        {{ "'standard'" if meter == 'search' else billed_tier('service_provider', 'service_tier') }} as service_tier,
        '{{ meter }}' as meter,
        price_set_id,
        cast({{ quantity }} as decimal(12, 0)) as quantity,
        {%- if meter == 'search' %}
        contracted_search_usd as unit_price_usd,
        cast(cast(searches as decimal(12, 0)) * contracted_search_usd as decimal(26, 12)) as contracted_cost_usd
        {%- else %}
        contracted_{{ meter }}_per_mtok_usd as unit_price_usd,
        {%- if meter == 'output' %}
        {%- set millionths =
            'cast(output_text_tokens as decimal(12, 0)) * contracted_output_per_mtok_usd'
            ~ ' + cast(reasoning_tokens as decimal(12, 0))'
            ~ ' * coalesce(contracted_reasoning_per_mtok_usd, contracted_output_per_mtok_usd)'
        %}
        {%- else %}
        {%- set millionths = 'cast(' ~ quantity ~ ' as decimal(12, 0)) * contracted_' ~ meter ~ '_per_mtok_usd' %}
        {%- endif %}
        {{ usd_from_millionths(millionths) }} as contracted_cost_usd
        {%- endif %}
    from {{ relation }}
    where {{ quantity }} > 0
    union all
    {%- endfor %}
    {%- for meter, (quantity, unit, is_not_in_tokens) in units.items() %}

    select
        {%- for name in also %}
        {{ name }},
        {%- endfor %}
        call_id,
        service_provider,
        coalesce(billing_account_id, 'unattributed') as billing_account_id,
        usage_date,
        model,
        {{ billed_tier('service_provider', 'service_tier') }} as service_tier,
        '{{ meter }}' as meter,
        price_set_id,
        cast({{ 'ceil(' ~ quantity ~ ' * 1000)' if 'seconds' in quantity else 'ceil(' ~ quantity ~ ')' if 'hours' in quantity else quantity }} as decimal(12, 0)) as quantity,
        contracted_{{ unit }}_usd as unit_price_usd,
        {%- if unit == 'audio_hour' %}
        cast({{ divide_exact('cast(contracted_audio_hour_usd as decimal(26, 14))', 'audio_seconds', '3600', 14, 6) }} as decimal(26, 12))
            as contracted_cost_usd
        {%- elif unit == 'video_second' %}
        cast(video_seconds * contracted_video_second_usd as decimal(26, 12)) as contracted_cost_usd
        {%- elif unit == 'cache_storage_mtok_hour' %}
        cast(
            cast(cast(cache_storage_token_hours as decimal(19, 6)) * contracted_cache_storage_mtok_hour_usd as decimal(30, 8))
            * 0.000001 as decimal(26, 12)
        ) as contracted_cost_usd
        {%- elif unit == 'million_characters' %}
        {{ usd_from_millionths('cast(characters as decimal(12, 0)) * contracted_million_characters_usd') }}
            as contracted_cost_usd
        {%- else %}
        cast(cast({{ quantity }} as decimal(12, 0)) * contracted_{{ unit }}_usd as decimal(26, 12)) as contracted_cost_usd
        {%- endif %}
    from {{ with_units }}
    where {{ quantity }} > 0 and ({{ is_not_in_tokens }} or contracted_{{ unit }}_usd is not null)
    union all
    {%- endfor %}

    select
        {%- for name in also %}
        {{ name }},
        {%- endfor %}
        call_id,
        service_provider,
        coalesce(billing_account_id, 'unattributed') as billing_account_id,
        usage_date,
        model,
        {{ billed_tier('service_provider', 'service_tier') }} as service_tier,
        'request' as meter,
        price_set_id,
        cast(1 as decimal(12, 0)) as quantity,
        contracted_request_usd as unit_price_usd,
        cast(contracted_request_usd as decimal(26, 12)) as contracted_cost_usd
    from {{ with_units }}
    where contracted_request_usd > 0
{% endmacro %}
