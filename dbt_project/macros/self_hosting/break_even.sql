{#-
The formulas of self-hosting against an API. Prices are USD per million tokens with twelve decimals, costs USD with twelve.
-#}

{#- The fewest tokens whose price reaches a cost: smallest T with cost <= T x price. Null where the price is not above 0. -#}
{% macro break_even_tokens(cost_usd, price_per_mtok_usd) %}
{{- return(adapter.dispatch('break_even_tokens', 'inferledger')(cost_usd, price_per_mtok_usd)) -}}
{% endmacro %}

{% macro duckdb__break_even_tokens(cost_usd, price_per_mtok_usd) -%}
{%- set cost = 'cast(cast(' ~ cost_usd ~ ' as decimal(26, 12)) * 1000000000000 as hugeint)' -%}
{%- set price = 'cast(cast(' ~ price_per_mtok_usd ~ ' as decimal(26, 12)) * 1000000000000 as hugeint)' -%}
case when {{ price_per_mtok_usd }} > 0 then cast(({{ cost }} * 1000000 + {{ price }} - 1) // nullif({{ price }}, 0) as decimal(30, 0)) end
{%- endmacro %}

{% macro spark__break_even_tokens(cost_usd, price_per_mtok_usd) -%}
{%- set cost = spark_in_units(cost_usd, 12) -%}
{%- set price = spark_in_units(price_per_mtok_usd, 12) -%}
case when {{ price_per_mtok_usd }} > 0 then cast({{ spark_whole_quotient(cost ~ ' * 1000000 + ' ~ price ~ ' - 1', price) }} as decimal(30, 0)) end
{%- endmacro %}

{#- The same as a quantity with six decimals, cut off: what a page prints that does not round up to a token. -#}
{% macro break_even_quantity(cost_usd, price_per_mtok_usd) -%}
{{ divide_exact('cast(' ~ cost_usd ~ ' as decimal(26, 6))', '1000000', price_per_mtok_usd, 6, 12) }}
{%- endmacro %}

{#- Bytes one token holds in the KV cache: a key and a value for each layer, KV head and dimension. -#}
{% macro kv_bytes_per_token(layers, kv_heads, head_dim, bytes_per_element) -%}
cast(2 * cast({{ layers }} as decimal(6, 0)) * cast({{ kv_heads }} as decimal(6, 0)) * cast({{ head_dim }} as decimal(6, 0)) * {{ bytes_per_element }} as decimal(26, 2))
{%- endmacro %}
