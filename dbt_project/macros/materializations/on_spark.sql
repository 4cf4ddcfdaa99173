{#-
On Spark every run builds all: what follows days on DuckDB is a plain table, and every row is looked at. Spark's warehouse
folder is empty when a build starts, so nothing is replaced.
-#}
{% macro spark__is_touched(by, day, file=none) %}
    {{- return('true') -}}
{% endmacro %}
{% macro spark__is_around_touched(by, day, file) %}
    {{- return('true') -}}
{% endmacro %}
{% macro spark__is_changed_file(file) %}
    {{- return('true') -}}
{% endmacro %}

{% materialization incremental, adapter='spark' %}
    {{ return(created_in_steps(this.incorporate(type='table'))) }}
{% endmaterialization %}

{% materialization compared_by_day, adapter='spark' %}
    {{ return(created_in_steps(this.incorporate(type='table'))) }}
{% endmaterialization %}

{% materialization compared_by_task, adapter='spark' %}
    {{ return(created_in_steps(this.incorporate(type='table'))) }}
{% endmaterialization %}

{% materialization compared_by_file, adapter='spark' %}
    {{ return(created_in_steps(this.incorporate(type='table'))) }}
{% endmaterialization %}

{% materialization table, adapter='spark' %}
    {{ return(created_in_steps(this.incorporate(type='table'))) }}
{% endmaterialization %}

{#- Past staging Spark writes what DuckDB only defines: each model that reads a view would plan all of it again. -#}
{% materialization view, adapter='spark' %}
    {{ return(created_once(this.incorporate(type='view')) if 'staging' in model.fqn else created_in_steps(this.incorporate(type='table'))) }}
{% endmaterialization %}

{#-
Spark puts a CTE into the plan wherever it is named: steps that name two before them make plans of a thousand joins, which are
never done. So where a model would have more than `most` steps, those that are named more than once are written as tables.
A step begins with its name at the beginning of a line and ends with a bracket there, as the style of the project has it.
-#}
{% macro created_in_steps(relation, most=60) %}
    {%- set re = modules.re -%}
    {%- set parts = re.split('(?m)^(?:with )?([a-z_0-9]+) as \\($', sql.strip()) -%}
    {%- set names, bodies, sizes, known, last = parts[1::2], [], {}, [], namespace(select='') -%}
    {%- for part in parts[2::2] -%}
        {%- set body, end, rest = part.rpartition('\n)') -%}
        {%- do bodies.append(body) -%}
        {%- set last.select = rest -%}
    {%- endfor -%}
    {%- for name in names -%}
        {%- set size, body = namespace(steps=1), bodies[loop.index0] -%}
        {%- for before in names[:loop.index0] -%}
            {%- set size.steps = size.steps + sizes[before] * named_in(before, body) -%}
        {%- endfor -%}
        {%- do sizes.update({name: size.steps}) -%}
    {%- endfor -%}
    {%- if not names or sizes[names[-1]] <= most -%}
        {{- return(created_once(relation)) -}}
    {%- endif -%}
    {%- for name in names -%}
        {%- set body = bodies[loop.index0] -%}
        {%- set later = '\n'.join(bodies[loop.index:]) ~ last.select -%}
        {%- set is_import = re.fullmatch('\\s*select \\* from \\S+\\s*', body) is not none -%}
        {%- if named_in(name, later) > 1 and not is_import -%}
            {%- set step = target.schema ~ '.' ~ model.alias ~ '__' ~ name -%}
            {%- do run_query('drop table if exists ' ~ step) -%}
            {%- do run_query(
                'create table ' ~ step ~ " using parquet location '" ~ env_var('INFERLEDGER_WAREHOUSE') ~ '/spark/_steps/' ~ model.alias
                ~ '__' ~ name ~ "' as " ~ ('with ' ~ known | join(', ') if known else '') ~ body
            ) -%}
            {%- do known.append(name ~ ' as (select * from ' ~ step ~ ')') -%}
        {%- else -%}
            {%- do known.append(name ~ ' as (' ~ body ~ '\n)') -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set relation_sql = 'with ' ~ known | join(',\n') ~ last.select -%}
    {{ drop_relation_if_exists(load_cached_relation(relation)) }}
    {%- call statement('main') %}
        {{ create_table_as(false, relation, of_calls_that_are_there(relation_sql)) }}
    {%- endcall %}
    {%- do insert_kept(relation) -%}
    {{ return({'relations': [relation]}) }}
{% endmacro %}

{#- How often a step is read in a text. -#}
{% macro named_in(name, text) %}
    {{- return(modules.re.findall('(?:from|join)\\s+' ~ name ~ '\\b(?!\\.)', text) | length) -}}
{% endmacro %}

{#- The folder of the build, where the marts are read from; without a format, Hive would write text. -#}
{% macro spark__location_clause() %}
    location '{{ env_var("INFERLEDGER_WAREHOUSE") }}/spark/{{ model.alias }}'
{% endmacro %}

{% macro spark__file_format_clause() %}
    using parquet
{% endmacro %}
