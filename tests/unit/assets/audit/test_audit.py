"""The audit: every claim of the suite holds on good marts, fails on bad ones, and its pages fetch nothing."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import duckdb
import pytest

from assets.audit import AuditResult, run_audit
from assets.audit_suite import SUITE

# One change for each claim; together they break the whole suite, so that the library is started once.
BREAKS = {
    "Cost by tenant and by feature are the same sum.": "update cost_per_feature_weekly set total_cost_usd = "
    "total_cost_usd + 0.000000000001 where feature_id = 'chat' and week_start = '2026-11-09'",
    "Cost by tenant and by model are the same sum.": "delete from cost_per_model_weekly where model = 'gpt-5.4'",
    "Cost by tenant is the sum of unit_economics_weekly.": "delete from unit_economics_weekly where tenant_id = 'acme'",
    "Cost by tenant is the sum of the allocation ledger.": "update fct_allocations set effective_amount_usd = 0"
    " where method = 'even'",
    "The unattributed row is there at most once a week.": "insert into cost_per_tenant_weekly"
    " select * from cost_per_tenant_weekly where tenant_id = 'unattributed'",
    "A charge stands once.": "insert into fct_charges by name select * replace ('anchored' as charge_status)"
    " from fct_charges where charge_status = 'estimated'",
    "The ledger places every charge to the last decimal.": "update fct_allocations set amount_usd = amount_usd"
    " + 0.000000000001 where usage_date = '2026-11-01'",
    "A charge is estimated or anchored to a bill.": "update fct_charges set charge_status = 'x'"
    " where usage_date = '2026-09-01'",
    "Every cost has a week.": "update cost_per_tenant_weekly set week_start = null where tenant_id = 'acme'",
    "Every charge has a posting period.": "update fct_charges set posting_period = null"
    " where usage_date = '2026-09-02'",
    "Chargeback lines of a month are the month's allocation ledger.": "delete from chargeback_lines"
    " where usage_date = '2026-09-02'",
    "Chargeback lines are in USD.": "update chargeback_lines set currency = 'EUR' where usage_date = '2026-09-03'",
    "An allocation stands once.": "insert into fct_allocations select * from fct_allocations limit 1",
    "Every allocation names a tenant or says unattributed.": "update fct_allocations set tenant_id = null"
    " where usage_date = '2026-09-04'",
    "Four components make up the cost.": "update fct_allocations set cost_component = 'x'"
    " where usage_date = '2026-09-04'",
    "A share lies between 0 and 1.": "update fct_allocations set share = 1.1 where usage_date = '2026-09-04'",
    "Week, tenant, product and plan stand once.": "insert into revenue_efficiency_weekly"
    " select * from revenue_efficiency_weekly where tenant_id = 'acme'",
    "A band is healthy, watch or risk, or there is no revenue.": "update revenue_efficiency_weekly set band = 'x'"
    " where tenant_id = 'blue'",
    "Margin and cost per revenue dollar add up to one.": "update revenue_efficiency_weekly set inference_margin = 0.5"
    " where tenant_id = 'acme'",
    "A hit rate lies between 0 and 1.": "update cache_efficiency_weekly set cache_hit_rate = 1.1"
    " where tenant_id = 'acme'",
    "A band is good, fair or poor, or the model has no cache.": "update cache_efficiency_weekly set band = 'x'"
    " where tenant_id = 'acme'",
    "The bridge from tasks to the week's cost closes.": "update cost_per_task_weekly set open_tasks_cost_usd = 1"
    " where tenant_id = 'acme'",
    "Not more tasks are resolved than ended.": "update cost_per_task_weekly set resolved_tasks = 1000"
    " where tenant_id = 'acme'",
    "A GPU is busy between never and always.": "update gpu_cost_hourly set utilisation = 1.1"
    " where usage_date = '2026-09-04'",
    "Busy, idle and unobserved cost make up the cost of the hour.": "update gpu_cost_hourly set busy_cost_usd = 0"
    " where usage_date = '2026-09-04'",
}
# These break only where there is nothing at all.
EMPTY = {
    "There is at least one week of cost.",
    "There is at least one charge.",
    "There is at least one month to charge back.",
}


@pytest.fixture(scope="module")
def passed(marts: Path, tmp_path_factory: pytest.TempPathFactory) -> AuditResult:
    return run_audit(marts, tmp_path_factory.mktemp("audit"))


def test_good_marts_pass(passed: AuditResult) -> None:
    assert passed.success
    assert passed.failed == ()
    assert len(passed.findings) == sum(len(frame.expectations) for frame in SUITE) >= 20


def test_claims_are_told_apart_by_their_words() -> None:
    claims = [expectation.claim for frame in SUITE for expectation in frame.expectations]
    assert len(claims) == len(set(claims))
    assert set(claims) == BREAKS.keys() | EMPTY


def test_bad_marts_fail_in_every_claim(broken_marts: Callable[..., Path], tmp_path: Path) -> None:
    result = run_audit(broken_marts(*BREAKS.values()), tmp_path / "audit")
    assert not result.success
    assert {finding.claim for finding in result.failed} == BREAKS.keys()
    assert all("unexpected" in finding.result for finding in result.failed)
    assert "✗ failed" in result.docs_index.read_text()


def test_empty_marts_fail(broken_marts: Callable[..., Path], tmp_path: Path) -> None:
    with duckdb.connect(str(broken_marts()), read_only=True) as connection:
        names = [name for (name,) in connection.execute("select table_name from information_schema.tables").fetchall()]
    result = run_audit(broken_marts(*(f"delete from {name}" for name in names)), tmp_path / "audit")
    assert {finding.claim for finding in result.failed} == EMPTY


def test_pages_fetch_nothing(passed: AuditResult) -> None:
    pages = sorted(passed.docs_index.parent.rglob("*.html"))
    assert len(pages) == 1 + 2 * len(SUITE)
    for page in pages:
        html = page.read_text()
        assert not re.search(r"<(script|link|img|iframe)\b", html)
        assert "default-src 'none'" in html
        assert not re.search(r"""(?:src|@import)\s*[=(]?\s*["']?https?:""", html)


def test_index_leads_to_the_data_docs_of_every_frame(passed: AuditResult) -> None:
    folder = passed.docs_index.parent
    targets = re.findall(r'href="([^"]+)"', passed.docs_index.read_text())
    assert len(targets) == len(SUITE)
    assert all((folder / target).is_file() for target in targets)


def test_another_audit_replaces_the_first_and_touches_nothing_else(marts: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for _ in range(2):
        result = run_audit(marts, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"
    assert len(list(result.docs_index.parent.rglob("validations/**/*.html"))) == len(SUITE)


def test_the_library_reports_nothing_of_its_use(passed: AuditResult) -> None:
    assert os.environ["GX_ANALYTICS_ENABLED"] == "false"
