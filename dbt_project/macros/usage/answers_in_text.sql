{#- No vectors, pictures or speech: what answers of another model can be judged for, and its price be asked for. -#}
{% macro answers_in_text(calls) -%}
{{ calls }}.input_audio_tokens = 0 and {{ calls }}.total_output_tokens > 0
and {{ calls }}.output_text_tokens + {{ calls }}.reasoning_tokens = {{ calls }}.total_output_tokens
{%- endmacro %}

{#- What another architecture of a feature does in place of the one there is: its answers, not what routes or checks them. -#}
{% macro is_taken_by_another(calls) -%}
{{ answers_in_text(calls) }} and {{ calls }}.purpose not in ('embed', 'guardrail', 'router')
{%- endmacro %}
