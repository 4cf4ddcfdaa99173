"""From a landed Prometheus file to lake rows: times, values and labels checked by the rules of a feed.

A value that stands for "no value" is rejected by name, never stored and never 0: missing is not idle.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb

from sources.feed import PROVENANCE_COLUMNS, LandedFile, ReadContext, ReadResult, UnreadableFileError
from sources.prometheus import tables
from sources.prometheus.query_range import load_query_range
from sources.prometheus.text import load_text
from sources.quarantine import Reject
from sources.reading import PARQUET, finish, literal
from sources.sql_checks import found, reject

SUFFIXES = (".json", ".json.gz", ".prom", ".prom.gz", ".txt", ".txt.gz")
SAMPLE_COLUMNS: Mapping[str, str] = {"metric": "VARCHAR", "value": "DOUBLE", **PROVENANCE_COLUMNS}
_FILE_TIME = re.compile(r"__at-(\d{8}T\d{6})Z(?=\.)")
_TIMES = re.compile(r"(__|[_-]?\d{4}-\d\d-\d\d).*")
# No exporter wrote before; a time before it is seconds taken for milliseconds, or a clock that was never set.
_EARLIEST = datetime(2015, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class SampleFeed:
    """What a feed takes from Prometheus. SQL texts may use `name` (the metric's), `label(...)` and `file_stem`.

    Attributes:
        prefixes: how the metrics start that are this feed's; all others are not rows.
        is_row: SQL; false for series of these metrics that describe something else.
        metric: SQL; the canonical metric.
        labels: lake column -> SQL of its text.
        required: lake column -> the label it comes from, as people know it.
        sentinels: (SQL over `metric` and `value`, what it means), first match.
    """

    prefixes: Sequence[str]
    is_row: str
    metric: str
    labels: Mapping[str, str]
    required: Mapping[str, str]
    sentinels: Sequence[tuple[str, str]]

    @property
    def columns(self) -> dict[str, str]:
        return {"sampled_at": "TIMESTAMP", **dict.fromkeys(self.labels, "VARCHAR"), **SAMPLE_COLUMNS}


def label(*names: str) -> str:
    """SQL of the first of these labels that says something."""
    texts = [f"nullif(label_values[list_position(label_names, {literal(name)})], '')" for name in names]
    return f"coalesce({', '.join(texts)})"


def read_samples(
    feed: SampleFeed, file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path
) -> ReadResult:
    """Read one landed file of `feed`, query_range JSON or exposition text."""
    is_json = file.name.removesuffix(".gz").endswith(".json")

    def load(connection: duckdb.DuckDBPyConnection) -> list[str]:
        return load_query_range(connection, file.path) if is_json else load_text(connection, file.path, feed.prefixes)

    return read_loaded(feed, file, context, out_parquet, out_rejects, load, is_json=is_json)


def read_loaded(
    feed: SampleFeed,
    file: LandedFile,
    context: ReadContext,
    out_parquet: Path,
    out_rejects: Path,
    load: Callable[[duckdb.DuckDBPyConnection], list[str]],
    *,
    is_json: bool = False,
) -> ReadResult:
    """Judge and write what `load` puts into the tables of sources.prometheus.tables; it gives notes on the file."""
    connection = context.connection
    tables.create(connection)
    notes = load(connection)
    connection.execute(_label_series(feed, file))
    connection.execute(_judge(feed, file, _file_time(file), context.now + timedelta(days=1)))
    columns = ", ".join(f'"{name}"' for name in feed.columns if name != "file_hash")
    # Sorted before the labels join them: a sort of wide rows takes most of a read. The join keeps the order of its
    # left side as long as DuckDB does not swap the sides.
    connection.execute(f"""
        create or replace temp table sorted_samples as
        select series, sampled_at, value, row_number from judged_samples where problem is null
        order by sampled_at, row_number;
        set disabled_optimizers = 'join_order,build_side_probe_side';
        copy (
            select {columns.replace('"row_number"', f'{literal(file.identity)} as file_hash, "row_number"')}
            from sorted_samples left join labelled_series using (series)
        ) to {literal(out_parquet)} {PARQUET};
        reset disabled_optimizers""")
    rejects = [*(Reject(None, None, "file", note) for note in notes), *_rejects(connection, is_json=is_json)]
    result = finish(connection, out_parquet, out_rejects, rejects, time_column="sampled_at")
    connection.execute("drop table judged_samples; drop table sorted_samples; drop table labelled_series")
    tables.drop(connection)
    return result


def _file_time(file: LandedFile) -> datetime | None:
    """When a scrape without times was made: its name says so, else when it was retrieved."""
    match = _FILE_TIME.search(file.name)
    if match is None:
        return file.retrieved_at
    try:
        return datetime.fromisoformat(match[1])
    except ValueError as error:
        expected = "a time such as 20261110T120000Z"
        raise UnreadableFileError(f'found "{match[1]}Z" after __at-; expected {expected}', "file name") from error


def _stem(file: LandedFile) -> str:
    """The file's name without its times and suffix: who was scraped, where nothing else says so."""
    suffixes = sorted((*SUFFIXES, ".csv", ".csv.gz"), key=len, reverse=True)
    suffix = next((suffix for suffix in suffixes if file.name.endswith(suffix)), "")
    return _TIMES.sub("", file.name.removesuffix(suffix))


def _judge(feed: SampleFeed, file: LandedFile, file_time: datetime | None, latest: datetime) -> str:
    """One row per sample of the feed, with what is wrong with it. A file's time stands in where a sample has none."""
    own_micros = "moment * case when abs(moment) < 1e11 then 1e6 else 1e3 end"
    file_micros = f"epoch_us(timestamp {literal(str(file_time))})" if file_time else "null"
    return f"""
        create or replace temp table judged_samples as
        with
        typed as (
            select
                landed_samples.row_number,
                landed_samples.byte_offset,
                landed_samples.value_text,
                landed_samples.time_text,
                landed_samples.series,
                labelled_series.name,
                labelled_series.metric,
                coalesce(landed_samples.problem, series_problem) as shape_problem,
                case when not contains(value_text, '_') then try_cast(value_text as double) end as value,
                case when not contains(time_text, '_') then try_cast(time_text as double) end as moment
            from landed_samples
            left join labelled_series using (series)
            where coalesce(is_row, true)
        ),
        timed as (
            select *, case when time_text is null then {file_micros} else {own_micros} end as micros
            from typed
        ),
        placed as (
            select
                *,
                case when abs(micros) < 9e18 then make_timestamp(cast(round(micros) as bigint)) end as sampled_at
            from timed
        ),
        judged as (
            select *, case when shape_problem is not null then shape_problem {_problems(feed, latest)} end as problem
            from placed
        )
        select
            row_number, byte_offset, series, value, sampled_at, problem,
            case when problem is not null then name end as name,
            case when problem is not null then time_text end as time_text
        from judged"""


def _label_series(feed: SampleFeed, file: LandedFile) -> str:
    """The columns that are the same for all samples of a series."""
    labels = ", ".join(f"{sql} as {column}" for column, sql in feed.labels.items())
    missing = [reject(f"{column} is null", name, "'label is missing'") for column, name in feed.required.items()]
    return f"""
        create or replace temp table labelled_series as
        with
        labelled as (
            select
                *, {literal(_stem(file))} as file_stem, {feed.is_row} as is_row, {feed.metric} as metric, {labels}
            from landed_series
        )
        select
            series, is_row, name, metric, {", ".join(feed.labels)},
            case when problem is not null then problem {" ".join(missing)} end as series_problem
        from labelled"""


def _problems(feed: SampleFeed, latest: datetime) -> str:
    """Branches of the case that names the first thing wrong with a well-formed sample."""
    no_time = "no time on the line and no __at-YYYYMMDDTHHMMSSZ in the file name"
    wrong_time = found("time_text", f"a time from {_EARLIEST:%Y-%m-%d} to {latest:%Y-%m-%d %H:%M}, in s or ms")
    is_in_range = f"sampled_at between {_moment(_EARLIEST)} and {_moment(latest)}"
    branches = [
        reject("micros is null and time_text is null", "time", literal(no_time)),
        reject(f"not coalesce({is_in_range}, false)", "time", wrong_time),
        reject("value is null", "value", found("value_text", "a number")),
        reject("not isfinite(value)", "value", "'sentinel ' || value_text || ': no value'"),
        *(
            reject(condition, "value", f"'sentinel ' || value_text || {literal(f': {meaning}')}")
            for condition, meaning in feed.sentinels
        ),
    ]
    return " ".join(branches)


def _moment(moment: datetime) -> str:
    return f"timestamp {literal(str(moment.astimezone(UTC).replace(tzinfo=None)))}"


def _rejects(connection: duckdb.DuckDBPyConnection, *, is_json: bool) -> list[Reject]:
    """JSON has no lines, so its rejects name their sample's metric and time beside its number."""
    sample = "'; sample of ' || coalesce(name, 'no metric') || ' at ' || coalesce(time_text, 'no time')"
    place = f" || {sample}" if is_json else ""
    rows = connection.execute(f"""
        select row_number, byte_offset, split_part(problem, chr(9), 1), split_part(problem, chr(9), 2){place}
        from judged_samples where problem is not null order by row_number""").fetchall()
    return [Reject(*row) for row in rows]
