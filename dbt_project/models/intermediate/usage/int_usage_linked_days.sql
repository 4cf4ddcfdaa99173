{#- The keys are whole, and every day they touch is known. -#}
{%- do comes_after('int_usage_call_keys') -%}
{#- Each CTE reads the keys itself: DuckDB writes out a CTE that is read twice, with all its rows. -#}
with same_calls as (

    select
        keys.usage_date,
        others.usage_date as linked_date
    from {{ ref('int_usage_call_keys') }} as keys
    inner join {{ ref('int_usage_call_keys') }} as others
        on
            keys.response_key = others.response_key
            and keys.usage_date <> others.usage_date
    where {{ is_touched('calls', 'keys.usage_date') }}

),

same_requests as (

    select
        keys.usage_date,
        others.usage_date as linked_date
    from {{ ref('int_usage_call_keys') }} as keys
    inner join {{ ref('int_usage_call_keys') }} as others
        on
            keys.request_key = others.request_key
            and keys.usage_date <> others.usage_date
    where {{ is_touched('calls', 'keys.usage_date') }}

),

linked as (

    select * from same_calls
    union
    select * from same_requests

)

select * from linked
