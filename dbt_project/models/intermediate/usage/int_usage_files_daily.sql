with usage as (

    select * from {{ ref('fct_usage') }}
    where {{ is_touched('anything', 'usage_date') }}

),

counted as (

    select
        usage_date,
        file_hash,
        count(*) as calls,
        count(*) filter (where pricing_status = 'unpriced') as unpriced_calls,
        count(*) filter (where tenant_id = 'unattributed') as unattributed_calls
    from usage
    group by usage_date, file_hash

)

select * from counted
