"""What feeds.yml may say of each lake column: its kind, its words, and what a mapping of a table needs.

How a mapping reads a file is `sources.declared`.
"""

from collections.abc import Iterator, Mapping

from sources.bill import BILL_COLUMNS, BILL_CONTRACT
from sources.feed import PROVENANCE_COLUMNS, Rule
from sources.gateway import CALL_COLUMNS, CALL_CONTRACT, OTHER_COUNTS, TOKEN_COUNTS
from sources.settings.models import DeclaredFeed, DeclaredFeeds, MappedColumn, Table
from sources.settings.text import Document, Problem, did_you_mean

# What a file must say in every row; all else has a meaning when it is left out.
REQUIRED: Mapping[str, tuple[str, ...]] = {
    "calls": ("response_id", "started_at", "model_id"),
    "bills": ("service_provider", "billing_account_id", "charge_start", "billed_amount", "currency", "line_item"),
}
_LAKE_COLUMNS = {"calls": CALL_COLUMNS, "bills": BILL_COLUMNS}
CONTRACTS: Mapping[str, Mapping[str, Rule]] = {"calls": CALL_CONTRACT, "bills": BILL_CONTRACT}
# The reader's own: which file a row came from, and when that was retrieved.
_NOT_MAPPED = {*PROVENANCE_COLUMNS, "retrieved_at"}
# Each count whose tokens another count may hold, and the setting that says so.
CONTAINED = {
    "cache_read_tokens": "input_has_cache_read",
    "cache_write_5m_tokens": "input_has_cache_write",
    "cache_write_1h_tokens": "input_has_cache_write",
    "reasoning_tokens": "output_has_reasoning",
}
_ENDS = ("ended_at", "completion_started_at")
# The options that only a column of this kind can have.
_OPTIONS = {
    "spellings": ("text",),
    "otherwise": ("text",),
    "always": ("text", "boolean"),
    "times": ("amount",),
    "unit": ("time",),
    "format": ("time",),
    "after": ("time",),
}


def kind_of(table: Table, column: str) -> str:
    """What a mapping may say of a column: text, user id, time, count, amount or boolean."""
    if column == "user_key":
        return "user id"
    lake = _LAKE_COLUMNS[table][column]
    kinds = {"VARCHAR": "text", "TIMESTAMP": "time", "BOOLEAN": "boolean", "BIGINT": "count", "INTEGER": "count"}
    return kinds.get(lake, "amount")


def allowed_words(table: Table, column: str) -> frozenset[str] | None:
    return CONTRACTS[table].get(column, Rule()).allowed


def mappable(table: Table) -> list[str]:
    return [name for name in _LAKE_COLUMNS[table] if name not in _NOT_MAPPED]


def check_feeds(document: Document, declared: DeclaredFeeds) -> Iterator[Problem]:
    first: dict[tuple[str, str], int] = {}
    for index, feed in enumerate(declared.feeds):
        check = _FeedCheck(document, index, feed)
        line = document.line_of(("feeds", index, "name"))
        if (known := first.setdefault((feed.table, feed.name), line)) != line:
            allowed = f"each name once a table (first on line {known})"
            yield Problem(document.file, line, f"feeds[{index}].name", f"{feed.name!r} again", allowed)
        yield from check.problems()


class _FeedCheck:
    def __init__(self, document: Document, index: int, feed: DeclaredFeed) -> None:
        self.document = document
        self.index = index
        self.feed = feed

    def problem(self, found: str, allowed: str, *path: str) -> Problem:
        field = ".".join((f"feeds[{self.index}]", *path))
        return Problem(self.document.file, self.document.line_of(("feeds", self.index, *path)), field, found, allowed)

    def problems(self) -> Iterator[Problem]:
        names = mappable(self.feed.table)
        for name, column in self.feed.columns.items():
            if name in names:
                yield from self.of_column(name, column)
            else:
                allowed = ", ".join(names) + did_you_mean(name, names)
                yield self.problem("an unknown column", allowed, "columns", name)
        for name in REQUIRED[self.feed.table]:
            if name not in self.feed.columns:
                yield self.problem("nothing", f"a place for {name}, which every row must have", "columns", name)
        yield from self.of_calls() if self.feed.table == "calls" else self.of_bills()

    def of_column(self, name: str, column: MappedColumn) -> Iterator[Problem]:
        kind = kind_of(self.feed.table, name)
        path = ("columns", name)
        if bool(column.at) == (column.always is not None):
            found = "both at and always" if column.at else "neither at nor always"
            yield self.problem(found, "a place (at), or one word for every row (always)", *path)
        said = column.model_fields_set
        for option, kinds in _OPTIONS.items():
            if option in said and kind not in kinds:
                allowed = f"only for a column that holds {' or '.join(kinds)}; {name} holds {kind}"
                yield self.problem(option, allowed, *path, option)
        if column.after and name not in _ENDS:
            yield self.problem(column.after, f"only for {' and '.join(_ENDS)}", *path, "after")
        if column.format and column.unit:
            yield self.problem("both format and unit", "format for a written time, unit for a number", *path, "unit")
        if column.after and not column.unit:
            yield self.problem("after without unit", "the unit of the duration: s, ms, us or ns", *path, "after")
        if column.otherwise and not column.spellings:
            yield self.problem("otherwise without spellings", "the spellings it is beside", *path, "otherwise")
        yield from self.of_words(name, column)

    def of_words(self, name: str, column: MappedColumn) -> Iterator[Problem]:
        words: dict[tuple[str, ...], str | None] = {("always",): column.always, ("otherwise",): column.otherwise}
        words |= {("spellings", said): word for said, word in column.spellings.items()}
        path = ("columns", name)
        allowed = allowed_words(self.feed.table, name)
        if kind_of(self.feed.table, name) == "boolean":
            allowed = frozenset(("true", "false"))
        for at, word in words.items():
            if allowed is not None and word is not None and word not in allowed:
                yield self.problem(repr(word), ", ".join(sorted(allowed)) + did_you_mean(word, allowed), *path, *at)

    def of_calls(self) -> Iterator[Problem]:
        columns = self.feed.columns
        if "response_id" in columns and columns["response_id"].always is not None:
            allowed = "a place: rows of one response_id are one call"
            yield self.problem("always", allowed, "columns", "response_id", "always")
        if not set(columns) & {*TOKEN_COUNTS, *OTHER_COUNTS}:
            counts = ", ".join((*TOKEN_COUNTS, *OTHER_COUNTS))
            yield self.problem("no count", f"at least one of {counts}", "columns")
        for setting in dict.fromkeys(CONTAINED.values()):
            parts = [name for name, of in CONTAINED.items() if of == setting and name in columns]
            if parts and getattr(self.feed, setting) is None:
                whole = "output_tokens" if setting == "output_has_reasoning" else "input_tokens"
                yield self.problem("nothing", f"true or false: whether {whole} holds {' and '.join(parts)}", setting)

    def of_bills(self) -> Iterator[Problem]:
        columns = self.feed.columns
        start, end = "billing_period_start", "billing_period_end"
        if (start in columns) != (end in columns):
            missing = end if start in columns else start
            yield self.problem("nothing", f"{start} and {end}, or neither for calendar months", "columns", missing)
        for one, other in (("meter", "quantity"), ("quantity", "meter")):
            if one in columns and other not in columns:
                yield self.problem("nothing", f"a place for {other}, beside {one}", "columns", other)
        for setting in dict.fromkeys(CONTAINED.values()):
            if getattr(self.feed, setting) is not None:
                yield self.problem(setting, "only for table calls", setting)
