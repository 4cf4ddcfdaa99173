"""Exposition text 0.0.4 and OpenMetrics, plain or gzip: from lines to samples and their series.

Samples of other metrics, comments and blank lines are not rows; a line that is none of these and no sample is a
rejected row. Labels are taken apart once per series, not once per line.
"""

from collections.abc import Sequence
from pathlib import Path

import duckdb

from sources.lines import TextFile
from sources.reading import literal
from sources.sql_checks import reject

_NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*"
_LABEL_PARTS = r'([a-zA-Z_][a-zA-Z0-9_]*)\s*=\s*"((?:[^"\\]|\\.)*)"'
_LABEL = r'[a-zA-Z_][a-zA-Z0-9_]*\s*=\s*"(?:[^"\\]|\\.)*"'
_LABELS = rf"\{{\s*(?:{_LABEL}(?:\s*,\s*{_LABEL})*\s*,?\s*)?\}}"
_NUMBER = r"[+-]?(?:[0-9][0-9.eE+-]*|\.[0-9]+|[iI][nN][fF]|[nN][aA][nN])"
# A value, then perhaps a time, then perhaps an OpenMetrics exemplar.
_SAMPLE = rf"\s*({_NAME}\s*{_LABELS}\s*|{_NAME}\s+)([^\s{{}}]+)(?:\s+([^\s#]\S*))?\s*(?:# \{{.*)?"
_OTHER_SAMPLE = rf"\s*{_NAME}(?:\s*{_LABELS}\s*|\s+){_NUMBER}(?:\s+{_NUMBER})?\s*(?:# \{{.*)?"
_NO_SAMPLE = literal('not a sample; expected name{label="value"} number [time]')
_NO_LABELS = literal('not {label="value", ...}')
# From 2015 until the year 5138: as milliseconds these would be days of 1970.
_IS_IN_SECONDS = "try_cast(time_text as double) between 1.42e9 and 1e11"


def load_text(connection: duckdb.DuckDBPyConnection, path: Path, prefixes: Sequence[str]) -> list[str]:
    """Fill `landed_samples` and `landed_series` with the samples whose metric starts so; gives notes on the file."""
    text = TextFile(path)
    is_ended = False
    connection.execute("create or replace temp table series_texts (number ubigint, series_text varchar)")
    for batch in text.batches():
        connection.register("landed_lines", batch.to_arrow())
        connection.execute(_insert_samples(prefixes))
        connection.execute(_NUMBER_SERIES)
        is_ended = is_ended or batch["text"].tail(1).str.strip_chars().eq("# EOF").any()
        connection.unregister("landed_lines")
    connection.execute(_insert_series())
    connection.execute("drop table series_texts; drop table if exists batch_samples")
    return [*text.notes, *([] if is_ended else _cut_off(connection))]


def load_plain_text(connection: duckdb.DuckDBPyConnection, path: Path, prefixes: Sequence[str]) -> list[str] | None:
    """The same by DuckDB alone, of lines that are `series} value [time]`; byte offsets are not known.

    None where a line is anything else that load_text would have to look at, or would not be there for DuckDB.
    """
    with path.open("rb") as file:
        lines = sum(piece.count(b"\n") for piece in iter(lambda: file.read(1 << 20), b""))
    try:
        return _load_plain_text(connection, path, prefixes, lines)
    except duckdb.Error:
        return None
    finally:
        connection.execute("drop table if exists text_lines; drop table if exists series_texts")


def _load_plain_text(
    connection: duckdb.DuckDBPyConnection, path: Path, prefixes: Sequence[str], lines: int
) -> list[str] | None:
    connection.execute(f"""
            create or replace temp table text_lines as
            select
                row_number() over () as line_number,
                hash(head) as series,
                {_starts(prefixes, "ltrim(head)")} as is_wanted,
                {_is_odd(prefixes)} as is_odd,
                head = '# EOF' as is_end,
                split_part(tail, ' ', 1) as value_text,
                nullif(split_part(tail, ' ', 2), '') as time_text
            from {_lines_of(path)};
            create or replace temp table series_texts as
            select series as number, any_value(head) || '}}' as series_text, min(head) <> max(head) as is_odd
            from (select hash(head) as series, head from {_lines_of(path)} where {_starts(prefixes, "head")})
            group by series""")
    found = connection.execute("""
        select
            count(*), bool_or(is_odd) or (select bool_or(is_odd) from series_texts), bool_or(is_end)
        from text_lines""").fetchone()
    if found is None or found[0] != lines or found[1]:
        return None
    connection.execute(f"""
        insert into landed_samples (row_number, series, value_text, time_text)
        select line_number, series, value_text, time_text from text_lines where is_wanted;
        {_insert_series()}""")
    return [] if found[2] else _cut_off(connection)


def _lines_of(path: Path) -> str:
    """Each line cut behind its labels; one with two such places is an error."""
    return f"""
        read_csv(
            {literal(path)}, delim = '}} ', quote = '', escape = '', header = false, auto_detect = false,
            null_padding = true, columns = {{'head': 'varchar', 'tail': 'varchar'}}
        )"""


def _starts(prefixes: Sequence[str], text: str) -> str:
    return "(" + " or ".join(f"starts_with({text}, {literal(prefix)})" for prefix in prefixes) + ")"


def _is_odd(prefixes: Sequence[str]) -> str:
    is_sample = (
        "split_part(tail, ' ', 1) <> '' and split_part(tail, ' ', 3) = '' and not regexp_matches(tail, '[\\t#]')"
    )
    line = "head || coalesce('} ' || tail, '')"
    return f"""
        case
            when {_starts(prefixes, "ltrim(head)")}
                then not coalesce({_starts(prefixes, "head")} and {is_sample}, false)
            else not (starts_with(ltrim(head), '#') or regexp_full_match({line}, {literal(_OTHER_SAMPLE)}))
        end"""


def _insert_samples(prefixes: Sequence[str]) -> str:
    """Nearly every line is `series} value [time]`: what follows the last brace is cut off before any pattern runs."""
    is_wanted = _starts(prefixes, "start")
    return f"""
        create or replace temp table batch_samples as
        with
        lines as (
            select
                *,
                ltrim(text) as start,
                {is_wanted} as is_wanted,
                case when not contains(text, ' # ') then split_part(text, '}} ', -1) end as tail
            from landed_lines
        ),
        wanted as (
            select *
            from lines
            where problem is not null
                or is_wanted
                or not (starts_with(start, '#') or regexp_full_match(text, {literal(_OTHER_SAMPLE)}))
        ),
        short as (
            select
                *,
                case
                    when is_wanted and length(tail) < length(text)
                        then regexp_extract(tail, '^(\\S+)(?:[ \\t]+(\\S+))?\\s*$', ['value', 'time'])
                end as short
            from wanted
        ),
        long as (
            select
                *,
                coalesce(short.value, '') <> '' as is_short,
                case
                    when is_wanted and not is_short and regexp_full_match(text, {literal(_SAMPLE)})
                        then regexp_extract(text, {literal(f"^{_SAMPLE}$")}, ['series', 'value', 'time'])
                end as long
            from short
        )
        select
            line_number,
            byte_offset,
            trim(
                case when is_short then left(text, length(text) - length(tail) - 1) else long.series end, ' ' || chr(9)
            ) as series_text,
            case when is_short then short.value else long.value end as value_text,
            nullif(case when is_short then short.time else long.time end, '') as time_text,
            case
                {reject("problem is not null", "line", "problem")}
                {reject("not is_short and long is null", "line", _NO_SAMPLE)}
            end as problem
        from long"""


# A series' text is some hundred bytes long: it is kept once, and its samples have a number.
_NUMBER_SERIES = """
    insert into series_texts
    select (select count(*) from series_texts) + row_number() over () as number, series_text
    from (
        select distinct series_text from batch_samples
        where problem is null and series_text not in (select series_text from series_texts)
    );
    insert into landed_samples (row_number, byte_offset, series, value_text, time_text, problem)
    select
        line_number, byte_offset, number, value_text, time_text, problem
    from batch_samples left join series_texts using (series_text)"""


def _insert_series() -> str:
    series = rf"{_NAME}\s*(?:{_LABELS})?"
    unescaped = r"""replace(replace(replace(replace(v, '\\', chr(1)), '\n', chr(10)), '\"', '"'), chr(1), '\')"""
    return f"""
        insert into landed_series
        with
        labelled as (
            select
                number,
                series_text as series,
                regexp_extract_all(series, {literal(_LABEL_PARTS)}, 1) as label_names,
                regexp_extract_all(series, {literal(_LABEL_PARTS)}, 2) as label_values
            from series_texts
        )
        select
            number,
            regexp_extract(series, '^{_NAME}'),
            label_names,
            [case when contains(v, '\\') then {unescaped} else v end for v in label_values],
            case
                {reject(f"not regexp_full_match(series, {literal(series)})", "labels", _NO_LABELS)}
                {reject("len(label_names) <> len(list_distinct(label_names))", "labels", "'a label stands twice'")}
            end
        from labelled"""


def _cut_off(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """OpenMetrics, which tells times in seconds, ends with a mark; text 0.0.4 does not."""
    seconds = connection.execute(f"select 1 from landed_samples where {_IS_IN_SECONDS} limit 1").fetchone()
    return ["OpenMetrics text without # EOF at its end; it may be cut off"] if seconds else []
