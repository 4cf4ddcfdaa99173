{#-
dbt's own macros for Spark in fewer words, with what they mean on DuckDB: the adapter's name their arguments up to nine times,
which makes plans too large to be made, go through a time with a zone, and count whole months where DuckDB counts their ends.
-#}
{% macro spark__dateadd(datepart, interval, from_date_or_timestamp) -%}
timestampadd({{ datepart }}, cast({{ interval }} as int), cast({{ from_date_or_timestamp }} as timestamp))
{%- endmacro %}

{% macro spark__datediff(first_date, second_date, datepart) -%}
{%- set first, second = 'cast(' ~ first_date ~ ' as timestamp)', 'cast(' ~ second_date ~ ' as timestamp)' -%}
timestampdiff({{ datepart }}, date_trunc('{{ datepart }}', {{ first }}), date_trunc('{{ datepart }}', {{ second }}))
{%- endmacro %}

{% macro spark__generate_series(upper_bound) -%}
select cast(id as bigint) as generated_number from range(1, {{ upper_bound }} + 1)
{%- endmacro %}

{% macro spark__split_part(string_text, delimiter_text, part_number) -%}
split_part({{ string_text }}, {{ delimiter_text }}, {{ part_number }})
{%- endmacro %}
