{#-
Runs that follow what is new. A run of INFERLEDGER_BUILD=incremental finds the tables of the last complete run, and replaces
in the tables that grow with calls every day that `touched_days` names, whole. That table is written in the same transaction
as what was compared to find the day, and emptied after a complete run only: so a run that is killed leaves its days to the
next. Everything else is built anew from those tables, as in a full run.
-#}
{% macro runs_incrementally() %}
    {{- return(env_var('INFERLEDGER_BUILD', 'full') == 'incremental') -}}
{% endmacro %}

{#- What finds days that the model replaces is built before it. A full run, and with it a unit test, needs no order. -#}
{% macro comes_after(model) %}
    {%- do adapter.dispatch('comes_after', 'inferledger')(model) -%}
{% endmacro %}
{% macro default__comes_after(model) %}
    {%- if not execute or runs_incrementally() -%}
        {%- do ref(model) -%}
    {%- endif -%}
{% endmacro %}

{#-
Days a run touches: by calls (their lines, prices, or other lines of the same call or ask), by anything that decides about
a call, such as a bill, by charges, allocations or tasks too, or by all of them; by what decides about its savings, or its price in a
forecast, too. Days of telemetry are others: those with other samples, those whose samples are followed by others (`steps`), and those
whose hours follow from either. None in a full run. What finds them has to come before: a model that asks names it by `ref`.
-#}
{% macro touched_days(by) %}
    {%- if not execute or not runs_incrementally() -%}
        {{- return(none) -}}
    {%- endif -%}
    {%- set anything = ['calls', 'bills', 'gpu', 'went'] -%}
    {%- set seen = {
        'calls': ['calls'],
        'anything': anything,
        'charges': anything + ['charges'],
        'allocations': anything + ['charges', 'allocations'],
        'tasks': anything + ['tasks'],
        'savings': anything + ['savings'],
        'forecast': anything + ['forecast'],
        'everything': anything + ['charges', 'allocations', 'tasks'],
        'samples': ['samples'],
        'steps': ['samples', 'steps'],
        'hours': ['hours'],
    }[by] -%}
    {%- set found = run_query(
        "select distinct usage_date from work.main.touched_days where touched_by in ('" ~ seen | join("', '") ~ "')"
    ) -%}
    {%- set days, since = found.columns[0].values(), calls_from() -%}
    {#- Which lines repeat a call is told of earlier days too. -#}
    {%- set is_bounded = since and model.config.meta.get('per_call') != 'lines' and looks_at_calls() -%}
    {{- return((days | select('ge', since) if is_bounded else days) | sort) -}}
{% endmacro %}

{#- These days, and those of every other line that has a call or ask in common with one of them. -#}
{% macro days_around(days) %}
    {%- set found = run_query(
        'select linked_date from work.main.int_usage_linked_days where ' ~ in_days('usage_date', days)
    ) -%}
    {{- return((days + found.columns[0].values() | list) | unique | sort) -}}
{% endmacro %}

{#- DuckDB knows of what is joined by its day that it is within these bounds too; of a list of days it does not. -#}
{% macro in_days(day, days) %}
    {%- if not days -%}
        {{- return('false') -}}
    {%- endif -%}
    {%- if days | length == 1 -%}
        {{- return(day ~ " = date '" ~ days[0] ~ "'") -}}
    {%- endif -%}
    {%- set bounds = day ~ " between date '" ~ days | min ~ "' and date '" ~ days | max ~ "'" -%}
    {{- return('(' ~ bounds ~ ' and ' ~ day ~ " in (date '" ~ days | join("', date '") ~ "'))") -}}
{% endmacro %}

{% macro in_weeks(week, days, before=0, after=0) %}
    {%- set mondays = [] -%}
    {%- for day in days -%}
        {%- for weeks in range(-before, after + 1) -%}
            {%- do mondays.append(monday(day) + modules.datetime.timedelta(days=7 * weeks)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{- return(in_days(week, mondays | unique | list)) -}}
{% endmacro %}

{% macro monday(day) %}
    {{- return(day - modules.datetime.timedelta(days=day.weekday())) -}}
{% endmacro %}

{#- With the column of the landed file, lake files that hold nothing of the days are not opened further than their statistics. -#}
{% macro in_files_of_days(day, file, days) %}
    {%- if not days -%}
        {{- return('false') -}}
    {%- endif -%}
    {%- set found = run_query(
        'select distinct file_hash from work.main.int_usage_call_keys where ' ~ in_days('usage_date', days)
    ).columns[0].values() | sort -%}
    {{- return(in_days(day, days) ~ (" and " ~ file ~ " in ('" ~ found | join("', '") ~ "')" if found)) -}}
{% endmacro %}

{#-
A condition that holds for rows of the days a run touches; for all rows in a full run. In a model that is replaced by day it is a mark
that holds for every row, and the days come when its rows go (`with_days`): so both are of the same days, and as many at a time as fit.
-#}
{% macro is_touched(by, day, file=none) %}
    {{- return(adapter.dispatch('is_touched', 'inferledger')(by, day, file)) -}}
{% endmacro %}
{% macro duckdb__is_touched(by, day, file=none) %}
    {{- return(touched(by, 'days', day, file or '')) -}}
{% endmacro %}
{% macro touched(by, what, day, rest='') %}
    {%- if execute and model.config.materialized == 'incremental' -%}
        {%- if by != model.config.meta.touched_by -%}
            {%- do exceptions.raise_compiler_error("asks for days touched by '" ~ by ~ "'; those it replaces are others") -%}
        {%- endif -%}
        {{- return(mark(what, day, rest)) -}}
    {%- endif -%}
    {%- set days = touched_days(by) -%}
    {{- return(calls_are_there(day) if days is none else of_days(what, day, rest, days)) -}}
{% endmacro %}
{% macro mark(what, column, rest='') %}
    {{- return("'" ~ what ~ ' ' ~ column ~ ' ' ~ rest ~ "' is not null") -}}
{% endmacro %}
{% macro of_days(what, day, rest, days) %}
    {%- if what == 'tasks' -%}
        {{- return(in_touched_tasks(day, days)) -}}
    {%- elif what == 'task_weeks' -%}
        {{- return(in_weeks_of_touched_tasks(day)) -}}
    {%- elif what == 'weeks' -%}
        {%- set before, after = rest.split(' ') -%}
        {{- return(in_weeks(day, days, before | int, after | int)) -}}
    {%- elif what == 'since' -%}
        {{- return(day ~ " >= timestamp '" ~ monday(days | min) ~ "'" if days else 'false') -}}
    {%- elif what == 'months' -%}
        {{- return(in_days_of_months(day, days)) -}}
    {%- elif what == 'moments' -%}
        {{- return(in_moments(day, days)) -}}
    {%- elif what == 'followed' -%}
        {{- return(in_days(day, days + days_of_next_samples(days))) -}}
    {%- elif what == 'reached' -%}
        {{- return(in_days(day, days + days_before(days))) -}}
    {%- elif what == 'surrounding' -%}
        {%- set reaching = days + days_before(days) -%}
        {{- return(in_days(day, reaching + days_of_next_samples(reaching))) -}}
    {%- endif -%}
    {%- set wanted = days_around(days) if what == 'around' else days -%}
    {{- return(in_files_of_days(day, rest, wanted) if rest else in_days(day, wanted)) -}}
{% endmacro %}
{% macro with_days(sql, days) %}
    {%- set text = namespace(sql=sql) -%}
    {%- for mark, what, day, rest in modules.re.findall("('(days|weeks|since|months|moments|followed|reached|surrounding|around|tasks|task_weeks) (\\S+) ([^']*)' is not null)", sql) | unique -%}
        {%- set text.sql = text.sql | replace(mark, of_days(what, day, rest, days)) -%}
    {%- endfor -%}
    {{- return(text.sql) -}}
{% endmacro %}

{#-
As is_touched, of a column of weeks (their Monday): a touched day touches its whole week, and so many weeks before and after.
-#}
{% macro is_touched_week(by, week, before=0, after=0) %}
    {{- return(adapter.dispatch('is_touched_week', 'inferledger')(by, week, before, after)) -}}
{% endmacro %}
{% macro default__is_touched_week(by, week, before=0, after=0) %}
    {{- 'true' -}}
{% endmacro %}
{% macro duckdb__is_touched_week(by, week, before=0, after=0) %}
    {{- return(touched(by, 'weeks', week, before ~ ' ' ~ after)) -}}
{% endmacro %}

{#- A condition that holds for moments from the first touched week on; for all in a full run. -#}
{% macro is_since_touched_week(by, moment) %}
    {{- return(adapter.dispatch('is_since_touched_week', 'inferledger')(by, moment)) -}}
{% endmacro %}
{% macro default__is_since_touched_week(by, moment) %}
    {{- 'true' -}}
{% endmacro %}
{% macro duckdb__is_since_touched_week(by, moment) %}
    {{- return(touched(by, 'since', moment)) -}}
{% endmacro %}

{#- The same of a day: a touched day touches its whole month. -#}
{% macro is_touched_month(by, day) %}
    {{- return(adapter.dispatch('is_touched_month', 'inferledger')(by, day)) -}}
{% endmacro %}
{% macro default__is_touched_month(by, day) %}
    {{- 'true' -}}
{% endmacro %}
{% macro duckdb__is_touched_month(by, day) %}
    {{- return(touched(by, 'months', day)) -}}
{% endmacro %}
{% macro in_months(month, days) %}
    {%- set firsts = [] -%}
    {%- for day in days -%}
        {%- do firsts.append(day.replace(day=1)) -%}
    {%- endfor -%}
    {{- return(in_days(month, firsts | unique | list)) -}}
{% endmacro %}

{#- Bounds of the day itself too: rows stand in the order of their days, and storage knows nothing of their month. -#}
{% macro in_days_of_months(day, days) %}
    {%- if not days -%}
        {{- return('false') -}}
    {%- endif -%}
    {%- set first, after = days | min, (days | max).replace(day=28) + modules.datetime.timedelta(days=4) -%}
    {%- set bounds = day ~ " >= date '" ~ first.replace(day=1) ~ "' and " ~ day ~ " < date '" ~ after.replace(day=1) ~ "'" -%}
    {{- return('(' ~ bounds ~ ' and ' ~ in_months("cast(date_trunc('month', " ~ day ~ ") as date)", days) ~ ')') -}}
{% endmacro %}

{#- The same of a moment; a lake file without any of the days is told by its statistics. -#}
{% macro is_touched_moment(by, moment) %}
    {{- return(adapter.dispatch('is_touched_moment', 'inferledger')(by, moment)) -}}
{% endmacro %}
{% macro default__is_touched_moment(by, moment) %}
    {{- 'true' -}}
{% endmacro %}
{% macro duckdb__is_touched_moment(by, moment) %}
    {{- return(touched(by, 'moments', moment)) -}}
{% endmacro %}
{% macro in_moments(moment, days) %}
    {%- if not days -%}
        {{- return('false') -}}
    {%- endif -%}
    {%- set end = days | max + modules.datetime.timedelta(days=1) -%}
    {%- set bounds = moment ~ " >= timestamp '" ~ days | min ~ "' and " ~ moment ~ " < timestamp '" ~ end ~ "'" -%}
    {{- return('(' ~ bounds ~ ' and ' ~ in_days('cast(' ~ moment ~ ' as date)', days) ~ ')') -}}
{% endmacro %}

{#- As is_touched, with the days that have the next sample of any series: until then goes the time a day's last one stands for. -#}
{% macro is_touched_or_next(by, day) %}
    {{- return(adapter.dispatch('is_touched_or_next', 'inferledger')(by, day)) -}}
{% endmacro %}
{% macro default__is_touched_or_next(by, day) %}
    {{- 'true' -}}
{% endmacro %}
{% macro duckdb__is_touched_or_next(by, day) %}
    {{- return(touched(by, 'followed', day)) -}}
{% endmacro %}
{% macro days_of_next_samples(days) %}
    {%- set later -%}
        select distinct min(later.usage_date)
        from (select * from work.main.int_sample_series where {{ in_days('usage_date', days) }}) as touched
        inner join work.main.int_sample_series as later
            on
                touched.series_key = later.series_key
                and later.usage_date > touched.usage_date
                and later.usage_date <= touched.usage_date + 31
        group by touched.series_key, touched.usage_date
    {%- endset -%}
    {{- return(run_query(later).columns[0].values() | list) -}}
{% endmacro %}

{#- As is_touched, with the days before, whose last samples stand for time of the next day too: an hour at most. -#}
{% macro is_touched_or_before(by, day) %}
    {{- return(adapter.dispatch('is_touched_or_before', 'inferledger')(by, day)) -}}
{% endmacro %}
{% macro default__is_touched_or_before(by, day) %}
    {{- 'true' -}}
{% endmacro %}
{% macro duckdb__is_touched_or_before(by, day) %}
    {{- return(touched(by, 'reached', day)) -}}
{% endmacro %}
{#- Both of them: what samples say of a day, made from samples. -#}
{% macro is_touched_or_surrounding(by, day) %}
    {{- return(adapter.dispatch('is_touched_or_surrounding', 'inferledger')(by, day)) -}}
{% endmacro %}
{% macro default__is_touched_or_surrounding(by, day) %}
    {{- 'true' -}}
{% endmacro %}
{% macro duckdb__is_touched_or_surrounding(by, day) %}
    {{- return(touched(by, 'surrounding', day)) -}}
{% endmacro %}
{% macro days_before(days) %}
    {%- set before = [] -%}
    {%- for day in days -%}
        {%- do before.append(day - modules.datetime.timedelta(days=1)) -%}
    {%- endfor -%}
    {{- return(before) -}}
{% endmacro %}

{#-
A condition that holds for the tasks a run touches: those that were reported another way, those with calls in touched weeks,
before or after, and those whose end waits for the data to go on. All in a full run.
-#}
{% macro is_touched_task(task) %}
    {{- return(adapter.dispatch('is_touched_task', 'inferledger')(task)) -}}
{% endmacro %}
{% macro default__is_touched_task(task) %}
    {{- 'true' -}}
{% endmacro %}
{% macro duckdb__is_touched_task(task) %}
    {%- if execute and model.config.materialized == 'incremental' -%}
        {{- return(mark('tasks', task)) -}}
    {%- endif -%}
    {{- return(in_touched_tasks(task) if execute and runs_incrementally() else 'true') -}}
{% endmacro %}
{#- Those whose id has the hash of one's, which storage reads in a fifth of the time of ids: all of them, and hardly another. -#}
{% macro has_key_of_touched_task(key) %}
    {{- return(key ~ ' in (select ' ~ row_hash('touched_tasks.task_id') ~ ' from work.main.touched_tasks)') -}}
{% endmacro %}
{#- All of them, or the part of so many parts that a piece is. -#}
{% macro in_touched_tasks(task, piece=none) %}
    {%- set part = ' where hash(touched_tasks.task_id) % ' ~ piece.parts ~ ' = ' ~ piece.part if piece else '' -%}
    {{- return(task ~ ' in (select touched_tasks.task_id from work.main.touched_tasks' ~ part ~ ')') -}}
{% endmacro %}

{#-
A condition that holds for the weeks in which touched tasks have calls, and so for those of all their calls. None of them began
before the first call that the tasks had when they were made last, but for weeks that are touched.
-#}
{% macro is_week_of_touched_tasks(week) %}
    {{- return(adapter.dispatch('is_week_of_touched_tasks', 'inferledger')(week)) -}}
{% endmacro %}
{% macro default__is_week_of_touched_tasks(week) %}
    {{- 'true' -}}
{% endmacro %}
{% macro duckdb__is_week_of_touched_tasks(week) %}
    {{- return(mark('task_weeks', week) if execute else 'true') -}}
{% endmacro %}
{% macro in_weeks_of_touched_tasks(week) %}
    {%- set before = run_query('select cast(min(first_call_at) as date) from gone_tasks').columns[0].values() | select | list -%}
    {%- set days = before + touched_days('anything') -%}
    {%- if not days -%}
        {{- return('false') -}}
    {%- endif -%}
    {%- set found = run_query(
        'select distinct week_start from work.main.int_task_calls_aggregated where '
        ~ in_touched_tasks('task_id') ~ " and week_start >= date '" ~ monday(days | min) ~ "'"
    ) -%}
    {{- return(in_days(week, found.columns[0].values() | sort)) -}}
{% endmacro %}

{#- As is_touched, with the days around: what has to be read where rows of several days decide about each other. -#}
{% macro is_around_touched(by, day, file) %}
    {{- return(adapter.dispatch('is_around_touched', 'inferledger')(by, day, file)) -}}
{% endmacro %}
{% macro duckdb__is_around_touched(by, day, file) %}
    {{- return(touched(by, 'around', day, file)) -}}
{% endmacro %}

{#- A condition that holds for rows of the landed files that are others than in the last complete run; for all in a full run. -#}
{% macro is_changed_file(file) %}
    {{- return(adapter.dispatch('is_changed_file', 'inferledger')(file)) -}}
{% endmacro %}
{% macro duckdb__is_changed_file(file) %}
    {%- if not execute or not runs_incrementally() -%}
        {{- return('true') -}}
    {%- endif -%}
    {%- set files = run_query('select file_hash from work.main.changed_files order by file_hash').columns[0].values() -%}
    {{- return(file ~ " in ('" ~ files | join("', '") ~ "')" if files else 'false') -}}
{% endmacro %}

{#- A whole number that differs, but for one case in 10^19, where one of the values does. -#}
{% macro row_hash(values) %}
    {{- return(adapter.dispatch('row_hash', 'inferledger')(values)) -}}
{% endmacro %}
{% macro duckdb__row_hash(values) -%}
hash({{ values }})
{%- endmacro %}
{% macro spark__row_hash(values) -%}
xxhash64({{ values }})
{%- endmacro %}

{#- The same of all columns of a row. -#}
{% macro whole_row_hash(table) %}
    {{- return(adapter.dispatch('whole_row_hash', 'inferledger')(table)) -}}
{% endmacro %}
{% macro duckdb__whole_row_hash(table) -%}
hash({{ table }})
{%- endmacro %}
{% macro spark__whole_row_hash(table) -%}
xxhash64({{ table }}.*)
{%- endmacro %}

{#-
A table whose touched days are replaced, or weeks, months or tasks where `meta.replaced` names their column. Its rows of a day
must follow from what touches the day by `meta.touched_by` (those of a week from `meta.weeks_after` weeks before it, too); rows of
`meta.always_replaced` need not. With `meta.touches` its replaced rows, before and after, touch tasks, or the days and weeks of
tasks; `meta.touches_too` selects tasks that are touched because the data went on.

With `meta.in_pieces` rows are made of so many days at a time, of weeks where they are replaced by week: of all days in a full run, of
touched ones else. DuckDB writes to disk what does not fit into memory, and reads it again for every meter of a call: 50 million calls had
not passed `int_call_meters` after 13 minutes and 15 GB. Nor does it write a percentile's values to disk: three models ran out of 1.5 GB
beside those of all calls. The pieces of touched days are one transaction: the next run of `int_tasks` asks its rows for the weeks to look at.
-#}
{% materialization incremental, adapter='duckdb' %}
    {%- set relation = this.incorporate(type='table') -%}
    {%- set meta = config.get('meta') -%}
    {%- if env_var('INFERLEDGER_BUILD', 'full') == 'full' and meta.get('in_pieces') -%}
        {{- return(created_in_pieces(relation, meta)) -}}
    {%- elif not runs_incrementally() -%}
        {{- return(created_once(relation)) -}}
    {%- endif -%}
    {%- do must_exist(relation) -%}
    {%- if meta.get('replaced') == 'task_id' -%}
        {{- return(replaced_by_task(relation, meta)) -}}
    {%- endif -%}
    {%- set all = touched_days(meta['touched_by']) -%}
    {%- if meta.get('last_days') == 'gpu_5m' -%}
        {%- set all = (all + gpu_5m_days_missing(relation)) | unique | sort -%}
    {%- endif -%}
    {%- set lists = pieces(meta, all) if meta.get('in_pieces') else [all] -%}
    {%- set is_replaced = replaced_with(meta, all) -%}
    {%- call statement('main') -%}
        {%- if meta.get('touches_too') %}
        insert into work.main.touched_tasks {{ meta['touches_too'] }};
        {%- endif %}
        {{- without_calls_that_went(relation) }}
        {%- if meta.get('per_sample') %}
        delete from {{ relation }} where usage_date < (select first_days.samples_from from work.main.stg_meta__first_days as first_days);
        {%- endif %}
        {%- if meta.get('last_days') == 'gpu_5m' %}
        delete from {{ relation }} where usage_date <= ({{ gpu_5m_kept_after() }});
        {%- endif %}
        {{ touch(meta.get('touches'), relation, is_replaced) }}
        delete from {{ relation }} where {{ is_replaced }};
        {%- for piece in lists %}
        {{ inserted(relation, sql, meta, piece) }}
        {%- endfor %}
        {{ touch(meta.get('touches'), relation, is_replaced) }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {{- return({'relations': [relation]}) -}}
{% endmaterialization %}

{#- Rows that go are looked for once, by their key, and taken out by their number: among 17 million a look takes 0.1 CPU s, by id 0.55. -#}
{% macro replaced_by_task(relation, meta) %}
    {%- call statement('gone') -%}
        create or replace temp table gone_tasks as
        select *, rowid as place from {{ relation }}
        where
            rowid in (select found.rowid from {{ relation }} as found where {{ has_key_of_touched_task('found.task_key') }})
            and {{ in_touched_tasks('task_id') }}
    {%- endcall -%}
    {%- call statement('main') -%}
        create or replace temp table made_tasks as from {{ relation }} limit 0;
        {%- for piece in task_pieces() %}
        {{ inserted('made_tasks', sql, meta, piece) }}
        {%- endfor %}
        delete from {{ relation }} where rowid in (select gone_tasks.place from gone_tasks);
        insert into {{ relation }} from made_tasks;
        {{ touch(meta.get('touches'), 'gone_tasks') }}
        {{ touch(meta.get('touches'), 'made_tasks') }}
        drop table gone_tasks;
        drop table made_tasks;
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {{- return({'relations': [relation]}) -}}
{% endmacro %}

{#- A condition that holds for the rows that these days replace. -#}
{% macro replaced_with(meta, days) %}
    {%- set replaced = meta.get('replaced', 'usage_date') -%}
    {%- if replaced == 'task_id' -%}
        {%- set found = in_touched_tasks(replaced, days) -%}
    {%- elif replaced == 'week_start' -%}
        {%- set found = in_weeks(replaced, days, after=meta.get('weeks_after', 0)) -%}
    {%- else -%}
        {%- set found = (in_months if replaced == 'month_start' else in_days)(replaced, days) -%}
    {%- endif -%}
    {{- return('(' ~ found ~ ' or ' ~ meta['always_replaced'] ~ ')' if meta.get('always_replaced') else found) -}}
{% endmacro %}

{% macro inserted(relation, sql, meta, days) %}
        insert into {{ relation }} by name
        select * from (
            {{ with_days(of_calls_that_are_there(sql), days) }}
        ) as replaced
        where {{ replaced_with(meta, days) }};
{% endmacro %}

{% macro created_in_pieces(relation, meta) %}
    {{ drop_relation_if_exists(load_cached_relation(relation)) }}
    {%- set lists, rows = pieces(meta), of_calls_that_are_there(sql) -%}
    {%- call statement('main') %}
        {{ create_table_as(false, relation, piece_of(rows, meta, lists[0])) }}
    {%- endcall %}
    {%- do adapter.commit() -%}
    {%- for days in lists[1:] -%}
        {%- call statement('piece') %}
            insert into {{ relation }} by name
            {{ piece_of(rows, meta, days) }}
        {%- endcall %}
        {%- do adapter.commit() -%}
    {%- endfor -%}
    {%- do insert_kept(relation) -%}
    {{ return({'relations': [relation]}) }}
{% endmacro %}

{#- Samples are read with those that follow them, whose rows are of other pieces. -#}
{% macro piece_of(rows, meta, days) %}
    {%- if meta['in_pieces'] != 'samples' -%}
        {{- return(with_days(rows, days)) -}}
    {%- endif -%}
    {{- return('select * from (' ~ with_days(rows, days) ~ ') as piece where ' ~ replaced_with(meta, days)) -}}
{% endmacro %}

{#- As many parts of the touched tasks as there are calls in a piece: 2.4 million at once took 1.5 GB. -#}
{% macro task_pieces() %}
    {%- set most = env_var('INFERLEDGER_CALLS_IN_PIECE', '2000000') | int -%}
    {%- set parts = 1 + run_query('select count(*) from work.main.touched_tasks').rows[0][0] // most -%}
    {%- set lists = [] -%}
    {%- for part in range(parts | int) -%}
        {%- do lists.append({'part': part, 'parts': parts}) -%}
    {%- endfor -%}
    {{- return(lists) -}}
{% endmacro %}

{#-
These days, or in a full run those of calls and those that `meta.in_pieces_too` selects, in lists of so many calls, one at least; a day, or
a week, is in one list. Pieces of samples (`meta.in_pieces: samples`) have as many samples.
-#}
{% macro pieces(meta, days=none) %}
    {%- set most = env_var('INFERLEDGER_CALLS_IN_PIECE', '2000000') | int -%}
    {%- set is_weekly = meta.get('replaced') == 'week_start' -%}
    {%- set wanted = days if days is not none else run_query(meta['in_pieces_too']).columns[0].values() | select | list
        if 'in_pieces_too' in meta else [] -%}
    {%- set calls = {} -%}
    {%- for day in wanted -%}
        {%- do calls.setdefault(monday(day) if is_weekly else day, 0) -%}
    {%- endfor -%}
    {%- set looked_at = [] -%}
    {%- for first in calls -%}
        {%- for further in range(7 if is_weekly else 1) -%}
            {%- do looked_at.append(first + modules.datetime.timedelta(days=further)) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- set counted = run_query(
        'select usage_date, ' ~ ('cast(sum(rows_kept) as bigint) from work.main.int_sample_days' if meta['in_pieces'] == 'samples'
        else 'count(*) from work.main.int_usage_call_keys') ~ ' where '
        ~ ('usage_date is not null' if days is none else in_days('usage_date', looked_at)) ~ ' group by usage_date'
    ) -%}
    {%- for day, count in counted.rows -%}
        {%- set first = monday(day) if is_weekly else day -%}
        {%- do calls.update({first: calls.get(first, 0) + count}) -%}
    {%- endfor -%}
    {%- set lists, open = [], namespace(days=[], calls=0) -%}
    {%- for first, count in calls | dictsort -%}
        {%- if open.days and open.calls + count > most -%}
            {%- do lists.append(open.days) -%}
            {%- set open.days, open.calls = [], 0 -%}
        {%- endif -%}
        {%- do open.days.append(first) -%}
        {%- set open.calls = open.calls + count -%}
    {%- endfor -%}
    {{- return(lists + [open.days]) -}}
{% endmacro %}

{#-
What rows touch: `tasks` are those they name, `days_of_tasks` the day each ends and the weeks it has calls in, `hours` the days
of the hours they say something of. `steps` are the days whose samples another day decides about: the one before that has the same
series, whose last step ends here, and for a counter of an engine those up to the one after, where steps end with its falls. No step is
longer than 31 days (744 hours).
-#}
{% macro touch(what, relation, condition='true') %}
    {%- if what == 'tasks' %}
        insert into work.main.touched_tasks select task_id from {{ relation }} where {{ condition }};
    {%- elif what == 'days_of_tasks' %}
        insert into work.main.touched_days
        with tasks as (select ended_date, first_call_at, last_call_at from {{ relation }} where {{ condition }})
        select ended_date, 'tasks' from tasks where ended_date is not null
        union
        select cast(unnest(generate_series(date_trunc('week', first_call_at), last_call_at, interval 7 day)) as date), 'tasks'
        from tasks where first_call_at is not null;
    {%- elif what == 'hours' %}
        insert into work.main.touched_days
        select distinct cast(bucket_start as date), 'hours' from {{ relation }} where {{ condition }};
    {%- elif what == 'steps' %}
        insert into work.main.touched_days
        with touched as (
            select
                touched.usage_date,
                touched.is_engine_counter,
                max(case when others.usage_date < touched.usage_date then others.usage_date end) as date_before,
                min(case when others.usage_date > touched.usage_date then others.usage_date end) as date_after
            from (select * from {{ relation }} where {{ condition }}) as touched
            inner join {{ relation }} as others
                on
                    touched.series_key = others.series_key
                    and others.usage_date between touched.usage_date - 31 and touched.usage_date + 31
            group by touched.series_key, touched.usage_date, touched.is_engine_counter
        )
        select date_before, 'steps' from touched where date_before is not null
        union
        select cast(unnest(generate_series(usage_date, date_after, interval 1 day)) as date), 'steps'
        from touched where is_engine_counter and date_after is not null;
    {%- endif %}
{% endmacro %}

{#- A table that is small, and built anew: the days whose rows are others than before are touched. -#}
{% materialization compared_by_day, adapter='duckdb' %}
    {%- set relation = this.incorporate(type='table') -%}
    {%- if not runs_incrementally() -%}
        {{- return(created_once(relation)) -}}
    {%- endif -%}
    {%- do must_exist(relation) -%}
    {%- call statement('main') -%}
        {{ compare(relation, 'work.main.touched_days', "usage_date, '" ~ config.get('meta')['touches_by'] ~ "'") }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {{- return({'relations': [relation]}) -}}
{% endmaterialization %}

{#- The same of tasks: those whose row is another than before are touched. -#}
{% materialization compared_by_task, adapter='duckdb' %}
    {%- set relation = this.incorporate(type='table') -%}
    {%- if not runs_incrementally() -%}
        {{- return(created_once(relation)) -}}
    {%- endif -%}
    {%- do must_exist(relation) -%}
    {%- call statement('main') -%}
        {{ compare(relation, 'work.main.touched_tasks', 'task_id') }}
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {{- return({'relations': [relation]}) -}}
{% endmaterialization %}

{#- Replaces all rows, and notes what differs of those that are others than before. -#}
{% macro compare(relation, noted_in, noted) %}
    {%- set now = 'now_' ~ relation.identifier -%}
        create or replace temp table {{ now }} as
        select * from (
            {{ sql }}
        ) as made;
        insert into {{ noted_in }}
        select distinct {{ noted }}
        from (
            (from {{ now }} except all from {{ relation }}) union all by name (from {{ relation }} except all from {{ now }})
        ) as changed;
        delete from {{ relation }};
        insert into {{ relation }} by name from {{ now }};
        drop table {{ now }}
{%- endmacro %}

{#-
The calls of every landed file: those of changed files are replaced. What touches a day is a changed line of it, before or
after the change, and a line of the same call or of an ask that has such a line. A day that is touched already, by a price,
touches those of other lines of its calls and asks too.
-#}
{% materialization compared_by_file, adapter='duckdb' %}
    {%- set relation = this.incorporate(type='table') -%}
    {%- if not runs_incrementally() -%}
        {{- return(created_once(relation)) -}}
    {%- endif -%}
    {%- do must_exist(relation) -%}
    {%- call statement('main') -%}
        delete from {{ relation }} where file_hash in (from work.main.expired_files);
        create or replace temp table changed_calls as
        from {{ relation }} where file_hash in (from work.main.changed_files)
        union all by name
        from {{ relation }}
        where
            usage_date in (select usage_date from work.main.touched_days where touched_by = 'calls')
            and file_hash not in (from work.main.changed_files);
        delete from {{ relation }} where file_hash in (from work.main.changed_files);
        create or replace temp table added_calls as
        select * from (
            {{ sql }}
        ) as made;
        insert into {{ relation }} by name from added_calls;
        insert into changed_calls by name from added_calls;
        create or replace temp table same_calls as
        select usage_date, request_key from {{ relation }}
        where rowid in (select rowid from {{ relation }} where response_key in (select response_key from changed_calls));
        insert into work.main.touched_days
        select usage_date, 'calls' from changed_calls
        union
        select usage_date, 'calls' from same_calls
        union
        select usage_date, 'calls' from {{ relation }}
        where request_key in (select request_key from changed_calls union all select request_key from same_calls);
        drop table changed_calls;
        drop table added_calls;
        drop table same_calls
    {%- endcall -%}
    {%- do adapter.commit() -%}
    {{- return({'relations': [relation]}) -}}
{% endmaterialization %}

{% macro must_exist(relation) %}
    {%- if load_cached_relation(relation) is none -%}
        {%- do exceptions.raise_compiler_error(relation ~ ' is not there to be continued: run `inferledger run --full`') -%}
    {%- endif -%}
{% endmacro %}

{#-
Tests of what grows with calls look at what a run touches, and a full run tests all: staging looks at the lines of changed
files, allocations at their touched days, the rest at the touched days with the days around, where every other line of
their calls is.
-#}
{% macro get_where_subquery(relation) %}
    {%- set condition = config.get('where') or 'true' -%}
    {%- set meta = (graph.nodes.get('model.inferledger.' ~ relation.identifier) or {}).get('config', {}).get('meta', {}) if execute else {} -%}
    {%- if meta.get('tested_by') == 'calls' and calls_from() -%}
        {%- set condition = '(' ~ condition ~ ') and ' ~ calls_are_there('usage_date') -%}
    {%- endif -%}
    {%- if execute and runs_incrementally() -%}
        {%- set by = meta.get('tested_by', meta.get('touched_by')) -%}
        {%- set touched = none -%}
        {%- if by == 'files' -%}
            {%- set touched = is_changed_file('file_hash') -%}
        {%- elif by in ('samples', 'steps', 'hours') -%}
            {%- set touched = is_touched(by, meta.get('replaced', 'usage_date')) -%}
        {%- elif meta.get('replaced') == 'task_id' -%}
            {%- set touched = has_key_of_touched_task('task_key') -%}
        {%- elif meta.get('replaced') == 'week_start' -%}
            {%- set touched = is_touched_week(by, 'week_start', after=meta.get('weeks_after', 0)) -%}
        {%- elif meta.get('replaced') == 'month_start' -%}
            {%- set touched = is_touched_month(by, 'month_start') -%}
        {%- elif by in ('charges', 'allocations', 'everything') or meta.get('always_replaced') -%}
            {%- set touched = is_touched(by, meta.get('replaced', 'usage_date')) ~ (' or ' ~ meta['always_replaced'] if meta.get('always_replaced') else '') -%}
        {%- elif by -%}
            {%- set touched = is_around_touched(by, 'usage_date', 'file_hash' if meta.get('tested_by') else none) -%}
        {%- endif -%}
        {%- if touched is not none -%}
            {%- set condition = '(' ~ condition ~ ') and (' ~ touched ~ ')' -%}
        {%- endif -%}
    {%- endif -%}
    {{- return(relation if condition == 'true' else '(select * from ' ~ relation ~ ' where ' ~ condition ~ ') as dbt_subquery') -}}
{% endmacro %}
