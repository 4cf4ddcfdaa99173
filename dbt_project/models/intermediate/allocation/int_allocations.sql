{{ config(materialized='view') }}
{%- do comes_after('int_allocation_days') -%}
with allocations as (
    {{ allocations_of(ref('fct_allocation_parts'), ref('dim_allocation_shares'), ref('dim_shared_cost_natures'), 'true') }}
)

select * from allocations
