"""Old samples go, and every table but those of the samples themselves stays what it was, built anew too."""

import shutil
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path

import pytest

from assets import ingest, kept
from assets.kept import let_samples_go
from sources.clock import NOW_VARIABLE
from sources.home import Home
from sources.kept import KEPT
from sources.lake import ledger_path
from sources.ledger import FileLedger, LedgerRow
from sources.settings import Settings, load_settings
from tests.conftest import Company
from tests.faults.conftest import NOW, copy_of
from tests.integration.test_incremental_builds import Rows, build, built_rows
from tests.unit.sources.test_ingest import Killed

# Of samples that are there.
OF_SAMPLES = {
    "int_gpu_samples", "int_gpu_samples_spanned", "int_gpu_slices_spanned", "int_engine_samples", "int_sample_series",
}  # fmt: skip
FEEDS = ("dcgm", "vllm")


@pytest.fixture
def home(company_of: Callable[[int], Company], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """The company after its first run, with samples from the 10th of August to the 15th of November."""
    monkeypatch.setenv(NOW_VARIABLE, NOW)
    return copy_of(company_of(7).home, tmp_path / "home")


def settings_of(home: Home, days: int) -> Settings:
    """The home's settings as if they said so; a month is more than they may say, so that two times fit the history."""
    settings = load_settings(home)
    retention = settings.general.retention.model_copy(update={"samples_days": days})
    return replace(settings, general=settings.general.model_copy(update={"retention": retention}))


def set_retention(home: Home, **days: int) -> None:
    path = home.config / "inferledger.yml"
    lines = [line for line in path.read_text().splitlines(keepends=True) if line.split(":")[0].strip() not in days]
    at = lines.index("retention:\n") + 1
    path.write_text("".join([*lines[:at], *(f"  {name}: {value}\n" for name, value in days.items()), *lines[at:]]))


def other_tables(found: Rows, before: Rows, but: Collection[str]) -> list[str]:
    assert set(found) == set(before)
    return [table for table in before if table not in but and found[table] != before[table]]


def lake_files(home: Home) -> set[str]:
    return {path.name for feed in FEEDS for path in (home.lake / feed / "samples").iterdir()}


def kept_files(home: Home) -> set[tuple[str, str]]:
    return {(path.parent.name, path.name) for path in (home.lake / "kept").rglob("before-*")}


def test_samples_go_and_no_number_changes(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    set_retention(home, gpu_5m_days=20)
    # Killed in the middle of writing, and before the ledger says so: nothing has gone, and what is written is not read.
    before, files = built_rows(home), lake_files(home)
    for target, name in ((kept, "put"), (FileLedger, "keep_samples")):
        with monkeypatch.context() as patch:
            patch.setattr(target, name, killed(after=3 if name == "put" else 0, real=getattr(target, name)))
            with pytest.raises(Killed):
                let_samples_go(home, settings_of(home, 20))
    assert len(kept_files(home)) == len(KEPT)
    build(home.root)
    whole = built_rows(home)
    assert other_tables(whole, before, {"gpu_metrics_5m"}) == []
    assert lake_files(home) == files

    # By the settings: three weeks go, the one that reaches into September stays and is read for that.
    set_retention(home, gpu_5m_days=20, samples_days=62)
    landed = dict(ledger_rows(home))
    built = build(home.root)
    assert not built.is_full, built.reasons
    found = built_rows(home)
    assert other_tables(found, whole, OF_SAMPLES) == []
    for table in ("int_gpu_samples", "int_engine_samples"):
        assert 0 < found[table][0] < whole[table][0]
    expired = [row for row in ledger_rows(home).values() if row.is_expired]
    weeks = ("2026-08-10_2026-08-16.json", "2026-08-17_2026-08-23.json", "2026-08-24_2026-08-30.json")
    assert sorted((row.feed, row.path.split("range_")[1]) for row in expired) == [
        (feed, week) for feed in FEEDS for week in weeks
    ]
    assert files - lake_files(home) == {row.lake_name for row in expired}
    assert kept_files(home) == {(table, "before-2026-09-01.parquet") for table in KEPT}
    assert landed.keys() == ledger_rows(home).keys()

    # Again, of merged files, and all anew. A kill before the files were removed leaves what the next run sweeps away.
    assert ingest.compact_lake(home, load_settings(home))
    merged = lake_files(home)
    copies = [Path(shutil.copytree(home.lake / feed, home.root / "copies" / feed)) for feed in FEEDS]
    assert let_samples_go(home, settings_of(home, 62)) is None
    gone = let_samples_go(home, settings_of(home, 20))
    assert gone is not None
    assert gone.samples_from.isoformat() == "2026-10-01"
    assert gone.lake_files > 0
    for folder in copies:
        shutil.copytree(folder, home.lake / folder.name, dirs_exist_ok=True)
    assert lake_files(home) == merged
    assert build(home.root, full=True).is_full
    found = built_rows(home)
    assert other_tables(found, whole, OF_SAMPLES) == []
    assert len(merged - lake_files(home)) == gone.lake_files
    assert len(kept_files(home)) == 2 * len(KEPT)


def test_samples_that_are_not_built_do_not_go(home: Home) -> None:
    """What has come since the last build is not in its tables: nothing goes until it is."""
    wanted = settings_of(home, 62)
    with FileLedger(ledger_path(home.root)) as ledger:
        [row, *_] = ledger.rows("feed = 'dcgm' and status = 'committed'")
        ledger.commit(replace(row, identity="other", path="another", slot="another"), "stamp", {})
    assert let_samples_go(home, wanted) is None
    with FileLedger(ledger_path(home.root)) as ledger:
        assert ledger.kept_samples() == []


def ledger_rows(home: Home) -> dict[str, LedgerRow]:
    with FileLedger(ledger_path(home.root)) as ledger:
        return {row.path: row for row in ledger.rows("feed in ('dcgm', 'vllm') and status = 'committed'")}


def killed(after: int, real: Callable[..., object]) -> Callable[..., object]:
    """Does what it stands for so many times, then ends the process as a kill does: nothing else is done."""
    calls = iter(range(after))

    def call(*arguments: object) -> object:
        if next(calls, None) is None:
            raise Killed
        return real(*arguments)

    return call
