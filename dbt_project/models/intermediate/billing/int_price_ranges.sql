{%- set meters = [
    'input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'input_audio', 'input_image', 'output',
    'output_audio', 'output_image',
] -%}
with price_sets as (

    select * from {{ ref('stg_pricing__price_sets') }}

),

metered as (
    {%- for meter in meters %}
    {%- set price = 'contracted_' ~ meter ~ '_per_mtok_usd' %}
    {%- set hidden = 'coalesce(contracted_reasoning_per_mtok_usd, ' ~ price ~ ')' if meter == 'output' else price %}

    select
        price_set_id,
        '{{ meter }}' as meter,
        min(least({{ price }}, {{ hidden }})) as lowest_per_mtok_usd,
        max(greatest({{ price }}, {{ hidden }})) as highest_per_mtok_usd
    from price_sets
    group by price_set_id
    having min(least({{ price }}, {{ hidden }})) < max(greatest({{ price }}, {{ hidden }}))
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select * from metered
