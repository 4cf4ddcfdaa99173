"""Every check fails for its own reason, and says what, where, how many and how to see them."""

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from assets import publish
from assets.checks import CheckResult, blocking_failures, check_shape, run_checks
from assets.contracts import CONTRACTS, NEVER, MartContract
from assets.gates import require_shape
from assets.publish import NOTHING
from sources.home import init_home
from sources.settings.models import Limits

Build = Callable[..., Path]
LIMITS = Limits()


def failures(marts: Path, limits: Limits = LIMITS, week: date | None = None) -> dict[str, CheckResult]:
    return {result.name: result for result in run_checks(marts, limits, week) if not result.passed}


def test_good_marts_pass_every_blocking_check(marts: Path) -> None:
    results = run_checks(marts, LIMITS)
    assert blocking_failures(results) == []
    assert len(results) == 2 * len(CONTRACTS) + 9
    assert len({result.name for result in results}) == len(results)
    assert all(result.description for result in results)


@pytest.mark.parametrize(
    ("change", "name", "where", "count"),
    [
        ("update cost_per_tenant_weekly set unpriced_calls = -1 where tenant_id = 'acme'",
         "cost_per_tenant_weekly_holds_contract", "cost_per_tenant_weekly.unpriced_calls", 14),
        ("update cost_per_feature_weekly set total_cost_usd = null where feature_id = 'chat'",
         "cost_per_feature_weekly_holds_contract", "cost_per_feature_weekly.total_cost_usd", 14),
        ("update cost_per_model_weekly set calls = -1 where model = 'gpt-5.4'",
         "cost_per_model_weekly_holds_contract", "cost_per_model_weekly.calls", 14),
        ("update unit_economics_weekly set cache_read_tokens = -5 where tenant_id = 'acme' and model = 'gpt-5.4'",
         "unit_economics_weekly_holds_contract", "unit_economics_weekly.cache_read_tokens", 42),
        ("update cost_per_task_weekly set outcome_coverage = 1.5 where tenant_id = 'acme' and feature_id = 'chat'",
         "cost_per_task_weekly_holds_contract", "cost_per_task_weekly.outcome_coverage", 14),
        ("update fct_tasks set outcome = 'done' where ended_date = '2026-11-09' and tenant_id = 'acme'",
         "fct_tasks_holds_contract", "fct_tasks.outcome", 9),
        ("update revenue_efficiency_weekly set band = 'fine' where tenant_id = 'blue' and product_id = 'build'",
         "revenue_efficiency_weekly_holds_contract", "revenue_efficiency_weekly.band", 14),
        ("update cache_efficiency_weekly set cache_hit_rate = 'nan' where tenant_id = 'acme' and model = 'gpt-5.4'",
         "cache_efficiency_weekly_holds_contract", "cache_efficiency_weekly.cache_hit_rate", 42),
        ("update reconciliation_daily set billed_cost_usd = null where usage_date = '2026-11-09'",
         "reconciliation_daily_holds_contract", "reconciliation_daily.billed_cost_usd", 5),
        ("update fct_charges set charge_status = 'maybe' where usage_date = '2026-11-09'",
         "fct_charges_holds_contract", "fct_charges.charge_status", 7),
        ("update fct_allocations set share = -0.1 where usage_date = '2026-11-09' and tenant_id = 'acme'",
         "fct_allocations_holds_contract", "fct_allocations.share", 13),
        ("update chargeback_lines set currency = null where usage_date = '2026-11-09' and tenant_id = 'acme'",
         "chargeback_lines_holds_contract", "chargeback_lines.currency", 13),
        ("update gpu_cost_hourly set utilisation = 1.01 where usage_date = '2026-11-09'",
         "gpu_cost_hourly_holds_contract", "gpu_cost_hourly.utilisation", 48),
        ("update break_even_monthly set verdict = 'perhaps' where workload_id = 'qwen-chat'",
         "break_even_monthly_holds_contract", "break_even_monthly.verdict", 2),
        ("update capacity_weekly set p95_tokens_per_second = -1",
         "capacity_weekly_holds_contract", "capacity_weekly.p95_tokens_per_second", 28),
        ("update tco_monthly set cash_usd = null where line = 'people' and month_start = '2026-10-01'",
         "tco_monthly_holds_contract", "tco_monthly.cash_usd", 1),
        ("update data_status set rows_read = -1 where status_date = '2026-11-09'",
         "data_status_holds_contract", "data_status.rows_read", 3),
    ],
)  # fmt: skip
def test_a_broken_column_fails_its_contract(
    broken_marts: Build, change: str, name: str, where: str, count: int
) -> None:
    result = failures(broken_marts(change))[name]
    assert result.blocking
    assert (result.where, result.count) == (where, count)
    assert where.split(".")[1] in result.what
    assert 0 < len(result.examples) <= 5


def test_only_the_rows_to_check_are_held_to_a_contract(broken_marts: Build) -> None:
    marts = broken_marts("update cost_per_tenant_weekly set calls = -1 where tenant_id = 'acme'")
    name = "cost_per_tenant_weekly_holds_contract"

    def broken(condition: str) -> list[int]:
        results = check_shape(marts, {"cost_per_tenant_weekly": condition})
        return [result.count for result in results if result.name == name and not result.passed]

    assert broken("true") == [14]
    assert broken("tenant_id = 'acme' and week_start = (select max(week_start) from cost_per_tenant_weekly)") == [1]
    assert broken("tenant_id <> 'acme'") == []
    assert broken(NOTHING) == []


def test_an_empty_mart_fails_though_there_is_nothing_to_check(broken_marts: Build) -> None:
    results = check_shape(broken_marts("delete from cost_per_tenant_weekly"), {"cost_per_tenant_weekly": NOTHING})
    assert [result.name for result in results if not result.passed] == ["cost_per_tenant_weekly_has_rows"]


def test_two_broken_columns_are_both_named(broken_marts: Build) -> None:
    marts = broken_marts("update cost_per_tenant_weekly set calls = -1, tenant_name = null where tenant_id = 'acme'")
    result = failures(marts)["cost_per_tenant_weekly_holds_contract"]
    assert result.what == "tenant_name must be not null; calls must be not null, >= 0"
    assert result.count == 14


def test_a_missing_column_is_named(broken_marts: Build) -> None:
    result = failures(broken_marts("alter table cost_per_model_weekly drop column cost_share"))
    assert result["cost_per_model_weekly_holds_contract"].what == "cost_per_model_weekly lacks cost_share"


def test_a_missing_mart_is_named(broken_marts: Build) -> None:
    result = failures(broken_marts("drop table fct_charges"))["fct_charges_has_rows"]
    assert result.blocking
    assert result.what == "fct_charges is not in the published marts"


@pytest.mark.parametrize("mart", [contract.mart for contract in CONTRACTS if contract.due_when != NEVER])
def test_an_empty_mart_fails(broken_marts: Build, mart: str) -> None:
    used = "insert into data_status by name select * replace ('dcgm' as feed, 'samples' as table_name) from data_status"
    more = used.replace("dcgm", "business").replace("samples", "tasks")
    revenue = more.replace("tasks", "revenue")
    result = failures(broken_marts(used, more, revenue, f"delete from {mart}"))[f"{mart}_has_rows"]
    assert result.blocking
    assert result.what.startswith(f"{mart} is empty, though ")


def test_rows_that_were_checked_before_they_were_published_are_judged_and_not_checked_again(
    marts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = init_home(tmp_path / "home")
    shutil.copy(marts, home.warehouse / "build.duckdb")
    publish.publish(home, "one", require_shape, keep=1)
    database = home.published / publish.DATABASE
    held: list[str] = []

    def hold(contract: MartContract, found: object) -> list[str]:
        held.append(contract.mart)
        return []

    monkeypatch.setattr(MartContract, "broken", hold)
    names = [result.name for result in run_checks(marts, LIMITS)]
    assert sorted(held) == sorted(contract.mart for contract in CONTRACTS)
    held.clear()
    assert [result.name for result in run_checks(database, LIMITS)] == names
    strict = LIMITS.model_copy(update={"unattributed_share": Decimal(0)})
    assert "unattributed_share_within_limit" in failures(database, strict)
    assert held == []

    with monkeypatch.context() as patch:
        patch.setattr(publish, "contracts_hash", lambda: "others")
        assert not publish.was_checked(database)
    assert publish.was_checked(database)
    os.utime(database)
    run_checks(database, LIMITS)
    assert len(held) == len(CONTRACTS), "the file was written after its check"


def test_an_empty_mart_fails_whichever_gateway_logged_the_calls(broken_marts: Build) -> None:
    marts = broken_marts(
        "update data_status set feed = 'otel', table_name = 'spans' where feed = 'litellm'",
        "delete from unit_economics_weekly",
    )
    assert failures(marts)["unit_economics_weekly_has_rows"].what == (
        "unit_economics_weekly is empty, though otel.spans has rows"
    )


def test_marts_of_a_feed_nobody_uses_may_be_empty(broken_marts: Build) -> None:
    marts = broken_marts("delete from gpu_cost_hourly", "delete from revenue_efficiency_weekly")
    assert blocking_failures(run_checks(marts, LIMITS)) == []


def test_without_a_model_that_has_a_prompt_cache_there_is_no_cache_efficiency(broken_marts: Build) -> None:
    marts = broken_marts("delete from cache_efficiency_weekly", "update dim_models set has_prompt_cache = false")
    assert blocking_failures(run_checks(marts, LIMITS)) == []


def test_marts_of_workloads_nobody_names_may_be_empty(broken_marts: Build) -> None:
    marts = broken_marts("delete from break_even_monthly", "delete from capacity_weekly")
    assert blocking_failures(run_checks(marts, LIMITS)) == []


def test_unpriced_calls_above_the_limit_block(broken_marts: Build) -> None:
    marts = broken_marts(
        "update unit_economics_weekly set unpriced_calls = 80 where week_start = '2026-11-09' and calls > 0"
    )
    result = failures(marts, week=date(2026, 11, 9))["unpriced_share_within_limit"]
    assert result.blocking
    assert "limits.unpriced_share = 0.001" in result.what
    assert result.examples[0]["unpriced_calls"] == 80 * 72
    assert "unpriced_share_within_limit" not in failures(marts, week=date(2026, 11, 2))


def test_unpriced_calls_at_the_limit_pass(marts: Path, broken_marts: Build) -> None:
    at_limit = Limits(unpriced_share=Decimal("0.5"))
    half = broken_marts("update unit_economics_weekly set unpriced_calls = calls, calls = calls * 2")
    assert "unpriced_share_within_limit" not in failures(half, at_limit)


def test_unattributed_cost_above_the_limit_is_told_and_does_not_block(marts: Path) -> None:
    result = failures(marts, Limits(unattributed_share=Decimal("0.01")))["unattributed_share_within_limit"]
    assert not result.blocking
    assert result.count == 1


def test_unexplained_variance_names_provider_and_month(broken_marts: Build) -> None:
    marts = broken_marts(
        "update reconciliation_daily set unexplained_usd = -0.2 where service_provider = 'openai' and model = 'gpt-5.4'"
        " and usage_date between '2026-10-01' and '2026-10-31'"
    )
    result = failures(marts)["variance_is_explained"]
    assert result.blocking
    assert result.count == 1
    assert result.examples[0]["service_provider"] == "openai"
    assert result.examples[0]["month"] == date(2026, 10, 1)


def test_an_invoice_that_is_not_fully_placed_blocks(broken_marts: Build) -> None:
    marts = broken_marts(
        "update fct_allocations set amount_usd = amount_usd + 0.000000000001"
        " where allocation_id = (select min(allocation_id) from fct_allocations where invoice_id = 'openai-202610')"
    )
    result = failures(marts)["invoices_are_placed"]
    assert result.blocking
    assert result.examples == (
        {
            "invoice_id": "openai-202610",
            "charged_usd": result.examples[0]["charged_usd"],
            "placed_usd": result.examples[0]["charged_usd"] + Decimal("0.000000000001"),
            "difference_usd": Decimal("-0.000000000001"),
        },
    )


def test_a_journal_that_does_not_balance_blocks(broken_marts: Build) -> None:
    marts = broken_marts("update journal_lines set debit_usd = debit_usd + 0.01 where line_no = 1 and kind = 'accrual'")
    result = failures(marts)["journals_balance"]
    assert result.blocking
    assert result.examples[0]["debit_usd"] - result.examples[0]["credit_usd"] == Decimal("0.01")


def test_more_rounding_in_a_month_s_journals_than_the_limit_blocks(broken_marts: Build) -> None:
    marts = broken_marts(
        "update journal_lines set line_type = 'rounding', debit_usd = 0.06"
        " where line_no < 3 and posting_period = '2026-10' and service_provider = 'openai'"
    )
    result = failures(marts)["journal_rounding_within_limit"]
    assert result.blocking
    assert result.examples[0] == {"posting_period": "2026-10", "rounding_usd": Decimal("0.12")}
    assert "limits.journal_rounding_usd = 0.10 USD" in result.what
    assert "journal_rounding_within_limit" not in failures(marts, Limits(journal_rounding_usd=Decimal("0.12")))


def test_lines_without_an_account_are_told_once_there_is_a_map(broken_marts: Build) -> None:
    result = failures(broken_marts("update journal_lines set account = 'unmapped' where cost_center = 'CC-100'"))
    assert not result["journal_lines_have_accounts"].blocking
    assert {row["cost_center"] for row in result["journal_lines_have_accounts"].examples} == {"CC-100"}


def test_a_home_without_a_map_is_not_told_of_accounts(broken_marts: Build) -> None:
    assert "journal_lines_have_accounts" not in failures(broken_marts("update journal_lines set account = 'unmapped'"))


def test_too_many_rows_set_aside_block(broken_marts: Build) -> None:
    result = failures(broken_marts("update data_status set rows_quarantined = 20 where feed = 'openai'"))
    assert result["quarantined_share_within_limit"].blocking
    assert result["quarantined_share_within_limit"].examples[0]["feed"] == "openai"


def test_a_missing_file_is_told_and_does_not_block(marts: Path) -> None:
    result = failures(marts)["expected_files_arrived"]
    assert not result.blocking
    assert (result.examples[0]["feed"], result.examples[0]["status_date"]) == ("litellm", date(2026, 11, 11))
    assert "expected_files_arrived" not in failures(marts, week=date(2026, 11, 2))


def test_the_command_shows_the_rows(broken_marts: Build) -> None:
    marts = broken_marts("update cost_per_tenant_weekly set calls = -1 where tenant_id = 'evil'")
    command = failures(marts)["cost_per_tenant_weekly_holds_contract"].how_to_see
    program, *arguments = shlex.split(command)
    assert program == "python"
    shown = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=True)
    assert "HYPERLINK" in shown.stdout
    assert "14 rows" in shown.stdout
