with source as (

    select * from {{ raw('config', 'allocation_tags') }}

),

named as (

    select tag_name
    from source

)

select * from named
