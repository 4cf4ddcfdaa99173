-- depends_on: {{ ref('fct_usage') }}
{{ config(severity='warn') }}
{{ credits_not_logged('stg_openrouter__activity', 'openrouter') }}
