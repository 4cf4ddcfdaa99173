{%- set classes = [
    'input_uncached_tokens', 'cache_read_tokens', 'cache_write_5m_tokens', 'cache_write_1h_tokens', 'input_audio_tokens',
    'input_image_tokens', 'output_text_tokens', 'reasoning_tokens', 'output_audio_tokens', 'output_image_tokens',
] -%}
with budgets as (

    select * from {{ ref('stg_config__token_budgets') }}

),

used as (

    select
        month_start,
        tenant_id,
        cast(
            {%- for name in classes %}
            coalesce(sum({{ name }}), 0){{ ' +' if not loop.last }}
            {%- endfor %}
            as bigint
        ) as used_tokens
    from {{ ref('unit_economics_monthly') }}
    group by month_start, tenant_id

),

months as (

    select distinct month_start from used

),

balances as (

    select
        months.month_start,
        budgets.tenant_id,
        budgets.tokens_per_month as budget_tokens,
        coalesce(used.used_tokens, 0) as used_tokens,
        budgets.tokens_per_month - coalesce(used.used_tokens, 0) as remaining_tokens
    from months
    inner join budgets
        on
            months.month_start >= budgets.valid_from
            and months.month_start < budgets.valid_to
    left join used
        on
            months.month_start = used.month_start
            and budgets.tenant_id = used.tenant_id

)

select * from balances
