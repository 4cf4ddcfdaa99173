{#- What answers of another model are judged for: no vectors, pictures, speech, or checks of what others answered. -#}
{% macro answers_in_text(calls) -%}
{{ calls }}.purpose = 'serve' and {{ calls }}.input_audio_tokens = 0 and {{ calls }}.total_output_tokens > 0
and {{ calls }}.output_text_tokens + {{ calls }}.reasoning_tokens = {{ calls }}.total_output_tokens
{%- endmacro %}
