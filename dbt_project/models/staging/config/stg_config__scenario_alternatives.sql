with source as (

    select * from {{ raw('config', 'scenario_alternatives') }}

),

typed as (

    select
        scenario_id,
        feature_id,
        answer,
        alternative_id,
        cast(alternative_order as integer) as alternative_order,
        cost_basis,
        cast(gpus as integer) as gpus,
        cast(usd_per_gpu_hour as decimal(18, 8)) as usd_per_gpu_hour,
        cast(overhead_usd_per_month as decimal(18, 8)) as overhead_usd_per_month,
        cast(correct_answers as bigint) as correct_answers,
        cast(judged_answers as bigint) as judged_answers,
        quality_source,
        cast(latency_p95_seconds as decimal(18, 8)) as latency_p95_seconds,
        data_residency,
        compliance,
        availability_risk,
        cast(switching_usd as decimal(18, 8)) as switching_usd
    from source

)

select * from typed
