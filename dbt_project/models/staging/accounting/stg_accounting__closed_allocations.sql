with source as (

    select * from {{ raw('accounting', 'closed_allocations') }}

),

-- A correction names the part it corrects, or the month of the usage when that month had no such part.
typed as (

    select
        *,
        case
            when corrects_id <> substr(cast(usage_date as {{ dbt.type_string() }}), 1, 7) then corrects_id
            else allocation_id
        end as part_id
    from source

)

select * from typed
