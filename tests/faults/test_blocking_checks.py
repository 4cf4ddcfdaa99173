"""What must not be reported is not: a failed check stops before the report and says what is wrong and where."""

import duckdb

from sources.home import Home
from tests.faults.conftest import inferledger, published_rows


def change_settings(home: Home, before: str, after: str) -> None:
    path = home.config / "inferledger.yml"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def test_a_lake_file_that_was_tampered_with_stops_before_the_marts(run_home: Home) -> None:
    before = published_rows(run_home)
    report = run_home.reports / "2026-W46" / "weekly.html"
    report.unlink()
    lake_file = next((run_home.lake / "litellm/spend_logs").glob("*-v*.parquet"))
    copy = lake_file.with_suffix(".copy")
    columns = "* replace (case when row_number = 2 then -5 else completion_tokens end as completion_tokens)"
    with duckdb.connect() as connection:
        connection.execute(f"copy (select {columns} from '{lake_file}') to '{copy}' (format parquet, compression zstd)")
    copy.replace(lake_file)

    result = inferledger(run_home, "run")
    assert result.returncode == 1
    assert f"{lake_file.name} (from spend_logs_" in result.stderr
    assert "completion_tokens: expected at least 0 in 1 rows, the first in row 2" in result.stderr
    assert "Traceback" not in result.stderr
    assert not report.exists()
    assert published_rows(run_home) == before

    assert f"rm {lake_file}" in result.stderr
    lake_file.unlink()
    mended = inferledger(run_home, "run")
    assert mended.returncode == 0, mended.stderr
    assert report.exists()
    assert published_rows(run_home) == before


def test_a_limit_that_is_broken_publishes_but_blocks_the_report(built_home: Home, finished: Home) -> None:
    """A new limit alone builds no mart anew: those that are built are published, and judged by it."""
    change_settings(built_home, "quarantined_share: 0.01", "quarantined_share: 0")
    for step in ("publish: version ", "nothing new: "):
        result = inferledger(built_home, "run")
        assert result.returncode == 1, "also when nothing is new"
        assert step in result.stderr
        assert "build: " not in result.stderr
        assert "quarantined_share_within_limit" in result.stderr
        assert "see: python -c" in result.stderr
        assert list(built_home.reports.glob("*/weekly.html")) == []
    assert published_rows(built_home) == published_rows(finished)
    blocked = inferledger(built_home, "report", "--week", "2026-W46")
    assert blocked.returncode == 1
    assert "no report is written" in blocked.stderr


def test_a_typing_error_in_the_settings_is_named_with_its_line(run_home: Home) -> None:
    change_settings(run_home, "limits:", "limitz:")
    result = inferledger(run_home, "run")
    assert result.returncode == 2
    assert "inferledger.yml, line" in result.stderr
    assert "did you mean 'limits'?" in result.stderr
    assert "Traceback" not in result.stderr
