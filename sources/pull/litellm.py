"""LiteLLM's spend log, read from its PostgreSQL: rows in order of their start, in files the feed reads as any other.

The order is (startTime, request_id), of which LiteLLM keeps an index. Rows are written some time after their call, so
what began before the mark and came since is asked for again: of the last days each time, which the index makes cheap,
and once a day of the whole log. A row that lands twice counts once by its request_id.
"""

import gzip
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime, timedelta
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit, urlunsplit

from sources import clock
from sources.home import Home, HomeError
from sources.lake import put
from sources.litellm.projection import LOG_FIELDS
from sources.pull import PullError
from sources.pull.pulling import Advance, Pulled, pulls_folder, tidy
from sources.pull.watermark import sync_folder, write_whole
from sources.settings.models import PullRule

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection  # noqa: N812

ADDRESS_VARIABLE = "LITELLM_DATABASE_URL"
TABLE = "LiteLLM_SpendLogs"
# Rows of a file, and what is read again at most after a kill.
FILE_ROWS = 100_000
_FETCH_ROWS = 2_000
# updated_at is the proxy's clock, and a row is seen only when its transaction ends.
_CLOCKS_APART = timedelta(hours=1)
# How often the whole log is searched for rows that came later than the days asked for again. It reads all of the table.
_SEARCH_EVERY = timedelta(days=1)
# LiteLLM's address is Prisma's, which has parameters of its own; these are the ones libpq knows.
_LIBPQ = frozenset((
    "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey", "connect_timeout", "target_session_attrs", "options",
))  # fmt: skip


@dataclass(frozen=True)
class Mark:
    """The last row that landed in order. What began before it and was updated since `seen` may not have landed."""

    first: str
    start_time: str
    request_id: str
    seen: str
    # When the whole log was last searched.
    searched: str = ""


@dataclass(frozen=True)
class Database:
    """Where the log is. The address holds a password, so it is shown nowhere."""

    variable: str
    address: str

    def __repr__(self) -> str:
        return f"Database({self.variable})"


def database_of(rule: PullRule, environment: Mapping[str, str] = os.environ) -> Database:
    """The database of a rule, its address from the environment."""
    variable = rule.key_variable or ADDRESS_VARIABLE
    address = environment.get(variable, "").strip()
    try:
        scheme = urlsplit(address).scheme
    except ValueError:
        scheme = ""
    if scheme not in ("postgres", "postgresql"):
        raise HomeError(f"{variable} is not set to an address such as postgresql://user:password@host/litellm")
    return Database(variable, address)


def pull_spend_logs(home: Home, rule: PullRule, database: Database, advance: Advance) -> Pulled:
    """Every row that has not landed, from the rule's first day on."""
    folder = home.landing / rule.feed / "spend_logs" / rule.account_id
    folder.mkdir(parents=True, exist_ok=True)
    tidy(folder)
    pulls_folder(home).mkdir(exist_ok=True)
    mark_file = pulls_folder(home) / f"{rule.feed}.spend_logs.{rule.account_id}.json"
    pulled = Pulled(rule.feed, "spend_logs", rule.account_id, rows=0)
    with _connected(database) as connection:
        log = _Log(connection)
        now = log.now()
        mark = _read_mark(mark_file, rule.first)
        if mark is None:
            mark = Mark(f"{rule.first}", f"{rule.first} 00:00:00", "", f"{now}", f"{now}")
        else:
            start = datetime.fromisoformat(mark.start_time) - timedelta(days=rule.again_days)
            since, searched = mark.seen, datetime.fromisoformat(mark.searched or mark.first)
            if log.has_updates and now - searched >= _SEARCH_EVERY:
                start, since, searched = datetime.fromisoformat(mark.first), f"{searched}", now
            after = replace(mark, start_time=f"{start}", request_id="")
            while last := _land(folder, "late", log.late(after, mark, since), pulled):
                after = replace(after, start_time=last.start_time, request_id=last.request_id)
            mark = replace(mark, searched=f"{searched}")
        first = datetime.fromisoformat(mark.start_time)
        while last := _land(folder, "in-order", log.in_order(mark, now), pulled):
            mark = replace(mark, start_time=last.start_time, request_id=last.request_id)
            began = datetime.fromisoformat(mark.start_time)
            advance((began - first).days, (now - first).days + 1, f"{began:%Y-%m-%d}")
            write_whole(mark_file, json.dumps(asdict(mark)).encode())
        write_whole(mark_file, json.dumps(asdict(replace(mark, seen=f"{now}"))).encode())
    return pulled


@dataclass(frozen=True)
class _Row:
    start_time: str
    request_id: str
    text: str


class _Log:
    """The table, as far as its version has the columns that are read."""

    def __init__(self, connection: "Connection") -> None:
        self.connection = connection
        columns = self._one(
            "select array_agg(cast(column_name as text)) from information_schema.columns "
            "where table_name = %s and table_schema = any(current_schemas(false))",
            TABLE,
        )
        if not columns:
            raise PullError(f"the database has no table {TABLE}")
        self.has_updates = "updated_at" in columns
        self.columns = ", ".join(f'"{name}"' for name in LOG_FIELDS if name in columns)

    def now(self) -> datetime:
        """The database's clock, in UTC."""
        return datetime.fromisoformat(self._one("select cast(now() at time zone 'UTC' as text)"))

    def in_order(self, mark: Mark, now: datetime) -> Iterator[_Row]:
        """The next rows after the mark. One of the future would take the mark with it, so it waits for its time."""
        return self._rows('"startTime" < cast(%s as timestamp)', mark, f"{now}")

    def late(self, after: Mark, mark: Mark, since: str) -> Iterator[_Row]:
        """Rows up to the mark that came, or changed, since that time; all of them where the table cannot tell."""
        upto, values = '("startTime", request_id) <= (cast(%s as timestamp), %s)', [mark.start_time, mark.request_id]
        if self.has_updates:
            upto += " and updated_at >= cast(%s as timestamp)"
            values.append(f"{datetime.fromisoformat(since) - _CLOCKS_APART}")
        return self._rows(upto, after, *values)

    def _rows(self, where: str, after: Mark, *values: str) -> Iterator[_Row]:
        query = f"""
            select cast(cast(log."startTime" as timestamp) as text), log.request_id, cast(row_to_json(log) as text)
            from (
                select {self.columns} from "{TABLE}"
                where {where} and ("startTime", request_id) > (cast(%s as timestamp), %s)
                order by "startTime", request_id limit {FILE_ROWS}
            ) as log
            order by log."startTime", log.request_id"""
        # With a name the cursor is the server's: rows come a few thousand at a time.
        with self.connection, self.connection.cursor("spend_logs") as cursor:
            cursor.itersize = _FETCH_ROWS
            cursor.execute(query, (*values, after.start_time, after.request_id))
            for row in cursor:
                yield _Row(*row)

    def _one(self, query: str, *values: str) -> Any:
        with self.connection, self.connection.cursor() as cursor:
            cursor.execute(query, values)
            [value] = cursor.fetchone() or [None]
            return value


@contextmanager
def _connected(database: Database) -> Iterator["Connection"]:
    """A connection that only reads. Its errors are told without the address."""
    try:
        import psycopg2
        from psycopg2 import sql
    except ImportError as error:
        raise HomeError("pulling litellm needs the extra `postgres`: pip install 'inferledger[postgres]'") from error
    address, schema = _for_libpq(database.address)
    try:
        with closing(psycopg2.connect(address, application_name="inferledger")) as connection:
            connection.set_session(readonly=True)
            with connection, connection.cursor() as cursor:
                cursor.execute("set time zone 'UTC'")
                if schema:
                    cursor.execute(sql.SQL("set search_path to {}").format(sql.Identifier(schema)))
            yield connection
    except psycopg2.Error as error:
        said = str(error).strip().partition("\n")[0] or type(error).__name__
        raise PullError(f"{database.variable}: {_without_password(said, database.address)}") from None


def _for_libpq(address: str) -> tuple[str, str | None]:
    parts = urlsplit(address)
    given = parse_qsl(parts.query)
    kept = urlencode([(name, value) for name, value in given if name in _LIBPQ])
    return urlunsplit(parts._replace(query=kept)), dict(given).get("schema")


def _without_password(said: str, address: str) -> str:
    password = urlsplit(address).password or ""
    for secret in filter(None, (address, password, unquote(password))):
        said = said.replace(secret, "***")
    return said


def _land(folder: Path, kind: str, rows: Iterator[_Row], pulled: Pulled) -> _Row | None:
    """The rows as a file that was not there before, whole or not at all; gives the last of them."""
    if (first := next(rows, None)) is None:
        return None
    temporary, written = folder / f".{kind}.part", 0
    # Without name and time in it, the same rows are the same bytes, which count once.
    with temporary.open("wb") as file, gzip.GzipFile("", "wb", 4, file, 0) as compressed:
        for last in chain([first], rows):
            compressed.write(f"{last.text}\n".encode())
            written += 1
    days = [date.fromisoformat(row.start_time[:10]) for row in (first, last)]
    stem = f"spend_logs_{days[0]}_{days[1]}__{kind}-{clock.now():%Y%m%dT%H%M%SZ}"
    names = (folder / f"{stem}-{number}.ndjson.gz" for number in count(1))
    put(temporary, next(name for name in names if not name.exists()))
    sync_folder(folder)
    pulled.files += 1
    pulled.rows = (pulled.rows or 0) + written
    pulled.first_day = min(days[0], pulled.first_day or days[0])
    pulled.last_day = max(days[1], pulled.last_day or days[1])
    return last


def _read_mark(path: Path, first: date) -> Mark | None:
    """None when there is nothing to go on from: no pull yet, or the rule begins earlier now."""
    try:
        mark = Mark(**json.loads(path.read_bytes()))
        return mark if date.fromisoformat(mark.first) <= first else None
    except (FileNotFoundError, ValueError, TypeError):
        return None
