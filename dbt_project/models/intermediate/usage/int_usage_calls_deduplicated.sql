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
        calls.file_hash,
        calls.row_number,
        row_number() over (
            partition by calls.response_id
            order by calls.updated_at desc nulls last, calls.file_hash asc, calls.row_number asc
        ) as rank_number
    from calls
    inner join repeated
        on calls.response_id = repeated.response_id

),

dropped as (

    select file_hash, row_number
    from ranked
    where rank_number > 1

),

kept as (

    select calls.*
    from calls
    left join dropped
        on
            calls.file_hash = dropped.file_hash
            and calls.row_number = dropped.row_number
    where dropped.file_hash is null

)

select * from kept
