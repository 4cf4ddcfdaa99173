{%- set additive = [
    'requests', 'calls', 'input_uncached_tokens', 'cache_read_tokens', 'cache_write_5m_tokens', 'cache_write_1h_tokens',
    'input_audio_tokens', 'input_image_tokens', 'output_text_tokens', 'reasoning_tokens', 'output_audio_tokens',
    'output_image_tokens', 'searches', 'list_cost_usd', 'contracted_cost_usd', 'billed_cost_usd', 'effective_cost_usd',
    'credit_offset_usd', 'retry_cost_usd', 'escalation_cost_usd', 'fallback_cost_usd', 'failed_cost_usd',
    'reasoning_cost_usd', 'unpriced_calls', 'unpriced_tokens',
] -%}
with totals as (

    {% for grain in ['daily', 'weekly', 'monthly'] -%}
    select
        '{{ grain }}' as grain,
        {%- for name in additive %}
        coalesce(sum({{ name }}), 0) as {{ name }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('unit_economics_' ~ grain) }}
    {{ 'union all' if not loop.last }}
    {% endfor %}

)

select periods.*
from totals as periods
inner join totals as days on days.grain = 'daily'
where {% for name in additive -%}
    periods.{{ name }} <> days.{{ name }}{{ ' or ' if not loop.last }}
{%- endfor %}
