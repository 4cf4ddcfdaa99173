{#- The keys are whole, and every day they touch is known. -#}
{%- do comes_after('int_usage_call_keys') -%}
{#- A key counts once a day, since one session may have a million calls. -#}
with touched_calls as (

    select distinct
        response_key,
        usage_date
    from {{ ref('int_usage_call_keys') }}
    where {{ is_touched('calls', 'usage_date') }}

),

all_calls as (

    select distinct
        response_key,
        usage_date
    from {{ ref('int_usage_call_keys') }}
    where response_key in (select touched_calls.response_key from touched_calls)

),

touched_requests as (

    select distinct
        request_key,
        usage_date
    from {{ ref('int_usage_call_keys') }}
    where {{ is_touched('calls', 'usage_date') }}

),

all_requests as (

    select distinct
        request_key,
        usage_date
    from {{ ref('int_usage_call_keys') }}
    where request_key in (select touched_requests.request_key from touched_requests)

),

linked as (

    select
        touched_calls.usage_date,
        all_calls.usage_date as linked_date
    from touched_calls
    inner join all_calls
        on
            touched_calls.response_key = all_calls.response_key
            and touched_calls.usage_date <> all_calls.usage_date
    union
    select
        touched_requests.usage_date,
        all_requests.usage_date as linked_date
    from touched_requests
    inner join all_requests
        on
            touched_requests.request_key = all_requests.request_key
            and touched_requests.usage_date <> all_requests.usage_date

)

select * from linked
