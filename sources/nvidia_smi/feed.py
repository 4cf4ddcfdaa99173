"""What `nvidia-smi --query-gpu=timestamp,uuid,... --format=csv` writes: a row per GPU and moment, a column per field.

Its times are local and name no zone, so the file has to: a sidecar `<file>.meta.json` with {"zone": "Europe/Berlin"}.
The node is the file's name before its dates. A field keeps the unit of its header as its name says it, such as
`power.draw [W]`. `[N/A]` and `[Not Supported]` are no samples.
"""

from pathlib import Path
from zoneinfo import available_timezones

import duckdb

from sources.feed import FeedTable, LandedFile, ReadContext, ReadResult, Rule, UnreadableFileError
from sources.landing import SIDECAR_SUFFIX
from sources.lines import TextFile
from sources.prometheus.samples import SampleFeed, label, read_loaded
from sources.reading import literal
from sources.sql_checks import found, reject

# Fields that say which GPU and when, not how much; none of them is a sample.
_IDENTITY = ("timestamp", "uuid", "gpu_uuid", "index", "name", "gpu_name")
_OTHER_UNIT = """'found "' || left(value.unit, 16) || '" under ' || field.name"""
_NO_VALUE = r"\[.*\]|N/A|Not Supported|Unknown Error"

_SAMPLES = SampleFeed(
    prefixes=(),
    is_row="true",
    metric="name",
    labels={
        "node_id": "file_stem",
        "gpu_uuid": label("uuid", "gpu_uuid"),
        "gpu_index": label("index"),
        "gpu_model": label("name", "gpu_name"),
    },
    required={"gpu_uuid": "uuid"},
    sentinels=(("metric like '%[\\%]' escape '\\'", "value not between 0 and 100", "a percentage outside 0 to 100"),),
)


def _read(file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path) -> ReadResult:
    zone = _zone(file)

    def load(connection: duckdb.DuckDBPyConnection) -> list[str]:
        return _load(connection, file.path, zone)

    return read_loaded(_SAMPLES, file, context, out_parquet, out_rejects, load)


def _zone(file: LandedFile) -> str:
    expected = f'{file.name}{SIDECAR_SUFFIX} with {{"zone": "Europe/Berlin"}}, or "UTC"'
    if file.zone is None:
        raise UnreadableFileError(f"nvidia-smi writes local times without a zone; expected {expected}", "zone")
    if file.zone not in available_timezones():
        raise UnreadableFileError(f'found "{file.zone}" as zone; expected {expected}', "zone")
    return file.zone


def _load(connection: duckdb.DuckDBPyConnection, path: Path, zone: str) -> list[str]:
    text = TextFile(path)
    header: list[str] | None = None
    for batch in text.batches():
        connection.register("landed_lines", batch.to_arrow())
        if header is None:
            header = _header(batch["text"][0])
        connection.execute(_insert_samples(header, zone))
        connection.unregister("landed_lines")
    return text.notes


def _header(line: str | None) -> list[str]:
    fields = [field.strip() for field in (line or "").split(",")]
    if "timestamp" not in fields or not {"uuid", "gpu_uuid"} & {*fields}:
        raise UnreadableFileError(
            f'found "{(line or "")[:60]}"; expected a header of --format=csv with timestamp and uuid in --query-gpu',
            "header",
            1,
        )
    if len({*fields}) < len(fields):
        raise UnreadableFileError("a field stands twice", "header", 1)
    return fields


def _insert_samples(header: list[str], zone: str) -> str:
    """Every line as many samples as it has fields; where the time or the line is wrong, one that says so."""
    place = {name: number for number, name in enumerate(header, 1)}
    names = [name for name in _IDENTITY if name in place and name != "timestamp"]
    fields = [name for name in header if name not in _IDENTITY]
    cells = ", ".join(f"{{'name': {literal(name)}, 'text': cells[{place[name]}]}}" for name in fields)
    labels = ", ".join(f"cells[{place[name]}]" for name in names)
    texts = " || chr(31) || ".join([*(f"cells[{place[name]}]" for name in names), "field.name"])
    series = f"hash({texts})"
    return f"""
        create or replace temp table smi_lines as {_timed_lines(header, place["timestamp"], zone)};
        create or replace temp table smi_samples as
        select line_number, byte_offset, cells, utc, unnest([{cells}]) as field
        from smi_lines where line_problem is null;
        insert into landed_samples (row_number, byte_offset, series, value_text, time_text, problem)
        select line_number, byte_offset, null, null, null, line_problem from smi_lines where line_problem is not null
        union all
        select
            line_number,
            byte_offset,
            {series},
            value.number,
            cast(epoch_us(utc) / 1e6 as varchar),
            case {reject("not contains(field.name, '[' || nullif(value.unit, '') || ']')", "unit", _OTHER_UNIT)} end
        from (
            select *, regexp_extract(field.text, '^(\\S+)(?:\\s+(.+))?$', ['number', 'unit']) as value
            from smi_samples where not regexp_full_match(field.text, {literal(_NO_VALUE)})
        );
        insert into landed_series
        select distinct {series}, field.name, {names}, [{labels}], cast(null as varchar)
        from smi_samples where {series} not in (select series from landed_series);
        drop table smi_lines; drop table smi_samples"""


def _timed_lines(header: list[str], time_place: int, zone: str) -> str:
    """The lines, cut into cells, with their time in UTC or what is wrong with them."""
    time, to_local = f"cells[{time_place}]", f"at time zone 'UTC' at time zone {literal(zone)}"
    # A local time of the hour that clocks go back is two moments, one of the hour they skip is none.
    is_twice = " or ".join(f"(utc {sign} interval 1 hour) {to_local} = local" for sign in "+-")
    return f"""
        with
        split as (
            select *, [trim(cell) for cell in string_split(text, ',')] as cells
            from landed_lines
            where text is null or [trim(cell) for cell in string_split(text, ',')] <> {header}
        ),
        timed as (
            select *, try_strptime({time}, ['%Y/%m/%d %H:%M:%S.%g', '%Y/%m/%d %H:%M:%S']) as local from split
        ),
        placed as (
            select *, local at time zone {literal(zone)} at time zone 'UTC' as utc from timed
        )
        select
            *,
            case
                {reject("problem is not null", "line", "problem")}
                {reject(f"len(cells) <> {len(header)}", "line", literal(f"not a row of {len(header)} fields"))}
                {reject("local is null", "timestamp", found(time, "a time such as 2026/08/10 09:20:46.000"))}
                {reject(f"utc {to_local} <> local", "timestamp", literal(f"a time that clocks of {zone} skip"))}
                {reject(is_twice, "timestamp", literal(f"a time that is two moments in {zone}"))}
            end as line_problem
        from placed"""


SAMPLES = FeedTable(
    feed="nvidia_smi",
    table="samples",
    reader_version=1,
    columns=_SAMPLES.columns,
    identity="snapshot",
    suffixes=(".csv", ".csv.gz"),
    read=_read,
    contract={
        **dict.fromkeys(("sampled_at", "node_id", "gpu_uuid", "metric", "value", "file_hash"), Rule(is_required=True)),
        "row_number": Rule(is_required=True, minimum=1),
    },
    description="One row per field of a GPU that nvidia-smi showed.",
    replaces_same_name=True,
)
