{#-
Calls that went. What was made of them stands in lake/kept, for each table one file a time that calls went (assets/kept.py):
INFERLEDGER_CALLS_KEPT has the Mondays that calls have been from since, with the tables that have a file of that time; the last
Monday counts. A table of one row per call (`meta.per_call`) has none of the days before. A table that is made of those has what was
kept, by the column that its rows are replaced by (`meta.replaced`, or `meta.kept_by` where they are not), but for one that looks at
the last weeks only (`meta.last_weeks`). What is made of that again needs no word of this.
-#}
{% macro calls_from(column='usage_date') %}
    {%- set cuts = fromjson(env_var('INFERLEDGER_CALLS_KEPT', '{}')) if execute else {} -%}
    {%- if not cuts -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- set monday = modules.datetime.date.fromisoformat(cuts | max) -%}
    {#- The Monday on or before the first of the month: a week is whole, and so is a month, of the calls there are. -#}
    {{- return((monday + modules.datetime.timedelta(days=6)).replace(day=1) if column == 'month_start' else monday) -}}
{% endmacro %}

{#- Whether the model or test looks at single calls, or is a table of those. -#}
{% macro looks_at_calls() %}
    {%- for name in model.depends_on.get('nodes', []) -%}
        {%- if graph.get('nodes', {}).get(name, {}).get('config', {}).get('meta', {}).get('per_call') -%}
            {{- return(true) -}}
        {%- endif -%}
    {%- endfor -%}
    {{- return(model.config.meta.get('per_call', false)) -}}
{% endmacro %}

{#-
A condition that holds for rows of which there are calls still. Which lines repeat a call is told of earlier days too, where these
have lines of such calls: their files stay.
-#}
{% macro calls_are_there(column) %}
    {%- set since = calls_from(column) -%}
    {%- if not since or not looks_at_calls() -%}
        {{- return('true') -}}
    {%- endif -%}
    {%- set is_there = column ~ " >= date '" ~ since ~ "'" -%}
    {%- if model.config.meta.get('per_call') == 'lines' -%}
        {%- set linked = 'select linked_date from ' ~ ref('int_usage_linked_days') ~ ' where ' ~ is_there -%}
        {{- return('(' ~ is_there ~ ' or ' ~ column ~ ' in (' ~ linked ~ '))') -}}
    {%- endif -%}
    {{- return(is_there) -}}
{% endmacro %}

{#- The column by which a table made of calls has rows of the calls there are; none where none went, or it is no such table. -#}
{% macro day_of_calls() %}
    {%- set meta = model.config.meta -%}
    {#- By file it has the lines that are there: one of a day that went may be of a call of the days since. -#}
    {%- set is_of_lines = model.config.materialized in ('view', 'compared_by_file') -%}
    {%- if not calls_from() or meta.get('last_weeks') or is_of_lines or not looks_at_calls() -%}
        {{- return(none) -}}
    {%- endif -%}
    {{- return(meta.get('kept_by') or meta.get('replaced', 'usage_date')) -}}
{% endmacro %}

{% macro of_calls_that_are_there(sql) %}
    {%- set column = day_of_calls() -%}
    {{- return('select * from (' ~ sql ~ ') as made where ' ~ calls_are_there(column) if column else sql) -}}
{% endmacro %}

{#- Takes rows of calls that went out of a table of calls. -#}
{% macro without_calls_that_went(relation) %}
    {%- set column = day_of_calls() -%}
    {%- if column and model.config.meta.get('per_call') %}
        delete from {{ relation }} where not {{ calls_are_there(column) }};
    {%- endif %}
{%- endmacro %}

{#- What was kept of calls that went; nothing in a table of calls. A column that kept files lack is null for their days. -#}
{% macro insert_kept(relation) %}
    {%- if day_of_calls() and not model.config.meta.get('per_call') and kept_files() -%}
        {%- do adapter.dispatch('insert_kept', 'inferledger')(relation) -%}
    {%- endif -%}
{% endmacro %}
{% macro duckdb__insert_kept(relation) %}
    {%- set names = adapter.get_columns_in_relation(relation) | map(attribute='name') | join("', '") -%}
    {%- call statement('kept') -%}
        insert into {{ relation }} by name
        select columns(lambda name: name in ('{{ names }}'))
        from read_parquet(['{{ kept_files() | join("', '") }}'], union_by_name = true)
    {%- endcall -%}
{% endmacro %}
{% macro spark__insert_kept(relation) %}
    {%- for file in kept_files() -%}
        {%- call statement('kept') -%}
            insert into {{ relation }} by name select * from parquet.`{{ file }}`
        {%- endcall -%}
    {%- endfor -%}
{% endmacro %}
{% macro kept_files() %}
    {%- set files = [] -%}
    {#- A table that came later has none of the times before. -#}
    {%- for cut, tables in fromjson(env_var('INFERLEDGER_CALLS_KEPT')) | dictsort if model.name in tables -%}
        {%- do files.append(env_var('INFERLEDGER_LAKE') ~ '/kept/' ~ model.name ~ '/before-' ~ cut ~ '.parquet') -%}
    {%- endfor -%}
    {{- return(files) -}}
{% endmacro %}
