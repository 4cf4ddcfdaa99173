"""The steps before the warehouse: settings, landed files, their contracts, prices and the ledger's tables.

What a settings file, a landed file or a price is, sources say; here is only in which order they are taken in.
"""

import json
import shlex
from collections.abc import Callable, Sequence
from contextlib import closing

import polars as pl

from assets.accounting.snapshots import write_closed_ledger
from assets.kept import let_calls_go, let_samples_go, require_kept, why_calls_stay, why_samples_stay
from sources import clock
from sources.ahead import default_workers
from sources.compaction import Compacted, compact
from sources.contracts import ContractFailure, stamps, validate_lake_table
from sources.declared.feed import with_mappings
from sources.home import Home
from sources.ingest import IngestSummary, ingest, lake_connection, unread
from sources.lake import ledger_path, sweep
from sources.ledger import FileLedger
from sources.memory import Memory, memory_of
from sources.meta import export_meta
from sources.pricing.build import build_prices
from sources.registry import FEEDS
from sources.retention import expire
from sources.settings import Settings, compile_settings, load_settings

# Stamps of the lake files that hold their contract.
_HELD = "held_lake_files.json"
# progress(done, total, name)
Progress = Callable[[int, int, str], None]


class LakeError(Exception):
    """Committed lake files break their contract: nothing is built from them."""

    def __init__(self, home: Home, failures: Sequence[ContractFailure]) -> None:
        self.failures = tuple(failures)
        files = {failure.lake_file: failure.table for failure in failures}
        paths = [str(home.lake / table.replace(".", "/") / name) for name, table in files.items()]
        lines = [
            f"{len(files)} lake files break their contract; nothing was built",
            *(f"  {failure}" for failure in failures),
            "A lake file that is removed is read again from its landed file by the next run:",
            *(f"  rm {shlex.quote(path)}" for path in paths),
        ]
        super().__init__("\n".join(lines))


def take_in(home: Home, settings: Settings, progress: Progress) -> IngestSummary:
    """Compile the settings into the lake, read every landed file that was not read yet, let go what is old enough."""
    compile_settings(home, settings)
    # First, as what is kept of samples and calls is what the last build made of them.
    samples, calls = let_samples_go(home, settings), let_calls_go(home, settings)
    feeds = with_mappings(FEEDS, settings.declared_feeds)
    summary = ingest(
        home.root,
        now=clock.now(),
        hash_key=home.hash_key(),
        currencies=_currencies(settings),
        feeds=feeds,
        progress=progress,
        memory=_memory(home, settings),
        processes=settings.limits.ingest_processes or default_workers(),
    )
    summary.warnings += [why for why in (why_samples_stay(settings), why_calls_stay(home, settings)) if why]
    if samples:
        summary.samples_from, summary.sample_files_expired = samples.samples_from, samples.lake_files
    if calls:
        summary.calls_from, summary.call_files_expired = calls.calls_from, calls.lake_files
    summary.files_expired = expire(home.root, now=clock.now(), feeds=feeds, retention=settings.general.retention)
    return summary


def compact_lake(home: Home, settings: Settings) -> list[Compacted]:
    """Merge every small lake file that has another of its table and month."""
    feeds = with_mappings(FEEDS, settings.declared_feeds)
    with (
        FileLedger(ledger_path(home.root)) as ledger,
        closing(lake_connection(home.root, _memory(home, settings))) as lake,
    ):
        sweep(home.root, ledger, feeds)
        return compact(home.root, ledger, feeds, lake, at_least=2)


def _memory(home: Home, settings: Settings) -> Memory:
    return memory_of(home.root, settings.limits)


def _currencies(settings: Settings) -> set[str]:
    return {rate.currency for rate in settings.fx_rates} | {"USD"}


def check_lake(home: Home) -> dict[str, list[ContractFailure]]:
    """What every lake table has that its contract does not allow, by feed.table; an empty list where all is well.

    A file that held is not read again until it is another.
    """
    path = home.warehouse / _HELD
    held = frozenset(json.loads(path.read_text())) if path.is_file() else frozenset[str]()
    # Before they are read: a file that is replaced meanwhile is read by the next run.
    stamped = {table.name: stamps(home.root, table) for table in FEEDS}
    found = {table.name: validate_lake_table(home.root, table, held) for table in FEEDS}
    sound = set().union(*(stamped[name] for name, failures in found.items() if not failures))
    path.parent.mkdir(exist_ok=True)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps(sorted(sound), indent=1) + "\n")
    temporary.replace(path)
    return found


def require_lake(home: Home) -> int:
    """LakeError when a committed lake file is not what its reader wrote; else the number of tables that hold."""
    found = check_lake(home)
    failures = [failure for of_table in found.values() for failure in of_table]
    if failures:
        raise LakeError(home, failures)
    return len(found)


def derive(home: Home, settings: Settings) -> str:
    """Resolve the prices of what came in and write what ledger and closed periods know; says what was resolved."""
    require_kept(home)
    write_closed_ledger(home)
    prices = build_prices(home, settings)
    export_meta(home.root, settings.expected_files(clock.now()))
    unpriced = prices.price_keys.filter(pl.col("price_set_id").is_null()).height
    text = f"{prices.price_sets['price_set_id'].n_unique()} price sets for {prices.price_keys.height} keys in use"
    return f"{text}, {unpriced} without a price" if unpriced else text


def in_words(summary: IngestSummary) -> str:
    """What came in, in a few words."""
    counts = {
        "new": summary.files_new,
        "already known under another name": summary.files_duplicate,
        "not readable": summary.files_failed,
    }
    files = ", ".join(f"{number} {what}" for what, number in counts.items() if number) or "none new"
    rows = f"; rows: {summary.rows_kept:,} kept, {summary.rows_quarantined:,} set aside" if summary.rows_read else ""
    merged = f"; {summary.files_merged:,} small lake files merged" if summary.files_merged else ""
    expired = f"; {summary.files_expired:,} files expired" if summary.files_expired else ""
    gone = "".join(
        f"; {what} before {day} expired, {number:,} lake files"
        for what, day, number in (
            ("samples", summary.samples_from, summary.sample_files_expired),
            ("calls", summary.calls_from, summary.call_files_expired),
        )
        if day
    )
    return f"files: {files}{rows}{merged}{expired}{gone}"


def is_empty(home: Home) -> bool:
    """True while not one landed file could be read: there is nothing to build marts of."""
    return not any(any((home.lake / table.feed / table.table).glob("*-v*.parquet")) for table in FEEDS)


def pending(home: Home) -> list[str]:
    """Landed files that a run would read, each with a stamp of its bytes, reader and settings."""
    settings = load_settings(home)
    feeds = with_mappings(FEEDS, settings.declared_feeds)
    return unread(home.root, hash_key=home.hash_key(), currencies=_currencies(settings), feeds=feeds)
