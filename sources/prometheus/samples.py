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
    notes = load_quickly(connection)
    if notes is not None:
        _judge(connection, feed, file, latest, is_by_time=is_json)
    if notes is None or (is_json and _is_any_wrong(connection)):
        tables.create(connection)
        notes = load(connection)
        _judge(connection, feed, file, latest, is_by_time=False)
    rejects = [*(Reject(None, None, "file", note) for note in notes), *_rejects(connection, file, is_json=is_json)]
    _copy(connection, feed, file, out_parquet)
    result = finish(connection, out_parquet, out_rejects, rejects, time_column="sampled_at")
    connection.execute("drop view judged_samples; drop table sorted_samples; drop table labelled_series")
    tables.drop(connection)
    connection.execute("reset threads")
    return result


def _judge(
    connection: duckdb.DuckDBPyConnection, feed: SampleFeed, file: LandedFile, latest: datetime, *, is_by_time: bool
) -> None:
    connection.execute(_label_series(feed, file))
    connection.execute(_judge_samples(feed, _file_time(file), latest))
    connection.execute(_KEEP if is_by_time else _SORT)


def _is_any_wrong(connection: duckdb.DuckDBPyConnection) -> bool:
    return connection.execute("select 1 from sorted_samples where not is_good limit 1").fetchone() is not None


def _copy(connection: duckdb.DuckDBPyConnection, feed: SampleFeed, file: LandedFile, out_parquet: Path) -> None:
    """The good samples to Parquet, by time.

    Sorted before the labels join them: a sort of wide rows takes most of a read. The join keeps the order of its left
    side as long as DuckDB does not swap the sides. Labels are enums, which Parquet holds as the texts they are: to look
    up each text again takes as long as all the rest.
    """
    texts = ["metric", *feed.labels]
    enums = "; ".join(
        f"create temp type label_{name} as enum (select distinct {name} from labelled_series where {name} is not null)"
        for name in texts
    )
    typed = ", ".join(f"cast({name} as label_{name}) as {name}" for name in texts)
    identity = f"cast({literal(file.identity)} as label_file_hash) as file_hash"
    columns = ", ".join(identity if name == "file_hash" else f'"{name}"' for name in feed.columns)
    connection.execute(f"""
        {enums};
        create temp type label_file_hash as enum ({literal(file.identity)});
        create or replace temp table sample_labels as
        select series, {typed} from labelled_series where coalesce(is_row, true);
        set disabled_optimizers = 'join_order,build_side_probe_side';
        copy (
            select {columns}
            from (select * from sorted_samples where is_good) as samples
            left join sample_labels using (series)
        ) to {literal(out_parquet)} {PARQUET};
        reset disabled_optimizers;
        drop table sample_labels;
        {"; ".join(f"drop type label_{name}" for name in (*texts, "file_hash"))}""")


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


def _judge_samples(feed: SampleFeed, file_time: datetime | None, latest: datetime) -> str:
    """One row per sample of the feed, with what is wrong with it. A file's time stands in where a sample has none.

    A view, since only the few wrong ones are looked at again.
    """
    own_micros = "moment * case when abs(moment) < 1e11 then 1e6 else 1e3 end"
    columns = " ".join(f"labelled_series.may_be_sentinel_{number}," for number in range(len(feed.sentinels)))
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
            left join labelled_series using (series)
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
            row_number, byte_offset, series, value, sampled_at, problem,
            time_text
        from judged"""


# What gets written is kept, by time: to sort what a table holds takes two thirds of the CPU of sorting while judging.
_NARROW = "select series, sampled_at, value, row_number, problem is null as is_good from judged_samples"
_KEEP = f"create or replace temp table sorted_samples as {_NARROW}"
_SORT = f"""
    create or replace temp table narrow_samples as {_NARROW};
    create or replace temp table sorted_samples as from narrow_samples order by sampled_at, row_number;
    drop table narrow_samples"""


def _label_series(feed: SampleFeed, file: LandedFile) -> str:
    """The columns that are the same for all samples of a series."""
    labels = ", ".join(f"{sql} as {column}" for column, sql in feed.labels.items())
    may_be = " ".join(
        f"{is_of_kind} as may_be_sentinel_{number}," for number, (is_of_kind, _, _) in enumerate(feed.sentinels)
    )
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
            series, is_row, name, metric, {", ".join(feed.labels)}, {may_be}
            case when problem is not null then problem {" ".join(missing)} end as series_problem
        from labelled"""


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
    if not _is_any_wrong(connection):
        return []
    rows = connection.execute(f"""
        select row_number, byte_offset, split_part(problem, chr(9), 1), split_part(problem, chr(9), 2){place}
        from judged_samples left join labelled_series using (series)
        where problem is not null order by row_number""").fetchall()
    unplaced = {row[0] for row in rows if row[1] is None}
    offsets = {} if is_json or not unplaced else byte_offsets(TextFile(file.path), unplaced)
    return [Reject(line, offsets.get(line, offset), field, reason) for line, offset, field, reason in rows]
