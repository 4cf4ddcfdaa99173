{#-
An exported value in the unit of its metric, decimal(26, 6); null where it is too large for one. Above 2^53 millionths a double
holds no sixth decimal, so counters that large are taken as whole numbers.
-#}
{% macro telemetry_quantity(value, factor) -%}
try_cast(
    case
        when abs({{ value }}) < 1000000000 then try_cast({{ value }} as decimal(20, 6))
        else try_cast({{ value }} as decimal(18, 0))
    end * cast({{ factor }} as decimal(13, 6)) as decimal(26, 6)
)
{%- endmacro %}
