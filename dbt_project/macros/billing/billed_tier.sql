{#-
The tier as the provider's bill tells it apart. OpenAI's cost report knows batch and everything else, Anthropic's has no speed:
calls that cost more or less for a tier beside these are billed on the standard line, and share it by their contracted price.
-#}
{% macro billed_tier(provider, tier) -%}
case
    when {{ provider }} = 'openai' and {{ tier }} in ('flex', 'priority', 'fast') then 'standard'
    when {{ provider }} = 'anthropic' and {{ tier }} = 'fast' then 'standard'
    else {{ tier }}
end
{%- endmacro %}
