{#- What a million tokens cost in USD, decimal(26, 12): of an amount and the tokens it bought, or of a rate and a throughput. -#}
{% macro cost_per_mtok(amount_usd, tokens) -%}
{{ divide_rounded(amount_usd, '1000000', tokens, weight_places=0) }}
{%- endmacro %}

{#- `tokens_per_second` of all the GPUs that `usd_per_hour` pays for; utilisation 0 to 1: hours at less cost the same. Both
with at most 8 decimals between them. -#}
{% macro cost_per_mtok_at(usd_per_hour, tokens_per_second, utilisation) -%}
{{ divide_rounded(usd_per_hour, '1000000', '3600 * ' ~ tokens_per_second ~ ' * ' ~ utilisation) }}
{%- endmacro %}
