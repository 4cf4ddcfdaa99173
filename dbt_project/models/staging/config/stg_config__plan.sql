with source as (

    select * from {{ raw('config', 'plan') }}

),

typed as (

    select
        cast(planned_on as date) as planned_on,
        cast(month || '-01' as date) as month_start,
        account,
        cast(amount_usd as decimal(18, 8)) as amount_usd,
        cast(requests as bigint) as requests
    from source

)

select * from typed
