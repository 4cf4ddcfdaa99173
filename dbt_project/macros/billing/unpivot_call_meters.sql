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
        {{ relation }}.searches
{%- endmacro %}
{% macro call_meter_prices(relation) %}
    {%- for meter in [
        'input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'input_audio', 'input_image', 'output',
        'reasoning', 'output_audio', 'output_image',
    ] %}
        {{ relation }}.contracted_{{ meter }}_per_mtok_usd,
    {%- endfor %}
        {{ relation }}.contracted_search_usd
{%- endmacro %}
{#-
What calls used, one select per meter: quantity, unit price and contracted cost. `relation` has the token classes and the
contracted prices of int_usage_priced; `also` names further columns to carry along. A search line of a bill names no
model, so searches are counted over the account's day.
-#}
{% macro unpivot_call_meters(relation, also=[]) %}
    {%- set meters = {
        'input_uncached': 'input_uncached_tokens', 'cache_read': 'cache_read_tokens',
        'cache_write_5m': 'cache_write_5m_tokens', 'cache_write_1h': 'cache_write_1h_tokens',
        'input_audio': 'input_audio_tokens', 'input_image': 'input_image_tokens',
        'output': 'output_text_tokens + reasoning_tokens',
        'output_audio': 'output_audio_tokens', 'output_image': 'output_image_tokens', 'search': 'searches',
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
        {{ "'standard'" if meter == 'search' else 'service_tier' }} as service_tier,
        '{{ meter }}' as meter,
        price_set_id,
        cast({{ quantity }} as decimal(12, 0)) as quantity,
        {%- if meter == 'search' %}
        contracted_search_usd as unit_price_usd,
        cast(cast(searches as decimal(12, 0)) * contracted_search_usd as decimal(26, 12)) as contracted_cost_usd
        {%- else %}
        contracted_{{ meter }}_per_mtok_usd as unit_price_usd,
        cast(
            {%- if meter == 'output' %}
            cast(
                cast(output_text_tokens as decimal(12, 0)) * contracted_output_per_mtok_usd
                + cast(reasoning_tokens as decimal(12, 0))
                * coalesce(contracted_reasoning_per_mtok_usd, contracted_output_per_mtok_usd)
                as decimal(30, 8)
            ) * 0.000001
            {%- else %}
            cast(cast({{ quantity }} as decimal(12, 0)) * contracted_{{ meter }}_per_mtok_usd as decimal(30, 8)) * 0.000001
            {%- endif %}
            as decimal(26, 12)
        ) as contracted_cost_usd
        {%- endif %}
    from {{ relation }}
    where {{ quantity }} > 0
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{% endmacro %}
