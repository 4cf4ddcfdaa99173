"""What was said about a period at a time: recordings, the SQL over them, diff, and the accrual memo."""

import csv
import json
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from assets.accounting.accrual import HEADER, write_accrual
from assets.accounting.history import Recording, diff, history_folder, moment_of, record
from assets.accounting.snapshots import PeriodError
from assets.exports import ExportError
from assets.publish import DATABASE, Manifest, current_manifest, publish
from sources.clock import NOW_VARIABLE
from sources.home import Home
from sources.lake import ledger_path
from sources.ledger import FileLedger, LedgerRow
from sources.settings.models import Limits
from tests.unit.assets.accounting.conftest import Close, Publish, build_file

MERGED = "merged-v3.parquet"
FIRST, LATER = "2026-11-18T06:00:00Z", "2026-11-18T09:30:00Z"
# As docs/how-to/close-a-month.md asks it.
AS_OF = """
    select tenant_id, sum(amount_usd) as amount_usd
    from read_parquet('{folder}/*/totals.parquet')
    where usage_month = '2026-10' and recorded_at <= timestamp '{moment}'
    group by tenant_id
    having sum(postings) <> 0
"""
POSTED = (
    "select tenant_id, sum(amount_usd) from fct_allocations where strftime(usage_date, '%Y-%m') = '2026-10' group by 1"
)
# acme's October costs one dollar more on one day, posted as a correction; blue's October is gone.
CORRECTION = """
    insert into fct_allocations by name
    select 'late' as allocation_id, allocation_id as corrects_id, 1::decimal(38, 12) as amount_usd,
        1::decimal(38, 12) as effective_amount_usd, '2026-11' as posting_period, 'correction' as status,
        'correction' as posted_status, * exclude (allocation_id, corrects_id, amount_usd, effective_amount_usd,
        posting_period, status, posted_status)
    from fct_allocations
    where usage_date = '2026-10-05' and tenant_id = 'acme'
    limit 1
"""
GONE = "delete from fct_allocations where usage_date between '2026-10-01' and '2026-10-31' and tenant_id = 'blue'"


def recorded(home: Home, manifest: Manifest) -> Recording:
    found = record(home, manifest)
    assert found
    return found


def note_files(home: Home, *names: str) -> None:
    """As the ledger exports them: logs of October."""
    files = [("litellm", "spend_logs", name, name, "committed", None, 3) for name in names]
    columns = {"feed": pl.String, "table_name": pl.String, "file_name": pl.String, "identity": pl.String}
    schema = {**columns, "status": pl.String, "retrieved_at": pl.Datetime, "reader_version": pl.Int64}
    days = [(*file[:3], moment_of(f"2026-10-0{day}").date(), day - 4) for file in files for day in (5, 6)]
    for table, frame in {
        "files": pl.DataFrame(files, schema, orient="row"),
        "file_days": pl.DataFrame(days, ["feed", "table_name", "file_name", "usage_date", "rows_kept"], orient="row"),
    }.items():
        path = home.lake / "meta" / table / "current.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(path)


@pytest.fixture
def told(home: Home, publish_marts: Publish, close: Close, monkeypatch: pytest.MonkeyPatch) -> Recording:
    """October closed at six; at half past nine a late log corrects it, and blue's part is gone."""
    note_files(home, "log-1")
    first = recorded(home, publish_marts())
    assert (first.number, first.late_files, first.corrections) == (1, [], [])
    close("2026-09")
    close("2026-10")
    monkeypatch.setenv(NOW_VARIABLE, LATER)
    note_files(home, "log-1", "log-2")
    moments = [moment_of(day) for day in ("2026-09-30", "2026-10-05", "2026-10-06", "2026-10-06")]
    lake = home.lake / "litellm/spend_logs"
    lake.mkdir(parents=True)
    # Written in October, but some of it began before; in the lake its rows lie with those of another file.
    log = {"written_at": [moment_of("2026-10-07")] * 4, "started_at": moments, "row_number": [4, 9, 7, 8]}
    of_both = [pl.DataFrame(log).with_columns(file_hash=pl.lit(name)) for name in ("log-1", "log-2")]
    pl.concat([of_both[0].with_columns(pl.col("row_number") - 4), of_both[1]]).write_parquet(lake / MERGED)
    with FileLedger(ledger_path(home.root)) as ledger:
        rows = [
            LedgerRow("litellm", "spend_logs", name, name, 3, name, name, name, 1, "committed", 4, 4)
            for name in ("log-1", "log-2")
        ]
        for row in rows:
            ledger.commit(row, "", {})
        ledger.move_rows(rows, MERGED)
    return recorded(home, publish_marts(CORRECTION, GONE))


def said(home: Home, moment: str) -> dict[str, Decimal]:
    with duckdb.connect() as connection:
        return dict(connection.execute(AS_OF.format(folder=history_folder(home), moment=moment)).fetchall())


def published(home: Home) -> dict[str, Decimal]:
    with duckdb.connect(str((home.published / DATABASE).resolve()), read_only=True) as connection:
        return dict(connection.execute(POSTED).fetchall())


def test_a_plain_sum_up_to_a_time_is_what_was_said_then(home: Home, publish_marts: Publish, told: Recording) -> None:
    now = published(home)
    assert said(home, "2026-11-18 09:30:00") == now
    before = said(home, "2026-11-18 09:29:59")
    assert "blue" in before
    assert "blue" not in now
    assert before["acme"] == now["acme"] - 1
    assert said(home, "2026-11-18 05:59:59") == {}


def test_other_rows_published_of_the_same_inputs_are_recorded(home: Home, marts: Path, told: Recording) -> None:
    before = current_manifest(home)
    assert before
    build_file(home, marts, CORRECTION)
    again = publish(home, before.version_id, lambda *_: None, keep=2, anew=True)
    assert (again.manifest.version_id, again.others != ()) == (before.version_id, True)
    assert recorded(home, again.manifest).number == 3
    assert said(home, "2026-11-18 09:30:00") == published(home)
    assert record(home, again.manifest) is None


def test_nothing_is_recorded_of_what_did_not_change(home: Home, publish_marts: Publish, told: Recording) -> None:
    again = publish_marts(CORRECTION, GONE)
    assert record(home, again) is None
    assert sorted(path.name for path in history_folder(home).iterdir()) == ["000001", "000002"]


def test_a_late_file_and_its_correction_are_named(told: Recording) -> None:
    file, correction = told.in_words()
    assert file == (
        "litellm/spend_logs/log-2: has 3 rows of 2026-10, the first in row 7; that month is closed and stays as it was"
        " posted, what they change is posted as corrections in the next open one"
    )
    assert correction.startswith("2026-10 is closed: its corrections in 2026-11 changed by 1.00 USD")


def test_a_recording_that_was_cut_off_is_made_anew(home: Home, publish_marts: Publish) -> None:
    note_files(home, "log-1")
    unfinished = history_folder(home) / ".000001.tmp"
    unfinished.mkdir(parents=True)
    (unfinished / "totals.parquet").write_bytes(b"half")
    recorded(home, publish_marts())
    assert [path.name for path in history_folder(home).iterdir()] == ["000001"]


def test_diff_tells_what_changed_and_what_came_in_between(home: Home, told: Recording) -> None:
    found = diff(home, "2026-10", moment_of(FIRST), moment_of(LATER), Limits(materiality_usd=Decimal(1)))
    correction = next(row for row in found.rows if row["posting_period"] == "2026-11")
    assert (correction["tenant_id"], correction["change_usd"], correction["is_immaterial"]) == ("acme", 1, True)
    assert correction["why"] == "correction of a closed period"
    gone = [row for row in found.rows if row["tenant_id"] == "blue"]
    assert {row["why"] for row in gone} == {"was anchored, is gone"}
    assert sum(row["change_usd"] for row in found.rows) == found.total_after_usd - found.total_before_usd
    assert [cause.cause for cause in found.causes] == ["log or fact came: litellm/spend_logs/log-2"]
    assert found.closed == {"closed_at": "2026-11-18T06:00:00+00:00", "preparer": "ann", "approver": "bob"}
    unchanged = diff(home, "2026-10", moment_of(LATER), moment_of("2026-11-19"), Limits())
    assert (unchanged.rows, unchanged.causes) == ([], [])


def test_diff_names_the_inputs_that_changed(home: Home, told: Recording) -> None:
    path = history_folder(home) / "000002" / "run.json"
    run = json.loads(path.read_text())
    changed = dict.fromkeys(("pricing/price_sets", "config/allocation_rules", "rules", "meta/files"), "new")
    path.write_text(json.dumps({**run, "inputs": {**run["inputs"], **changed}}))
    causes = [cause.cause for cause in diff(home, "2026-10", moment_of(FIRST), moment_of(LATER), Limits()).causes]
    assert causes[:3] == [
        "changed: allocation rules",
        "changed: prices (price book or contracts)",
        "changed: rules of the code (dbt_project)",
    ]


def test_what_nobody_recorded_cannot_be_compared(home: Home, publish_marts: Publish) -> None:
    with pytest.raises(PeriodError, match=r"nothing was recorded up to .*`inferledger run` records"):
        diff(home, "2026-10", moment_of(FIRST), moment_of(LATER), Limits())
    note_files(home, "log-1")
    recorded(home, publish_marts())
    before = moment_of(FIRST) - timedelta(seconds=1)
    with pytest.raises(PeriodError, match="the first record is of 2026-11-18T06:00:00"):
        diff(home, "2026-10", before, moment_of(LATER), Limits())
    with pytest.raises(PeriodError, match="2025-01: nothing was ever posted for its usage"):
        diff(home, "2025-01", moment_of(FIRST), moment_of(LATER), Limits())
    with pytest.raises(PeriodError, match="as-of: found 'monday', allowed is a day or time"):
        moment_of("monday")


def test_a_day_means_its_end_and_a_time_is_utc() -> None:
    assert moment_of("2026-11-05").isoformat() == "2026-11-05T23:59:59.999999+00:00"
    assert moment_of("2026-11-05T06:00").isoformat() == "2026-11-05T06:00:00+00:00"
    assert moment_of("2026-11-05T06:00+02:00").isoformat() == "2026-11-05T04:00:00+00:00"


def test_the_accrual_memo_adds_up_and_says_how_good_the_last_one_was(home: Home, told: Recording) -> None:
    memo = write_accrual(home, "2026-11")
    with duckdb.connect(str((home.published / DATABASE).resolve()), read_only=True) as connection:
        total, estimated = connection.execute(
            "select sum(effective_amount_usd), sum(effective_amount_usd) filter (where status = 'estimated')"
            " from fct_allocations where posting_period = '2026-11'"
        ).fetchall()[0]
    totals = [memo.total(name) for name in ("accrual_usd", "estimated_usd", "corrections_usd")]
    assert totals == [total, estimated, Decimal(1)]
    table, text = memo.paths
    with table.open(encoding="utf-8-sig", newline="") as file:
        lines = list(csv.DictReader(file))
    assert tuple(lines[0]) == HEADER
    assert sum(Decimal(line["accrual_usd"]) for line in lines) == total
    assert sum(row["error_usd"] for row in memo.last_month) == sum(published(home).values()) - sum(
        said(home, "2026-11-18 06:00:00").values()
    )
    assert "Estimated as of 2026-11-18 06:00 UTC" in text.read_text()
    assert (
        f"| all |  |  | {memo.total('anchored_usd'):,.2f} | {estimated:,.2f} | 1.00 | {total:,.2f} |"
        in text.read_text()
    )
    assert f"Usage up to {memo.last_day}.\n" in text.read_text()
    before = [path.read_bytes() for path in memo.paths]
    assert [path.read_bytes() for path in write_accrual(home, "2026-11").paths] == before


def test_there_is_no_accrual_of_a_month_without_postings(home: Home, publish_marts: Publish) -> None:
    publish_marts()
    with pytest.raises(ExportError, match="2025-01: nothing is posted in it"):
        write_accrual(home, "2025-01")
