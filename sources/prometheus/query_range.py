"""The JSON of Prometheus' HTTP API (query_range, or an instant query): from results to samples and their series.

Samples are numbered through the file in the order of its results; there are no lines to name.
"""

import json
from collections.abc import Iterable
from glob import escape
from itertools import chain
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
import pyarrow as pa

from sources.feed import UnreadableFileError
from sources.lines import TextFile, is_gzip
from sources.reading import literal
from sources.sql_checks import reject

_ANSWER = """{
    status: 'varchar', errorType: 'varchar', error: 'varchar', warnings: 'varchar[]',
    data: 'struct(
        "resultType" varchar,
        result struct(metric map(varchar, varchar), value varchar[], "values" varchar[][])[]
    )'
}"""
# How Prometheus writes the samples of a series. Inside a text each quote has a backslash before it.
_BEGIN, _BETWEEN, _END = b'"values":[[', b'"],[', b'"]]'
# Below it a time is in seconds, from it on in milliseconds (samples.py).
_LEAST_MS = 1e11


def load_numbers(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str] | None:
    """The same, in the order of time, of one answer with series written `[time,"value"]` without a space.

    The samples become lines of numbers; what is left of the answer is small. None where anything is not so.
    """
    text = TextFile(path)
    head, *parts = b"".join(text.pieces()).split(_BEGIN)
    if text.notes or not parts:
        return None
    cut = [part.partition(_END) for part in parts]
    try:
        answer = json.loads(
            (head + b"".join(b'"values":0' + rest for _, _, rest in cut)).decode(), object_pairs_hook=_once
        )
        series = _series(answer, len(parts))
        samples = _numbers([samples for samples, _, _ in cut])
    except (ValueError, TypeError, LookupError, pl.exceptions.PolarsError):
        return None
    if samples is None:
        return None
    connection.register("series_read", series)
    connection.execute("insert into landed_series select * from series_read")
    connection.unregister("series_read")
    connection.register("numbers_read", samples)
    connection.execute(_SHOW_NUMBERS)
    return _warnings(answer.get("warnings") or [])


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key stands twice")
    return found


def _series(answer: Any, count: int) -> pa.Table:
    """The series of an answer whose samples were cut out, a zero in their place."""
    results = answer["data"]["result"]
    if answer["status"] != "success" or answer["data"]["resultType"] != "matrix":
        raise ValueError("not an answer with series")
    if [result["values"] for result in results] != [0] * count:
        raise ValueError("samples stand somewhere else")
    metrics = [result["metric"] for result in results]
    names = [metric.pop("__name__") for metric in metrics]
    ends = pa.array(np.cumsum([0, *map(len, metrics)]), pa.int32())
    # Flat, since Arrow takes five times as long over lists of lists.
    label_names, label_values = ([*chain.from_iterable(texts)] for texts in (metrics, map(dict.values, metrics)))
    return pa.table(
        {
            "series": pa.array(np.arange(1, count + 1), pa.uint64()),
            "name": pa.array(names, pa.string()),
            "label_names": pa.ListArray.from_arrays(ends, pa.array(label_names, pa.string())),
            "label_values": pa.ListArray.from_arrays(ends, pa.array(label_values, pa.string())),
            "problem": pa.nulls(count, pa.string()),
        }
    )


def _numbers(parts: list[bytes]) -> pa.Table | None:
    """Times and values of the series' samples, by time; None where not all are numbers, or times of both units."""
    counts = np.array([part.count(_BETWEEN) + 1 for part in parts])
    count = int(counts.sum())
    samples = _BETWEEN.join(parts)
    numbers = samples.translate(None, b'["]')
    # Each sample is `time,"value`: no other quote or bracket is left, and what they hold is a number.
    if samples.count(b',"') != count or len(samples) - len(numbers) != 3 * (count - 1) + count:
        return None
    # One line a number: the times and the values in turn.
    schema = {"number": pl.Float64}
    column = pl.read_csv(numbers, has_header=False, schema=schema, eol_char=",", quote_char=None).to_series()
    if column.len() != 2 * count or column.null_count():
        return None
    moments, values = column.to_numpy().reshape(-1, 2).T
    are_short = moments < _LEAST_MS
    if are_short.any() != are_short.all():
        return None
    if (counts == counts[0]).all():
        # Answers of query_range have the same steps in every series: by time they lie across, and nothing is sorted.
        by_series = moments.reshape(len(parts), -1)
        steps = by_series[0]
        if (by_series == steps).all() and (np.diff(steps) > 0).all():
            return pa.table(
                {
                    "row_number": np.arange(1, count + 1).reshape(by_series.shape).T.ravel(),
                    "series": np.tile(np.arange(1, len(parts) + 1, dtype=np.uint64), len(steps)),
                    "value": values.reshape(by_series.shape).T.ravel(),
                    "moment": np.repeat(steps, len(parts)),
                }
            )
    order = np.argsort(moments, kind="stable")
    series = np.repeat(np.arange(1, len(parts) + 1, dtype=np.uint64), counts)
    return pa.table(
        {"row_number": order + 1, "series": series[order], "value": values[order], "moment": moments[order]}
    )


def load_query_range(connection: duckdb.DuckDBPyConnection, path: Path) -> list[str]:
    """Fill `landed_samples` and `landed_series` with every sample of the answers; gives Prometheus' own warnings."""
    try:
        connection.execute(f"""
            create or replace temp table answers as
            select row_number() over () as answer, *
            from read_json(
                {literal(escape(str(path)))}, format = 'unstructured', columns = {_ANSWER},
                maximum_object_size = {_size(path) + 1},
                compression = '{"gzip" if is_gzip(path) else "none"}'
            )""")
    except duckdb.Error as error:
        reason = str(error).partition("\n")[0].replace(str(path), path.name)
        raise UnreadableFileError(f"not the JSON of a Prometheus query: {reason}", "file") from error
    _check_answers(connection)
    connection.execute(f"{_INSERT_SERIES}; {_INSERT_SAMPLES}")
    notes = connection.execute("select unnest(warnings) from answers").fetchall()
    connection.execute("drop table answers")
    return _warnings(warning for (warning,) in notes)


def _warnings(said: Iterable[str]) -> list[str]:
    return [f"Prometheus warns: {warning}" for warning in sorted(set(said))]


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

# A view: samples that nothing is wrong with need to be in a table once, when they are judged.
_SHOW_NUMBERS = """
    drop table landed_samples;
    create temp view landed_samples as
    select
        cast(row_number as bigint) as row_number,
        cast(null as bigint) as byte_offset,
        series,
        cast(null as varchar) as value_text,
        cast(null as varchar) as time_text,
        value,
        moment,
        cast(null as varchar) as problem
    from numbers_read"""

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
