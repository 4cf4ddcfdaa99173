with source as (

    select * from {{ raw('config', 'hardware_throughputs') }}

),

typed as (

    select
        hardware_id,
        model,
        numeric_precision,
        cast(output_tokens_per_second as decimal(15, 3)) as output_tokens_per_second,
        cast(tokens_per_second as decimal(15, 3)) as tokens_per_second,
        cast(bench_to_real as decimal(7, 4)) as bench_to_real,
        basis,
        source
    from source

)

select * from typed
