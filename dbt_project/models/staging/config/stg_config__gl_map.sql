with source as (

    select * from {{ raw('config', 'gl_map') }}

),

typed as (

    select
        line_type,
        cost_nature,
        service_provider,
        cost_center,
        account,
        department,
        class_name,
        intercompany_partner,
        tax_rate,
        cast(valid_from as date) as valid_from,
        cast(valid_to as date) as valid_to
    from source

)

select * from typed
