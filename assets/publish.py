"""Publishing: the marts dbt built become a version that analysts read, in one step nobody can see half of.

A version is a folder published/versions/<id>/ (<id>.2/ where the same inputs were published with other rows before, as
what readers may have open never changes) with marts.duckdb, one Parquet file for each mart (those that grow: one
for each day or month) and manifest.json. It is written under another name, checked, renamed, and then one
symlink is swapped. What is checked stands in assets.checks; what is built, in dbt_project.
"""

import errno
import hashlib
import importlib.metadata
import json
import mmap
import os
import shutil
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from io import FileIO
from pathlib import Path
from typing import ClassVar

import duckdb

from assets.repricing import Repriced, note_repricing
from assets.touched import note_published, unpublished_days
from sources import clock
from sources.home import Home
from sources.memory import Memory, connect, memory_of
from sources.pricing.versions import used_version
from sources.reading import literal
from sources.settings.models import Limits

DATABASE = "marts.duckdb"
MANIFEST = "manifest.json"
# The sums that marts followed by day were hashed to, for the version after.
GROUPS = "hashes.json"
# Raised when the same rows would give other bytes, so that nothing is linked to files of another form.
WRITER = f"1 on duckdb {duckdb.__version__}"
# Level 1 writes a wide fact in 5/6 of the time of level 3, and no larger.
PARQUET_OPTIONS = "format parquet, compression zstd, compression_level 1"
# No row, as a condition.
NOTHING = "false"
NO_PART = "__HIVE_DEFAULT_PARTITION__"
CHARGEBACK = "chargeback_lines"


# Is given the new marts.duckdb and, of each mart, the rows the version before does not have, as a condition in SQL.
Check = Callable[[Path, Mapping[str, str]], None]


@dataclass(frozen=True)
class Split:
    """How a mart that grows is cut into files: by what their folders are named, as SQL, and the order, which is total.

    So a file whose rows are unchanged keeps its bytes.
    """

    name: str
    value: str
    order: str

    def file_name(self, table: str, part: str | None) -> str:
        return f"{table}/{self.name}={part or NO_PART}/data.parquet"

    def condition(self, part: str | None) -> str:
        return f"{self.value} is null" if part is None else f"{self.value} = '{part}'"

    def monday(self, part: str | None) -> str | None:
        """The week of a part that is a day."""
        moment = date.fromisoformat(part) if part and self.name == DAY else None
        return str(moment - timedelta(days=moment.weekday())) if moment else None


DAY = "usage_date"
SPLITS = {
    "fct_usage": Split(DAY, DAY, "started_at, call_id"),
    "fct_allocations": Split(DAY, DAY, "allocation_id"),
    CHARGEBACK: Split("posting_period", "posting_period", "chargeback_line_id"),
    "fct_tasks": Split("ended_date", "ended_date", "all"),
    "unit_economics_daily": Split("usage_month", "strftime(usage_date, '%Y-%m')", "all"),
}
# Of these the build knows the days that are others than in the version before, in the column that is named.
FOLLOWED_BY_DAY = {"fct_usage": DAY, "fct_allocations": DAY, CHARGEBACK: DAY, "fct_tasks": "ended_date"}
# The ledger is split when it is read; as files analysts get the split, and not what it is made of.
WRITTEN_VIEWS = ("fct_allocations", CHARGEBACK)
UNWRITTEN_TABLES = ("fct_allocation_parts", "dim_allocation_shares", "fct_closed_allocations")


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
    `price_book` is the price book version; the home keeps it. `checked_by` are the contracts its rows were held to.
    """

    version_id: str
    published_at: str
    files: dict[str, PublishedFile]
    weeks: dict[str, str]
    months: dict[str, str]
    price_book: str = ""
    checked_by: str = ""

    @classmethod
    def read(cls, path: Path) -> "Manifest":
        raw = json.loads(path.read_text())
        files = {name: PublishedFile(**file) for name, file in raw.pop("files").items()}
        return cls(**raw, files=files)

    def rows(self, mart: str) -> int:
        return sum(file.rows for name, file in self.files.items() if _mart(name) == mart)


@dataclass(frozen=True)
class Published:
    """What publishing did."""

    manifest: Manifest
    path: Path
    files_written: int
    files_linked: int
    repriced: Repriced | None = None
    # Marts that had other rows in the version of the same inputs, which this one takes the place of.
    others: tuple[str, ...] = ()

    @property
    def is_new(self) -> bool:
        """False when the version was there already: equal inputs, equal marts."""
        return bool(self.files_written or self.files_linked)


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
    """The folder of a version, the last one where it was published again."""
    versions = home.published / "versions"
    again = {int(path.suffix[1:]): path for path in versions.glob(f"{version_id}.*")}
    return again[max(again)] if again else versions / version_id


def _mart(file_name: str) -> str:
    return file_name.split("/")[0].removesuffix(".parquet")


def current_manifest(home: Home) -> Manifest | None:
    """The manifest of the version analysts see, or None before the first."""
    path = home.published / "current" / MANIFEST
    return Manifest.read(path) if path.is_file() else None


def publish(
    home: Home, version_id: str, check: Check, keep: int, memory: Memory | None = None, *, anew: bool = False
) -> Published:
    """Publish warehouse/build.duckdb as `version_id`, unless `check` raises.

    A version that is there stays: equal inputs, equal rows. With `anew` it is held against what was built, and where it
    has other rows, what was built takes its place, whole and linked to nothing.
    """
    memory = (memory or memory_of(home.root, Limits())).emptied()
    remove_unfinished(home)
    final, before = version_path(home, version_id), current_manifest(home)
    is_there = (final / MANIFEST).is_file()
    others = _other_marts(home, final, memory) if is_there and anew else ()
    if others:
        again = final.suffix[1:] or "1"
        final = final.with_name(f"{version_id}.{int(again) + 1}")
        published = replace(_write_version(home, final, version_id, check, memory, None), others=others)
    elif is_there:
        published = Published(Manifest.read(final / MANIFEST), final, 0, 0)
    else:
        published = _write_version(home, final, version_id, check, memory, before)
    repriced = None
    if before and before.version_id != version_id and before.price_book not in ("", published.manifest.price_book):
        database = (home.published / "current").resolve() / DATABASE
        repriced = note_repricing(
            home, version_id, database, before.price_book, final / DATABASE, published.manifest.price_book
        )
    _point_to(home, final)
    # A version that was there already may have other rows than the tables of today: what was noted goes on.
    if published.is_new or anew:
        note_published(home, version_id, WRITER)
    _prune(home, keep)
    return replace(published, repriced=repriced)


def remove_unfinished(home: Home) -> None:
    """Remove what a killed publish left, and the version that failed its check last: nobody reads them."""
    for path in (home.published / "versions").glob(".*.tmp"):
        shutil.rmtree(path)


def _other_marts(home: Home, version: Path, memory: Memory) -> tuple[str, ...]:
    """Marts of which a version says or has other rows than were built; all where its database cannot be read."""
    said = Manifest.read(version / MANIFEST).files
    built = _files_in(home.warehouse / "build.duckdb", memory)
    try:
        found = _files_in(version / DATABASE, memory)
    except (duckdb.Error, PublishError):
        found = {}
    names = said.keys() | built.keys() | found.keys()
    return tuple(sorted({_mart(name) for name in names if not said.get(name) == built.get(name) == found.get(name)}))


def _files_in(database: Path, memory: Memory) -> dict[str, PublishedFile]:
    with connect(database, memory, read_only=True) as connection:
        return {name: file for table in _tables(connection) for name, file in files_of(connection, table).items()}


def _write_version(
    home: Home, final: Path, version_id: str, check: Check, memory: Memory, previous: Manifest | None
) -> Published:
    """Files that the previous version has with the same rows are linked to it."""
    folder = home.published / "versions" / f".{version_id}.tmp"
    (folder / "marts").mkdir(parents=True)
    database = _copy_database(home, folder)
    before = home.published / "current"
    with connect(database, memory, read_only=True) as connection:
        connection.execute("set threads = 1")
        known = previous.files if previous else {}
        days = unpublished_days(home, previous.version_id, WRITER) if previous else None
        noted = _noted_groups(before) if days is not None else {}
        hashes = [_hashes(connection, table, days or frozenset(), noted.get(table)) for table in _tables(connection)]
        jobs = [job for mart in hashes for job in _jobs(mart)]
        linked = [job for job in jobs if known.get(job.name) == job.file and _link(before, folder, job.name)]
        _write_all(connection, folder, [job for job in jobs if job not in linked])
        weeks, months = _weeks(hashes, jobs), _months(hashes)
    files = {job.name: job.file for job in jobs}
    checked_by = contracts_hash()
    manifest = Manifest(version_id, clock.now().isoformat(), files, weeks, months, used_version(home), checked_by)
    (folder / MANIFEST).write_text(json.dumps(asdict(manifest), indent=1, sort_keys=True) + "\n")
    _note_groups(folder, hashes)
    check(database, _unchecked(jobs, known, hashes) if previous and previous.checked_by == checked_by else {})
    _make_durable(folder)
    folder.rename(final)
    _sync(home.published / "versions")
    return Published(manifest, final, len(jobs) - len(linked), len(linked))


def files_of(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, PublishedFile]:
    """The files that hold all rows a mart has, as the manifest of its version has them."""
    return {job.name: job.file for job in _jobs(_hashes(connection, table))}


def _copy_database(home: Home, folder: Path) -> Path:
    build = home.warehouse / "build.duckdb"
    if not build.is_file():
        raise PublishError(f"{build}: dbt has built no marts yet")
    if build.with_suffix(".duckdb.wal").exists():
        raise PublishError(f"{build}: has changes that were not written back; build it again")
    return _copy(build, folder / DATABASE)


def _copy(source: Path, target: Path) -> Path:
    """A copy past the page cache, where the system has such: a tenth of the CPU (0.3 in place of 2.5 s for 2 GB)."""
    if not hasattr(os, "O_DIRECT"):
        return Path(shutil.copyfile(source, target))

    def unbuffered(path: str, flags: int) -> int:
        return os.open(path, flags | os.O_DIRECT, 0o644)

    try:
        with (
            FileIO(source, "rb", opener=unbuffered) as read,
            FileIO(target, "wb", opener=unbuffered) as written,
            mmap.mmap(-1, 8 << 20) as piece,
        ):
            while size := read.readinto(piece):
                with memoryview(piece) as view:
                    done = written.write(view[:size])
                if done != size:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(target))
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.EOPNOTSUPP):
            raise
        return Path(shutil.copyfile(source, target))
    return target


def _tables(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The marts that become Parquet, which holds their columns exactly; other views stay in the database alone."""
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
    found = connection.execute(
        """
        select table_name from duckdb_tables() where not internal and not list_contains($unwritten, table_name)
        union all
        select view_name from duckdb_views() where not internal and list_contains($written, view_name)
        order by 1
        """,
        {"unwritten": UNWRITTEN_TABLES, "written": WRITTEN_VIEWS},
    ).fetchall()
    if not found:
        raise PublishError("build.duckdb holds no mart")
    return [name for (name,) in found]


def _jobs(hashes: "_Hashes") -> list[_Job]:
    table = hashes.table
    if table not in SPLITS:
        return [_Job(f"{table}.parquet", table, "true", "all", hashes.whole())]
    split, parts = SPLITS[table], hashes.of("part")
    if not parts:
        return [_Job(f"{table}/empty.parquet", table, "true", "all", hashes.whole())]
    return [
        _Job(split.file_name(table, part), table, split.condition(part), split.order, file, split.monday(part))
        for part, file in parts.items()
    ]


# Part, week, month and day, of which a mart need have none; rows, and the two sums.
_Group = tuple[tuple[str | None, ...], int, int, int]


@dataclass(frozen=True)
class _Hashes:
    """A mart in one pass: rows, and two sums of their hashes that do not depend on their order, by `PERIODS`."""

    table: str
    schema: list[tuple[str, str]]
    groups: list[_Group]
    # The rows that were looked at, as a condition; the others are those of the version before.
    looked_at: str = "true"

    PERIODS: ClassVar = ("part", "week", "month", "day")

    def of(self, period: str) -> dict[str | None, PublishedFile]:
        """Rows and content hash of each part, week or posting period that the mart has, in order."""
        place = self.PERIODS.index(period)
        groups: dict[str | None, list[_Group]] = {}
        for group in self.groups:
            groups.setdefault(group[0][place], []).append(group)
        return {key: self._file(groups[key]) for key in sorted(groups, key=lambda key: key or "")}

    def whole(self) -> PublishedFile:
        return self._file(self.groups)

    def _file(self, groups: Iterable[_Group]) -> PublishedFile:
        rows, xor, total = 0, 0, 0
        for _, count, mixed, added in groups:
            rows, xor, total = rows + count, xor ^ mixed, total + added
        return PublishedFile(rows, _digest(WRITER, self.schema, rows, xor, total))


def _hashes(
    connection: duckdb.DuckDBPyConnection, table: str, days: Iterable[str] = (), noted: list[_Group] | None = None
) -> _Hashes:
    """Of a mart whose groups were `noted` by day, only rows of these days are looked at."""
    schema = connection.execute(
        "select column_name, data_type from duckdb_columns() where table_name = ? order by column_index", [table]
    ).fetchall()
    columns = {name for name, _ in schema}
    week = "date_trunc('week', usage_date)::date" if DAY in columns else "null"
    day = FOLLOWED_BY_DAY.get(table, "null")
    day = day if day in columns else "null"
    periods = (
        SPLITS[table].value if table in SPLITS else "null",
        "week_start" if "week_start" in columns else week,
        "posting_period" if table == CHARGEBACK else "null",
        day,
    )
    replaced = {None, *days}
    # Without a day, none of its rows can be told from those of the version before.
    kept = [group for group in noted or () if group[0][-1] not in replaced]
    looked_at = "true"
    if kept:
        looked_at = " or ".join(f"{day} = '{value}'" if value else f"{day} is null" for value in replaced)
    # At a tenth of the cost of writing the rows.
    found = connection.execute(
        f"""
        select {", ".join(f"{period}::varchar" for period in periods)},
            count(*), bit_xor(hash(mart)), sum(hash(mart))
        from "{table}" as mart where {looked_at} group by 1, 2, 3, 4
        """
    ).fetchall()
    return _Hashes(table, schema, [*kept, *((row[:4], *row[4:]) for row in found)], looked_at)


def _note_groups(folder: Path, hashes: Iterable[_Hashes]) -> None:
    """What the next version need not look at again."""
    groups = {mart.table: mart.groups for mart in hashes if mart.table in FOLLOWED_BY_DAY}
    (folder / GROUPS).write_text(json.dumps(groups) + "\n")


def _noted_groups(version: Path) -> dict[str, list[_Group]]:
    if not (version / GROUPS).is_file():
        return {}
    noted = json.loads((version / GROUPS).read_text())
    return {table: [(tuple(periods), *sums) for periods, *sums in groups] for table, groups in noted.items()}


def contracts_hash() -> str:
    """Another where contracts of marts may be others than those a version was checked by, wherever their rules are."""
    from assets.contracts import CONTRACTS  # pandera: 2 CPU seconds that only a check needs

    code = [Path(__file__).with_name(name).read_bytes() for name in ("contracts.py", "checks.py")]
    return _digest(CONTRACTS, code, importlib.metadata.version("pandera"))


def was_checked(database: Path) -> bool:
    """Whether the marts of a version are those that were held to the contracts of today before it was published."""
    database = database.resolve()
    path = database.with_name(MANIFEST)
    if not path.is_file() or database.stat().st_mtime_ns > path.stat().st_mtime_ns:
        return False
    return Manifest.read(path).checked_by == contracts_hash()


def _unchecked(jobs: Iterable[_Job], checked: Mapping[str, PublishedFile], hashes: Iterable[_Hashes]) -> dict[str, str]:
    """Of each mart the rows, as SQL, that may be others than in files that were checked."""
    others: dict[str, list[str]] = {}
    for job in jobs:
        others.setdefault(job.table, []).extend([] if checked.get(job.name) == job.file else [job.condition])
    return {
        mart.table: f"({' or '.join(others[mart.table])}) and ({mart.looked_at})" if others[mart.table] else NOTHING
        for mart in hashes
    }


def _digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:32]


def _weeks(hashes: Iterable[_Hashes], jobs: Iterable[_Job]) -> dict[str, str]:
    """A hash of what all marts say about each week. Of those that are a file a day, the weeks follow from the days."""
    found = [(job.name, job.week, job.file) for job in jobs if job.week]
    for mart in hashes:
        if mart.table not in SPLITS or SPLITS[mart.table].name != DAY:
            found += [(mart.table, monday, file) for monday, file in mart.of("week").items() if monday]
    weeks: dict[str, list[tuple[str, str]]] = {}
    for name, monday, file in found:
        weeks.setdefault(monday, []).append((name, file.content))
    return {monday: _digest(weeks[monday]) for monday in sorted(weeks)}


def _months(hashes: Iterable[_Hashes]) -> dict[str, str]:
    """A hash of what is charged back in each posting period."""
    found = (mart.of("month") for mart in hashes if mart.table == CHARGEBACK)
    return {month: file.content for months in found for month, file in months.items() if month}


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
    """Everything in the folder is on disk, and closed to writing: a version never changes. Linked files are both."""
    for path in folder.rglob("*"):
        if path.is_file():
            if path.stat().st_nlink > 1:
                continue
            path.chmod(0o444)
        _sync(path)
    _sync(folder)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _point_to(home: Home, version: Path) -> None:
    """Swap published/current, and have the two paths people type resolve through it."""
    _replace_link(home.published / "current", Path("versions") / version.name)
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
