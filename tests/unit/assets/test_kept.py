"""What is kept of samples is all there is of their days: a run does not go on without it."""

import hashlib
from datetime import date
from pathlib import Path

import duckdb
import pytest

from assets.ingest import in_words
from assets.kept import first_day_that_stays, require_kept
from sources.clock import NOW_VARIABLE
from sources.home import Home, HomeError
from sources.ingest import IngestSummary
from sources.kept import KEPT, kept_name
from sources.lake import ledger_path
from sources.ledger import FileLedger


def test_a_file_that_is_not_what_was_kept_is_named(tmp_path: Path) -> None:
    home, day = Home(tmp_path), date(2026, 9, 1)
    paths = {table: home.lake / "kept" / table / kept_name(day) for table in KEPT}
    contents = {table: f"what is kept of {table}".encode() for table in KEPT}
    with FileLedger(ledger_path(home.root)) as ledger:
        require_kept(home)
        noted = {table: (len(content), hashlib.sha256(content).hexdigest()) for table, content in contents.items()}
        ledger.keep_samples(day, noted, [])
    for table, path in paths.items():
        path.parent.mkdir(parents=True)
        path.write_bytes(contents[table])
    require_kept(home)
    [table, *_] = KEPT
    path, content = paths[table], contents[table]
    path.unlink()
    with pytest.raises(HomeError, match=rf"^{path}: not there\. Nothing was built"):
        require_kept(home)
    for other in (content[:-1], content.upper(), b""):
        path.write_bytes(other)
        with pytest.raises(HomeError, match=rf"^{path}: not the bytes that were kept\. Nothing was built"):
            require_kept(home)
    path.write_bytes(content)
    require_kept(home)


def test_what_the_ledger_does_not_know_is_not_taken_for_what_was_kept(tmp_path: Path) -> None:
    home, day = Home(tmp_path), date(2026, 9, 1)
    with FileLedger(ledger_path(home.root)) as ledger:
        ledger.keep_samples(day, {}, [])
    for table in KEPT:
        path = home.lake / "kept" / table / kept_name(day)
        path.parent.mkdir(parents=True)
        path.touch()
    with pytest.raises(HomeError, match="the ledger does not know what is in it"):
        require_kept(home)


def test_a_run_says_which_samples_have_gone() -> None:
    gone = IngestSummary(samples_from=date(2026, 9, 1), sample_files_expired=1_000)
    assert in_words(gone) == "files: none new; samples before 2026-09-01 expired, 1,000 lake files"
    calls = IngestSummary(calls_from=date(2026, 8, 31), call_files_expired=31)
    assert in_words(calls) == "files: none new; calls before 2026-08-31 expired, 31 lake files"
    assert in_words(IngestSummary()) == "files: none new"


@pytest.mark.parametrize(
    ("gpus", "engines", "since", "stays"),
    [
        # GPUs have been silent for a month: of August gpu_metrics_5m still has what is after the 2nd.
        (("2026-06-01", "2026-10-31"), ("2026-06-01", "2026-11-30"), "0001-01-01", "2026-08-01"),
        (("2026-06-01", "2026-11-30"), ("2026-06-01", "2026-10-31"), "0001-01-01", "2026-09-01"),
        (("2026-06-01", "2026-11-30"), (), "0001-01-01", "2026-09-01"),
        ((), ("2026-06-01", "2026-11-30"), "0001-01-01", "2026-09-01"),
        # Of GPUs there is only what is kept of days that have gone.
        (("2026-06-01",), ("2026-07-01", "2026-11-30"), "2026-07-01", "2026-09-01"),
        (("2026-09-01",), ("2026-11-30",), "0001-01-01", None),
        ((), (), "0001-01-01", None),
    ],
)
def test_samples_that_five_minutes_are_made_of_stay(
    gpus: tuple[str, ...],
    engines: tuple[str, ...],
    since: str,
    stays: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(NOW_VARIABLE, "2026-12-01T06:00:00Z")
    with duckdb.connect() as connection:
        connection.execute("attach ':memory:' as work")
        for table, days in (("int_gpu_metrics_measured", gpus), ("int_engine_seen_days", engines)):
            connection.execute(f"create table work.main.{table} (sampled_date date)")
            for day in days:
                connection.execute(f"insert into work.main.{table} values ('{day}')")
        found = first_day_that_stays(connection, date.fromisoformat(since), 90, 90)
    assert found == (date.fromisoformat(stays) if stays else None)
