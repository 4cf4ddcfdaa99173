with source as (

    select * from {{ raw('sglang', 'samples') }}

),

typed as (

    select
        cast(sampled_at as timestamp) as sampled_at,
        instance,
        engine,
        model_name,
        metric,
        label_key,
        cast(pp_rank as bigint) * 100000 + cast(tp_rank as bigint) as parallel_rank,
        cast(value as double) as value,
        file_hash,
        cast(row_number as bigint) as row_number
    from source

),

-- The smallest rank of the whole series, not of the moment: a scrape that lacks it must not bring in another's counter.
ranked as (

    select
        *,
        min(parallel_rank) over (
            partition by instance, engine, coalesce(model_name, ''), metric, label_key
        ) as first_rank
    from typed

),

of_first_rank as (

    select * from ranked
    where parallel_rank = first_rank

),

deduplicated as (

    {{ first_copies(
        'of_first_rank',
        ['instance', 'engine', "coalesce(model_name, '')", 'metric', 'label_key', 'sampled_at'],
        ['sampled_at', 'instance', 'engine', 'model_name', 'metric', 'label_key', 'value', 'file_hash', 'row_number'],
    ) }}

)

select * from deduplicated
