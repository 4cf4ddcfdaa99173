-- the calls a direct part is walked back to are as many as it was made by: none is missing, none belongs to another
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
        allocation_id,
        basis_quantity
    from {{ ref('int_allocations') }}
    where method = 'direct' and rule_id = 'direct' and {{ is_touched('allocations', 'usage_date') }}

)

select
    allocation_id,
    direct.basis_quantity,
    explained.calls
from direct
left join explained using (allocation_id)
where direct.basis_quantity <> coalesce(explained.calls, 0)
