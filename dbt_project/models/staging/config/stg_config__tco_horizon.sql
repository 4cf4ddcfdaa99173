with source as (

    select * from {{ raw('config', 'tco_horizon') }}

),

typed as (

    select
        cast(month_number as integer) as month_number,
        cast(inference_factor as decimal(18, 8)) as inference_factor,
        cast(growth_percent as decimal(9, 4)) as growth_percent
    from source

)

select * from typed
