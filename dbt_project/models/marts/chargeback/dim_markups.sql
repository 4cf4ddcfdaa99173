with markups as (

    select * from {{ ref('stg_config__markups') }}

)

select * from markups
