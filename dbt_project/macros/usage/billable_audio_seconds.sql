{#- Groq bills at least ten seconds of audio a request; everywhere else the seconds are those of the log. -#}
{% macro billable_audio_seconds() -%}
case when gateway_provider = 'groq' and audio_seconds > 0 and audio_seconds < 10 then 10 else audio_seconds end
{%- endmacro %}
