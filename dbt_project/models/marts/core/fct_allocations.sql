with current_allocations as (

    select * from {{ ref('int_allocations') }}

),

postings as (

    select
        *,
        cast(null as {{ dbt.type_string() }}) as corrects_id
    from current_allocations

)

select * from postings
