"""What is old enough goes, and nothing that a number or a person still needs."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from polars.testing import assert_frame_equal

from sources import retention
from sources.lake import ledger_path
from sources.ledger import FileLedger
from sources.retention import expire
from sources.settings.models import Retention
from tests.unit.sources.landed import MAPPED_FEEDS, LandedHome, log_lines, log_row
from tests.unit.sources.test_ingest import LOGS, TASK_HEADER, TASKS, Killed, task

DAYS = 30


def let_go(home: LandedHome, after: timedelta = timedelta(days=DAYS, minutes=1), **kept: int) -> int:
    """What expires so long from now."""
    settings = Retention(**(kept or {"landing_days": DAYS}))
    return expire(home.root, now=datetime.now(UTC) + after, feeds=MAPPED_FEEDS, retention=settings)


def landing(home: LandedHome) -> list[str]:
    folder = home.root / "landing"
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def read(home: LandedHome) -> LandedHome:
    for name in "ab":
        home.land(f"{LOGS}/{name}.ndjson", log_lines(log_row(request_id=name)))
    home.land(f"{LOGS}/a.ndjson.meta.json", "{}")
    home.ingest()
    return home


def test_nothing_goes_unless_the_settings_say_so(read: LandedHome) -> None:
    before = landing(read)
    never = expire(read.root, now=datetime.now(UTC) + timedelta(days=9999), feeds=MAPPED_FEEDS, retention=Retention())
    assert (never, landing(read)) == (0, before)


def test_what_was_read_goes_when_it_is_old_enough_and_its_rows_stay(read: LandedHome) -> None:
    rows, files, days = read.lake(LOGS), read.meta("files"), read.meta("file_days")
    assert let_go(read, timedelta(days=DAYS, minutes=-1)) == 0
    assert len(landing(read)) == 3
    assert let_go(read) == 2
    assert landing(read) == []
    summary = read.ingest()
    assert (summary.files_new, summary.warnings) == (0, [])
    assert_frame_equal(read.lake(LOGS), rows)
    assert_frame_equal(read.meta("files"), files)
    assert_frame_equal(read.meta("file_days"), days)
    assert let_go(read) == 0


@pytest.mark.parametrize("name", ["a", "again"])
def test_what_comes_back_is_not_read_again(read: LandedHome, name: str) -> None:
    let_go(read)
    read.land(f"{LOGS}/{name}.ndjson", log_lines(log_row(request_id="a")))
    assert read.ingest().files_new == 0
    assert sorted(read.lake(LOGS)["request_id"]) == ["a", "b"]


def test_a_sheet_put_right_after_its_file_went_replaces_its_rows(home: LandedHome) -> None:
    home.land(f"{TASKS}/tasks_1.csv", f"{TASK_HEADER}\n{task('t-1')}{task('t-2')}")
    home.ingest()
    assert let_go(home) == 1
    home.land(f"{TASKS}/tasks_1.csv", f"{TASK_HEADER}\n{task('t-2')}")
    home.ingest()
    assert home.lake(TASKS)["task_id"].to_list() == ["t-2"]


def test_what_is_not_wholly_in_the_lake_stays(read: LandedHome) -> None:
    read.land(f"{LOGS}/with_a_bad_line.ndjson", log_lines(log_row(), "{bad"))
    read.land(f"{LOGS}/unreadable.ndjson", "nothing")
    read.ingest()
    with (read.root / "landing" / LOGS / "b.ndjson").open("a") as file:
        file.write(log_lines(log_row(request_id="b2")))
    read.land(f"{LOGS}/unread.ndjson", log_lines(log_row(request_id="u")))
    read.land("notes/mine.txt", "mine")
    assert let_go(read) == 1
    names = ["b", "unread", "unreadable", "with_a_bad_line"]
    assert landing(read) == [*(f"{LOGS}/{name}.ndjson" for name in names), "notes/mine.txt"]
    assert len(read.rejects()) == 2


def test_a_copy_with_an_old_date_has_just_come(home: LandedHome) -> None:
    path = home.land(f"{LOGS}/a.ndjson", log_lines(log_row()))
    os.utime(path, (1, 1))
    home.ingest()
    assert let_go(home, timedelta(days=1)) == 0


@pytest.mark.parametrize("last", ["a.ndjson", "a.ndjson.meta.json"])
def test_a_kill_in_the_middle_is_made_good(read: LandedHome, monkeypatch: pytest.MonkeyPatch, last: str) -> None:
    kill_after(last, read, monkeypatch)
    assert f"{LOGS}/a.ndjson" not in landing(read)
    assert let_go(read) == 1
    assert read.ingest().files_new == 0
    with FileLedger(ledger_path(read.root)) as ledger:
        assert [files for files, _ in ledger.expired().values()] == [2]


def kill_after(last: str, home: LandedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Path.unlink

    def die(path: Path, missing_ok: bool = False) -> None:
        original(path, missing_ok)
        if path.name == last:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", die)
        with pytest.raises(Killed):
            let_go(home)


def test_a_kill_leaves_no_report_without_what_says_when_it_was_retrieved(
    home: LandedHome, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = "openrouter/credits/org-brook/page.json"
    home.land(page, json.dumps({"data": {"total_credits": 1, "total_usage": 1}}))
    home.land(f"{page}.meta.json", json.dumps({"retrieved_at": "2026-08-12T06:00:00Z"}))
    home.ingest()
    kill_after("page.json.meta.json", home, monkeypatch)
    assert (home.ingest().files_failed, home.lake("openrouter/credits").height) == (0, 1)


def test_a_file_that_changes_while_it_is_looked_at_stays(read: LandedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "has_changed", lambda candidate: candidate.path.name == "a.ndjson")
    assert let_go(read) == 1
    assert f"{LOGS}/a.ndjson" in landing(read)


def test_a_file_that_is_replaced_while_others_go_stays(read: LandedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    original = Path.unlink

    def replacing(path: Path, missing_ok: bool = False) -> None:
        original(path, missing_ok)
        if path.name == "a.ndjson":
            read.land(f"{LOGS}/b.ndjson", log_lines(log_row(request_id="b, but later")))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", replacing)
        assert let_go(read) == 1
    assert read.ingest().files_new == 1
    assert "b, but later" in read.lake(LOGS)["request_id"].to_list()


def test_earlier_readings_go_and_those_in_use_stay(home: LandedHome) -> None:
    for rows in (task("t-1"), task("t-2")):
        home.land(f"{TASKS}/tasks_1.csv", f"{TASK_HEADER}\n{rows}")
        home.ingest()
    aside = home.root / "lake" / "_superseded" / TASKS
    assert len(list(aside.iterdir())) == 1
    assert let_go(home, timedelta(days=DAYS, minutes=-1), superseded_days=DAYS) == 0
    assert let_go(home, superseded_days=DAYS) == 1
    assert list(aside.iterdir()) == []
    assert home.lake(TASKS)["task_id"].to_list() == ["t-2"]
    assert len(landing(home)) == 1
    home.ingest()
    assert home.lake(TASKS)["task_id"].to_list() == ["t-2"]
