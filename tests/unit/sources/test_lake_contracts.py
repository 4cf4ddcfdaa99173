"""The lake against its contracts: what readers wrote holds, what somebody changed afterwards is found."""

import os
from collections.abc import Callable

import polars as pl
import pytest

from sources import contracts
from sources.contracts import contract, stamps, validate_lake_table
from sources.feed import FeedTable
from sources.litellm.feed import SPEND_LOGS
from sources.registry import FEEDS
from tests.unit.sources.landed import PAYLOADS, LandedHome, log_lines, log_row

LOGS = "litellm/spend_logs"


def tamper(home: LandedHome, change: Callable[[pl.DataFrame], pl.DataFrame]) -> str:
    """Rewrite the first committed log file; gives its name in the lake."""
    path = home.root / "lake" / LOGS / next(row.lake_name for row in home.ledger() if row.file_name == "a.ndjson")
    change(pl.read_parquet(path)).write_parquet(path)
    return path.name


@pytest.fixture
def logs(home: LandedHome) -> LandedHome:
    for name in "ab":
        home.land(f"{LOGS}/{name}.ndjson", log_lines(*(log_row(request_id=f"{name}{n}") for n in range(9))))
    home.ingest()
    assert validate_lake_table(home.root, SPEND_LOGS) == []
    return home


def test_what_the_readers_write_holds_every_contract(home: LandedHome) -> None:
    for path in PAYLOADS.rglob("*"):
        if path.is_file() and path.name != "README.md":
            home.land(str(path.relative_to(PAYLOADS)), path.read_bytes())
    home.ingest()
    for table in FEEDS:
        assert validate_lake_table(home.root, table) == []


@pytest.mark.parametrize(("rows", "at_once"), [(4, [4, 4, 1, 4, 4, 1]), (9, [9, 9]), (17, [9, 9]), (18, [18])])
def test_files_are_held_a_bounded_number_of_rows_at_once(
    logs: LandedHome, monkeypatch: pytest.MonkeyPatch, rows: int, at_once: list[int]
) -> None:
    monkeypatch.setattr(contracts, "ROWS_AT_ONCE", rows)
    heights: list[int] = []
    original = contracts._holds

    def counted(table: FeedTable, frame: pl.LazyFrame) -> bool:
        heights.append(frame.select(pl.len()).collect().item())
        return original(table, frame)

    monkeypatch.setattr(contracts, "_holds", counted)
    last = pl.when(pl.col("row_number") == 9).then(pl.lit("done")).otherwise("status")
    tamper(logs, lambda frame: frame.with_columns(status=last))
    (failure,) = validate_lake_table(logs.root, SPEND_LOGS)
    assert (failure.file_name, failure.count, failure.row_numbers) == ("a.ndjson", 1, (9,))
    assert heights == at_once


def test_one_negative_count_is_found_with_file_column_and_row(logs: LandedHome) -> None:
    tokens = pl.when(pl.col("row_number") == 4).then(-1).otherwise("prompt_tokens")
    name = tamper(logs, lambda frame: frame.with_columns(prompt_tokens=tokens.cast(pl.Int64)))
    (failure,) = validate_lake_table(logs.root, SPEND_LOGS)
    assert str(failure) == (
        f"litellm.spend_logs: {name} (from a.ndjson): prompt_tokens: expected at least 0 in 1 rows, the first in row 4"
    )


def test_a_wrong_column_names_five_rows_and_counts_all(logs: LandedHome) -> None:
    tamper(logs, lambda frame: frame.with_columns(status=pl.lit("done")))
    (failure,) = validate_lake_table(logs.root, SPEND_LOGS)
    assert (failure.column, failure.rule, failure.count) == ("status", "one of failure, success", 9)
    assert failure.row_numbers == (1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda frame: frame.with_columns(model_id=pl.lit(None, pl.String)), "model_id: expected a value in 9 rows"),
        (lambda frame: frame.head(5), "file: expected the 9 rows that were committed, found 5"),
        (lambda frame: frame.drop("model_id"), "model_id: expected the columns of the table, in order"),
        (
            lambda frame: frame.with_columns(pl.col("spend_usd").cast(pl.Float64)),
            "spend_usd: expected the columns of the table, in order",
        ),
    ],
)
def test_what_was_changed_behind_the_ledgers_back_is_found(
    logs: LandedHome, change: Callable[[pl.DataFrame], pl.DataFrame], text: str
) -> None:
    tamper(logs, change)
    (failure,) = validate_lake_table(logs.root, SPEND_LOGS)
    assert text in str(failure)


def test_a_lake_file_that_is_gone_or_no_parquet_is_found(logs: LandedHome) -> None:
    for row, content in zip(logs.ledger(), (None, b"not parquet"), strict=True):
        path = logs.root / "lake" / LOGS / row.lake_name
        path.unlink()
        if content:
            path.write_bytes(content)
    assert [failure.rule for failure in validate_lake_table(logs.root, SPEND_LOGS)] == [
        "a Parquet file that can be read"
    ] * 2


def test_a_file_that_held_is_read_again_when_it_is_another(logs: LandedHome) -> None:
    held = stamps(logs.root, SPEND_LOGS)
    path = logs.root / "lake" / LOGS / logs.ledger()[0].lake_name
    before = path.stat()
    path.write_bytes(bytes(before.st_size))
    assert len(validate_lake_table(logs.root, SPEND_LOGS, held)) == 1
    os.utime(path, ns=(before.st_mtime_ns, before.st_mtime_ns))
    assert validate_lake_table(logs.root, SPEND_LOGS, held) == []


def test_every_rule_stands_on_a_column_of_its_table() -> None:
    for table in FEEDS:
        assert set(table.contract) <= set(table.columns)
        assert set(contract(table).columns) == set(table.columns)
