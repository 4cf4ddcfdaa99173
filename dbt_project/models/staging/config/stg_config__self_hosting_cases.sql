with source as (

    select * from {{ raw('config', 'self_hosting_cases') }}

),

typed as (

    select
        case_name,
        input_name,
        cast(api_price_factor as decimal(9, 6)) as api_price_factor,
        cast(gpu_rate_factor as decimal(9, 6)) as gpu_rate_factor,
        cast(throughput_factor as decimal(9, 6)) as throughput_factor,
        cast(traffic_factor as decimal(9, 6)) as traffic_factor
    from source

)

select * from typed
