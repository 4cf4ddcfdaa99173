with calls as (

    select
        cast(hour_start as date) as usage_date,
        {{ row_hash('call_id, billed_cost_usd') }} as call_hash
    from {{ ref('int_gpu_calls_costed') }}

),

days as (

    select
        usage_date,
        count(*) as calls,
        cast(sum(cast(call_hash as decimal(38, 0))) as decimal(38, 0)) as call_hashes
    from calls
    group by usage_date

)

select * from days
