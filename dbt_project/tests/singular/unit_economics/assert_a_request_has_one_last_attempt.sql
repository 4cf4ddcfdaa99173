-- what counts a logical request counts its last attempt
select
    logical_request_id,
    count(*) filter (where is_last_attempt) as last_attempts
from {{ ref('fct_usage') }}
where {{ is_around_touched('anything', 'usage_date', 'file_hash') }}
group by logical_request_id
having
    count(*) filter (where is_last_attempt) <> 1
    and count(*) filter (where {{ is_touched('anything', 'usage_date') }}) > 0
