{#- Tokens of a prompt that fall away, read from the cache or else plain, where `fewer` (its instructions or passages) are not needed:
the cheap ones first, so that no saving is overstated. A prompt that is shorter never held them. -#}
{% macro cut_cached_tokens(fewer, calls) -%}
case when {{ calls }}.cache_read_tokens + {{ calls }}.input_uncached_tokens >= {{ fewer }} then least({{ calls }}.cache_read_tokens, {{ fewer }}) else 0 end
{%- endmacro %}

{% macro cut_uncached_tokens(fewer, calls) -%}
case when {{ calls }}.cache_read_tokens + {{ calls }}.input_uncached_tokens >= {{ fewer }} then {{ fewer }} - least({{ calls }}.cache_read_tokens, {{ fewer }}) else 0 end
{%- endmacro %}
