with source as (

    select * from {{ raw('config', 'rules_of_thumb') }}

),

typed as (

    select
        rule_id,
        says,
        figure,
        cast(at_least as decimal(26, 6)) as at_least,
        cast(at_most as decimal(26, 6)) as at_most,
        kind,
        cast(needs_gpu_platform as boolean) as needs_gpu_platform,
        source,
        cast(checked as date) as checked
    from source

)

select * from typed
