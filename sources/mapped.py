"""Reading a log or bill by a mapping: for every lake column, where it stands in the file and what it may be.

Files are NDJSON, JSON (one object or list, or a list inside an object), CSV with a header, or Parquet, each plain or
gzipped where that is usual. Every record becomes one JSON text, so one set of rules types all formats. A record with a
value that does not fit is rejected with line, field and reason; the others are kept, in the order of the file.
"""

import csv
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Literal

import duckdb
import polars as pl

from sources.csv_lines import set_line_numbers
from sources.feed import LandedFile, ReadContext, ReadResult, UnreadableFileError
from sources.lines import TextFile, without_mark
from sources.quarantine import Reject
from sources.reading import PARQUET, finish, literal
from sources.sql_checks import day, found, moment, one_of, reject
from sources.user_keys import set_hash_key, user_key_sql

Kind = Literal["text", "user", "count", "quantity", "money", "moment", "epoch", "date", "boolean"]

_EXPECTED: Mapping[Kind, str] = {
    "count": "a whole number, not negative",
    "quantity": "a number, not negative",
    "money": "a decimal number",
    "moment": "a time such as 2026-10-31T09:15:00Z",
    "epoch": "a time as a number since 1970",
    "date": "a day such as 2026-10-31",
    "boolean": "true or false",
}
# Floats are how JSON writers and spreadsheets put whole numbers: 12.0 is 12, 12.5 tokens are not.
_COUNT = r"\d{1,15}(\.0+)?"
_NUMBER = r"\d{1,14}(\.\d+)?([eE]-?\d{1,3})?"
_EPOCH = r"\d{9,19}(\.\d+)?"
FIELD_SAMPLE_ROWS = 1000
# About 32 MB of lines.
_BATCHES_AT_ONCE = 8
# Before the field of a problem that fails the whole file.
_FATAL = "!"
_EPOCH_UNITS = {"s": 1_000_000, "ms": 1_000, "us": 1, "ns": 0.001}


@dataclass(frozen=True)
class Value:
    """One lake column. `at` lists places, the first that holds something counts: `/usage/input` is a key in an object,
    `/usage_details//input` a key in the JSON text that the first place holds, a bare name a column of a CSV file.

    `spellings` turns what the file says (lower case) into our word, other words become `otherwise` or stay; `allowed`
    closes the list, `is_closed` fails the whole file for another word. `times` scales money and quantities (cents:
    0.01). `formats` are strptime's, for moments that are not ISO 8601. `sql` computes the value from columns before it
    instead.
    """

    at: tuple[str, ...] = ()
    kind: Kind = "text"
    is_required: bool = False
    default: str | None = None
    spellings: Mapping[str, str] = field(default_factory=dict)
    otherwise: str | None = None
    allowed: frozenset[str] | None = None
    is_closed: bool = False
    times: str | None = None
    unit: Literal["s", "ms", "us", "ns"] = "s"
    formats: tuple[str, ...] = ()
    sql: str | None = None
    is_past: bool = False


Closed = tuple[tuple[tuple[str, ...], frozenset[str]], ...]


@dataclass(frozen=True)
class Layout:
    """How the files of a table are read. `records` names the list inside a JSON document, as a path (`/data`), or where
    its records are values of objects, as a JSON path (`$.data[*].*`)."""

    columns: Mapping[str, str]
    values: Mapping[str, Value]
    time_column: str
    problems: Sequence[tuple[str, str, str]] = ()
    records: str = ""
    known_fields: frozenset[str] = frozenset()
    # A place that holds something (one of these texts, if any) in every record that is a row of this table.
    only: tuple[str, frozenset[str]] | None = None
    # Where objects (or the JSON texts of such) stand whose keys must all be among these: another one fails the file,
    # for what it counts would otherwise go missing without a word.
    closed: Closed = ()
    may_be_empty: bool = False
    # A text that stands for nothing, as an empty one does everywhere.
    null_text: str = ""
    # Of a CSV file.
    delimiter: str = ","
    # True where a header without any place of a column is an error, be the column required in each row or not.
    needs_every_column: bool = False


def read_mapped(
    layout: Layout, file: LandedFile, context: ReadContext, out_parquet: Path, out_rejects: Path
) -> ReadResult:
    """One landed file to lake Parquet. Raises UnreadableFileError when nothing in it can be kept."""
    start_judging(layout, file, context)
    rejects, unknown = judge(layout, file, context)
    return write_judged(layout, context.connection, out_parquet, out_rejects, rejects, unknown)


def judge(layout: Layout, file: LandedFile, context: ReadContext) -> tuple[list[Reject], dict[str, int]]:
    """The file's records to `judged`; what is wrong with the file beside them, and its unknown fields."""
    connection = context.connection
    rejects: list[Reject] = []
    unknown: dict[str, int] = {}
    for number, source in enumerate(record_sources(file.path, layout, context, rejects)):
        if number == 0 and layout.known_fields:
            sample = f"select record from ({source}) where problem is null limit {FIELD_SAMPLE_ROWS}"
            unknown = unknown_fields((text for (text,) in connection.execute(sample).fetchall()), layout)
        connection.execute(f"insert into judged {_judge_sql(layout, source)}")
    return rejects, unknown


def start_judging(layout: Layout, file: LandedFile, context: ReadContext) -> None:
    """The table `judged`, empty, and what its rows are computed with."""
    connection = context.connection
    connection.execute("set timezone = 'UTC'")
    set_hash_key(connection, context.hash_key)
    connection.execute("set variable mapped_file_hash = $value", {"value": file.identity})
    connection.execute("set variable mapped_account_id = $value", {"value": file.account_id})
    connection.execute("set variable mapped_retrieved_at = cast($value as timestamp)", {"value": file.retrieved_at})
    latest = (context.now + timedelta(days=1)).replace(tzinfo=None)
    connection.execute("set variable mapped_latest = cast($value as timestamp)", {"value": latest})
    connection.execute("set variable mapped_currencies = $value", {"value": sorted(context.currencies | {"USD"})})
    columns = ", ".join(f'"{name}" {kind}' for name, kind in layout.columns.items())
    connection.execute(
        f"create or replace temp table judged ({columns}, line_number bigint, byte_offset bigint, problem varchar)"
    )


def set_aside(layout: Layout, connection: duckdb.DuckDBPyConnection, piece: Path) -> None:
    """The good rows of `judged`, in the order of the file, to a Parquet and out of memory."""
    names = ", ".join(f'"{name}"' for name in layout.columns)
    good = f"select {names} from judged where problem is null order by row_number"
    connection.execute(f"copy ({good}) to {literal(piece)} {PARQUET}")
    connection.execute("create or replace temp table judged as from judged where problem is not null")


def write_judged(
    layout: Layout,
    connection: duckdb.DuckDBPyConnection,
    out_parquet: Path,
    out_rejects: Path,
    rejects: list[Reject],
    unknown: Mapping[str, int],
) -> ReadResult:
    """The good rows of `judged` to Parquet, the others to quarantine."""
    set_aside(layout, connection, out_parquet)
    return quarantine_rest(layout, connection, out_parquet, out_rejects, rejects, unknown)


def quarantine_rest(
    layout: Layout,
    connection: duckdb.DuckDBPyConnection,
    out_parquet: Path,
    out_rejects: Path,
    rejects: list[Reject],
    unknown: Mapping[str, int],
) -> ReadResult:
    """What is left in `judged`, rows with a problem, to quarantine; the good ones are in `out_parquet`."""
    bad = "select coalesce(line_number, row_number), byte_offset, problem from judged where problem is not null"
    for line, offset, problem in connection.execute(bad).fetchall():
        at, reason = problem.split("\t", 1)
        if at.startswith(_FATAL):
            raise UnreadableFileError(reason, at.removeprefix(_FATAL), line)
        rejects.append(Reject(line, offset, at, reason))
    connection.execute("drop table judged")
    return finish(
        connection,
        out_parquet,
        out_rejects,
        rejects,
        time_column=layout.time_column,
        may_be_empty=layout.may_be_empty,
        unknown_fields=unknown,
    )


def record_sources(path: Path, layout: Layout, context: ReadContext, rejects: list[Reject]) -> Iterator[str]:
    """SQL for the records, piece by piece: row_number, line_number, byte_offset, record (JSON text), problem."""
    names = path.name.removesuffix(".gz")
    if names.endswith(".parquet"):
        yield _parquet_records(context.connection, path, layout)
        return
    text = TextFile(path)
    if names.endswith(".csv"):
        with NamedTemporaryFile(dir=context.work_dir, suffix=".csv") as plain:
            plain.writelines(text.pieces())
            plain.flush()
            yield _csv_records(Path(plain.name), layout)
            rejects += _csv_rejects(context.connection)
            set_line_numbers(context.connection, Path(plain.name), layout.delimiter)
    elif names.endswith(".json"):
        context.connection.execute(
            "create or replace temp table document as select $text as text", {"text": _whole(text)}
        )
        yield _document_records(context.connection, layout.records)
    else:
        for piece in _pieces(text):
            context.connection.register("landed_lines", piece.to_arrow())
            yield """
                select row_number, line_number, byte_offset, text as record,
                    case
                        when problem is not null then problem
                        when not json_valid(text) then 'not valid JSON'
                        when ltrim(text)[1] <> '{' then 'expected a JSON object'
                    end as problem
                from landed_lines"""
            context.connection.unregister("landed_lines")
    rejects += [Reject(None, None, "file", note) for note in text.notes]


def _pieces(text: TextFile) -> Iterator[pl.DataFrame]:
    """The file's lines, many at a time: to plan the SQL over them takes as long as to read some thousands."""
    batches = text.batches()
    while some := list(islice(batches, _BATCHES_AT_ONCE)):
        yield pl.concat(some)


def _whole(text: TextFile) -> str:
    try:
        return b"".join(text.pieces()).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableFileError(f"not UTF-8 at byte offset {error.start}", "file") from error


def _document_records(connection: duckdb.DuckDBPyConnection, records: str) -> str:
    """A JSON document: the list at `records`, a list at the top, or the document itself as the only record."""
    [(problem, kind)] = connection.execute(
        "select case when not json_valid(text) then 'not valid JSON' end, try(json_type(text)) from document"
    ).fetchall()
    if problem:
        raise UnreadableFileError(problem, "file")
    if records.startswith("$"):
        return _listed_records(f"json_extract(text, {literal(records)})")
    where = "" if kind == "ARRAY" else records
    if not where and kind == "OBJECT":
        return (
            "select 1 as row_number, 1 as line_number, 0 as byte_offset, text as record, null as problem from document"
        )
    [(found_kind,)] = connection.execute(f"select json_type(text, {literal(where)}) from document").fetchall()
    if found_kind == "OBJECT":
        return f"""
            select 1 as row_number, 1 as line_number, 0 as byte_offset, null as problem,
                cast(json_extract(text, {literal(where)}) as varchar) as record
            from document"""
    if found_kind != "ARRAY":
        raise UnreadableFileError("expected a list of records", where or "file")
    return _listed_records(f"cast(json_extract(text, {literal(where)}) as json[])")


def _listed_records(records: str) -> str:
    return f"""
        select number as row_number, number as line_number, 0 as byte_offset, cast(record as varchar) as record,
            case when json_type(record) <> 'OBJECT' then 'expected a JSON object' end as problem
        from (
            select unnest(records) as record, generate_subscripts(records, 1) as number
            from (select {records} as records from document)
        )"""


def _csv_records(path: Path, layout: Layout) -> str:
    with path.open("rb") as plain:
        without_mark(plain.read(4))
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as lines:
        header = [name.strip() for name in next(csv.reader(lines, delimiter=layout.delimiter), [])]
    _check_header(header, layout)
    columns = "{" + ", ".join(f"{literal(name)}: 'varchar'" for name in header) + "}"
    return f"""
        select row_number() over () as row_number, null as line_number, null as byte_offset,
            cast(to_json(line) as varchar) as record, null as problem
        from read_csv(
            {literal(path)}, columns = {columns}, header = true, auto_detect = false, all_varchar = true,
            delim = {literal(layout.delimiter)}, quote = '"', escape = '"', store_rejects = true,
            max_line_size = 16000000
        ) as line"""


def _csv_rejects(connection: duckdb.DuckDBPyConnection) -> list[Reject]:
    rows = connection.execute("""
        select
            line, min(line_byte_position), min(coalesce(column_name, 'line')), min(lower(cast(error_type as varchar)))
        from reject_errors group by line order by line""").fetchall()
    connection.execute("drop table if exists reject_errors; drop table if exists reject_scans")
    return [Reject(line, offset, column, reason) for line, offset, column, reason in rows]


def _parquet_records(connection: duckdb.DuckDBPyConnection, path: Path, layout: Layout) -> str:
    try:
        described = connection.execute(f"describe select * from read_parquet({literal(path)})").fetchall()
    except duckdb.Error as error:
        raise UnreadableFileError("not a Parquet file, or damaged", "file") from error
    _check_header([name for name, *_ in described], layout)
    # As text, so that a decimal keeps its digits; what is nested becomes JSON.
    cells = ", ".join(
        f"{literal(name)}: "
        + (
            f'to_json("{name}")'
            if "(" in kind or ("[" in kind and "DECIMAL" not in kind)
            else f'cast("{name}" as varchar)'
        )
        for name, kind, *_ in described
    )
    return f"""
        select file_row_number + 1 as row_number, null as line_number, null as byte_offset,
            cast(to_json({{{cells}}}) as varchar) as record, null as problem
        from read_parquet({literal(path)}, file_row_number = true)"""


def _check_header(header: Sequence[str], layout: Layout) -> None:
    """A column that stands twice, or that every record needs and none has, fails the file as a whole."""
    names = [name.lower() for name in header]
    if twice := [name for number, name in enumerate(header) if name.lower() in names[:number]]:
        raise UnreadableFileError("stands twice in the header", twice[0])
    for value in layout.values.values():
        places = [_unescaped(split_place(place)[0].removeprefix("/").partition("/")[0]) for place in value.at]
        is_needed = value.is_required or layout.needs_every_column
        if is_needed and places and not set(places) & set(header):
            raise UnreadableFileError(f"missing in the header; it has {', '.join(header[:20])}", " or ".join(places))


def escaped(name: str) -> str:
    """A column's name as a step of a place."""
    return name.replace("~", "~0").replace("/", "~1")


def _unescaped(step: str) -> str:
    return step.replace("~1", "/").replace("~0", "~")


def split_place(place: str) -> tuple[str, str | None]:
    """The pointer into the record, and the one into the JSON text that stands there, if the place is inside one."""
    outer, nested, inner = place.partition("//")
    outer = outer if outer.startswith("/") else f"/{outer}"
    return outer, f"/{inner}" if nested else None


def _judge_sql(layout: Layout, source: str) -> str:
    """Records as lake columns, each with its place and the first thing that is wrong with it."""
    return judged_texts(layout, _texts_sql(layout, source))


def _texts_sql(layout: Layout, source: str) -> str:
    """What the records say, as texts."""
    outer = list(dict.fromkeys(split_place(place)[0] for place in places(layout))) or ["/"]
    inner: dict[str, list[str]] = {}
    for place in places(layout):
        head, tail = split_place(place)
        if tail is not None and tail not in inner.setdefault(head, []):
            inner[head].append(tail)
    lists = "".join(
        f", try(json_extract_string(o[{outer.index(head) + 1}], {_list(tails)})) as i{outer.index(head)}"
        for head, tails in inner.items()
    )

    def text(place: str) -> str:
        head, tail = split_place(place)
        at = outer.index(head)
        return f"o[{at + 1}]" if tail is None else f"i{at}[{inner[head].index(tail) + 1}]"

    return f"""
        with source as ({source}),
        opened as (
            select *, case when problem is null then json_extract_string(record, {_list(outer)}) end as o from source
        ),
        nested as (select *{lists} from opened)
        {texts_of(layout, "nested", text)}"""


def places(layout: Layout) -> list[str]:
    """Every place that is looked at, some twice."""
    found_places = [place for value in layout.values.values() for place in value.at]
    closed = [place for objects, _ in layout.closed for place in objects]
    return found_places + ([layout.only[0]] if layout.only else []) + closed


def texts_of(layout: Layout, relation: str, text: Callable[[str], str]) -> str:
    """Texts for judged_texts out of a relation in which `text` says what stands in a place.

    Only records that are rows of this table, and those with a problem, to be named.
    """

    def said(place: str) -> str:
        return f"nullif({text(place)}, {literal(layout.null_text)})" if layout.null_text else text(place)

    texts = [f"{first_text(said, value)} as t_{name}" for name, value in layout.values.items() if value.sql is None]
    ours = ""
    if layout.only:
        place, words = layout.only
        wanted = f"in {one_of(sorted(words))}" if words else "is not null"
        ours = f"where {said(place)} {wanted} or problem is not null"
    strays = ["null"]
    for objects, keys in layout.closed:
        object_keys = f"try(json_keys({first_text(said, Value(objects))}))"
        key = f"list_filter({object_keys}, lambda key: key not in {one_of(sorted(keys))})[1]"
        strays.append(f"{literal(_shown(objects[0]))} || chr(9) || {key}")
    return f"""
        select row_number, line_number, byte_offset, problem, coalesce({", ".join(strays)}) as stray, {", ".join(texts)}
        from {relation} {ours}"""


def judged_texts(layout: Layout, texts: str) -> str:
    """Texts (row_number, line_number, byte_offset, problem, stray, t_<name>...) as lake columns, place and problem.

    `stray` is a key that nobody here knows where a new one must not go unseen, after its place and a tab.
    """
    given = {name: value for name, value in layout.values.items() if value.sql is None}
    typed = [f"{_typed(f't_{name}', value)} as v_{name}" for name, value in given.items()]
    computed = [f"{value.sql} as v_{name}" for name, value in layout.values.items() if value.sql is not None]
    problems = [branch for name, value in given.items() for branch in _problems(name, value)]
    lake = ", ".join(_lake(name, kind, layout) for name, kind in layout.columns.items())
    checks = "".join(" " + reject(condition, at, reason) for condition, at, reason in layout.problems)
    unknown = (
        f"'{_FATAL}' || split_part(stray, chr(9), 1) || chr(9) || 'unknown key \"' || split_part(stray, chr(9), 2)"
    )
    first = f"""
        case
            when problem is not null then 'line' || chr(9) || problem
            when stray is not null then {unknown} || '"'
            {" ".join(problems)}
        end"""
    names = ", ".join(f'"{name}"' for name in layout.columns)
    values = "".join(f", v_{name}" for name in layout.values)
    # Computed values see typed ones by their v_ names; the last checks see those and lake columns.
    return f"""
        with texts as ({texts}),
        typed as (select *, {", ".join(typed)} from texts),
        computed as (select *{"".join(", " + column for column in computed)} from typed),
        lake as (
            select {lake}, line_number, byte_offset, {first} as first_problem{values} from computed
        )
        select {names}, line_number, byte_offset,
            coalesce(first_problem, case{checks or " when false then null"} end) as problem
        from lake"""


def unescaped_steps(pointer: str) -> list[str]:
    return [_unescaped(step) for step in pointer.split("/")[1:]]


def _list(pointers: Sequence[str]) -> str:
    return "[" + ", ".join(literal(pointer) for pointer in pointers) + "]"


def first_text(text: Callable[[str], str], value: Value) -> str:
    found_texts = [f"nullif({text(place)}, '')" for place in value.at]
    default = [] if value.default is None else [literal(value.default)]
    return f"coalesce({', '.join([*found_texts, *default, 'null'])})"


def _typed(column: str, value: Value) -> str:
    match value.kind:
        case "count":
            whole = f"cast(try_cast({column} as decimal(18, 2)) as bigint)"
            return f"case when regexp_full_match({column}, '{_COUNT}') then {whole} end"
        case "quantity" | "money":
            sign = "-?" if value.kind == "money" else ""
            number = f"try_cast({column} as decimal(38, 18))"
            if value.times is not None:
                # Digits for both: the product's are the sum, and 38 is all there are.
                decimals = len(value.times.partition(".")[2])
                number = f"cast({number} as decimal(28, 14)) * cast({value.times} as decimal(16, {decimals}))"
            return (
                f"case when regexp_full_match({column}, '{sign}{_NUMBER}') then cast({number} as decimal(26, 12)) end"
            )
        case "moment" if value.formats:
            formats = "[" + ", ".join(literal(one) for one in value.formats) + "]"
            read = f"cast(try_strptime({column}, {formats}) as timestamptz) at time zone 'UTC'"
            return f"coalesce({moment(column)}, {read})"
        case "moment":
            return moment(column)
        case "epoch":
            micros = f"cast(try_cast({column} as decimal(38, 9)) * {_EPOCH_UNITS[value.unit]} as bigint)"
            return f"case when regexp_full_match({column}, '{_EPOCH}') then make_timestamp({micros}) end"
        case "date":
            return day(column)
        case "boolean":
            answers = {"true": "true", "1": "true", "false": "false", "0": "false"}
            branches = " ".join(f"when {literal(word)} then {answer}" for word, answer in answers.items())
            return f"case lower({column}) {branches} end"
        case "user":
            return user_key_sql(column)
        case "text":
            if not value.spellings:
                return column
            words = " ".join(f"when {literal(said)} then {literal(ours)}" for said, ours in value.spellings.items())
            other = (
                column if value.otherwise is None else f"case when {column} <> '' then {literal(value.otherwise)} end"
            )
            return f"case lower({column}) {words} else {other} end"


def _shown(place: str) -> str:
    """A place as errors name it."""
    return _unescaped(place.replace("//", "/").strip("/").replace("/", "."))


def _problems(name: str, value: Value) -> list[str]:
    said, typed = f"t_{name}", f"v_{name}"
    shown = _shown(value.at[0] if value.at else name).replace("'", "''")
    expected = _EXPECTED.get(value.kind, "a value") + "".join(f" or as in {one}" for one in value.formats)
    problems = []
    if value.is_required:
        problems.append(reject(f"{said} is null", shown, literal(f"missing; expected {expected}")))
    if value.kind in _EXPECTED:
        problems.append(reject(f"{said} is not null and {typed} is null", shown, found(said, expected)))
    if value.allowed is not None:
        words = "one of " + ", ".join(sorted(value.allowed))
        field = f"{_FATAL}{shown}" if value.is_closed else shown
        problems.append(
            reject(f"{typed} is not null and {typed} not in {one_of(sorted(value.allowed))}", field, found(said, words))
        )
    if value.is_past:
        problems.append(
            reject(
                f"{typed} > getvariable('mapped_latest')", shown, f"'date in the future: ' || cast({typed} as varchar)"
            )
        )
    return problems


def _lake(name: str, kind: str, layout: Layout) -> str:
    match name:
        case "file_hash":
            return "getvariable('mapped_file_hash') as file_hash"
        case "row_number":
            return "row_number"
        case "account_id" if name not in layout.values:
            return "getvariable('mapped_account_id') as account_id"
        case "retrieved_at" if name not in layout.values:
            return "getvariable('mapped_retrieved_at') as retrieved_at"
    value = f"v_{name}" if name in layout.values else "null"
    return f'cast({value} as {kind}) as "{name}"'


def unknown_fields(records: Iterable[str], layout: Layout) -> dict[str, int]:
    """Fields of the first records that nobody here knows: an exporter adds a field to all records.

    Raises UnreadableFileError where one of them, or of the objects that counts stand in, counts tokens: what it counts
    would go missing without a word.
    """
    counted = {place for value in layout.values.values() if value.kind == "count" for place in value.at}
    objects = {place.rpartition("/")[0] for place in counted if "//" not in place}
    known = layout.known_fields | {place.rpartition("/")[2] for place in counted}
    counts: Counter[str] = Counter()
    for text in records:
        record = json.loads(text)
        counts.update(record.keys() - layout.known_fields)
        for at in objects:
            inner = record
            for step in unescaped_steps(at) if at else ():
                inner = inner.get(step) if isinstance(inner, dict) else None
            for name in (inner.keys() if isinstance(inner, dict) else set()) - known:
                if counts_tokens(name, inner[name]):
                    raise UnreadableFileError("a token class that is not known here", f"{at}/{name}".strip("/"))
    return dict(sorted(counts.items()))


def counts_tokens(name: str, value: object) -> bool:
    """Whether a field that nobody here knows counts tokens, by its name and value; limits and speeds do not."""
    is_count = re.search("token", name, re.IGNORECASE) and not re.search(r"max|limit|budget|per_|rate|cost|price", name)
    return bool(is_count) and re.fullmatch(r"[1-9]\d*(\.0+)?", str(value)) is not None
