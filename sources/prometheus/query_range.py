"""The JSON of Prometheus' HTTP API (query_range, or an instant query): from results to samples and their series.

Samples are numbered through the file in the order of its results; there are no lines to name.
"""

from glob import escape
from mmap import ACCESS_READ, mmap
from pathlib import Path

import duckdb

from sources.feed import UnreadableFileError
from sources.lines import TextFile, is_gzip
from sources.reading import literal
from sources.sql_checks import reject

_ANSWER = """{{
    status: 'varchar', errorType: 'varchar', error: 'varchar', warnings: 'varchar[]',
    data: 'struct(
        "resultType" varchar, result struct(metric map(varchar, varchar), value {kind}[], "values" {kind}[][])[]
    )'
}}"""


def load_numbers(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str] | None:
    """The same by DuckDB's own reading of numbers; None where a sample is anything but two of them."""
    if is_gzip(path) or not path.stat().st_size:
        return None
    with path.open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
        # Words that DuckDB takes for 1 and 0.
        if data.find(b"true") >= 0 or data.find(b"false") >= 0:
            return None
    try:
        return _load(connection, path, "double", _SHOW_NUMBERS)
    except UnreadableFileError:
        return None


def load_query_range(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """Fill `landed_samples` and `landed_series` with every sample of the answers; gives Prometheus' own warnings."""
    return _load(connection, path, "varchar", _INSERT_SAMPLES)


def _load(connection: duckdb.DuckDBPyConnection, path: Path, kind: str, insert_samples: str) -> list[str]:
    try:
        connection.execute(f"""
            create or replace temp table answers as
            select row_number() over () as answer, *
            from read_json(
                {literal(escape(str(path)))}, format = 'unstructured', columns = {_ANSWER.format(kind=kind)},
                maximum_object_size = {_size(path) + 1},
                compression = '{"gzip" if is_gzip(path) else "none"}'
            )""")
    except duckdb.Error as error:
        reason = str(error).partition("\n")[0].replace(str(path), path.name)
        raise UnreadableFileError(f"not the JSON of a Prometheus query: {reason}", "file") from error
    _check_answers(connection)
    connection.execute(f"{_INSERT_SERIES}; {insert_samples}")
    notes = connection.execute("select distinct unnest(warnings) as warning from answers order by warning").fetchall()
    connection.execute("drop table answers")
    return [f"Prometheus warns: {warning}" for (warning,) in notes]


def _size(path: Path) -> int:
    """Bytes of the JSON, which DuckDB holds whole; gzip is inflated to the end first, since DuckDB checks no sums."""
    if not is_gzip(path):
        return path.stat().st_size
    text = TextFile(path)
    size = sum(len(piece) for piece in text.pieces())
    if text.notes:
        raise UnreadableFileError(text.notes[0], "file")
    return size


def _check_answers(connection: duckdb.DuckDBPyConnection) -> None:
    bad = connection.execute("""
        select status, error, data."resultType" from answers
        where status is distinct from 'success' or not coalesce(data."resultType" in ('matrix', 'vector'), false)
        order by answer limit 1""").fetchone()
    if bad is None:
        return
    status, error, kind = bad
    if status != "success":
        raise UnreadableFileError(f'found "{status}" ({error or "no error text"}); expected "success"', "status")
    raise UnreadableFileError(f'found "{kind}"; expected matrix or vector', "data.resultType")


# Samples are numbered by where their result begins; to sort them for it would cost as much as to read them.
_INSERT_SERIES = f"""
    create or replace temp table results as
    with
    unnested as (
        select answer, unnest(data.result) as result, generate_subscripts(data.result, 1) as position from answers
    ),
    paired as (
        select answer, position, result.metric as metric, coalesce(result."values", [result.value]) as pairs
        from unnested
    )
    select
        cast(row_number() over (order by answer, position) as ubigint) as series,
        metric,
        pairs,
        coalesce(sum(len(pairs)) over (
            order by answer, position rows between unbounded preceding and 1 preceding
        ), 0) as samples_before
    from paired;
    delete from answers where warnings is null;
    insert into landed_series
    select
        series,
        metric['__name__'],
        [name for name in map_keys(metric) if name <> '__name__'],
        [metric[name] for name in map_keys(metric) if name <> '__name__'],
        case {reject("metric['__name__'] is null", "metric.__name__", "'missing; expected a metric'")} end
    from results"""

# A view: samples that nothing is wrong with need to be in a table once, when they are judged. A time of '' is wrong.
_SHOW_NUMBERS = """
    drop table landed_samples;
    create temp view landed_samples as
    select
        cast(row_number as bigint) as row_number,
        cast(null as bigint) as byte_offset,
        series,
        cast(null as varchar) as value_text,
        case when pair[1] is null then '' end as time_text,
        case when len(pair) = 2 then pair[2] end as value,
        pair[1] as moment,
        cast(null as varchar) as problem
    from (
        select
            series, samples_before + generate_subscripts(pairs, 1) as row_number, unnest(pairs) as pair
        from results
    )"""

_INSERT_SAMPLES = f"""
    insert into landed_samples (row_number, byte_offset, series, value_text, time_text, problem)
    with
    placed as (
        select
            series,
            samples_before + generate_subscripts(pairs, 1) as row_number,
            unnest(pairs) as pair
        from results
    )
    select
        row_number,
        null,
        series,
        pair[2],
        pair[1],
        case {reject("pair is null or len(pair) <> 2", "values", "'not a pair of time and value'")} end
    from placed"""
