with source as (

    select * from {{ raw('openai', 'costs') }}

),

latest as (

    select
        account_id,
        bucket_start,
        max(retrieved_at) as retrieved_at
    from source
    group by account_id, bucket_start

),

-- A page is a snapshot: the last one retrieved replaces the whole bucket, with nothing where it has no results.
current_lines as (

    select source.*
    from source
    inner join latest
        on
            source.account_id = latest.account_id
            and source.bucket_start = latest.bucket_start
            and source.retrieved_at = latest.retrieved_at
    where not source.is_empty

),

-- "<service> | <model>, batch cached text input": the service, the tier (batch and the like) and text may be missing.
named as (

    select
        *,
        case when line_item like '% | %' then split_part(line_item, ' | ', 2) else line_item end as item
    from current_lines

),

worded as (

    select
        *,
        replace(replace(lower(trim(split_part(item, ',', 2))), '_', ' '), ' tokens', '') as words
    from named

),

tiered as (

    select
        *,
        case when split_part(words, ' ', 1) in ('batch', 'flex', 'priority', 'fast') then split_part(words, ' ', 1) else 'standard' end
            as service_tier
    from worded

),

metered as (

    select
        account_id as billing_account_id,
        project_id as billing_scope_id,
        cast(bucket_start as date) as usage_date,
        bucket_end,
        retrieved_at,
        case
            when words <> '' or quantity_unit in ('images', 'characters', 'seconds', 'duration_seconds', 'minutes')
                then trim(split_part(item, ',', 1))
        end as model_id,
        line_item,
        service_tier,
        case
            when lower(line_item) like 'web search tool calls%' then 'search'
            when words like '%put'
                then
                    case replace(replace(words, service_tier || ' ', ''), 'text ', '')
                        when 'input' then 'input_uncached'
                        when 'cached input' then 'cache_read'
                        when 'cached audio input' then 'cache_read'
                        when 'cached image input' then 'cache_read'
                        when 'cache write input' then 'cache_write_5m'
                        when 'audio input' then 'input_audio'
                        when 'image input' then 'input_image'
                        when 'output' then 'output'
                        when 'audio output' then 'output_audio'
                        when 'image output' then 'output_image'
                        else 'other'
                    end
            when quantity_unit = 'images' then 'image'
            when quantity_unit = 'characters' then 'character'
            when quantity_unit in ('seconds', 'duration_seconds', 'minutes')
                then case when lower(line_item) like '%sora%' then 'video_millisecond' else 'audio_millisecond' end
            else 'other'
        end as meter,
        amount,
        quantity,
        currency,
        file_hash,
        row_number
    from tiered

)

select * from metered
