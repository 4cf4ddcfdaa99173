"""Reading OTLP JSON lines: spans out of their nesting, their attributes as columns, all in SQL.

What attributes mean is in feed.py, as a mapping; this file knows the nesting and the tree of spans. Of a span's
attributes only those that the mapping names are looked at: prompts and answers are dropped unread.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from sources.feed import LandedFile, ReadContext, ReadResult, UnreadableFileError
from sources.lines import TextFile
from sources.mapped import Layout, first_text, judged_texts, quarantine_rest, set_aside, start_judging
from sources.quarantine import Reject
from sources.reading import PARQUET, literal, one
from sources.sql_checks import one_of

# Integers come as text or as numbers; as VARCHAR both are their digits.
_VALUE = '{"stringValue":"VARCHAR","intValue":"VARCHAR","doubleValue":"VARCHAR","boolValue":"VARCHAR"}'
_ATTRIBUTES = f'[{{"key":"VARCHAR","value":{_VALUE}}}]'
_SPAN = (
    '{"traceId":"VARCHAR","spanId":"VARCHAR","parentSpanId":"VARCHAR","startTimeUnixNano":"VARCHAR",'
    f'"endTimeUnixNano":"VARCHAR","status":{{"code":"VARCHAR"}},"attributes":{_ATTRIBUTES}}}'
)
_TRACES = f'{{"resourceSpans":[{{"resource":{{"attributes":{_ATTRIBUTES}}},"scopeSpans":[{{"spans":[{_SPAN}]}}]}}]}}'
_SPAN_FIELDS = ("traceId", "spanId", "parentSpanId", "startTimeUnixNano", "endTimeUnixNano", "statusCode")
_USAGE = "gen_ai.usage."
_TREE = "row_number bigint, trace_id varchar, span_id varchar, parent_span_id varchar"
# About 40 MB of rows.
_PIECE_SPANS = 50_000
# Traces of so many spans are looked through at once; all their ids are read again for each lot.
_TREE_SPANS = 250_000


def read_spans(
    layout: Layout,
    operations: tuple[str, ...],
    rollups: tuple[str, ...],
    file: LandedFile,
    context: ReadContext,
    out_parquet: Path,
    out_rejects: Path,
) -> ReadResult:
    connection = context.connection
    start_judging(layout, file, context)
    with TemporaryDirectory(dir=context.work_dir) as folder:
        pieces = _Pieces(layout, connection, Path(folder))
        text = TextFile(file.path)
        for batch in text.batches():
            connection.register("landed_lines", batch.to_arrow())
            connection.execute(f"create or replace temp table spans as {_spans_sql(pieces.spans, _kept_keys(layout))}")
            connection.unregister("landed_lines")
            texts = _texts_sql(layout, operations, rollups)
            connection.execute(f"create or replace temp table texts as {texts}")
            connection.execute(f"insert into judged {judged_texts(layout, 'select * from texts')}")
            pieces.add(int(one(connection, "select count(*) from spans")))
        if pieces.spans == 0:
            raise UnreadableFileError("file holds no spans (resourceSpans, scopeSpans, spans)", "file")
        pieces.join(out_parquet)
    connection.execute("drop table if exists spans; drop table if exists texts")
    rejects = [Reject(None, None, "file", note) for note in text.notes]
    return quarantine_rest(layout, connection, out_parquet, out_rejects, rejects, {})


class _Pieces:
    """The rows of a file on disk, beside the ids of all its spans, until it is known which of them repeat others."""

    def __init__(self, layout: Layout, connection: duckdb.DuckDBPyConnection, folder: Path) -> None:
        self.layout, self.connection, self.folder = layout, connection, folder
        self.spans = self._waiting = self._count = 0
        connection.execute(f"create or replace temp table tree ({_TREE})")

    def add(self, spans: int) -> None:
        """The spans of `spans`, judged or not."""
        self.connection.execute("""
            insert into tree
            select row_number, traceId, spanId, parentSpanId from spans where traceId is not null""")
        self.spans += spans
        self._waiting += spans
        if self._waiting >= _PIECE_SPANS:
            self._set_aside()

    def _set_aside(self) -> None:
        set_aside(self.layout, self.connection, self.folder / f"calls_{self._count:06}.parquet")
        self.connection.execute(f"""
            copy tree to {literal(self.folder / f"tree_{self._count:06}.parquet")} {PARQUET};
            create or replace temp table tree ({_TREE})""")
        self._count, self._waiting = self._count + 1, 0

    def join(self, out_parquet: Path) -> None:
        """All rows to one Parquet, in their order: the join keeps it as long as DuckDB does not swap its sides."""
        self._set_aside()
        calls, tree = (f"read_parquet({literal(self.folder / f'{name}_*.parquet')})" for name in ("calls", "tree"))
        self.connection.execute("drop table tree; create or replace temp table repeats (row_number bigint)")
        parts = 1 + self.spans // _TREE_SPANS
        for part in range(parts):
            self.connection.execute(_repeats_sql(calls, f"(from {tree} where hash(trace_id) % {parts} = {part})"))
        names = ", ".join(
            "is_rollup or repeats.row_number is not null as is_rollup" if name == "is_rollup" else f'calls."{name}"'
            for name in self.layout.columns
        )
        # A second thread would hold a second piece in memory.
        self.connection.execute(f"""
            set threads = 1;
            set disabled_optimizers = 'join_order,build_side_probe_side';
            copy (
                select {names} from {calls} as calls left join repeats using (row_number)
            ) to {literal(out_parquet)} {PARQUET};
            reset disabled_optimizers;
            reset threads;
            drop table repeats""")


def _kept_keys(layout: Layout) -> list[str]:
    return sorted({place for value in layout.values.values() for place in value.at} - set(_SPAN_FIELDS))


def _spans_sql(before: int, keys: list[str]) -> str:
    """One row per span, with those of its and its resource's attributes that somebody asks for, the span's first."""
    asked = f"a.key in {one_of(keys)} or starts_with(a.key, '{_USAGE}')"
    return f"""
        with lines as (
            select line_number, byte_offset,
                case
                    when problem is not null then problem
                    when not json_valid(text) then 'not valid JSON'
                    when ltrim(text)[1] <> '{{' then 'expected a JSON object'
                    when try(from_json(text, {literal(_TRACES)})) is null then 'not OTLP: expected resourceSpans'
                end as problem,
                case when json_valid(text) then try(from_json(text, {literal(_TRACES)})) end as traces
            from landed_lines
        ),
        resources as (
            select line_number, byte_offset, unnest(traces.resourceSpans) as r from lines where problem is null
        ),
        scopes as (
            select line_number, byte_offset, list_filter(r.resource.attributes, lambda a: {asked}) as outside,
                unnest(r.scopeSpans) as s
            from resources
        ),
        unnested as (select line_number, byte_offset, outside, unnest(s.spans) as span from scopes),
        found as (
            select line_number, byte_offset, null as problem, span.traceId, span.spanId,
                nullif(span.parentSpanId, '') as parentSpanId, span.startTimeUnixNano, span.endTimeUnixNano,
                span.status.code as statusCode,
                list_concat(list_filter(span.attributes, lambda a: {asked}), outside) as attributes
            from unnested
            union all
            select line_number, byte_offset, problem, null, null, null, null, null, null, null
            from lines where problem is not null
        )
        select {before} + row_number() over () as row_number, *,
            list_transform(attributes, lambda a: a.key) as keys,
            list_transform(
                attributes,
                lambda a: coalesce(a.value.stringValue, a.value.intValue, a.value.doubleValue, a.value.boolValue)
            ) as said
        from found"""


def _texts_sql(layout: Layout, operations: tuple[str, ...], rollups: tuple[str, ...]) -> str:
    """The spans of model calls and agents, each value as text."""

    def text(place: str) -> str:
        return place if place in _SPAN_FIELDS else f"said[list_position(keys, {literal(place)})]"

    given = {name: value for name, value in layout.values.items() if value.sql is None}
    texts = [f"{first_text(text, value)} as t_{name}" for name, value in given.items()]
    known = [key for key in _kept_keys(layout) if key.startswith(_USAGE)]
    usage = [place for name, value in given.items() if name.endswith("_tokens") for place in value.at]
    unknown = f"list_filter(keys, lambda k: starts_with(k, '{_USAGE}') and k not in {one_of(known)})[1]"
    operation = first_text(text, given["operation"])
    return f"""
        select row_number, line_number, byte_offset, problem,
            'attributes' || chr(9) || {unknown} as stray, {", ".join(texts)}
        from spans
        where problem is not null
            or list_has_any(keys, {list(usage)})
            or {unknown} is not null
            or (
                list_has_any(keys, ['gen_ai.operation.name', 'openinference.span.kind', 'llm.request.type'])
                and lower({operation}) in {one_of(operations)}
            )
            or (list_has_any(keys, {list(usage)}) and lower({operation}) in {one_of(rollups)})"""


def _repeats_sql(calls: str, tree: str) -> str:
    """A span above model calls with exactly their tokens repeats them, whatever it calls itself."""
    return f"""
        insert into repeats
        with recursive
        tree as materialized (from {tree}),
        tokens as materialized (
            select calls.row_number, tree.trace_id, tree.span_id, calls.input_tokens, calls.output_tokens,
                calls.is_rollup
            from {calls} as calls inner join tree using (row_number)
            where calls.input_tokens + calls.output_tokens > 0
        ),
        above as (
            select tokens.row_number, tree.trace_id, tree.parent_span_id
            from tokens inner join tree using (trace_id, span_id)
            where tree.parent_span_id is not null and not tokens.is_rollup
            union
            select above.row_number, tree.trace_id, tree.parent_span_id
            from above
            inner join tree on above.trace_id = tree.trace_id and above.parent_span_id = tree.span_id
            where tree.parent_span_id is not null
        ),
        leaves as (
            select tokens.*
            from tokens
            anti join above on tokens.trace_id = above.trace_id and tokens.span_id = above.parent_span_id
            where not tokens.is_rollup
        ),
        below as (
            select parent.row_number, parent.input_tokens, parent.output_tokens,
                sum(child.input_tokens) as input_below, sum(child.output_tokens) as output_below
            from above
            inner join tokens as parent
                on above.trace_id = parent.trace_id and above.parent_span_id = parent.span_id
            inner join leaves as child on above.row_number = child.row_number
            group by all
        )
        select distinct row_number from below where input_tokens = input_below and output_tokens = output_below"""
