"""Publishing: the marts dbt built become a version that analysts read, in one step nobody can see half of.

A version is a folder published/versions/<id>/ with marts.duckdb, one Parquet file for each mart (large facts: one for
each day) and manifest.json. It is written under another name, checked, renamed, and then one symlink is swapped. What
is checked stands in assets.checks; what is built, in dbt_project.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from pathlib import Path

import duckdb

from assets.repricing import Repriced, note_repricing
from sources import clock
from sources.home import Home
from sources.pricing.versions import used_version
from sources.reading import literal

DATABASE = "marts.duckdb"
MANIFEST = "manifest.json"
# Raised when the same rows would give other bytes, so that nothing is linked to files of another form.
WRITER = f"1 on duckdb {duckdb.__version__}"
# Level 1 writes a wide fact in 5/6 of the time of level 3, and no larger.
PARQUET_OPTIONS = "format parquet, compression zstd, compression_level 1"
# Facts that grow with traffic are one file a day, in an order that is total: so an unchanged day keeps its bytes.
DAILY_FACTS = {"fct_usage": "started_at, call_id", "fct_allocations": "allocation_id"}
NO_DAY = "__HIVE_DEFAULT_PARTITION__"
CHARGEBACK = "chargeback_lines"


class PublishError(Exception):
    """What dbt built cannot be published as it is."""


@dataclass(frozen=True)
class PublishedFile:
    """A Parquet file of a version. Equal `content` means equal rows, columns and writer, hence equal bytes."""

    rows: int
    content: str


@dataclass(frozen=True)
class Manifest:
    """What a version holds: `files` by path below marts/, and a content hash of each week and posting period.

    Weeks (by their Monday) and months tell which reports and chargeback files show numbers that are no longer so.
    `price_book` is the price book version; the home keeps it.
    """

    version_id: str
    published_at: str
    files: dict[str, PublishedFile]
    weeks: dict[str, str]
    months: dict[str, str]
    price_book: str = ""

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        raw = json.loads(path.read_text())
        files = {name: PublishedFile(**file) for name, file in raw.pop("files").items()}
        return cls(**raw, files=files)

    def rows(self, mart: str) -> int:
        return sum(
            file.rows for name, file in self.files.items() if name.split("/")[0].removesuffix(".parquet") == mart
        )


@dataclass(frozen=True)
class Published:
    """What publishing did."""

    manifest: Manifest
    path: Path
    files_written: int
    files_linked: int
    repriced: Repriced | None = None


@dataclass(frozen=True)
class _Job:
    """One Parquet file to write: the rows of `table` where `condition` holds, in `order`; its week if it has one."""

    name: str
    table: str
    condition: str
    order: str
    file: PublishedFile
    week: str | None = None


def version_path(home: Home, version_id: str) -> Path:
    return home.published / "versions" / version_id


def current_manifest(home: Home) -> Manifest | None:
    """The manifest of the version analysts see, or None before the first."""
    path = home.published / "current" / MANIFEST
    return Manifest.read(path) if path.is_file() else None


def publish(home: Home, version_id: str, check: Callable[[Path], None], keep: int) -> Published:
    """Publish warehouse/build.duckdb as `version_id`. `check` is given the new marts.duckdb and raises to stop it."""
    remove_unfinished(home)
    final, before = version_path(home, version_id), current_manifest(home)
    if (final / MANIFEST).is_file():
        published = Published(Manifest.read(final / MANIFEST), final, 0, 0)
    else:
        published = _write_version(home, version_id, check)
    repriced = None
    if before and before.version_id != version_id and before.price_book not in ("", published.manifest.price_book):
        database = version_path(home, before.version_id) / DATABASE
        repriced = note_repricing(
            home, version_id, database, before.price_book, final / DATABASE, published.manifest.price_book
        )
    _point_to(home, version_id)
    _prune(home, keep)
    return replace(published, repriced=repriced)


def remove_unfinished(home: Home) -> None:
    """Remove what a killed publish left, and the version that failed its check last: nobody reads them."""
    for path in (home.published / "versions").glob(".*.tmp"):
        shutil.rmtree(path)


def _write_version(home: Home, version_id: str, check: Callable[[Path], None]) -> Published:
    folder = home.published / "versions" / f".{version_id}.tmp"
    (folder / "marts").mkdir(parents=True)
    database = _copy_database(home, folder)
    before = home.published / "current"
    previous = current_manifest(home)
    with duckdb.connect(str(database), read_only=True) as connection:
        connection.execute("set threads = 1; set enable_progress_bar = false")
        tables = _tables(connection)
        jobs = [job for table in tables for job in _jobs(connection, table)]
        known = previous.files if previous else {}
        linked = [job for job in jobs if known.get(job.name) == job.file and _link(before, folder, job.name)]
        _write_all(connection, folder, [job for job in jobs if job not in linked])
        weeks, months = _weeks(connection, jobs), _months(connection, tables)
    files = {job.name: job.file for job in jobs}
    manifest = Manifest(version_id, clock.now().isoformat(), files, weeks, months, used_version(home))
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1, sort_keys=True) + "\n")
    check(database)
    _make_durable(folder)
    folder.rename(version_path(home, version_id))
    _sync(home.published / "versions")
    return Published(manifest, version_path(home, version_id), len(jobs) - len(linked), len(linked))


def _copy_database(home: Home, folder: Path) -> Path:
    build = home.warehouse / "build.duckdb"
    if not build.is_file():
        raise PublishError(f"{build}: dbt has built no marts yet")
    if build.with_suffix(".duckdb.wal").exists():
        raise PublishError(f"{build}: has changes that were not written back; build it again")
    return Path(shutil.copyfile(build, folder / DATABASE))


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The tables among the marts, whose columns Parquet holds exactly; a view of them stays in the database alone."""
    for (view,) in connection.execute("select view_name from duckdb_views() where not internal order by 1").fetchall():
        try:
            connection.execute(f"select * from {view} limit 0")
        except duckdb.Error as error:
            raise PublishError(f"{view}: reads what is not in the file analysts get: {error}") from error
    wide = connection.execute(
        "select table_name, column_name, data_type from duckdb_columns() where data_type in ('HUGEINT', 'UHUGEINT')"
    ).fetchall()
    if wide:
        raise PublishError("{}.{}: {} would become a double in Parquet; cast it to bigint or decimal".format(*wide[0]))
    found = connection.execute("select table_name from duckdb_tables() where not internal order by 1").fetchall()
    if not found:
        raise PublishError("build.duckdb holds no mart")
    return [name for (name,) in found]


def _jobs(connection: duckdb.DuckDBPyConnection, table: str) -> list[_Job]:
    if table not in DAILY_FACTS:
        (file,) = _contents(connection, table, "null").values()
        return [_Job(f"{table}.parquet", table, "true", "all", file)]
    days = _contents(connection, table, "usage_date")
    if not days:
        (file,) = _contents(connection, table, "null").values()
        return [_Job(f"{table}/empty.parquet", table, "true", "all", file)]
    order = DAILY_FACTS[table]
    return [
        _Job(f"{table}/usage_date={day or NO_DAY}/data.parquet", table, _is_day(day), order, file, _monday(day))
        for day, file in days.items()
    ]


def _is_day(day: str | None) -> str:
    return "usage_date is null" if day is None else f"usage_date = date '{day}'"


def _monday(day: str | None) -> str | None:
    moment = date.fromisoformat(day) if day else None
    return str(moment - timedelta(days=moment.weekday())) if moment else None


def _contents(connection: duckdb.DuckDBPyConnection, table: str, period: str) -> dict[str | None, PublishedFile]:
    """Rows and content hash of each period of a table; of all of it, empty or not, where `period` is the text null."""
    schema = connection.execute(
        "select column_name, data_type from duckdb_columns() where table_name = ? order by column_index", [table]
    ).fetchall()
    # Two sums that do not depend on the order of rows: 128 bits, at a tenth of the cost of writing the rows.
    group = "" if period == "null" else "group by 1 order by 1 nulls first"
    found = connection.execute(
        f'select {period}::varchar, count(*), bit_xor(hash(mart)), sum(hash(mart)) from "{table}" as mart {group}'
    ).fetchall()
    return {key: PublishedFile(rows, _digest(WRITER, schema, rows, xor, total)) for key, rows, xor, total in found}


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _weeks(connection: duckdb.DuckDBPyConnection, jobs: Iterable[_Job]) -> dict[str, str]:
    """A hash of what all marts say about each week. Daily facts were hashed by day; their weeks follow from that."""
    dated = connection.execute(
        """
        select table_name, bool_or(column_name = 'week_start')
        from duckdb_columns()
        where column_name in ('week_start', 'usage_date') and not internal
        group by table_name
        order by table_name
        """
    ).fetchall()
    found = [(job.name, job.week, job.file) for job in jobs if job.week]
    for table, has_week in dated:
        if table not in DAILY_FACTS:
            week = "week_start" if has_week else "cast(date_trunc('week', usage_date) as date)"
            found += [(table, monday, file) for monday, file in _contents(connection, table, week).items() if monday]
    weeks: dict[str, list[tuple[str, str]]] = {}
    for name, monday, file in found:
        weeks.setdefault(monday, []).append((name, file.content))
    return {monday: _digest(weeks[monday]) for monday in sorted(weeks)}


def _months(connection: duckdb.DuckDBPyConnection, tables: Iterable[str]) -> dict[str, str]:
    """A hash of what is charged back in each posting period."""
    if CHARGEBACK not in tables:
        return {}
    return {month: file.content for month, file in _contents(connection, CHARGEBACK, "posting_period").items() if month}


def _link(before: Path, folder: Path, name: str) -> bool:
    """Take the file of the version before; False when it is gone."""
    target = folder / "marts" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(before.resolve() / "marts" / name, target)
    except FileNotFoundError:
        return False
    return True


def _write_all(connection: duckdb.DuckDBPyConnection, folder: Path, jobs: Iterable[_Job]) -> None:
    """Write the files, several at a time, each by one thread: so its bytes depend on its rows alone."""

    def write(job: _Job) -> None:
        target = folder / "marts" / job.name
        target.parent.mkdir(parents=True, exist_ok=True)
        with connection.cursor() as cursor:
            rows = f'select * from "{job.table}" where {job.condition} order by {job.order}'
            cursor.execute(f"copy ({rows}) to {literal(target)} ({PARQUET_OPTIONS})")

    with ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        list(pool.map(write, jobs))


def _make_durable(folder: Path) -> None:
    """Everything in the folder is on disk, and closed to writing: a version never changes."""
    for path in folder.rglob("*"):
        if path.is_file() and path.stat().st_nlink == 1:
            path.chmod(0o444)
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _point_to(home: Home, version_id: str) -> None:
    """Swap published/current, and have the two paths people type resolve through it."""
    _replace_link(home.published / "current", Path("versions") / version_id)
    for name in (DATABASE, "marts"):
        if not (home.published / name).is_symlink():
            _replace_link(home.published / name, Path("current") / name)
    _sync(home.published)


def _replace_link(link: Path, target: Path) -> None:
    temporary = link.with_name(f".{link.name}.tmp")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(target)
    temporary.replace(link)


def _prune(home: Home, keep: int) -> None:
    """Keep the last versions for readers that are still open; never remove the one analysts see."""
    current = (home.published / "current").resolve()
    versions = sorted(
        (path for path in (home.published / "versions").iterdir() if (path / MANIFEST).is_file()),
        key=lambda path: (path == current, (path / MANIFEST).stat().st_mtime_ns),
    )
    for path in versions[: max(0, len(versions) - keep)]:
        shutil.rmtree(path)
