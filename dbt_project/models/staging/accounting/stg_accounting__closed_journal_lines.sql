with source as (

    select * from {{ raw('accounting', 'closed_journal_lines') }}

),

unmapped as (

    select distinct journal_id
    from source
    where account = 'unmapped'

),

-- A journal that lacked an account could not be exported, so nobody has posted it: it still takes the map of today.
complete as (

    select source.*
    from source
    left join unmapped
        on source.journal_id = unmapped.journal_id
    where unmapped.journal_id is null

)

select * from complete
