{#- What else touches days by their calls. -#}
{%- do comes_after('int_price_days') -%}
with calls as (

    select * from {{ ref('int_usage_calls') }}
    where feed <> 'langfuse'

),

-- A deletion leaves no line, and those it deletes are none as long as it stands: the days of all of them count.
langfuse as (

    select * from {{ raw('langfuse', 'observations') }}

),

lines as (

    select
        file_hash,
        usage_date,
        response_id,
        logical_request_id
    from calls

    union all

    select
        file_hash,
        cast(started_at as date) as usage_date,
        response_id,
        logical_request_id
    from langfuse

),

keyed as (

    select
        file_hash,
        usage_date,
        {{ row_hash('response_id') }} as response_key,
        {{ row_hash('logical_request_id') }} as request_key
    from lines
    where {{ is_changed_file('file_hash') }}

)

select * from keyed
