"""Walking numbers back to calls, files and rows."""

from decimal import Decimal
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipelines.cli import cli
from pipelines.explain import MARTS, ExplainError, Explanation, explain, parse_key
from sources.home import Home, init_home
from tests.unit.pipelines.small_marts import export_small_ledger, publish_small_marts


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = init_home(tmp_path)
    publish_small_marts(home)
    export_small_ledger(home)
    return home


def test_a_tenants_week_is_walked_back_to_files_and_rows(home: Home) -> None:
    found = explain(home, "cost_per_tenant_weekly", "week_start=2026-W46,tenant_id=acme")
    assert found.number == found.allocations_usd == Decimal("7")
    assert found.differences == []
    assert [(row["cost_component"], row["amount_usd"]) for row in found.components] == [
        ("direct", Decimal(6)),
        ("shared", Decimal(1)),
    ]
    assert [(row["charge_id"], row["charge_usd"], row["amount_usd"]) for row in found.charges] == [
        ("charge-usage", Decimal(9), Decimal(6)),
        ("charge-fee", Decimal(1), Decimal(1)),
    ]
    assert (found.calls["calls"], found.calls["effective_cost_usd"], found.calls["calls_without_cost"]) == (3, 6, 1)
    dearest = found.top_calls[0]
    assert (dearest["call_id"], dearest["file_name"], dearest["row_number"]) == (
        "call-1",
        "spend_logs_2026-11-10.ndjson.gz",
        11,
    )
    assert [
        (row["file_name"], row["calls"], row["calls_usd"], row["charges"], row["charges_usd"]) for row in found.files
    ] == [
        ("2026-11-10__retrieved.json", 0, None, 2, Decimal(7)),
        ("spend_logs_2026-11-10.ndjson.gz", 3, Decimal(6), 0, None),
    ]


@pytest.mark.parametrize(
    ("mart", "key", "number"),
    [
        ("cost_per_tenant_weekly", "week_start=2026-11-09", "10.5"),
        ("cost_per_model_weekly", "week_start=2026-W46,model=unattributed", "1"),
        ("cost_per_model_weekly", "week_start=2026-W46,service_provider=openai,host=direct,model=gpt-5-mini", "9.5"),
        ("chargeback_lines", "posting_period=2026-11,tenant_id=acme", "7"),
        ("chargeback_lines", "chargeback_line_id=a-2", "3"),
        ("chargeback_lines", "posting_period=2026-11,invoice_id=,status=anchored,model=,method=proportional", "1"),
        ("chargeback_lines", "corrects_period=", "10.5"),
    ],
)
def test_every_kind_of_number_adds_up(home: Home, mart: str, key: str, number: str) -> None:
    found = explain(home, mart, key)
    assert found.number == found.allocations_usd == Decimal(number)
    assert found.differences == []


def test_a_correction_is_found_by_the_month_it_corrects(tmp_path: Path) -> None:
    home = init_home(tmp_path)
    publish_small_marts(home, "update chargeback_lines set status = 'correction' where chargeback_line_id = 'a-2'")
    found = explain(home, "chargeback_lines", "status=correction,corrects_period=2026-11")
    assert (found.number, found.differences) == (Decimal(3), [])
    with pytest.raises(ExplainError, match="corrects_period is one of 2026-11"):
        explain(home, "chargeback_lines", "corrects_period=2026-10")


def test_a_line_of_a_journal_is_walked_back_to_the_cent(home: Home) -> None:
    found = explain(home, "journal_lines", "journal_id=IL-1,line_no=1")
    assert (found.number, found.allocations_usd) == (Decimal("7.01"), Decimal(7))
    assert [row["charge_id"] for row in found.charges] == ["charge-usage", "charge-fee"]
    assert found.differences == []
    assert explain(home, "journal_lines", "journal_id=IL-1").number == Decimal("10.01")


def test_a_line_of_a_journal_more_than_a_cent_off_differs(tmp_path: Path) -> None:
    home = init_home(tmp_path)
    publish_small_marts(home, "update journal_lines set debit_usd = 7.02 where line_no = 1")
    found = explain(home, "journal_lines", "journal_id=IL-1,line_no=1")
    assert found.differences == ["allocations add up to 7.000000000000, not to 7.020000000000"]


def test_charges_beyond_the_top_are_one_row_that_keeps_the_sum(home: Home) -> None:
    found = explain(home, "cost_per_tenant_weekly", "week_start=2026-W46", top=1)
    assert [row["charge_id"] for row in found.charges] == ["charge-usage", "2 more charges"]
    assert sum(row["amount_usd"] for row in found.charges) == found.number
    assert (found.charge_count, found.file_count, len(found.top_calls)) == (3, 2, 1)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (
            "update fct_allocations set effective_amount_usd = 5 where allocation_id = 'a-1'",
            "allocations add up to 6.0",
        ),
        ("update fct_usage set effective_cost_usd = 1 where call_id = 'call-1'", "calls cost 3.0"),
    ],
)
def test_a_sum_that_does_not_hold_is_said_and_fails(tmp_path: Path, change: str, difference: str) -> None:
    home = init_home(tmp_path)
    publish_small_marts(home, change)
    key = "week_start=2026-W46,tenant_id=acme"
    found: Explanation = explain(home, "cost_per_tenant_weekly", key)
    assert found.differences[0].startswith(difference)
    result = CliRunner().invoke(cli, ["explain", "cost_per_tenant_weekly", key, "--home", str(home.root)])
    assert result.exit_code == 1
    assert f"differs: {difference}" in result.stdout


def test_the_command_shows_the_walk(home: Home) -> None:
    key = "week_start=2026-W46,tenant_id=acme"
    result = CliRunner().invoke(cli, ["explain", "cost_per_tenant_weekly", key, "--home", str(home.root)])
    assert result.exit_code == 0, result.output
    for text in ("7.000000000000 USD", "charge-fee", "call-1", "spend_logs_2026-11-10.ndjson.gz", "Sums agree"):
        assert text in result.stdout


@pytest.mark.parametrize(
    ("mart", "key", "message"),
    [
        ("dim_tenants", "tenant_id=acme", "no mart that can be walked back"),
        ("cost_per_tenant_weekly", "tenant=acme", "write week_start=...,tenant_id=..."),
        ("cost_per_tenant_weekly", "acme", "'acme' is no key"),
        ("cost_per_tenant_weekly", "week_start=2026-46", "a week: 2026-W46"),
        (
            "cost_per_tenant_weekly",
            "week_start=2026-W46,tenant_id=nobody",
            "tenant_id is one of unattributed, beta, acme",
        ),
    ],
)
def test_a_number_that_is_none_says_what_there_is(home: Home, mart: str, key: str, message: str) -> None:
    with pytest.raises(ExplainError, match=message.replace(".", r"\.")):
        explain(home, mart, key)


def test_a_value_is_never_sql(home: Home) -> None:
    with pytest.raises(ExplainError, match="has no row"):
        explain(home, "cost_per_tenant_weekly", "tenant_id=acme' or 'a' = 'a")
    assert parse_key(MARTS["chargeback_lines"], "chargeback_lines", "tenant_id=a=b") == {"tenant_id": "a=b"}
