"""Small lake files become one without a row lost, doubled or out of reach, wherever the merging is killed."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from sources import compaction
from sources.compaction import MANY_FILES, Compacted, take_apart
from sources.contracts import validate_lake_table
from sources.lake import ledger_path
from sources.ledger import FileLedger, LedgerRow
from sources.litellm.feed import SPEND_LOGS
from sources.registry import FEEDS
from tests.unit.sources.landed import LandedHome, log_lines, log_row
from tests.unit.sources.test_ingest import LOGS, TASK_HEADER, TASKS, Killed, task


def land_logs(home: LandedHome, count: int, day: str = "2026-08-10") -> None:
    for number in range(count):
        rows = [
            log_row(request_id=f"{day} {number} {row}", startTime=f"{day} 09:00:{number % 60:02}") for row in range(3)
        ]
        home.land(f"{LOGS}/{day}_{number}.ndjson", log_lines(*rows))


def part_again(home: LandedHome) -> None:
    (row, *_) = merged_rows(home)
    with FileLedger(ledger_path(home.root)) as ledger, closing(duckdb.connect()) as connection:
        take_apart(home.root, ledger, connection, row)


def merged_rows(home: LandedHome) -> list[LedgerRow]:
    return [row for row in home.ledger() if row.merged_into]


def rows_of(home: LandedHome, table: str = LOGS) -> pl.DataFrame:
    return home.lake(table).sort("file_hash", "row_number")


def lake_files(home: LandedHome, table: str = LOGS) -> list[str]:
    return sorted(path.name for path in (home.root / "lake" / table).glob("*-v*.parquet"))


def test_a_run_merges_many_small_files_and_loses_nothing(home: LandedHome) -> None:
    land_logs(home, MANY_FILES - 1)
    assert home.ingest().files_merged == 0
    land_logs(home, 1, day="2026-08-31")
    land_logs(home, 1, day="2026-09-01")
    assert home.ingest().files_merged == MANY_FILES
    assert len(lake_files(home)) == 2
    frame = rows_of(home)
    assert frame.height == 3 * (MANY_FILES + 1)
    assert frame.select("file_hash", "row_number").is_unique().all()
    assert sorted(frame["file_hash"].unique()) == sorted(row.identity for row in home.ledger())
    again = home.ingest()
    assert (again.files_new, again.files_unchanged, again.files_merged) == (0, MANY_FILES + 1, 0)


def test_rows_types_and_contract_stay_as_they_were(home: LandedHome) -> None:
    land_logs(home, 4)
    home.land(f"{TASKS}/tasks_1.csv", f"{TASK_HEADER}\n{task('t-1')}")
    home.land(f"{TASKS}/tasks_2.csv", f"{TASK_HEADER}\n")
    home.ingest()
    before = {table: rows_of(home, table) for table in (LOGS, TASKS)}
    meta = home.meta("files"), home.meta("file_days")
    assert home.merge() == [Compacted("litellm.spend_logs", 4, 1)]
    for table, frame in before.items():
        assert_frame_equal(rows_of(home, table), frame)
    for frame, name in zip(meta, ("files", "file_days"), strict=True):
        assert_frame_equal(home.meta(name), frame)
    assert validate_lake_table(home.root, SPEND_LOGS) == []
    assert home.merge() == []


def test_what_is_merged_can_be_merged_again_with_what_came_since(home: LandedHome) -> None:
    land_logs(home, 3)
    home.ingest()
    home.merge()
    land_logs(home, 5)
    home.ingest()
    assert home.merge() == [Compacted("litellm.spend_logs", 3, 1)]
    assert len(lake_files(home)) == 1
    assert rows_of(home).height == 15


def test_large_files_and_other_months_stay_apart(home: LandedHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compaction, "SMALL_ROWS", 3)
    land_logs(home, 3)
    home.ingest()
    assert home.merge() == []
    monkeypatch.setattr(compaction, "SMALL_ROWS", 4)
    monkeypatch.setattr(compaction, "MERGED_ROWS", 6)
    land_logs(home, 4)
    land_logs(home, 1, day="2026-09-01")
    home.ingest()
    assert home.merge() == [Compacted("litellm.spend_logs", 4, 2)]
    assert sorted(pl.read_parquet(home.root / "lake" / LOGS / name).height for name in lake_files(home)) == [3, 6, 6]


def killed_at(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the process end right before or after one of the steps of merging or taking apart."""
    when, name = step.split()
    owner: Any = {"put": compaction, "move_rows": FileLedger, "unlink": Path}[name]
    original: Callable[..., Any] = getattr(owner, name)

    def die(*args: Any, **options: Any) -> None:
        if when == "after":
            original(*args, **options)
        raise Killed

    monkeypatch.setattr(owner, name, die)


STEPS = ("before put", "after put", "before move_rows", "after move_rows", "before unlink", "after unlink")


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("work", [LandedHome.merge, part_again])
def test_a_kill_anywhere_leaves_every_row_once(
    home: LandedHome, monkeypatch: pytest.MonkeyPatch, work: Callable[[LandedHome], Any], step: str
) -> None:
    land_logs(home, 3)
    home.ingest()
    before = rows_of(home)
    if work is part_again:
        home.merge()
    with monkeypatch.context() as patch:
        killed_at(step, patch)
        with pytest.raises(Killed):
            work(home)
    assert home.ingest().files_new == 0
    assert_frame_equal(rows_of(home), before)
    assert {row.lake_name for row in home.ledger()} == set(lake_files(home))
    assert validate_lake_table(home.root, SPEND_LOGS) == []


def test_a_sheet_put_right_in_place_leaves_the_merged_file_alone(home: LandedHome) -> None:
    for number in range(3):
        home.land(f"{TASKS}/tasks_{number}.csv", f"{TASK_HEADER}\n{task(f't-{number}')}")
    home.ingest()
    home.merge()
    home.land(f"{TASKS}/tasks_1.csv", f"{TASK_HEADER}\n{task('t-9')}")
    assert home.ingest().files_new == 1
    assert sorted(home.lake(TASKS)["task_id"]) == ["t-0", "t-2", "t-9"]
    assert merged_rows(home) == []
    assert home.merge() == [Compacted("business.tasks", 3, 1)]
    assert sorted(home.lake(TASKS)["task_id"]) == ["t-0", "t-2", "t-9"]


def test_merged_files_are_read_again_by_a_newer_reader(home: LandedHome) -> None:
    land_logs(home, 3)
    home.ingest()
    before = rows_of(home)
    home.merge()
    version = SPEND_LOGS.reader_version + 1
    newer = tuple(replace(table, reader_version=version) if table is SPEND_LOGS else table for table in FEEDS)
    (home.root / "landing" / LOGS / "2026-08-10_1.ndjson").unlink()
    assert home.ingest(feeds=newer).files_new == 2
    assert_frame_equal(rows_of(home), before)
    assert sorted(row.reader_version for row in home.ledger() if row.status == "committed") == [
        version - 1,
        version,
        version,
    ]
    assert len(list((home.root / "lake" / "_superseded" / LOGS).iterdir())) == 2


def test_a_merged_file_whose_reading_now_fails_gives_up_its_rows_alone(home: LandedHome) -> None:
    for number in range(2):
        row = log_row(request_id=f"{number}", end_user="ana")
        home.land(f"{LOGS}/{number}.ndjson", log_lines(row))
    home.ingest()
    home.merge()
    (home.root / "landing" / LOGS / "0.ndjson").unlink()

    def fails(*args: Any) -> Any:
        raise LookupError("no reader")

    broken = tuple(
        replace(table, read=fails, reader_version=table.reader_version + 1) if table is SPEND_LOGS else table
        for table in FEEDS
    )
    assert home.ingest(feeds=broken).files_failed == 1
    assert home.lake(LOGS)["request_id"].to_list() == ["0"]


def test_a_merged_file_that_was_removed_is_read_again(home: LandedHome) -> None:
    land_logs(home, 3)
    home.ingest()
    before = rows_of(home)
    home.merge()
    (home.root / "lake" / LOGS / lake_files(home)[0]).unlink()
    assert home.ingest().files_new == 3
    assert_frame_equal(rows_of(home), before)


@pytest.fixture
def merged(home: LandedHome) -> LandedHome:
    land_logs(home, 3)
    home.ingest()
    home.merge()
    return home


def test_a_broken_row_of_a_merged_file_is_named_by_its_landed_file(merged: LandedHome) -> None:
    second = merged_rows(merged)[1]
    path = merged.root / "lake" / LOGS / second.lake_name
    is_broken = (pl.col("file_hash") == second.identity) & (pl.col("row_number") == 2)
    tokens = pl.when(is_broken).then(-1).otherwise("prompt_tokens").cast(pl.Int64)
    pl.read_parquet(path).with_columns(prompt_tokens=tokens).write_parquet(path)
    (failure,) = validate_lake_table(merged.root, SPEND_LOGS)
    assert (failure.file_name, failure.column, failure.count, failure.row_numbers) == (
        "2026-08-10_1.ndjson",
        "prompt_tokens",
        1,
        (2,),
    )


def test_rows_that_went_missing_from_a_merged_file_are_named(merged: LandedHome) -> None:
    second = merged_rows(merged)[1]
    path = merged.root / "lake" / LOGS / second.lake_name
    pl.read_parquet(path).filter(pl.col("file_hash") != second.identity).write_parquet(path)
    (failure,) = validate_lake_table(merged.root, SPEND_LOGS)
    assert failure.rule == "the 3 rows that were committed, found 0"


@pytest.mark.parametrize("damage", ["cut", "fewer rows"])
def test_files_that_are_not_what_was_committed_stay_as_they_are(home: LandedHome, damage: str) -> None:
    land_logs(home, 3)
    home.ingest()
    names = lake_files(home)
    path = home.root / "lake" / LOGS / names[0]
    if damage == "cut":
        path.write_bytes(path.read_bytes()[:-20])
    else:
        pl.read_parquet(path).head(1).write_parquet(path)
    (compacted,) = home.merge()
    assert (compacted.files_before, compacted.files_after, len(compacted.problems)) == (0, 0, 1)
    assert lake_files(home) == names
    assert merged_rows(home) == []
    (failure,) = validate_lake_table(home.root, SPEND_LOGS)
    assert failure.lake_file == names[0]


def test_a_damaged_merged_file_is_named_and_stops_no_other_file(home: LandedHome) -> None:
    for number in range(2):
        home.land(f"{TASKS}/tasks_{number}.csv", f"{TASK_HEADER}\n{task(f't-{number}')}")
    home.ingest()
    home.merge()
    path = home.root / "lake" / TASKS / lake_files(home, TASKS)[0]
    path.write_bytes(path.read_bytes()[:-20])
    home.land(f"{TASKS}/tasks_1.csv", f"{TASK_HEADER}\n{task('t-9')}")
    home.land(f"{TASKS}/tasks_2.csv", f"{TASK_HEADER}\n{task('t-2')}")
    summary = home.ingest()
    assert summary.files_new == 1
    (warning,) = summary.warnings
    assert warning.startswith("landing/business/tasks/tasks_1.csv: not taken in")
    (tasks,) = (table for table in FEEDS if table.name == "business.tasks")
    assert {failure.rule for failure in validate_lake_table(home.root, tasks)} == {"a Parquet file that can be read"}
    path.unlink()
    home.ingest()
    assert sorted(home.lake(TASKS)["task_id"]) == ["t-0", "t-2", "t-9"]
