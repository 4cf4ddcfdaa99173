"""Status and the table of the week, on marts that can be added up by hand."""

import json
import os
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from assets.ingest import take_in
from assets.kept import why_calls_stay, why_samples_stay
from assets.warehouse import PROJECT
from pipelines.cli import cli
from pipelines.summary import week_table
from sources.home import Home, init_home
from sources.lake import ledger_path
from sources.ledger import FileLedger, LedgerRow
from sources.settings import load_settings
from tests.unit.pipelines.small_marts import WEEK, export_small_ledger, publish_small_marts
from tests.unit.sources.landed import LandedHome, log_lines, log_row


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-18T06:00:00Z")
    home = init_home(tmp_path)
    publish_small_marts(home)
    export_small_ledger(home)
    return home


def test_week_table_divides_sums_and_leaves_unknown_outcomes_out(home: Home) -> None:
    tenants, total = week_table(home.published / "marts.duckdb", date.fromisoformat(WEEK))
    assert [(row.tenant_id, row.cost_usd) for row in tenants] == [
        ("acme", Decimal(7)),
        ("beta", Decimal(3)),
        ("unattributed", Decimal("0.5")),
    ]
    acme, beta, _ = tenants
    assert acme.cost_change == 1
    assert acme.cost_per_resolved_task_usd == 5, "5.00 of two tasks with a known outcome, one of them resolved"
    assert acme.cost_per_revenue_dollar == Decimal("0.2")
    assert (beta.cost_per_resolved_task_usd, beta.cost_per_revenue_dollar) == (None, None)
    assert (total.cost_usd, total.calls, total.cost_per_resolved_task_usd) == (Decimal("10.5"), 3, Decimal(5))


def test_status_names_what_is_missing_failed_and_unattributed(home: Home) -> None:
    result = CliRunner().invoke(cli, ["status", "--home", str(home.root)])
    assert result.exit_code == 0, result.output
    for text in (
        "missing    litellm/spend_logs/spend_logs_2026-11-12.ndjson.gz",
        "failed     litellm/spend_logs/spend_logs_2026-11-11.ndjson.gz: file: not gzip",
        "2026-W46: 3 calls, 10.50 USD, of which 0.50 unattributed; 0 calls (0 tokens) without a price",
        "no tenant  0.50 USD of charges: unlogged_traffic",
        "anomalies  1 open since the week began",
        "anomaly    tenant acme: cost is 2.00 x; 4.50 USD above what was to be expected; seen 1 time more",
        "report     not written",
        "period     2026-11: 10.50 USD; ",
    ):
        assert text in result.stdout


def test_status_says_what_went_for_its_age(home: Home) -> None:
    with FileLedger(ledger_path(home.root)) as ledger:
        for name, size in (("a", 1_500_000), ("b", 2_500_000), ("a", 1_500_000)):
            ledger.note_expired(f"litellm/spend_logs/eu/{name}.ndjson", size)
        ledger.note_expired("openai/costs/org/a.json", 40_000)
    shown = CliRunner().invoke(cli, ["status", "--home", str(home.root)])
    assert "expired    litellm/spend_logs: 2 landed files, 4.0 MB; their rows are in the lake\n" in shown.stdout
    assert "expired    openai/costs: 1 landed file, 0.0 MB; their rows are in the lake\n" in shown.stdout
    told = json.loads(CliRunner().invoke(cli, ["status", "--home", str(home.root), "--json"]).stdout)
    assert told["expired"][0] == {
        "feed": "litellm",
        "table_name": "spend_logs",
        "files": 2,
        "size_bytes": 4_000_000,
    }


def test_status_says_which_samples_have_gone(home: Home) -> None:
    told = json.loads(CliRunner().invoke(cli, ["status", "--home", str(home.root), "--json"]).stdout)
    assert told["expired_samples"] == {"samples_from": None, "lake_files": []}
    assert told["expired_calls"] == {"calls_from": None, "lake_files": []}
    row = LedgerRow("dcgm", "samples", "a", "dcgm/samples/a", 2, "a", "a", "a", 1, "committed")
    with FileLedger(ledger_path(home.root)) as ledger:
        ledger.keep_samples(date(2026, 9, 1), {}, [(1_500_000, [row, replace(row, identity="b")])])
    shown = CliRunner().invoke(cli, ["status", "--home", str(home.root)])
    said = "dcgm/samples: 2 lake files, 1.5 MB, of samples before 2026-09-01; what they say of each hour is kept"
    assert f"expired    {said}\n" in shown.stdout
    told = json.loads(CliRunner().invoke(cli, ["status", "--home", str(home.root), "--json"]).stdout)
    assert told["expired_samples"]["samples_from"] == "2026-09-01"


def test_status_says_which_calls_have_gone(home: Home) -> None:
    row = LedgerRow("litellm", "spend_logs", "a", "litellm/spend_logs/a", 2, "a", "a", "a", 1, "committed")
    with FileLedger(ledger_path(home.root)) as ledger:
        ledger.keep_calls(date(2026, 8, 31), date(2026, 9, 1), {}, [(2_500_000, [row])])
    shown = CliRunner().invoke(cli, ["status", "--home", str(home.root)])
    said = "litellm/spend_logs: 1 lake file, 2.5 MB, of calls before 2026-08-31; what was made of them is kept"
    assert f"expired    {said}\n" in shown.stdout
    told = json.loads(CliRunner().invoke(cli, ["status", "--home", str(home.root), "--json"]).stdout)
    assert told["expired_samples"] == {"samples_from": None, "lake_files": []}
    assert told["expired_calls"]["calls_from"] == "2026-08-31"


def test_status_and_run_say_why_no_samples_or_calls_go(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation that is not the user's: dbt's parsed project cannot be kept, so no build is known to be whole."""
    may = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: path != PROJECT and may(path, mode))
    assert "retention" not in CliRunner().invoke(cli, ["status", "--home", str(home.root)]).stdout
    path = home.config / "inferledger.yml"
    said = path.read_text().replace("  # samples_days: 90", "  samples_days: 90")
    path.write_text(said.replace("  # calls_days: 400", "  calls_days: 400"))
    why = f"retention.samples_days: no samples go, since {PROJECT} cannot be written"
    assert f"retention  {why}" in CliRunner().invoke(cli, ["status", "--home", str(home.root)]).stdout
    assert (
        "retention  retention.calls_days: no calls go"
        in CliRunner().invoke(cli, ["status", "--home", str(home.root)]).stdout
    )
    samples, calls = take_in(home, load_settings(home), lambda done, total, name: None).warnings
    assert samples.startswith(why)
    assert calls.startswith(f"retention.calls_days: no calls go, since {PROJECT} cannot be written")
    monkeypatch.undo()
    assert why_samples_stay(load_settings(home)) is None
    assert why_calls_stay(home, load_settings(home)) is None


def test_status_and_run_say_which_month_is_to_be_closed(home: Home) -> None:
    path = home.config / "inferledger.yml"
    path.write_text(path.read_text().replace("  # calls_days: 400", "  calls_days: 62"))
    for name, day in (("old", "2026-08-10"), ("new", "2026-11-10")):
        row = log_row(request_id=name, startTime=f"{day} 09:00:00", endTime=f"{day} 09:00:01")
        LandedHome(home.root).land(f"litellm/spend_logs/{name}.ndjson", log_lines(row))
    why = (
        "retention.calls_days: calls before 2026-09-01 are old enough to go, but only those of closed months do:"
        " 2026-08 is not closed (inferledger close)"
    )
    assert take_in(home, load_settings(home), lambda done, total, name: None).warnings == [why]
    assert f"retention  {why}\n" in CliRunner().invoke(cli, ["status", "--home", str(home.root)]).stdout


def test_status_says_how_far_each_pull_has_come(home: Home) -> None:
    marks = home.root / "pulls"
    marks.mkdir()
    said = {
        "openai.costs.org-larch": {"first": "2025-11-18", "settled": "2026-11-10"},
        "litellm.spend_logs.proxy-eu": {"first": "2025-11-18", "start_time": "2026-11-17 09:00:00", "request_id": "r"},
        "aws_cur.line_items.files.0b1c": {"place": "s3://billing/cur/", "files": {"a.csv": "1", "b.csv": "1"}},
    }
    for name, mark in said.items():
        (marks / f"{name}.json").write_text(json.dumps(mark))
    (marks / "torn.json").write_text("{")
    result = CliRunner().invoke(cli, ["status", "--home", str(home.root)])
    for text in (
        "openai.costs.org-larch: up to 2026-11-10, last asked ",
        "litellm.spend_logs.proxy-eu: up to 2026-11-17 09:00:00, last asked ",
        "s3://billing/cur/: 2 files, last asked ",
    ):
        assert text in result.stdout
    found = json.loads(CliRunner().invoke(cli, ["status", "--home", str(home.root), "--json"]).stdout)
    assert [pull["up_to"] for pull in found["pulls"]] == [None, "2026-11-17 09:00:00", "2026-11-10"]


def test_status_for_machines_holds_ages_and_exact_money(home: Home) -> None:
    result = CliRunner().invoke(cli, ["status", "--home", str(home.root), "--json"])
    found = json.loads(result.stdout)
    (logs, bills) = found["feeds"]
    assert (logs["files"], logs["failed_files"], logs["missing_files"], logs["rows_quarantined"]) == (1, 1, 1, 1)
    assert (logs["age_hours"], bills["age_hours"]) == (175.0, 198.0)
    assert found["week"]["cost_usd"] == "10.500000000000"
    assert found["is_up_to_date"] is False


def test_status_gives_the_reasons_of_what_has_no_price_and_no_tenant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-18T06:00:00Z")
    home = init_home(tmp_path)
    # 2.00 of acme's 6.00 is from a key nobody knows; beta's call is of a model without a price.
    publish_small_marts(
        home,
        """
        update fct_usage set tenant_id = 'unattributed', unattributed_reason = 'no_tag_and_no_key'
        where call_id = 'call-2';
        update fct_allocations set amount_usd = 4.00, effective_amount_usd = 4.00 where allocation_id = 'a-1';
        insert into fct_allocations
        select * replace ('a-5' as allocation_id, 'unattributed' as tenant_id, 'unattributed' as cost_component,
            2.00 as amount_usd, 2.00 as effective_amount_usd)
        from fct_allocations where allocation_id = 'a-1';
        update fct_usage set pricing_status = 'unpriced', unpriced_reason = 'no such model', reported_cost_usd = 2.90
        where call_id = 'call-3'
        """,
    )
    export_small_ledger(home)
    result = CliRunner().invoke(cli, ["status", "--home", str(home.root)])
    for line in (
        "unpriced   1 call of openai gpt-5-mini (1,200 tokens, 2.90 USD by the gateway): no such model",
        "no tenant  2.00 USD of calls: no_tag_and_no_key",
        "no tenant  0.50 USD of charges: unlogged_traffic",
    ):
        assert line in result.stdout, result.stdout
    assert "charges: usage" not in result.stdout
