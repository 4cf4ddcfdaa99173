{{ config(materialized='view') }}
with allocations as (
    {{ allocations_of(ref('fct_allocation_parts'), ref('dim_allocation_shares'), ref('dim_shared_cost_natures'), 'true') }}
)

select * from allocations
