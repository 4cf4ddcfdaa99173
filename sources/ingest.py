"""Ingest: read every landed file that has not been read, once, and commit it to the ledger.

For each file: read into an unfinished Parquet, check that no row went missing, rename into the lake, then write the
ledger row. A kill between any two of these leaves a state the next run puts right. Where there is much to read, files
are read ahead of their turn by other processes (sources.ahead); all else has its order here. What files mean is the
readers' business; what the ledger shows to the warehouse is sources.meta.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from sources.ahead import Ahead
from sources.compaction import CompactionError, compact, take_apart
from sources.feed import FeedTable, LandedFile, ReadContext, ReadResult, UnreadableFileError
from sources.kept import closed_before
from sources.lake import (
    lake_file,
    ledger_path,
    put,
    rejects_file,
    sweep,
    unfinished,
    work_folder,
    write_schemas,
)
from sources.landing import Candidate, discover, has_changed, identify, slot
from sources.late import late_of, set_late_aside
from sources.ledger import FileLedger, Kind, LedgerRow
from sources.memory import Memory, connect, memory_of
from sources.quarantine import Reject, read_rejects, write_rejects
from sources.reading import literal, one
from sources.settings.models import Limits

# progress(files done, files in all, name of the file now being read)
Progress = Callable[[int, int, str], None]


# Of a plain log a CPU second reads 140 MB (LiteLLM), 80 (Langfuse) or 13 (OTLP), and a file of a few rows takes 0.05.
# A worker takes a second before its first file: to read less than this beside each other gains nothing.
BYTES_WORTH_WORKERS = 500_000_000
_BYTES_OF_A_FILE = 4_000_000
_PACKED_SUFFIXES = (".gz", ".parquet")
_PACKED_TIMES = 8
# In 0.28 DuckDB reads a log (LiteLLM, Langfuse) without going to disk, in 0.175 not.
_GIGABYTES_OF_EACH = Decimal("0.3")
# So many files with rejects are named one by one; `inferledger quarantine show` names all.
FILES_NAMED = 10


@dataclass
class IngestSummary:
    """What one ingest did. Warnings are sentences for people, each naming its file."""

    files_new: int = 0
    files_duplicate: int = 0
    files_failed: int = 0
    files_unchanged: int = 0
    rows_read: int = 0
    rows_kept: int = 0
    rows_quarantined: int = 0
    files_with_rejects: int = 0
    files_merged: int = 0
    files_expired: int = 0
    samples_from: date | None = None
    sample_files_expired: int = 0
    calls_from: date | None = None
    call_files_expired: int = 0
    warnings: list[str] = field(default_factory=list)


def ingest(
    home: Path,
    *,
    now: datetime,
    hash_key: bytes,
    currencies: Iterable[str],
    feeds: Sequence[FeedTable],
    progress: Progress | None = None,
    memory: Memory | None = None,
    processes: int = 1,
) -> IngestSummary:
    """Read what is new in <home>/landing. The caller holds the home's lock; a file that fails does not stop the run.

    What comes of it does not depend on `processes`, which read files at a time where there is much to read.
    """
    memory = memory or memory_of(home, Limits())
    with FileLedger(ledger_path(home)) as ledger, closing(lake_connection(home, memory)) as connection:
        sweep(home, ledger, feeds)
        write_schemas(home, feeds, connection)
        context = ReadContext(now, hash_key, frozenset(currencies), connection, work_folder(home))
        run = _Run(home, ledger, context)
        candidates, run.summary.warnings = discover(home / "landing", feeds)
        run.forget_removed(candidates)
        run.drain(candidates, memory, processes, progress)
        for done in compact(home, ledger, feeds, connection):
            run.summary.files_merged += done.files_before
            run.summary.warnings += done.problems
        sweep(home, ledger, feeds)
        run.warn_of_standing_problems()
        return run.summary


def unread(home: Path, *, hash_key: bytes, currencies: Iterable[str], feeds: Sequence[FeedTable]) -> list[str]:
    """Landed files that `ingest` would read: new, changed, or read with other settings or an older reader."""
    readings = _Readings(home, hash_key, frozenset(currencies))
    found = []
    with FileLedger(ledger_path(home)) as ledger:
        for one in discover(home / "landing", feeds)[0]:
            table, known = one.feed_table, ledger.seen(one.landing_path, one.stamp)
            standing = ledger.standing(table.feed, table.table, known) if known else None
            if standing is None or readings.is_stale(standing, table):
                account = standing.account_id if standing else None
                reading = f"{table.reader_version} {readings.settings_key(table, account)}"
                found.append(f"{one.landing_path} {one.stamp} {reading}")
    return found


def lake_connection(home: Path, memory: Memory | None) -> duckdb.DuckDBPyConnection:
    """For work on the lake. The caller holds the home's lock."""
    connection = connect(memory=(memory or memory_of(home, Limits())).emptied())
    connection.execute("set timezone = 'UTC'")
    return connection


def _workers(files: Iterable[Candidate], processes: int, memory: Memory) -> int:
    """How many processes beside this one are worth their start, when these files are to be read."""
    sizes = sorted(_size(file) for file in files)
    # The largest takes its time however many there are. This process reads too: what came late is set aside in it.
    workers = min(processes, len(sizes), int(memory.gigabytes / _GIGABYTES_OF_EACH) - 1)
    return workers if workers > 1 and sum(sizes[:-1]) >= BYTES_WORTH_WORKERS else 0


def _size(file: Candidate) -> int:
    """Bytes of a plain log that take as long to read."""
    packed = file.path.name.endswith(_PACKED_SUFFIXES)
    return max(file.size_bytes * (_PACKED_TIMES if packed else 1), _BYTES_OF_A_FILE)


def _short_hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:12]


class _Readings:
    """What a file was read with: by the settings and the reader of today, or is it to be read again?"""

    def __init__(self, home: Path, hash_key: bytes, currencies: Iterable[str]) -> None:
        self.home = home
        self.rates_key = _short_hash(",".join(sorted(currencies)).encode())
        self.people_key = _short_hash(b"people " + hash_key)

    def is_stale(self, row: LedgerRow, table: FeedTable) -> bool:
        if row.is_expired:
            return False
        if row.reader_version != table.reader_version:
            return True
        if row.status == "committed" and not lake_file(self.home, row).is_file():
            return True
        rates, *others = row.settings_key.split()
        if (row.status == "failed" or row.rows_quarantined) and rates != self.rates_key:
            return True  # rows that were rejected for want of a rate may be good now
        return others != self.settings_key(table, row.account_id).split()[1:]

    def settings_key(self, table: FeedTable, folder: str | None) -> str:
        """What readers see of the settings; hashes of people made with another key would match nobody's."""
        has_people = any(name.endswith("user_key") for name in table.columns)
        key = f"{self.rates_key} {self.people_key if has_people else '-'}"
        return key if table.folder_keys is None else f"{key} {table.folder_keys.get(folder or '', '-')}"


class _Run:
    def __init__(self, home: Path, ledger: FileLedger, context: ReadContext) -> None:
        self.home = home
        self.ledger = ledger
        self.context = context
        self.summary = IngestSummary()
        self.readings = _Readings(home, context.hash_key, context.currencies)
        # Files that were hashed and wait for their turn, by path in landing.
        self.identified: dict[str, LandedFile] = {}

    def forget_removed(self, candidates: Iterable[Candidate]) -> None:
        """A file that could not be read and was taken away is no problem any more."""
        there = {candidate.landing_path for candidate in candidates}
        for row in self.ledger.rows("status = 'failed'"):
            if row.path not in there:
                self.ledger.forget_failed(row.path, None)

    def drain(
        self, candidates: Sequence[Candidate], memory: Memory, processes: int, progress: Progress | None = None
    ) -> None:
        """Take in the files, each in its turn, while those after it are read."""
        pending = [candidate for candidate in candidates if processes > 1 and not self.is_known(candidate)]
        upcoming = iter(pending)
        with Ahead(self.context, memory, _workers(pending, processes, memory)) as self.ahead:
            for number, candidate in enumerate(candidates):
                if progress:
                    progress(number, len(candidates), candidate.landing_path)
                self.look_ahead(upcoming)
                self.take(candidate)
                self.identified.pop(candidate.landing_path, None)
                self.ahead.forget(candidate)

    def look_ahead(self, upcoming: Iterator[Candidate]) -> None:
        """Have files read before their turn that will have to be, as far as can be told before it."""
        while len(self.identified) < self.ahead.room and (candidate := next(upcoming, None)):
            try:
                landed = identify(candidate)
            except OSError:
                continue  # its turn will say so
            self.identified[candidate.landing_path] = landed
            table = candidate.feed_table
            standing = self.ledger.standing(table.feed, table.table, landed.identity)
            is_read = standing and not self.readings.is_stale(standing, table)
            if not is_read and not self.ahead.is_reading(landed):
                self.ahead.add(candidate, landed)

    def is_known(self, candidate: Candidate) -> bool:
        """Whether an unchanged file has been read, as it would be today."""
        table, known = candidate.feed_table, self.ledger.seen(candidate.landing_path, candidate.stamp)
        standing = self.ledger.standing(table.feed, table.table, known) if known else None
        return standing is not None and not self.readings.is_stale(standing, table)

    def take(self, candidate: Candidate) -> None:
        table, path = candidate.feed_table, candidate.landing_path
        try:
            if self.is_known(candidate):
                self.summary.files_unchanged += 1
                return
            landed = self.identified.get(path) or identify(candidate)
            if has_changed(candidate):
                self.summary.warnings.append(f"landing/{path}: still being written; it is read next time")
                return
        except (FileNotFoundError, PermissionError) as error:
            self.summary.warnings.append(f"landing/{path}: cannot be opened ({error.strerror}); it is tried next time")
            return
        self.ledger.forget_failed(path, landed.identity)
        standing = self.ledger.standing(table.feed, table.table, landed.identity)
        if standing and not self.readings.is_stale(standing, table):
            self._note_again(candidate, landed, standing)
            return
        try:
            self._read(candidate, landed)
        except CompactionError:
            self.summary.warnings.append(
                f"landing/{path}: not taken in, as the lake file that its earlier rows lie in is damaged; "
                "it is tried next time"
            )

    def _note_again(self, candidate: Candidate, landed: LandedFile, standing: LedgerRow) -> None:
        """The bytes are known: the same file touched, or a copy under another name."""
        if standing.path == candidate.landing_path:
            self.summary.files_unchanged += 1
            self.ledger.note_seen(candidate.landing_path, candidate.stamp, landed.identity)
            return
        self.summary.files_duplicate += 1
        row = replace(self._row(candidate, landed), status="duplicate", reason=f"same content as {standing.path}")
        self.ledger.note_duplicate(row, candidate.stamp)

    def _row(self, candidate: Candidate, landed: LandedFile) -> LedgerRow:
        return LedgerRow(
            feed=landed.feed,
            table_name=landed.table,
            identity=landed.identity,
            path=candidate.landing_path,
            reader_version=candidate.feed_table.reader_version,
            file_name=landed.name,
            slot=slot(candidate.logical_name, landed.retrieved_at),
            content_sha256=landed.content_sha256,
            size_bytes=landed.size_bytes,
            status="failed",
            retrieved_at=landed.retrieved_at,
            account_id=landed.account_id,
            settings_key=self.readings.settings_key(candidate.feed_table, landed.account_id),
        )

    def _read(self, candidate: Candidate, landed: LandedFile) -> None:
        row = self._row(candidate, landed)
        table = candidate.feed_table
        parquet, rejects = unfinished(lake_file(self.home, row)), unfinished(rejects_file(self.home, row))
        try:
            result = self._read_checked(candidate, landed, parquet, rejects)
            closed = self._closed_before(row, table)
            if closed:
                result = set_late_aside(landed, late_of(table), self.context, closed, parquet, rejects, result)
                self._check(result, table, parquet, rejects)
        except UnreadableFileError as error:
            self.summary.files_failed += 1
            write_rejects(rejects, [Reject(error.line, None, error.field or "file", error.reason)])
            put(rejects, rejects_file(self.home, row))
            self._separate(row)
            self.ledger.commit(replace(row, reason=str(error)), candidate.stamp, {})
            return
        if has_changed(candidate):
            self.summary.warnings.append(f"landing/{row.path}: changed while it was read; it is read again next time")
            return
        row = replace(
            row,
            status="committed",
            rows_read=result.rows_read,
            rows_kept=result.rows_kept,
            rows_quarantined=result.rows_quarantined,
            first_event_at=result.first_event_at,
            last_event_at=result.last_event_at,
            unknown_fields=result.unknown_fields,
        )
        self._commit(row, candidate, result, parquet, rejects, closed)

    def _read_checked(self, candidate: Candidate, landed: LandedFile, parquet: Path, rejects: Path) -> ReadResult:
        result = self.ahead.read(candidate, landed, parquet, rejects)
        self._check(result, candidate.feed_table, parquet, rejects)
        return result

    def _check(self, result: ReadResult, table: FeedTable, parquet: Path, rejects: Path) -> None:
        """Rows read = rows kept + rows quarantined, counted in what was written."""
        relation = f"read_parquet({literal(parquet)})"
        kept = one(self.context.connection, f"select count(*) from {relation}")
        named = sum(reject.line_number is not None for reject in read_rejects(rejects))
        if (kept, named, kept + named) != (result.rows_kept, result.rows_quarantined, result.rows_read):
            raise UnreadableFileError(
                f"rows went missing: {result.rows_read} read, {kept} written, {named} in quarantine; this is a defect"
            )
        described = self.context.connection.execute(f"describe select * from {relation}").fetchall()
        written = {name: kind for name, kind, *_ in described}
        if list(written) != list(table.columns) or written != dict(table.columns):
            raise UnreadableFileError(f"the reader wrote other columns than {table.name} has; this is a defect")

    def _closed_before(self, row: LedgerRow, table: FeedTable) -> date | None:
        """Rows before have come too late: of their days only what others said is kept, and is not made again."""
        kind: Kind
        if table.is_samples and (kept := self.ledger.kept_samples()):
            kind, since, day = "samples", kept[-1], closed_before(kept[-1])
        elif table.is_calls and (gone := self.ledger.kept_calls()):
            kind, since, day = "calls", date.min, gone[-1][0]
        else:
            return None
        ended = self.ledger.ended_by(replace(row, status="committed"), table.replaces_same_name)
        if any(other.identity == row.identity for other in ended):
            # As when it was read first: what it has of days that were closed since has counted.
            return self.ledger.closed_when_read(row)
        late = late_of(table)
        if any(other.is_expired or self._has_rows(other, late.time_column, since, day) for other in ended):
            raise UnreadableFileError(f"it would replace a file with {kind} before {day}: {late.closed(day)}")
        # Nor does a reading that failed meanwhile close days to what counted before it.
        return self.ledger.closed_when_read(row) if self.ledger.counted_until_failed(row, kind) else day

    def _has_rows(self, row: LedgerRow, time_column: str, since: date, before: date) -> bool:
        """Also where its lake file is not there to tell: what that had has counted."""
        path = lake_file(self.home, row)
        if not path.is_file():
            return True
        found = one(
            self.context.connection,
            f"select count(*) from read_parquet({literal(path)}) where file_hash = {literal(row.identity)}"
            f" and {time_column} >= {literal(str(since))}::date"
            f" and {time_column} < {literal(str(before))}::date",
        )
        return bool(found)

    def _commit(
        self,
        row: LedgerRow,
        candidate: Candidate,
        result: ReadResult,
        parquet: Path,
        rejects: Path,
        closed: date | None,
    ) -> None:
        if read_rejects(rejects):
            put(rejects, rejects_file(self.home, row))
        else:
            rejects.unlink()
            rejects_file(self.home, row).unlink(missing_ok=True)
        self._separate(row, candidate.feed_table.replaces_same_name)
        put(parquet, lake_file(self.home, row))
        ended = self.ledger.commit(row, candidate.stamp, result.days, candidate.feed_table.replaces_same_name, closed)
        self._count(row, ended)

    def _separate(self, row: LedgerRow, replaces_slot: bool = False) -> None:
        """The rows that this one ends are no longer in one file with rows that stay."""
        ended = self.ledger.ended_by(row, replaces_slot)
        for other in {other.merged_into: other for other in ended if other.merged_into}.values():
            take_apart(self.home, self.ledger, self.context.connection, other)

    def _count(self, row: LedgerRow, ended: list[LedgerRow]) -> None:
        summary = self.summary
        summary.files_new += 1
        summary.rows_read += row.rows_read
        summary.rows_kept += row.rows_kept
        summary.rows_quarantined += row.rows_quarantined
        if any(other.identity != row.identity for other in ended):
            summary.warnings.append(
                f"landing/{row.path}: replaced under the same name; its earlier rows are out of use"
            )
        if row.rows_quarantined:
            summary.files_with_rejects += 1
            if summary.files_with_rejects <= FILES_NAMED:
                share = f"{row.rows_quarantined} of {row.rows_read} rows quarantined"
                summary.warnings.append(f"landing/{row.path}: {share}")
        if row.unknown_fields:
            names = ", ".join(f"{name} ({count})" for name, count in row.unknown_fields.items())
            summary.warnings.append(f"landing/{row.path}: fields nobody here knows, with the rows seen: {names}")

    def warn_of_standing_problems(self) -> None:
        """Files that could not be read and rows in quarantine are named by every run until they are put right."""
        for row in self.ledger.rows("status = 'failed'"):
            self.summary.warnings.append(f"landing/{row.path}: could not be read: {row.reason}")
        rows = self.ledger.rows("status = 'committed' and rows_quarantined > 0")
        if rows:
            self.summary.warnings.append(
                f"{sum(row.rows_quarantined for row in rows)} rows of {len(rows)} files are in quarantine; "
                "`inferledger quarantine show` names them"
            )
