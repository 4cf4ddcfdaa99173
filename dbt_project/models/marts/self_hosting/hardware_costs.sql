{%- set utilisations = [20, 40, 60, 80, 100] -%}
with hardware as (

    select * from {{ ref('stg_config__hardware') }}

),

throughputs as (

    select * from {{ ref('stg_config__hardware_throughputs') }}

),

ownership as (

    select * from {{ ref('stg_config__self_hosting_ownership') }}

),

ends as (
    {%- for end in ['low', 'high'] %}

    select
        hardware_id,
        '{{ end }}' as range_end,
        cast(capex_usd_{{ end }} as decimal(20, 8)) as capex_usd,
        cast(peak_power_kw as decimal(19, 3)) as peak_power_kw,
        cast(rental_usd_per_hour_{{ end }} as decimal(26, 12)) as rental_usd_per_hour
    from hardware
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

-- A year of owning: capital with interest less what is left of it, support, power of the site, space.
yearly as (

    select
        ends.hardware_id,
        ends.range_end,
        {{ capital_per_year(
            'ends.capex_usd', 'cast(ends.capex_usd * ownership.residual_share as decimal(18, 8))', 'ownership.discount_rate',
            'ownership.growth_factor', 'ownership.life_years * 12'
        ) }} as capital_usd,
        cast(ends.capex_usd * ownership.support_share_per_year as decimal(26, 8)) as support_usd,
        cast(
            cast(ends.peak_power_kw * ownership.power_usage_effectiveness as decimal(20, 6))
            * cast(ownership.usd_per_kwh * 8760 as decimal(16, 8))
            as decimal(26, 8)
        ) as power_usd,
        cast(ends.peak_power_kw * cast(ownership.colo_usd_per_kw_month * 12 as decimal(16, 8)) as decimal(26, 8)) as colo_usd
    from ends
    cross join ownership

),

owned as (

    select
        hardware_id,
        range_end,
        cast(capital_usd + support_usd + power_usd + colo_usd as decimal(26, 12)) as year_usd
    from yearly

),

rates as (

    select
        hardware_id,
        'rented_' || range_end as basis,
        rental_usd_per_hour as usd_per_hour
    from ends
    where rental_usd_per_hour is not null
    union all
    select
        hardware_id,
        'owned_' || range_end as basis,
        {{ divide_rounded('year_usd', '1', '8760', weight_places=0) }} as usd_per_hour
    from owned
    where year_usd is not null

),

utilisations as (
    {%- for percent in utilisations %}
    select cast({{ percent }} as integer) as utilisation_percent
    {{ 'union all' if not loop.last }}
    {%- endfor %}

),

sustained as (

    select
        hardware_id,
        model,
        numeric_precision,
        basis as throughput_basis,
        bench_to_real,
        source as throughput_source,
        {{ divide_rounded('cast(output_tokens_per_second as decimal(26, 6))', '1', 'bench_to_real', 6, 4) }} as output_tokens_per_second,
        {{ divide_rounded('cast(tokens_per_second as decimal(26, 6))', '1', 'bench_to_real', 6, 4) }} as tokens_per_second
    from throughputs

),

final as (

    select
        hardware.hardware_id,
        hardware.hardware_name,
        rates.basis,
        sustained.model,
        utilisations.utilisation_percent,
        hardware.accelerators,
        hardware.memory_gb_per_accelerator,
        hardware.peak_power_kw,
        rates.usd_per_hour,
        sustained.numeric_precision,
        sustained.throughput_basis,
        sustained.bench_to_real,
        sustained.output_tokens_per_second,
        sustained.tokens_per_second,
        {%- for name, tokens in {'output': 'output_tokens_per_second', 'blended': 'tokens_per_second'}.items() %}
        case
            when sustained.{{ tokens }} is not null then {{ cost_per_mtok_at(
                'rates.usd_per_hour',
                'cast(sustained.' ~ tokens ~ ' as decimal(26, 6))',
                'cast(utilisations.utilisation_percent * 0.01 as decimal(3, 2))'
            ) }}
        end as cost_per_mtok_{{ name }}_usd,
        {%- endfor %}
        hardware.source as hardware_source,
        sustained.throughput_source,
        hardware.checked
    from hardware
    inner join rates
        on hardware.hardware_id = rates.hardware_id
    left join sustained
        on hardware.hardware_id = sustained.hardware_id
    cross join utilisations

)

select * from final
