{#-
An amount of 12 decimals split by whole-numbered weights, each part rounded so that all of them add up to the amount: a part is
what is due up to the end of its weight less what is due up to its beginning. `pico_quotient` and `pico_remainder` are of
the amount by the total weight, so that no product exceeds 38 digits while the total is below 10^19.
-#}
{% macro pico_quotient(amount, total) %}
{{- return(adapter.dispatch('pico_quotient', 'inferledger')(amount, total)) -}}
{% endmacro %}

{% macro pico_remainder(amount, total) %}
{{- return(adapter.dispatch('pico_remainder', 'inferledger')(amount, total)) -}}
{% endmacro %}

{% macro split_exact(quotient, remainder, begins_at, ends_at, total) %}
{{- return(adapter.dispatch('split_exact', 'inferledger')(quotient, remainder, begins_at, ends_at, total)) -}}
{% endmacro %}

{#-
The same split where many amounts are shared by the same weights: `span` is a row with weight, begins_at, ends_at and
total_weight, and with the two ends as fractions (span_fraction), made once a target; all are bigint. `quotient` is
decimal(26, 0), `remainder` bigint. A total above 2^62 may put a pico-dollar more on a target and less on its neighbour.
-#}
{% macro split_by_span(quotient, remainder, span) %}
{{- return(adapter.dispatch('split_by_span', 'inferledger')(quotient, remainder, span)) -}}
{% endmacro %}

{% macro span_fraction(at, total) %}
{{- return(adapter.dispatch('span_fraction', 'inferledger')(at, total)) -}}
{% endmacro %}

{#- Of two whole numbers, without the fraction; below 10^13. -#}
{% macro divide_whole(dividend, divisor) %}
{{- return(adapter.dispatch('divide_whole', 'inferledger')(dividend, divisor)) -}}
{% endmacro %}

{% macro duckdb__pico_quotient(amount, total) -%}
cast({{ amount }} * 1000000000000 as hugeint) // nullif(cast({{ total }} as hugeint), 0)
{%- endmacro %}

{% macro duckdb__pico_remainder(amount, total) -%}
cast({{ amount }} * 1000000000000 as hugeint) % nullif(cast({{ total }} as hugeint), 0)
{%- endmacro %}

{% macro duckdb__split_exact(quotient, remainder, begins_at, ends_at, total) -%}
{%- set from = 'cast(' ~ begins_at ~ ' as hugeint)' -%}
{%- set to = 'cast(' ~ ends_at ~ ' as hugeint)' -%}
{%- set all = 'cast(' ~ total ~ ' as hugeint)' -%}
cast(cast({{ quotient }} * ({{ to }} - {{ from }}) + ({{ remainder }} * {{ to }}) // {{ all }} - ({{ remainder }} * {{ from }}) // {{ all }} as decimal(26, 0)) * 0.000000000001 as decimal(26, 12))
{%- endmacro %}

{% macro duckdb__divide_whole(dividend, divisor) -%}
cast(cast({{ dividend }} as hugeint) // nullif(cast({{ divisor }} as hugeint), 0) as decimal(13, 0))
{%- endmacro %}

{#- In 2^62ths, cut to whole ones. -#}
{% macro duckdb__span_fraction(at, total) -%}
cast(cast({{ at }} as hugeint) * 4611686018427387904 // nullif(cast({{ total }} as hugeint), 0) as bigint)
{%- endmacro %}

{#-
A division of 128 bits is 0.3 microseconds in DuckDB, and so is the cast of a wide decimal to an integer; a multiplication and
a shift are 0.02. remainder x fraction gives what is due or one less, which the comparison tells.
-#}
{% macro duckdb__split_by_span(quotient, remainder, span) -%}
{%- set rest = 'cast(abs(' ~ remainder ~ ') as hugeint)' -%}
{%- set ends = '((' ~ rest ~ ' * cast(' ~ span ~ '.ends_fraction as hugeint)) >> 62)' -%}
{%- set begins = '((' ~ rest ~ ' * cast(' ~ span ~ '.begins_fraction as hugeint)) >> 62)' -%}
{%- set total = 'cast(' ~ span ~ '.total_weight as hugeint)' -%}
cast((
    {{ quotient }} * cast({{ span }}.weight as decimal(19, 0))
    + cast((case when {{ remainder }} < 0 then -1 else 1 end) * (
        {{ ends }} + case when ({{ ends }} + 1) * {{ total }} <= {{ rest }} * cast({{ span }}.ends_at as hugeint) then 1 else 0 end
        - {{ begins }} - case when ({{ begins }} + 1) * {{ total }} <= {{ rest }} * cast({{ span }}.begins_at as hugeint) then 1 else 0 end
    ) as decimal(19, 0))
) * 0.000000000001 as decimal(26, 12))
{%- endmacro %}

{% macro spark__pico_quotient(amount, total) -%}
{{ spark_whole_quotient(spark_in_units(amount, 12), total) }}
{%- endmacro %}

{% macro spark__pico_remainder(amount, total) -%}
{{ spark_in_units(amount, 12) }} % nullif(cast({{ total }} as decimal(38, 0)), 0)
{%- endmacro %}

{% macro spark__split_exact(quotient, remainder, begins_at, ends_at, total) -%}
{%- set from = 'cast(' ~ begins_at ~ ' as decimal(19, 0))' -%}
{%- set to = 'cast(' ~ ends_at ~ ' as decimal(19, 0))' -%}
{%- set rest = 'cast(' ~ remainder ~ ' as decimal(19, 0))' -%}
{%- set due_at_end = spark_whole_quotient(rest ~ ' * ' ~ to, total) -%}
{%- set due_at_beginning = spark_whole_quotient(rest ~ ' * ' ~ from, total) -%}
{{ spark_from_units('cast(' ~ quotient ~ ' as decimal(26, 0)) * (' ~ to ~ ' - ' ~ from ~ ') + ' ~ due_at_end ~ ' - ' ~ due_at_beginning, 12) }}
{%- endmacro %}

{% macro spark__divide_whole(dividend, divisor) -%}
cast({{ spark_whole_quotient(dividend, divisor) }} as decimal(13, 0))
{%- endmacro %}

{% macro spark__span_fraction(at, total) -%}
cast({{ spark_whole_quotient('cast(' ~ at ~ ' as decimal(19, 0)) * 4611686018427387904', total) }} as bigint)
{%- endmacro %}

{#- The division that the fractions stand for on DuckDB. -#}
{% macro spark__split_by_span(quotient, remainder, span) -%}
{{ spark__split_exact(quotient, remainder, span ~ '.begins_at', span ~ '.ends_at', span ~ '.total_weight') }}
{%- endmacro %}
