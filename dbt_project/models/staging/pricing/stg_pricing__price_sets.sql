with source as (

    select * from {{ raw('pricing', 'price_sets') }}

),

typed as (

    select
        price_set_id,
        cast(context_tier as integer) as context_tier,
        cast(list_input_uncached_per_mtok_usd as decimal(18, 8)) as list_input_uncached_per_mtok_usd,
        cast(contracted_input_uncached_per_mtok_usd as decimal(18, 8)) as contracted_input_uncached_per_mtok_usd,
        cast(list_cache_read_per_mtok_usd as decimal(18, 8)) as list_cache_read_per_mtok_usd,
        cast(contracted_cache_read_per_mtok_usd as decimal(18, 8)) as contracted_cache_read_per_mtok_usd,
        cast(list_cache_write_5m_per_mtok_usd as decimal(18, 8)) as list_cache_write_5m_per_mtok_usd,
        cast(contracted_cache_write_5m_per_mtok_usd as decimal(18, 8)) as contracted_cache_write_5m_per_mtok_usd,
        cast(list_cache_write_1h_per_mtok_usd as decimal(18, 8)) as list_cache_write_1h_per_mtok_usd,
        cast(contracted_cache_write_1h_per_mtok_usd as decimal(18, 8)) as contracted_cache_write_1h_per_mtok_usd,
        cast(list_input_audio_per_mtok_usd as decimal(18, 8)) as list_input_audio_per_mtok_usd,
        cast(contracted_input_audio_per_mtok_usd as decimal(18, 8)) as contracted_input_audio_per_mtok_usd,
        cast(list_input_image_per_mtok_usd as decimal(18, 8)) as list_input_image_per_mtok_usd,
        cast(contracted_input_image_per_mtok_usd as decimal(18, 8)) as contracted_input_image_per_mtok_usd,
        cast(list_output_per_mtok_usd as decimal(18, 8)) as list_output_per_mtok_usd,
        cast(contracted_output_per_mtok_usd as decimal(18, 8)) as contracted_output_per_mtok_usd,
        cast(list_reasoning_per_mtok_usd as decimal(18, 8)) as list_reasoning_per_mtok_usd,
        cast(contracted_reasoning_per_mtok_usd as decimal(18, 8)) as contracted_reasoning_per_mtok_usd,
        cast(list_output_audio_per_mtok_usd as decimal(18, 8)) as list_output_audio_per_mtok_usd,
        cast(contracted_output_audio_per_mtok_usd as decimal(18, 8)) as contracted_output_audio_per_mtok_usd,
        cast(list_output_image_per_mtok_usd as decimal(18, 8)) as list_output_image_per_mtok_usd,
        cast(contracted_output_image_per_mtok_usd as decimal(18, 8)) as contracted_output_image_per_mtok_usd,
        cast(list_search_usd as decimal(18, 8)) as list_search_usd,
        cast(contracted_search_usd as decimal(18, 8)) as contracted_search_usd,
        cast(list_cache_storage_mtok_hour_usd as decimal(18, 8)) as list_cache_storage_mtok_hour_usd,
        cast(contracted_cache_storage_mtok_hour_usd as decimal(18, 8)) as contracted_cache_storage_mtok_hour_usd,
        cast(list_image_usd as decimal(18, 8)) as list_image_usd,
        cast(contracted_image_usd as decimal(18, 8)) as contracted_image_usd,
        cast(list_audio_hour_usd as decimal(18, 8)) as list_audio_hour_usd,
        cast(contracted_audio_hour_usd as decimal(18, 8)) as contracted_audio_hour_usd,
        cast(list_video_second_usd as decimal(18, 8)) as list_video_second_usd,
        cast(contracted_video_second_usd as decimal(18, 8)) as contracted_video_second_usd,
        cast(list_million_characters_usd as decimal(18, 8)) as list_million_characters_usd,
        cast(contracted_million_characters_usd as decimal(18, 8)) as contracted_million_characters_usd,
        cast(list_page_usd as decimal(18, 8)) as list_page_usd,
        cast(contracted_page_usd as decimal(18, 8)) as contracted_page_usd,
        cast(list_request_usd as decimal(18, 8)) as list_request_usd,
        cast(contracted_request_usd as decimal(18, 8)) as contracted_request_usd,
        list_basis,
        contract_id,
        source
    from source

)

select * from typed
