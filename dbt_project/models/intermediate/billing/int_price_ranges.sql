{%- set meters = [
    'input_uncached', 'cache_read', 'cache_write_5m', 'cache_write_1h', 'input_audio', 'input_image', 'output',
    'output_audio', 'output_image',
] -%}
with price_sets as (

    select * from {{ ref('stg_pricing__price_sets') }}

),

metered as (
    {%- for meter in meters %}

    select
        price_set_id,
        '{{ meter }}' as meter,
        min(contracted_{{ meter }}_per_mtok_usd) as lowest_per_mtok_usd,
        max(contracted_{{ meter }}_per_mtok_usd) as highest_per_mtok_usd
    from price_sets
    group by price_set_id
    having min(contracted_{{ meter }}_per_mtok_usd) < max(contracted_{{ meter }}_per_mtok_usd)
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select * from metered
