"""What is kept of GPU samples is all there is of their days: a run does not go on without it."""

from datetime import date
from pathlib import Path

import pytest

from assets.ingest import in_words
from assets.kept import require_kept
from sources.home import Home, HomeError
from sources.ingest import IngestSummary
from sources.kept import KEPT, kept_name
from sources.lake import ledger_path
from sources.ledger import FileLedger


def test_a_missing_file_of_what_is_kept_is_named(tmp_path: Path) -> None:
    home, day = Home(tmp_path), date(2026, 9, 1)
    with FileLedger(ledger_path(home.root)) as ledger:
        require_kept(home)
        ledger.keep_samples(day, [])
    paths = [home.lake / "kept" / table / kept_name(day) for table in KEPT]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.touch()
    require_kept(home)
    paths[2].unlink()
    with pytest.raises(HomeError, match=f"^{paths[2]}: not there; nothing was built"):
        require_kept(home)


def test_a_run_says_which_samples_have_gone() -> None:
    gone = IngestSummary(samples_from=date(2026, 9, 1), sample_files_expired=1_000)
    assert in_words(gone) == "files: none new; GPU samples before 2026-09-01 expired, 1,000 lake files"
    assert in_words(IngestSummary()) == "files: none new"
