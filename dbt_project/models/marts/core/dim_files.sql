with files as (

    select * from {{ ref('stg_meta__files') }}

),

known as (

    select
        identity as file_hash,
        feed,
        table_name,
        max(file_name) as file_name,
        max(path) as landing_path
    from files
    where identity is not null
    group by identity, feed, table_name

)

select * from known
