"""Files may come in any order, over several runs and more than once: the rows are those of one run on all of them."""

import gzip
import os
import random
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import duckdb
import pytest

from assets.ingest import derive, take_in
from assets.publish import Manifest, current_manifest
from sources.home import Home
from sources.settings import load_settings
from tests.conftest import Company
from tests.faults.conftest import NOW, inferledger, published_rows

SEED = 7
Batches = list[list[str]]


def newest_first(names: Sequence[str]) -> Batches:
    """The later half of every feed's files before the earlier one."""
    later = [name for name in names if Path(name).name.partition("2026-")[2] >= "09-28"]
    return [later, sorted(set(names) - set(later))]


def feed_by_feed(names: Sequence[str]) -> Batches:
    """Bills and business before telemetry before the logs they belong to."""
    telemetry = [name for name in names if name.startswith(("dcgm", "vllm"))]
    logs = [name for name in names if name.startswith("litellm")]
    return [sorted(set(names) - set(telemetry) - set(logs)), telemetry, logs]


def shuffled(names: Sequence[str]) -> Batches:
    """Three batches without any order."""
    mixed = random.Random(SEED).sample(names, len(names))
    third = len(mixed) // 3
    return [mixed[:third], mixed[third : 2 * third], mixed[2 * third :]]


@pytest.fixture(scope="module")
def whole(company_of: Callable[[int], Company]) -> Home:
    """All files at once, in one run."""
    return company_of(SEED).home


@pytest.fixture
def home(whole: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The same settings, and nothing landed yet."""
    monkeypatch.setenv("INFERLEDGER_NOW", NOW)
    shutil.copytree(whole.config, tmp_path / "home" / "config")
    return Home(tmp_path / "home")


def landed(home: Home) -> list[str]:
    return sorted(str(path.relative_to(home.landing)) for path in home.landing.rglob("*") if path.is_file())


def manifest(home: Home) -> Manifest:
    found = current_manifest(home)
    assert found is not None
    return found


def report(home: Home) -> str:
    """The weekly report without the name of its version, which stands for the landed files, copies too."""
    return (home.reports / "2026-W46/weekly.html").read_text().replace(manifest(home).version_id, "version")


def land(whole: Home, home: Home, names: Sequence[str]) -> None:
    for name in names:
        target = home.landing / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(whole.landing / name, target)


def ingest(home: Home) -> None:
    """A run up to the warehouse, which builds every mart from nothing."""
    settings = load_settings(home)
    take_in(home, settings, lambda done, total, name: None)
    derive(home, settings)


def land_copies(whole: Home, home: Home) -> None:
    """Files under another name, before the files themselves: a day of logs, and the one that is cut off."""
    folder = home.landing / "litellm/spend_logs/sent"
    folder.mkdir(parents=True)
    for name in (f"spend_logs_{day}.ndjson.gz" for day in ("2026-09-08", "2026-10-24")):
        shutil.copy(whole.landing / "litellm/spend_logs" / name, folder / f"again_{name}")


def lake_rows(home: Home) -> dict[str, tuple[int, int, int]]:
    """Row count and two order-free hashes of every table that dbt reads: the marts are built from these, from nothing.

    Of two copies of a file either may be the one whose name is known; that the other is one, is noted beside.
    """
    tables = sorted({path.parent for path in home.lake.glob("*/*/*.parquet")})
    with duckdb.connect() as connection:
        return {
            str(table.relative_to(home.lake)): connection.execute(f"""
                select count(*), coalesce(bit_xor(hash(entry)), 0), coalesce(sum(hash(entry)), 0)
                from (
                    select columns(lambda name: name not in ('path', 'file_name'))
                    from read_parquet('{table}/*.parquet', union_by_name = true)
                    {"where status <> 'duplicate'" if table.match("meta/files") else ""}
                ) as entry
            """).fetchall()[0]
            for table in tables
        }


@pytest.mark.parametrize("order", [feed_by_feed, shuffled])
def test_the_order_of_files_does_not_matter(whole: Home, home: Home, order: Callable[[Sequence[str]], Batches]) -> None:
    names = landed(whole)
    *early, last = order(names)
    assert sorted([*last, *(name for batch in early for name in batch)]) == names
    land_copies(whole, home)
    for batch in early:
        land(whole, home, batch)
        ingest(home)
    # The same bytes once more, as a sync that keeps no times writes them.
    for name in early[0][:5]:
        os.utime(home.landing / name, (1, 1))
    land(whole, home, last)
    ingest(home)
    assert lake_rows(home) == lake_rows(whole)


def test_marts_built_after_each_batch_end_as_those_built_once(whole: Home, home: Home) -> None:
    """Newest first, published in between, with a log file that is cut off at first."""
    early, last = newest_first(landed(whole))
    land_copies(whole, home)
    land(whole, home, early)
    cut = home.landing / "litellm/spend_logs/spend_logs_2026-11-02.ndjson.gz"
    cut.write_bytes(gzip.compress(b"")[:9])
    before = inferledger(home, "run", "--no-report")
    assert before.returncode in (0, 1), before.stderr
    assert (home.published / "current").exists(), before.stderr
    assert published_rows(home) != published_rows(whole)
    land(whole, home, [*last, str(cut.relative_to(home.landing))])
    result = inferledger(home, "run")
    assert result.returncode == 0, result.stderr
    assert published_rows(home) == published_rows(whole)
    assert manifest(home).files == manifest(whole).files
    assert report(home) == report(whole)
