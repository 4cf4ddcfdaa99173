-- what counts a logical request counts its last attempt; requests are looked at by their hash first, as keys are
with hashed as (

    select
        {{ row_hash('logical_request_id') }} as request_hash,
        count(*) filter (where is_last_attempt) as last_attempts
    from {{ ref('fct_usage') }}
    where {{ is_around_touched('anything', 'usage_date', 'file_hash') }}
    group by {{ row_hash('logical_request_id') }}

),

suspected as (

    select request_hash
    from hashed
    where last_attempts <> 1

)

select
    logical_request_id,
    count(*) filter (where is_last_attempt) as last_attempts
from {{ ref('fct_usage') }}
where
    {{ row_hash('logical_request_id') }} in (select suspected.request_hash from suspected)
    and {{ is_around_touched('anything', 'usage_date', 'file_hash') }}
group by logical_request_id
having
    count(*) filter (where is_last_attempt) <> 1
    and count(*) filter (where {{ is_touched('anything', 'usage_date') }}) > 0
