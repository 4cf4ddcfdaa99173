{#- Tokens at a price per million, in dollars with twelve decimals; 0 without tokens, whatever the price. Nineteen digits and not eighteen:
DuckDB multiplies two decimals of at most eighteen digits in 64 bits, and overflows at a billion tokens of 92 USD. -#}
{% macro usd_of_tokens(tokens, per_mtok_usd) -%}
case
    when {{ tokens }} = 0 then cast(0 as decimal(26, 12))
    else {{ usd_from_millionths('cast(cast(' ~ tokens ~ ' as decimal(19, 0)) * ' ~ per_mtok_usd ~ ' as decimal(30, 8))') }}
end
{%- endmacro %}
