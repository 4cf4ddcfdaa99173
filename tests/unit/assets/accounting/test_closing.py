"""Closing a period: the order, the checklist with its overrides, the snapshot, and what a tampered one does."""

import json
import shutil
from decimal import Decimal
from pathlib import Path

import duckdb
import polars as pl
import pytest

from assets.accounting import closing as closing_module
from assets.accounting.checklist import NAMES
from assets.accounting.snapshots import (
    PeriodError,
    SnapshotError,
    mart_columns,
    month_after,
    month_before,
    require_unchanged,
    sha256,
    snapshots,
    write_closed_ledger,
)
from assets.deliver import deliver_export
from assets.publish import DATABASE
from sources.clock import NOW_VARIABLE
from sources.home import Home
from tests.unit.assets.accounting.conftest import Close, Publish

POSTED = "select sum(amount_usd), count(*) from fct_allocations where posting_period = '2026-09'"


def ledger(home: Home) -> pl.DataFrame:
    return pl.read_parquet(home.lake / "accounting/closed_allocations/current.parquet")


def failed(close: Close, period: str = "2026-09", **given: object) -> dict[str, str]:
    return {check.name: check.found for check in close(period, overrides={}, is_dry_run=True, **given).blocked_by}


def test_a_snapshot_holds_the_postings_the_exports_and_a_manifest_of_them(
    home: Home, publish_marts: Publish, close: Close, tmp_path: Path
) -> None:
    manifest = publish_marts()
    closing = close("2026-09")
    assert closing.folder == home.closed / "2026-09"
    with duckdb.connect(str((home.published / DATABASE).resolve()), read_only=True) as connection:
        total, count = connection.execute(POSTED).fetchall()[0]
    told = json.loads((closing.folder / "manifest.json").read_text())
    assert told["control_totals"]["amount_usd"] == str(total)
    assert (told["control_totals"]["rows"], told["files"]["fct_allocations.parquet"]["rows"]) == (count, count)
    assert {name: sha256(closing.folder / name) for name in told["files"]} == {
        name: file["sha256"] for name, file in told["files"].items()
    }
    names = {str(path.relative_to(closing.folder)) for path in closing.folder.rglob("*") if path.is_file()}
    assert names == {*told["files"], "manifest.json"}
    assert (told["preparer"], told["approver"], told["published_version"]) == ("ann", "bob", manifest.version_id)
    assert told["closed_at"] == "2026-11-18T06:00:00+00:00"
    assert {check["name"]: check["passed"] for check in told["checklist"]} == dict.fromkeys(NAMES, True)
    assert {"rules", "engine"} <= told["inputs"].keys()
    # The small home maps no accounts.
    assert all(name.startswith("journal") for name in told["exports_not_written"])


@pytest.mark.parametrize(("name", "dialect"), [("chargeback", None), ("journal", None), ("journal", "xero")])
def test_an_export_of_a_closed_period_is_the_one_of_its_snapshot(
    home: Home, publish_marts: Publish, close: Close, tmp_path: Path, name: str, dialect: str | None
) -> None:
    manifest = publish_marts()
    before = deliver_export(home, manifest, name, "2026-09", dialect, out=tmp_path / "before")
    close("2026-09")
    later = publish_marts(
        "update chargeback_lines set amount_usd = 2 * amount_usd",
        "update journal_lines set debit_usd = 2 * debit_usd, credit_usd = 2 * credit_usd",
    )
    after = deliver_export(home, later, name, "2026-09", dialect, out=tmp_path / "after")
    assert [path.name for path in after] == [path.name for path in before]
    assert [path.read_bytes() for path in after] == [path.read_bytes() for path in before]
    of_october = deliver_export(home, later, name, "2026-10", dialect, out=tmp_path / "after")
    assert of_october[0].read_bytes() != before[0].read_bytes()
    (home.closed / "2026-09/exports/chargeback/chargeback.csv").unlink()
    with pytest.raises(SnapshotError, match=r"exports/chargeback/chargeback\.csv: is missing"):
        deliver_export(home, later, "chargeback", "2026-09", out=tmp_path / "after")


def test_the_warehouse_gets_the_closed_postings_as_they_are_and_no_rows_before(
    home: Home, publish_marts: Publish, close: Close
) -> None:
    publish_marts()
    write_closed_ledger(home)
    assert (ledger(home).height, ledger(home).columns) == (0, list(mart_columns("fct_allocations")))
    folder = close("2026-09").folder
    write_closed_ledger(home)
    assert folder
    postings = pl.read_parquet(folder / "fct_allocations.parquet").select(list(mart_columns("fct_allocations")))
    assert ledger(home).equals(postings)
    assert set(postings["status"]) == {"anchored"}


def test_periods_close_in_order_after_they_ended_and_once(home: Home, publish_marts: Publish, close: Close) -> None:
    publish_marts()
    with pytest.raises(PeriodError, match="2026-10: periods close in order, and 2026-09 is still open"):
        close("2026-10")
    with pytest.raises(PeriodError, match=r"2026-11 has not ended: it can be closed from 2026-12-01 on"):
        close("2026-11")
    with pytest.raises(PeriodError, match="2025-01: nothing is posted in it; open are 2026-09, 2026-10, 2026-11"):
        close("2025-01")
    with pytest.raises(PeriodError, match="found '2026-13', allowed is a month such as 2026-10"):
        close("2026-13")
    folder = close("2026-09").folder
    assert folder
    before = sha256(folder / "manifest.json")
    with pytest.raises(PeriodError, match=r"2026-09 is closed already: .* never opened again"):
        close("2026-09", preparer="eve")
    assert sha256(folder / "manifest.json") == before
    close("2026-10")
    assert [snapshot.period for snapshot in require_unchanged(home)] == ["2026-09", "2026-10"]


def test_marts_that_are_not_of_the_data_cannot_be_closed(
    home: Home, publish_marts: Publish, close: Close, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_marts()
    monkeypatch.setenv(NOW_VARIABLE, "2026-11-19T06:00:00Z")
    with pytest.raises(PeriodError, match=r"not of today's data \(day changed\): `inferledger run` first"):
        close("2026-09")
    publish_marts()
    (home.landing / "litellm/spend_logs/spend_logs_2026-09-30.ndjson").write_text("{}\n")
    with pytest.raises(PeriodError, match="1 landed files were not taken in yet"):
        close("2026-09")


@pytest.mark.parametrize(
    ("name", "change", "found"),
    [
        ("unpriced", "update fct_usage set pricing_status = 'unpriced' where usage_date = '2026-09-05'", " calls"),
        ("unexplained", "update reconciliation_daily set unexplained_usd = 40 where usage_date = '2026-09-05'", "org"),
        (
            "files",
            "update data_status set expected_files_missing = 1 where feed = 'litellm' and status_date = '2026-09-05'",
            "litellm/spend_logs 2026-09-05: 1 missing, 0 failed",
        ),
        ("bills", "update fct_charges set charge_status = 'estimated' where usage_date = '2026-09-05'", "1 days"),
        ("invoices", "update fct_charges set invoice_id = null where usage_date = '2026-09-05'", "openai"),
        ("accounts", "update fct_charges set billing_account_id = 'unattributed' where usage_date < '2026-10-01'", ""),
        (
            "journal",
            "update journal_lines set account = 'unmapped' where cost_center = 'CC-100'",
            "expense openai cogs CC-100",
        ),
        (
            "unattributed",
            "update fct_allocations set cost_component = 'unattributed' where usage_date < '2026-09-20'",
            "of ",
        ),
    ],
)
def test_what_fails_blocks_unless_overridden_with_a_reason(
    home: Home, publish_marts: Publish, close: Close, name: str, change: str, found: str
) -> None:
    publish_marts(change)
    blocked = failed(close)
    assert list(blocked) == [name]
    assert found in blocked[name]
    assert close("2026-09").folder is None
    assert not home.closed.exists()
    closing = close("2026-09", overrides={name: "seen, ticket 81"})
    assert closing.folder
    assert closing.blocked_by == []
    told = {check["name"]: check for check in json.loads((closing.folder / "manifest.json").read_text())["checklist"]}
    assert (told[name]["passed"], told[name]["override"]) == (False, "seen, ticket 81")


def test_an_amount_up_to_the_materiality_does_not_block(home: Home, publish_marts: Publish, close: Close) -> None:
    publish_marts("update reconciliation_daily set unexplained_usd = 40 where usage_date = '2026-09-05'")
    at_stake = next(
        check.amount_usd for check in close("2026-09", is_dry_run=True).checks if check.name == "unexplained"
    )
    assert at_stake
    settings = home.config / "inferledger.yml"
    for materiality, blocks in ((at_stake, False), (at_stake - Decimal("0.01"), True)):
        text = settings.read_text()
        line = next(line for line in text.splitlines() if "materiality_usd:" in line)
        settings.write_text(text.replace(line, f"  materiality_usd: {materiality.normalize():f}"))
        assert ("unexplained" in failed(close)) is blocks


def test_who_approves_is_not_who_prepared(publish_marts: Publish, close: Close) -> None:
    publish_marts()
    assert failed(close, approver=" Ann")["people"] == "both are ann"


def test_an_override_names_a_check_and_a_reason(publish_marts: Publish, close: Close) -> None:
    publish_marts()
    with pytest.raises(PeriodError, match=f"found weather, allowed are {', '.join(NAMES)}"):
        close("2026-09", overrides={"weather": "rain"})
    with pytest.raises(PeriodError, match="override files: found no reason"):
        close("2026-09", overrides={"files": " "})


@pytest.mark.parametrize("step", ["_write_table", "write_export", "sha256", "_sync"])
def test_a_close_that_is_cut_off_leaves_nothing_and_can_be_typed_again(
    home: Home, publish_marts: Publish, close: Close, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    publish_marts()

    def cut_off(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(closing_module, step, cut_off)
        with pytest.raises(KeyboardInterrupt):
            close("2026-09")
    assert snapshots(home) == []
    write_closed_ledger(home)
    assert ledger(home).height == 0
    assert close("2026-09").folder
    assert [path.name for path in home.closed.iterdir()] == ["2026-09"]


def test_a_snapshot_that_changed_stops_everything_and_names_the_file(
    home: Home, publish_marts: Publish, close: Close
) -> None:
    publish_marts()
    close("2026-09")
    close("2026-10")
    write_closed_ledger(home)
    for name in ("2026-09/fct_charges.parquet", "2026-10/exports/chargeback/chargeback.csv"):
        path = home.closed / name
        content = path.read_bytes()
        path.unlink()
        with pytest.raises(SnapshotError, match=f"{name}: is missing"):
            write_closed_ledger(home)
        path.write_bytes(content + b"\n")
        with pytest.raises(SnapshotError, match=f"{name}: found SHA-256 .* was .* when {name[:7]} was closed"):
            write_closed_ledger(home)
        path.write_bytes(content)
        write_closed_ledger(home)


def test_a_manifest_cannot_change_and_a_snapshot_cannot_go(home: Home, publish_marts: Publish, close: Close) -> None:
    publish_marts()
    close("2026-09")
    close("2026-10")
    write_closed_ledger(home)
    manifest = home.closed / "2026-09/manifest.json"
    content = manifest.read_text()
    manifest.chmod(0o644)
    manifest.write_text(content.replace('"ann"', '"eve"'))
    with pytest.raises(SnapshotError, match="2026-10: follows another snapshot of 2026-09"):
        write_closed_ledger(home)
    manifest.unlink()
    with pytest.raises(SnapshotError, match="the snapshot of 2026-09 is missing; restore it from a backup"):
        write_closed_ledger(home)
    manifest.write_text(content)
    write_closed_ledger(home)
    shutil.move(home.closed / "2026-10", home.root / "aside")
    with pytest.raises(SnapshotError, match="the snapshot of 2026-10 is missing"):
        write_closed_ledger(home)


def test_months_follow_one_another() -> None:
    assert [month_after(month) for month in ("2026-09", "2026-11", "2026-12")] == ["2026-10", "2026-12", "2027-01"]
    assert [month_before(month) for month in ("2026-10", "2026-12", "2027-01")] == ["2026-09", "2026-11", "2026-12"]
