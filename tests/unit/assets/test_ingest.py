"""What a run takes for held against its contract."""

from pathlib import Path

import pytest

from assets import ingest
from sources.contracts import ContractFailure, validate_lake_table
from sources.feed import FeedTable
from sources.home import Home
from tests.unit.sources.landed import LandedHome, log_lines, log_row

TABLE = "litellm.spend_logs"


def test_a_file_replaced_while_the_lake_is_checked_is_read_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed, home = LandedHome(tmp_path), Home(tmp_path)
    landed.land("litellm/spend_logs/a.ndjson", log_lines(log_row()))
    landed.ingest()
    (lake_file,) = (home.lake / "litellm/spend_logs").glob("*-v*.parquet")
    broken = tmp_path / "broken"
    broken.write_bytes(b"no Parquet")

    def replaced_afterwards(root: Path, table: FeedTable, held: frozenset[str]) -> list[ContractFailure]:
        failures = validate_lake_table(root, table, held)
        if broken.exists():
            broken.replace(lake_file)
        return failures

    monkeypatch.setattr(ingest, "validate_lake_table", replaced_afterwards)
    assert ingest.check_lake(home)[TABLE] == []
    (failure,) = ingest.check_lake(home)[TABLE]
    assert failure.rule == "a Parquet file that can be read"
