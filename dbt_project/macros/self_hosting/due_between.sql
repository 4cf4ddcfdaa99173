{#- What is due of an amount from one place of its term to another, to the pico-dollar: up to the end less up to the beginning, so
that the days of a term add up to the amount. Places and term are whole numbers. -#}
{% macro due_between(amount_usd, begins_at, ends_at, term) -%}
cast(
    {{ divide_exact(amount_usd, ends_at, term, weight_places=0) }}
    - {{ divide_exact(amount_usd, begins_at, term, weight_places=0) }} as decimal(26, 12)
)
{%- endmacro %}
