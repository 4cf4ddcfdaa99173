with calls as (

    select * from {{ ref('stg_litellm__calls') }}

),

repeated as (

    select response_id
    from calls
    group by response_id
    having count(*) > 1

),

-- Only ids that occur more than once are ordered; order of arrival never decides.
ranked as (

    select
        calls.*,
        row_number() over (
            partition by calls.response_id
            order by calls.updated_at desc nulls last, calls.file_hash asc, calls.row_number asc
        ) as rank_number
    from calls
    inner join repeated
        on calls.response_id = repeated.response_id

),

duplicates as (

    select
        ranked.*,
        'litellm' as feed,
        'spend_logs' as table_name,
        'same response id: latest version, then file hash and row' as duplicate_rule
    from ranked
    where rank_number > 1

)

select * from duplicates
