"""Logs and bills that the company maps itself: config/feeds.yml says where each column stands in their files.

The folder below the table names the mapping: landing/declared/calls/<name>/. Whatever a log's counts contain, the lake
holds them beside each other, so that one staging model serves all mappings.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from sources.bill import BILL_COLUMNS, CLAUDE_UNITS, LINE_PROBLEMS, bill_table
from sources.feed import FeedTable, LandedFile, ReadContext, ReadResult, Rule, UnreadableFileError
from sources.gateway import (
    BILLED_UNLESS_REFUSED,
    CALL_COLUMNS,
    CALL_CONTRACT,
    LOG_SUFFIXES,
    OTHER_COUNTS,
    TIER_SPELLINGS,
    TOKEN_COUNTS,
    UNSAID,
    Convention,
)
from sources.log_lines import read_log
from sources.mapped import Kind, Layout, Value, escaped
from sources.reading import literal
from sources.settings.declared import CONTRACTS, allowed_words, kind_of
from sources.settings.models import DeclaredFeed, MappedColumn, Table

# Added to the name of a value that another one is computed from.
_SAID = "said_"
_MICROSECONDS = {"s": "1000000", "ms": "1000", "us": "1", "ns": "0.001"}
_DELIMITERS = {"tab": "\t"}
# What a row says where it leaves out a column that it has a place for.
_EMPTY = {
    **dict.fromkeys((*TOKEN_COUNTS, *OTHER_COUNTS, "tool_calls"), "0"),
    "operation": "chat",
    "service_tier": "standard",
    "is_rollup": "false",
    "charge_category": "usage",
    "meter": "other",
}
_STATUS = "case when v_http_status not between 200 and 299 then 'failure' else 'success' end"
# What a bill says in none of its columns.
_UNSAID_OF_BILLS = {
    "charge_end": "v_charge_start + interval 1 day",
    "billing_period_start": "date_trunc('month', v_charge_start)",
    "billing_period_end": "v_billing_period_start + interval 1 month",
    "charge_category": "'usage'",
    "service_tier": "'standard'",
    "model_id": "null",
    "meter": "'other'",
    "is_ai": "v_meter <> 'other'",
    "unit": f"""case v_meter
        when 'other' then null when 'search' then 'searches' when {literal(CLAUDE_UNITS)} then 'units' else 'tokens'
    end""",
}
# Tokens of no model, or in a line that is no usage, can be anchored to no call.
_METERED = {
    "meter": f"""case
        when v_charge_category <> 'usage' then 'other'
        when v_model_id is null and v_{_SAID}meter not in ('search', {literal(CLAUDE_UNITS)}) then 'other'
        else v_{_SAID}meter
    end""",
    "quantity": f"case when v_meter <> 'other' then v_{_SAID}quantity end",
}
# Each declared log is a gateway of its own.
_CALL_COLUMNS = {"gateway": "VARCHAR", **CALL_COLUMNS}
_FOLDER = "config/feeds.yml has no feed of table {table} with the name of the file's folder, {name}; it has {names}"


def _read(
    table: Table,
    layouts: Mapping[str, Layout],
    file: LandedFile,
    context: ReadContext,
    out_parquet: Path,
    out_rejects: Path,
) -> ReadResult:
    layout = layouts.get(file.account_id or "")
    if layout is None:
        names = ", ".join(sorted(layouts)) or "none"
        name = file.account_id or f"none (files go into landing/declared/{table}/<name>/)"
        raise UnreadableFileError(_FOLDER.format(table=table, name=name, names=names), "folder")
    return read_log(layout, file, context, out_parquet, out_rejects)


CALLS = FeedTable(
    feed="declared",
    table="calls",
    reader_version=4,
    columns=_CALL_COLUMNS,
    identity="folder",
    suffixes=LOG_SUFFIXES,
    read=partial(_read, "calls", {}),
    contract={"gateway": Rule(is_required=True), **CALL_CONTRACT},
    description="One row per call in a log that config/feeds.yml maps, its token counts beside each other.",
    folder_keys={},
)
BILLS = replace(
    bill_table(
        "declared",
        "bills",
        partial(_read, "bills", {}),
        LOG_SUFFIXES,
        "One row per line of a bill that config/feeds.yml maps.",
    ),
    folder_keys={},
)


def with_mappings(feeds: Iterable[FeedTable], declared: Sequence[DeclaredFeed]) -> tuple[FeedTable, ...]:
    """The feeds, where those of this package read their folders as declared."""
    calls = {feed.name: feed for feed in declared if feed.table == "calls"}
    bills = {feed.name: feed for feed in declared if feed.table == "bills"}
    mapped = {
        CALLS.name: replace(
            CALLS,
            read=partial(_read, "calls", {name: _calls_layout(feed) for name, feed in calls.items()}),
            folder_keys={name: feed.key for name, feed in calls.items()},
        ),
        BILLS.name: replace(
            BILLS,
            read=partial(_read, "bills", {name: _bills_layout(feed) for name, feed in bills.items()}),
            folder_keys={name: feed.key for name, feed in bills.items()},
        ),
    }
    return tuple(mapped.get(feed.name, feed) for feed in feeds)


def _calls_layout(feed: DeclaredFeed) -> Layout:
    said = _given(feed)
    said["started_at"] = replace(said["started_at"], is_past=True)
    if (request := said.get("logical_request_id")) is not None:
        said["logical_request_id"] = replace(request, at=(*request.at, *said["response_id"].at))
    computed = {name: value for name, value in UNSAID.items() if not name.endswith("status")}
    convention = Convention(
        bool(feed.input_has_cache_read), bool(feed.input_has_cache_write), bool(feed.output_has_reasoning)
    )
    for whole, parts in convention.contained().items():
        if whole in said:
            said[f"{_SAID}{whole}"] = said.pop(whole)
            del computed[whole]  # it goes behind the parts
            computed[whole] = Value(sql=" - ".join((f"v_{_SAID}{whole}", *(f"v_{part}" for part in parts))))
    for name, column in feed.columns.items():
        if column.after and column.unit:
            said[f"{_SAID}{name}"] = replace(said.pop(name), kind="quantity")
            micros = f"cast(v_{_SAID}{name} * {_MICROSECONDS[column.unit]} as bigint)"
            computed[name] = Value(sql=f"v_started_at + to_microseconds({micros})")
    computed["status"] = Value(sql=_STATUS if "http_status" in said else "'success'")
    computed["billing_status"] = Value(sql=BILLED_UNLESS_REFUSED)
    computed["gateway"] = Value(sql=literal(f"declared:{feed.name}"))
    return _layout(feed, _CALL_COLUMNS, said, computed, "started_at", convention.problems(is_taken_off=True))


def _bills_layout(feed: DeclaredFeed) -> Layout:
    said = _given(feed)
    computed = {name: Value(sql=sql) for name, sql in _UNSAID_OF_BILLS.items()}
    if "meter" in said:
        said |= {f"{_SAID}{name}": said.pop(name) for name in _METERED}
        computed |= {name: Value(sql=sql) for name, sql in _METERED.items()}
    return _layout(feed, BILL_COLUMNS, said, computed, "charge_start", LINE_PROBLEMS)


def _layout(
    feed: DeclaredFeed,
    columns: Mapping[str, str],
    said: Mapping[str, Value],
    computed: Mapping[str, Value],
    time_column: str,
    problems: Sequence[tuple[str, str, str]],
) -> Layout:
    return Layout(
        columns=columns,
        values={**said, **{name: value for name, value in computed.items() if name not in said}},
        time_column=time_column,
        problems=problems,
        records=feed.records or "",
        delimiter=_DELIMITERS.get(feed.delimiter, feed.delimiter),
        needs_every_column=True,
    )


def _given(feed: DeclaredFeed) -> dict[str, Value]:
    return {name: _value(feed.table, name, column) for name, column in feed.columns.items()}


def _value(table: Table, name: str, column: MappedColumn) -> Value:
    kind = kind_of(table, name)
    if column.always is not None:
        return Value(sql=column.always if kind == "boolean" else literal(column.always))
    allowed = allowed_words(table, name)
    spellings = {word: word for word in allowed or ()} | {word.lower(): ours for word, ours in column.spellings.items()}
    if name == "service_tier":
        spellings = {**TIER_SPELLINGS, **spellings}
    default = None if column.required else _EMPTY.get(name)
    has_to_be_said = name in CONTRACTS[table] and CONTRACTS[table][name].is_required and name != "logical_request_id"
    return Value(
        at=tuple(place if place.startswith("/") else escaped(place) for place in column.at),
        kind=_kind(name, kind, column),
        is_required=column.required or (has_to_be_said and default is None),
        default=default,
        spellings=spellings,
        otherwise=column.otherwise,
        allowed=allowed,
        is_closed=True,
        times=None if column.times is None else format(column.times, "f"),
        unit=column.unit or "s",
        formats=(column.format,) if column.format else ("%Y-%m-%d",) if table == "bills" else (),
    )


def _kind(name: str, kind: str, column: MappedColumn) -> Kind:
    match kind:
        case "time":
            return "epoch" if column.unit else "moment"
        case "amount":
            return "quantity" if name in OTHER_COUNTS else "money"
        case "count":
            return "count"
        case "boolean":
            return "boolean"
        case "user id":
            return "user"
    return "text"
