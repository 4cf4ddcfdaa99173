{#-
Millionths of a dollar, decimal(30, 8), as dollars rounded to twelve decimals. To drop decimals is a division, and DuckDB divides
128-bit integers at 0.4 microseconds each: a third of the CPU of pricing. Up to 10,000 USD 64 bits hold the amount.
-#}
{% macro usd_from_millionths(amount) -%}
case
    when {{ amount }} < 10000000000
        then cast(cast(cast({{ amount }} as decimal(18, 8)) as decimal(18, 6)) * 0.000001 as decimal(26, 12))
    else cast(cast({{ amount }} as decimal(30, 8)) * 0.000001 as decimal(26, 12))
end
{%- endmacro %}
