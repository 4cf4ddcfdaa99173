-- The calls a direct part is walked back to are as many as it was made by: none is missing, none belongs to another. Of a closed
-- month a part that calls of today would make is no posted one: what it is more is posted as a correction, in a later month.
with explained as (

    select
        allocation_id,
        count(*) as calls
    from {{ ref('explain_calls') }}
    where {{ is_touched('allocations', 'usage_date') }}
    group by allocation_id

),

direct as (

    select
        made.allocation_id,
        made.basis_quantity
    from {{ ref('int_allocations') }} as made
    inner join {{ ref('fct_allocations') }} as posted
        on made.allocation_id = posted.allocation_id
    where made.method = 'direct' and made.rule_id = 'direct' and {{ is_touched('allocations', 'made.usage_date') }}

)

select
    allocation_id,
    direct.basis_quantity,
    explained.calls
from direct
left join explained using (allocation_id)
where direct.basis_quantity <> coalesce(explained.calls, 0)
