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
from sources.lines import TextFile, byte_offsets, plain_file
from sources.prometheus import tables
from sources.prometheus.query_range import load_numbers, load_query_range
from sources.prometheus.text import load_plain_text, load_text
from sources.quarantine import Reject
from sources.reading import copy_good_rows, finish, literal
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
        sentinels: (SQL over `metric`, SQL over `value`, what it means), first match.
    """

    prefixes: Sequence[str]
    is_row: str
    metric: str
    labels: Mapping[str, str]
    required: Mapping[str, str]
    sentinels: Sequence[tuple[str, str, str]]

    @property
    def columns(self) -> dict[str, str]:
        return {"sampled_at": "TIMESTAMP", **dict.fromkeys(self.labels, "VARCHAR"), **SAMPLE_COLUMNS}


def label(*names: str) -> str:
    """SQL of the first of these labels that says something."""
    texts = [f"nullif(label_values[list_position(label_names, {literal(name)})], '')" for name in names]
    return f"coalesce({', '.join(texts)})"


def pod_labels(pod: str, name: str, is_one: str) -> str:
    """SQL of a pod's labels by name, |name=value| of each. `name` and `is_one` are SQL over `entry`, name and value."""
    return f"""
        case when {pod} is not null then nullif('|' || array_to_string(list_sort([
            {name} || '=' || entry[2] || '|' for entry in list_zip(label_names, label_values)
            if not contains(entry[2], '|') and {is_one}
        ]), ''), '|') end"""


def read_samples(
    feed: SampleFeed, file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path
) -> ReadResult:
    """Read one landed file of `feed`, query_range JSON or exposition text."""
    is_json = file.name.removesuffix(".gz").endswith(".json")

    def load(connection: duckdb.DuckDBPyConnection) -> list[str]:
        return load_query_range(connection, file.path) if is_json else load_text(connection, file.path, feed.prefixes)

    def load_quickly(connection: duckdb.DuckDBPyConnection) -> list[str] | None:
        if is_json:
            return load_numbers(connection, file.path)
        with plain_file(TextFile(file.path), context.work_dir) as plain:
            return load_plain_text(connection, plain, feed.prefixes) if plain else None

    return read_loaded(feed, file, context, out_parquet, out_rejects, load, load_quickly, is_json=is_json)


def read_loaded(
    feed: SampleFeed,
    file: LandedFile,
    context: ReadContext,
    out_parquet: Path,
    out_rejects: Path,
    load: Callable[[duckdb.DuckDBPyConnection], list[str]],
    load_quickly: Callable[[duckdb.DuckDBPyConnection], list[str] | None] = lambda connection: None,
    *,
    is_json: bool = False,
) -> ReadResult:
    """Judge and write what `load` puts into the tables of sources.prometheus.tables; it gives notes on the file.

    `load_quickly` does the same in less time, or gives None. What it makes of JSON is in the order of time and can name
    no sample at fault.
    """
    connection = context.connection
    latest = context.now + timedelta(days=1)
    tables.create(connection)
    # A second thread mostly waits for the first, at a third more CPU.
    connection.execute("set threads = 1")
    notes, bad = load_quickly(connection), None
    if notes is not None:
        _judge(connection, feed, file, latest, is_json=is_json)
        bad = _copy(connection, feed, "judged_samples", "problem", out_parquet) if is_json else None
    if notes is None or bad:
        tables.create(connection)
        notes, bad = load(connection), None
        _judge(connection, feed, file, latest, is_json=is_json)
    if bad is None:
        connection.execute(_SORT)
        sorted_samples = "sorted_samples left join labelled_series using (series)"
        bad = _copy(connection, feed, sorted_samples, "nullif(is_good, true)", out_parquet)
    rejects = [Reject(None, None, "file", note) for note in notes]
    if bad:
        rejects += _rejects(connection, file, is_json=is_json)
    _drop(connection, feed)
    tables.drop(connection)
    connection.execute("reset threads")
    return finish(connection, out_parquet, out_rejects, rejects, time_column="sampled_at")


def _judge(
    connection: duckdb.DuckDBPyConnection, feed: SampleFeed, file: LandedFile, latest: datetime, *, is_json: bool
) -> None:
    _drop(connection, feed)
    connection.execute(_label_series(feed, file))
    # A line that is no sample has no series. Inner joins of dense numbers need no hash table.
    join = "inner join" if is_json else "left join"
    connection.execute(_judge_samples(feed, join, _file_time(file), latest))


def _copy(
    connection: duckdb.DuckDBPyConnection, feed: SampleFeed, samples: str, problem: str, out_parquet: Path
) -> int:
    """The good samples to Parquet, in the order they have; gives the number of the others.

    A join keeps the order of its left side as long as DuckDB does not swap the sides.
    """
    connection.execute("set disabled_optimizers = 'join_order,build_side_probe_side'")
    columns = ", ".join(f'"{name}"' for name in feed.columns)
    bad = copy_good_rows(connection, f"select {columns} from {samples}", problem, out_parquet)
    connection.execute("reset disabled_optimizers; set threads = 1")
    return bad


def _drop(connection: duckdb.DuckDBPyConnection, feed: SampleFeed) -> None:
    types = "; ".join(f"drop type if exists label_{name}" for name in _texts(feed))
    connection.execute(f"""
        drop view if exists judged_samples; drop table if exists sorted_samples; drop table if exists labelled_series;
        {types}""")


def _texts(feed: SampleFeed) -> list[str]:
    return ["metric", *feed.labels, "file_hash"]


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


def _judge_samples(feed: SampleFeed, join: str, file_time: datetime | None, latest: datetime) -> str:
    """One row per sample of the feed, with what is wrong with it. A file's time stands in where a sample has none.

    A view, since only the few wrong ones are looked at again.
    """
    own_micros = "moment * case when abs(moment) < 1e11 then 1e6 else 1e3 end"
    names = [f"may_be_sentinel_{number}" for number in range(len(feed.sentinels))] + ["name", *_texts(feed)]
    columns = " ".join(f"labelled_series.{name}," for name in names)
    file_micros = f"epoch_us(timestamp {literal(str(file_time))})" if file_time else "null"
    return f"""
        create or replace temp view judged_samples as
        with
        typed as (
            select
                landed_samples.row_number,
                landed_samples.byte_offset,
                landed_samples.value_text,
                landed_samples.time_text,
                landed_samples.series,
                {columns}
                coalesce(landed_samples.problem, series_problem) as shape_problem,
                coalesce(
                    value, case when not contains(value_text, '_') then try_cast(value_text as double) end
                ) as value,
                coalesce(
                    moment, case when not contains(time_text, '_') then try_cast(time_text as double) end
                ) as moment,
                moment is null and time_text is null as is_untimed
            from landed_samples
            {join} labelled_series using (series)
            where coalesce(is_row, true)
        ),
        timed as (
            select *, case when is_untimed then {file_micros} else {own_micros} end as micros
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
            row_number, byte_offset, series, value, sampled_at, problem, time_text, name, {", ".join(_texts(feed))}
        from judged"""


# Before the labels join them, since a sort of wide rows takes most of a read; to sort what a table holds takes two
# thirds of the CPU of sorting while judging.
_SORT = """
    create or replace temp table narrow_samples as
    select series, sampled_at, value, row_number, problem is null as is_good from judged_samples;
    create or replace temp table sorted_samples as from narrow_samples order by sampled_at, row_number;
    drop table narrow_samples"""


def _label_series(feed: SampleFeed, file: LandedFile) -> str:
    """The columns that are the same for all samples of a series.

    Texts are enums, which Parquet holds as the texts they are: to look up each text takes as long as all the rest.
    """
    labels = ", ".join(f"{sql} as {column}" for column, sql in feed.labels.items())
    may_be = " ".join(
        f"{is_of_kind} as may_be_sentinel_{number}," for number, (is_of_kind, _, _) in enumerate(feed.sentinels)
    )
    missing = [reject(f"{column} is null", name, "'label is missing'") for column, name in feed.required.items()]
    enums = "; ".join(
        f"create temp type label_{name} as enum (select distinct {name} from series_labels where {name} is not null)"
        for name in _texts(feed)
    )
    typed = ", ".join(f"cast({name} as label_{name}) as {name}" for name in _texts(feed))
    return f"""
        create or replace temp table series_labels as
        with
        labelled as (
            select
                *, {literal(_stem(file))} as file_stem, {feed.is_row} as is_row, {feed.metric} as metric, {labels}
            from landed_series
        )
        select
            series, is_row, name, metric, {", ".join(feed.labels)}, {literal(file.identity)} as file_hash, {may_be}
            case when problem is not null then problem {" ".join(missing)} end as series_problem
        from labelled;
        {enums};
        create or replace temp table labelled_series as select * replace ({typed}) from series_labels;
        drop table series_labels"""


def _problems(feed: SampleFeed, latest: datetime) -> str:
    """Branches of the case that names the first thing wrong with a well-formed sample."""
    no_time = "no time on the line and no __at-YYYYMMDDTHHMMSSZ in the file name"
    wrong_time = found("time_text", f"a time from {_EARLIEST:%Y-%m-%d} to {latest:%Y-%m-%d %H:%M}, in s or ms")
    sentinel = "'sentinel ' || coalesce(value_text, cast(value as varchar))"
    is_in_range = f"sampled_at between {_moment(_EARLIEST)} and {_moment(latest)}"
    branches = [
        reject("micros is null and is_untimed", "time", literal(no_time)),
        reject(f"not coalesce({is_in_range}, false)", "time", wrong_time),
        reject("value is null", "value", found("value_text", "a number")),
        reject("not isfinite(value)", "value", f"{sentinel} || ': no value'"),
        *(
            reject(f"may_be_sentinel_{number} and ({is_none})", "value", f"{sentinel} || {literal(f': {meaning}')}")
            for number, (_, is_none, meaning) in enumerate(feed.sentinels)
        ),
    ]
    return " ".join(branches)


def _moment(moment: datetime) -> str:
    return f"timestamp {literal(str(moment.astimezone(UTC).replace(tzinfo=None)))}"


def _rejects(connection: duckdb.DuckDBPyConnection, file: LandedFile, *, is_json: bool) -> list[Reject]:
    """JSON has no lines, so its rejects name their sample's metric and time beside its number."""
    sample = "'; sample of ' || coalesce(name, 'no metric') || ' at ' || coalesce(time_text, 'no time')"
    place = f" || {sample}" if is_json else ""
    rows = connection.execute(f"""
        select row_number, byte_offset, split_part(problem, chr(9), 1), split_part(problem, chr(9), 2){place}
        from judged_samples where problem is not null order by row_number""").fetchall()
    unplaced = {row[0] for row in rows if row[1] is None}
    offsets = {} if is_json or not unplaced else byte_offsets(TextFile(file.path), unplaced)
    return [Reject(line, offsets.get(line, offset), field, reason) for line, offset, field, reason in rows]
