{#-
The tier as the provider's bill tells it apart. OpenAI's cost report need not name flex, priority or fast (lines that do are added
to the standard ones), Anthropic's has no speed: calls on these tiers share the standard line by their contracted price.
-#}
{% macro billed_tier(provider, tier) -%}
case
    when {{ provider }} = 'openai' and {{ tier }} in ('flex', 'priority', 'fast') then 'standard'
    when {{ provider }} = 'anthropic' and {{ tier }} = 'fast' then 'standard'
    else {{ tier }}
end
{%- endmacro %}
