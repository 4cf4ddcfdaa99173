{{ config(materialized='view') }}
{#- In the order of trust: where two feeds logged the same call, the first one's row counts. -#}
{%- set gateways = [
    'litellm', 'openrouter', 'vercel', 'portkey', 'helicone', 'cloudflare', 'envoy', 'bedrock', 'langfuse', 'otel',
    'declared',
] -%}
with
{%- for gateway in gateways %}
{{ gateway }} as (

    select * from {{ ref('stg_' ~ gateway ~ '__calls') }}

),
{% endfor %}
calls as (
    {%- for gateway in gateways %}

    select
        *,
        {{ loop.index }} as feed_precedence
    from {{ gateway }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select * from calls
