with source as (

    select * from {{ raw('config', 'discount_bands') }}

),

typed as (

    select
        term_id,
        cast(above_usd as decimal(18, 8)) as above_usd,
        cast(percent_off as decimal(9, 6)) as percent_off
    from source

)

select * from typed
