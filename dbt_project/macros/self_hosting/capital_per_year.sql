{#-
What owning hardware costs a year in USD on the economic basis, decimal(26, 12): CRF(r, n) x (capex - residual / (1 + r)^n), with
CRF = r (1 + r)^n / ((1 + r)^n - 1). `growth_factor` is (1 + r)^n; so it is r x (capex x growth - residual) / (growth - 1).
-#}
{% macro capital_per_year(capex_usd, residual_usd, discount_rate, growth_factor, life_months) -%}
{%- set owed = 'cast(cast(' ~ capex_usd ~ ' as decimal(18, 8)) * cast(' ~ growth_factor ~ ' as decimal(18, 12)) - ' ~ residual_usd ~ ' as decimal(26, 12))' -%}
{%- set straight = 'cast(' ~ capex_usd ~ ' - ' ~ residual_usd ~ ' as decimal(26, 12))' -%}
case
    when {{ discount_rate }} = 0 then {{ divide_rounded(straight, '12', life_months, weight_places=0) }}
    else {{ divide_rounded(owed, discount_rate, growth_factor ~ ' - 1', weight_places=12) }}
end
{%- endmacro %}
