"""The file ledger: what became of every landed file. SQLite, one transaction a file, written last: it is the commit.

A lake file without a committed row was not finished and is swept away; a committed row never points at nothing.
"""

import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

Status = Literal["committed", "failed", "superseded", "duplicate"]
# What of the lake goes by age once what is made of it is kept.
Kind = Literal["samples", "calls"]
# Size in bytes and SHA-256 of a file.
Content = tuple[int, str]

_SCHEMA = """
create table if not exists files (
    feed text not null,
    table_name text not null,
    identity text not null,
    path text not null,
    reader_version integer not null,
    file_name text not null,
    slot text not null,
    content_sha256 text not null,
    size_bytes integer not null,
    status text not null check (status in ('committed', 'failed', 'superseded', 'duplicate')),
    rows_read integer not null,
    rows_kept integer not null,
    rows_quarantined integer not null,
    first_event_at text,
    last_event_at text,
    retrieved_at text,
    account_id text,
    reason text,
    unknown_fields text not null,
    settings_key text not null,
    primary key (feed, table_name, identity, path, reader_version),
    check (rows_read = rows_kept + rows_quarantined)
);
create unique index if not exists one_commit on files (feed, table_name, identity) where status = 'committed';
create index if not exists by_slot on files (feed, table_name, slot);
create table if not exists file_days (
    feed text not null,
    table_name text not null,
    identity text not null,
    usage_date text not null,
    rows_kept integer not null,
    primary key (feed, table_name, identity, usage_date)
);
create table if not exists merged_files (
    feed text not null,
    table_name text not null,
    identity text not null,
    lake_name text not null,
    primary key (feed, table_name, identity)
);
create table if not exists kept_samples (samples_from text primary key);
create table if not exists kept_calls (calls_from text primary key, months_from text not null);
create table if not exists closed_when_read (
    feed text not null,
    table_name text not null,
    identity text not null,
    closed_before text not null,
    primary key (feed, table_name, identity)
);
create table if not exists counted_until_failed (
    feed text not null,
    table_name text not null,
    identity text not null,
    samples_from text not null,
    calls_from text not null,
    primary key (feed, table_name, identity)
);
create table if not exists kept_files (
    kept_before text not null,
    table_name text not null,
    size_bytes integer not null,
    content_sha256 text not null,
    primary key (kept_before, table_name)
);
create table if not exists expired_lake_files (
    feed text not null,
    table_name text not null,
    identity text not null,
    lake_name text not null,
    lake_bytes integer not null,
    primary key (feed, table_name, identity)
);
create table if not exists expired_paths (path text primary key, size_bytes integer not null);
create table if not exists paths (path text primary key, stamp text not null, identity text not null);
"""
# Of a ledger that knows nothing of calls that go: what it has of samples, under the names of now.
_OF_SAMPLES_ALONE = """
begin immediate;
alter table expired_samples rename to expired_lake_files;
alter table kept_files rename column samples_from to kept_before;
alter table counted_until_failed add column samples_from text not null default '';
alter table counted_until_failed add column calls_from text not null default '';
update counted_until_failed set samples_from = (select coalesce(max(samples_from), '') from kept_samples);
commit;
"""
_TIMES = ("first_event_at", "last_event_at", "retrieved_at")


@dataclass(frozen=True)
class LedgerRow:
    """What became of one landed file under one reader version. `path` is relative to landing/.

    `merged_into` is the lake file that holds its rows beside those of others, where it has none of its own. Of one that
    `is_expired` the lake has no rows any more, but what was made of them.
    """

    feed: str
    table_name: str
    identity: str
    path: str
    reader_version: int
    file_name: str
    slot: str
    content_sha256: str
    size_bytes: int
    status: Status
    rows_read: int = 0
    rows_kept: int = 0
    rows_quarantined: int = 0
    first_event_at: datetime | None = None
    last_event_at: datetime | None = None
    retrieved_at: datetime | None = None
    account_id: str | None = None
    reason: str | None = None
    unknown_fields: Mapping[str, int] = field(default_factory=dict)
    settings_key: str = ""
    merged_into: str | None = None
    is_expired: bool = False

    @property
    def own_name(self) -> str:
        return f"{self.identity}-v{self.reader_version}.parquet"

    @property
    def lake_name(self) -> str:
        return self.merged_into or self.own_name


_COLUMNS = tuple(item.name for item in fields(LedgerRow) if item.name not in ("merged_into", "is_expired"))
_THIS = "feed = :feed and table_name = :table_name and identity = :identity"
_ROWS = """
    select *,
        case when status = 'committed' then (
            select lake_name from merged_files as merged
            where merged.feed = files.feed and merged.table_name = files.table_name
                and merged.identity = files.identity
        ) end as merged_into,
        status = 'committed' and exists (
            select 1 from expired_lake_files as expired
            where expired.feed = files.feed and expired.table_name = files.table_name
                and expired.identity = files.identity
        ) as is_expired
    from files
"""


class FileLedger:
    """Used by one process at a time (the home is locked); rows are few, so every question is a query."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.row_factory = sqlite3.Row
        self._db.execute("pragma synchronous = full")
        if self._db.execute("select 1 from sqlite_master where name = 'expired_samples'").fetchone():
            self._db.executescript(_OF_SAMPLES_ALONE)
        self._db.executescript(_SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.close()

    def rows(self, where: str = "true", **values: Any) -> list[LedgerRow]:
        query = f"{_ROWS} where {where} order by feed, table_name, path, identity, reader_version"
        return [_from_sql(row) for row in self._db.execute(query, values)]

    def standing(self, feed: str, table: str, identity: str) -> LedgerRow | None:
        """The row that stands for these bytes now: committed, else failed; None when they are to be read."""
        found = self.rows(
            "feed = :feed and table_name = :table and identity = :identity and status in ('committed', 'failed')",
            feed=feed,
            table=table,
            identity=identity,
        )
        return min(found, key=lambda row: (row.status, -row.reader_version), default=None)

    def seen(self, path: str, stamp: str) -> str | None:
        """The identity of an unchanged file, so it need not be hashed again."""
        found = self._db.execute("select identity from paths where path = ? and stamp = ?", (path, stamp)).fetchone()
        return found["identity"] if found else None

    def days(self) -> Iterator[tuple[str, str, str, date, int]]:
        """(feed, table_name, identity, usage_date, rows_kept) of the committed files."""
        query = "select * from file_days order by feed, table_name, identity, usage_date"
        for row in self._db.execute(query):
            yield (*row[:3], date.fromisoformat(row["usage_date"]), row["rows_kept"])

    def table_days(self) -> Iterator[tuple[str, str, date]]:
        """(feed, table_name, usage_date) of which there are rows in a committed file, once each."""
        for feed, table, day in self._db.execute("select distinct feed, table_name, usage_date from file_days"):
            yield feed, table, date.fromisoformat(day)

    def commit(
        self,
        row: LedgerRow,
        stamp: str,
        days: Mapping[date, int],
        replaces_slot: bool = False,
        closed: date | None = None,
    ) -> list[LedgerRow]:
        """Record a file that was read (committed or failed), all or nothing; gives the rows this one ends.

        A reading ends the earlier readings of the same bytes. With `replaces_slot`, a committed file also ends other
        bytes that were committed under the same name and retrieval time. Days before `closed` took none of its rows.
        """
        with self._transaction():
            ended = self.ended_by(row, replaces_slot)
            for other in ended:
                self._end(row, other)
            self._note_failing(row, ended)
            self._db.execute(
                "delete from files where feed = :feed and table_name = :table_name and identity = :identity "
                "and (status = 'failed' or path = :path)"
                " and (status <> 'superseded' or reader_version = :reader_version)",
                _to_sql(row),
            )
            self._insert(row)
            self._db.executemany(
                "insert into file_days values (?, ?, ?, ?, ?)",
                [(row.feed, row.table_name, row.identity, str(day), count) for day, count in sorted(days.items())],
            )
            if closed:
                values = _to_sql(row) | {"closed": closed.isoformat()}
                self._db.execute(
                    "insert or replace into closed_when_read values (:feed, :table_name, :identity, :closed)", values
                )
            self._note(row.path, stamp, row.identity)
        return ended

    def closed_when_read(self, row: LedgerRow) -> date | None:
        """The day before which no row of these bytes was taken when they were read first; None: all were."""
        found = self._db.execute(f"select closed_before from closed_when_read where {_THIS}", _to_sql(row)).fetchone()
        return date.fromisoformat(found["closed_before"]) if found else None

    def counted_until_failed(self, row: LedgerRow, kind: Kind) -> bool:
        """Whether these bytes had rows that counted, until a reading of them failed, and none of the kind went since.

        What is kept of those that went since was made without them.
        """
        same = f"{kind}_from = (select coalesce(max({kind}_from), '') from kept_{kind})"
        query = f"select 1 from counted_until_failed where {_THIS} and {same}"
        return self._db.execute(query, _to_sql(row)).fetchone() is not None

    def ended_by(self, row: LedgerRow, replaces_slot: bool = False) -> list[LedgerRow]:
        """The committed rows that end when this one is recorded."""
        found = self.rows(
            "feed = :feed and table_name = :table_name and status = 'committed' "
            "and (identity = :identity or slot = :slot)",
            **_to_sql(row),
        )
        return [other for other in found if _ends(row, other, replaces_slot)]

    def move_rows(self, rows: Iterable[LedgerRow], merged_into: str | None) -> None:
        """Record, all or nothing, in which lake file the rows of these files are from now on; None: each in its own."""
        with self._transaction():
            for row in rows:
                values = _to_sql(row) | {"lake_name": merged_into}
                self._db.execute(f"delete from merged_files where {_THIS}", values)
                if merged_into is not None:
                    self._db.execute(
                        "insert into merged_files values (:feed, :table_name, :identity, :lake_name)", values
                    )

    def rows_kept(self) -> int:
        """Rows the lake has of every feed."""
        query = """
            select coalesce(sum(rows_kept), 0)
            from files
            where status = 'committed'
                and (feed, table_name, identity) not in (select feed, table_name, identity from expired_lake_files)
        """
        [(found,)] = self._db.execute(query)
        return int(found)

    def small_files(self, below: int) -> dict[tuple[str, str], int]:
        """By feed and table: lake files of one landed file with fewer rows than that, and merged ones."""
        query = """
            select feed, table_name, count(*) filter (where lake_name is null) + count(distinct lake_name)
            from files
            left join merged_files using (feed, table_name, identity)
            where (feed, table_name, identity) not in (select feed, table_name, identity from expired_lake_files)
                and status = 'committed' and (lake_name is not null or rows_kept < ?)
            group by feed, table_name
        """
        return {(feed, table): number for feed, table, number in self._db.execute(query, (below,))}

    def forget_failed(self, path: str, identity: str | None) -> None:
        """The bytes that could not be read are at `path` no more; `identity` is what is there now, None for nothing."""
        self._db.execute(
            "delete from files where status = 'failed' and path = ? and identity is not ?", (path, identity)
        )

    def note_duplicate(self, row: LedgerRow, stamp: str) -> None:
        """Record that a path holds bytes which are known under another."""
        with self._transaction():
            self._insert(row)
            self._note(row.path, stamp, row.identity)

    def note_expired(self, path: str, size_bytes: int) -> None:
        """The file at this path of landing goes, for its age."""
        self._db.execute("insert or replace into expired_paths values (?, ?)", (path, size_bytes))

    def expired(self) -> dict[tuple[str, str], tuple[int, int]]:
        """By feed and table: landed files that went for their age, and their bytes."""
        found: dict[tuple[str, str], tuple[int, int]] = {}
        for path, size in self._db.execute("select path, size_bytes from expired_paths"):
            feed, table, _ = path.split("/", 2)
            files, total = found.get((feed, table), (0, 0))
            found[feed, table] = (files + 1, total + size)
        return found

    def keep_samples(
        self, samples_from: date, kept: Mapping[str, Content], files: Iterable[tuple[int, Sequence[LedgerRow]]]
    ) -> None:
        """Record, all or nothing, that what samples before a day say is kept, and that these lake files go.

        `kept` has by table what its file of the days that go now holds; `files` the bytes of each lake file, and the
        rows of the landed files in it.
        """
        with self._transaction():
            self._db.execute("insert into kept_samples values (?)", (samples_from.isoformat(),))
            self._keep(samples_from, kept, files)

    def keep_calls(
        self,
        calls_from: date,
        months_from: date,
        kept: Mapping[str, Content],
        files: Iterable[tuple[int, Sequence[LedgerRow]]],
    ) -> None:
        """Record, all or nothing, that what calls before a day are made into is kept, and that these lake files go.

        Of tables by month it is kept of the months before `months_from`. `kept` and `files` are as of samples.
        """
        with self._transaction():
            self._db.execute("insert into kept_calls values (?, ?)", (calls_from.isoformat(), months_from.isoformat()))
            self._keep(calls_from, kept, files)

    def _keep(self, day: date, kept: Mapping[str, Content], files: Iterable[tuple[int, Sequence[LedgerRow]]]) -> None:
        self._db.executemany(
            "insert into kept_files values (?, ?, ?, ?)",
            [(day.isoformat(), table, *content) for table, content in kept.items()],
        )
        for size, rows in files:
            for number, row in enumerate(rows):
                values = _to_sql(row) | {"lake_name": row.lake_name, "size": size if number == 0 else 0}
                self._db.execute(
                    "insert into expired_lake_files values (:feed, :table_name, :identity, :lake_name, :size)", values
                )

    def kept_samples(self) -> list[date]:
        """The days that samples have been from, since each time older ones went; the last counts."""
        found = self._db.execute("select samples_from from kept_samples order by samples_from")
        return [date.fromisoformat(samples_from) for (samples_from,) in found]

    def kept_calls(self) -> list[tuple[date, date]]:
        """The days that calls have been from, since each time older ones went, with the month; the last count."""
        found = self._db.execute("select calls_from, months_from from kept_calls order by calls_from")
        return [(date.fromisoformat(day), date.fromisoformat(month)) for day, month in found]

    def kept_files(self) -> dict[tuple[date, str], Content]:
        """What each file holds that is kept of samples or calls, by the day before which they went, and table."""
        query = "select kept_before, table_name, size_bytes, content_sha256 from kept_files"
        return {(date.fromisoformat(day), table): (size, sha) for day, table, size, sha in self._db.execute(query)}

    def expired_lake_files(self) -> dict[tuple[str, str], tuple[int, int]]:
        """By feed and table, how many lake files of samples or calls have gone, and their bytes."""
        query = """
            select feed, table_name, count(distinct lake_name), sum(lake_bytes)
            from expired_lake_files group by feed, table_name order by feed, table_name
        """
        return {(feed, table): (files, size) for feed, table, files, size in self._db.execute(query)}

    def note_seen(self, path: str, stamp: str, identity: str) -> None:
        with self._transaction():
            self._note(path, stamp, identity)

    def _end(self, row: LedgerRow, other: LedgerRow) -> None:
        reason = (
            f"read again by reader version {row.reader_version}"
            if other.identity == row.identity
            else f"replaced under the same name by {row.identity}"
        )
        if other.merged_into is not None:
            raise ValueError(f"{other.path}: its rows are still in {other.merged_into}, with those of other files")
        values = _to_sql(other) | {"reason": reason}
        if other.identity == row.identity and other.reader_version == row.reader_version:
            self._db.execute(f"delete from files where {_THIS} and status = 'committed'", values)
        else:
            self._db.execute(
                f"update files set status = 'superseded', reason = :reason where {_THIS} and status = 'committed'",
                values,
            )
        self._db.execute(f"delete from file_days where {_THIS}", values)

    def _note_failing(self, row: LedgerRow, ended: Sequence[LedgerRow]) -> None:
        if row.status == "committed":
            self._db.execute(f"delete from counted_until_failed where {_THIS}", _to_sql(row))
        elif any(other.identity == row.identity for other in ended):
            self._db.execute(
                """
                insert into counted_until_failed
                select :feed, :table_name, :identity, coalesce(max(samples_from), ''), (
                    select coalesce(max(calls_from), '') from kept_calls
                )
                from kept_samples
                """,
                _to_sql(row),
            )

    def _insert(self, row: LedgerRow) -> None:
        marks = ", ".join(f":{name}" for name in _COLUMNS)
        self._db.execute(f"insert or replace into files ({', '.join(_COLUMNS)}) values ({marks})", _to_sql(row))

    def _note(self, path: str, stamp: str, identity: str) -> None:
        self._db.execute("insert or replace into paths values (?, ?, ?)", (path, stamp, identity))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._db.execute("begin immediate")
        try:
            yield
        except BaseException:
            self._db.execute("rollback")
            raise
        self._db.execute("commit")


def _ends(row: LedgerRow, other: LedgerRow, replaces_slot: bool) -> bool:
    if other.identity == row.identity:
        return True
    return replaces_slot and row.status == "committed" and other.slot == row.slot


def _to_sql(row: LedgerRow) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in _COLUMNS}
    times = {name: values[name].isoformat(sep=" ") if values[name] else None for name in _TIMES}
    return values | times | {"unknown_fields": json.dumps(dict(row.unknown_fields), sort_keys=True)}


def _from_sql(row: sqlite3.Row) -> LedgerRow:
    values = dict(row)
    times = {name: datetime.fromisoformat(values[name]) if values[name] else None for name in _TIMES}
    others = {"unknown_fields": json.loads(values["unknown_fields"]), "is_expired": bool(values["is_expired"])}
    return LedgerRow(**(values | times | others))
