{#-
What was landed more than once, each sample of a series once: the first by file and row stands, whenever it came. `columns` are
those that stay.
-#}
{% macro first_copies(relation, series, columns) -%}
select
    {{ columns | join(',\n    ') }}
from (
    select
        *,
        row_number() over (
            partition by {{ series | join(', ') }}
            order by file_hash asc nulls last, row_number asc nulls last
        ) as copy_number
    from {{ relation }}
) as numbered
where copy_number = 1
{%- endmacro %}
