{%- set additive = [
    'requests', 'calls', 'input_uncached_tokens', 'cache_read_tokens', 'cache_write_5m_tokens', 'cache_write_1h_tokens',
    'input_audio_tokens', 'input_image_tokens', 'output_text_tokens', 'reasoning_tokens', 'output_audio_tokens',
    'output_image_tokens', 'searches', 'list_cost_usd', 'contracted_cost_usd', 'billed_cost_usd', 'effective_cost_usd',
    'cogs_cost_usd', 'credit_offset_usd', 'cogs_credit_offset_usd', 'retry_cost_usd', 'escalation_cost_usd', 'fallback_cost_usd', 'failed_cost_usd',
    'reasoning_cost_usd', 'unpriced_calls', 'unpriced_tokens',
] -%}
with totals as (

    {%- for grain in ['daily', 'weekly', 'monthly'] %}

    select
        {%- for name in additive %}
        coalesce(sum({{ name }}), 0) as {{ name }},
        {%- endfor %}
        '{{ grain }}' as grain
    from {{ ref('unit_economics_' ~ grain) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select periods.*
from totals as periods
inner join totals as days on days.grain = 'daily'
where
    false
    {%- for name in additive %}
    or periods.{{ name }} <> days.{{ name }}
    {%- endfor %}
