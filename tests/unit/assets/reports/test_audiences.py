"""A report of one tenant or product: its rows and no other's, and all of them add up to the company."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from assets.reports import queries, scoped_marts
from assets.reports.audience import COMPANY, Audience, Kind
from assets.reports.scoped_marts import open_for
from assets.reports.weekly import NoRowsError, ReportMeta, write_weekly_report
from assets.warehouse import PROJECT
from tests.unit.assets.reports.page import Page
from tests.unit.assets.reports.small_marts import WEEK

META = ReportMeta("run-1", "1.2.3", "prices-7", "version-9")
TENANTS = ("acme", "blue", "cobalt", "delta", "evil", "free", "unattributed")
PRODUCTS = ("assist", "build", "unattributed")
ACME, ASSIST = Audience("tenant", "acme"), Audience("product", "assist")


def costs_by_week(marts: Path, audience: Audience) -> dict[date, Decimal]:
    with open_for(marts, audience) as connection:
        return {row["week_start"]: row["cost_usd"] for row in queries.cost_by_week(connection)}


@pytest.mark.parametrize(("kind", "ids"), [("tenant", TENANTS), ("product", PRODUCTS)])
def test_the_audiences_add_up_to_the_company(marts: Path, kind: Kind, ids: tuple[str, ...]) -> None:
    parts = [costs_by_week(marts, Audience(kind, name)) for name in ids]
    whole = costs_by_week(marts, COMPANY)
    assert {week: sum(part[week] for part in parts) for week in whole} == whole
    assert all(cost > 0 for part in parts for cost in part.values())


def test_costs_are_summed_as_the_models_sum_them(marts: Path) -> None:
    """Of a single tenant the tenants' mart has the very rows the company's has."""
    columns = "week_start, tenant_id, tenant_name, requests, calls, direct_cost_usd, idle_cost_usd, total_cost_usd"
    columns += ", previous_week_cost_usd, cost_change_usd, unpriced_calls"
    sql = f"select {columns} from cost_per_tenant_weekly where tenant_id = 'acme' order by week_start"
    with open_for(marts, COMPANY) as company, open_for(marts, ACME) as acme:
        expected = company.execute(sql).fetchall()
        assert len(expected) == 14
        assert acme.execute(sql).fetchall() == expected
        assert acme.execute("select distinct tenant_id from cost_per_tenant_weekly").fetchall() == [("acme",)]


def test_a_tenants_files_name_no_other(marts: Path, tmp_path: Path) -> None:
    write_weekly_report(marts, tmp_path, WEEK, META, audience=ACME)
    for name in ("weekly.html", "weekly.csv"):
        written = (tmp_path / name).read_text(encoding="utf-8-sig")
        assert "Acme Corp" in written or name == "weekly.csv"
        for other in ("Blue Finance", "Cobalt Labs", "Delta Freight", "HYPERLINK", "Free users", "org-1", "gpu-1"):
            assert other not in written, (name, other)
    page = Page(tmp_path / "weekly.html")
    assert "tenants" not in page.tables
    assert "budgets" in page.tables or "anomalies" in page.texts
    for section in ("savings", "governance", "forecast", "outlook", "gpu", "self-hosting", "tco", "revenue"):
        assert section not in page.texts


def test_a_products_files_hold_its_features_only(marts: Path, tmp_path: Path) -> None:
    write_weekly_report(marts, tmp_path, WEEK, META, audience=ASSIST)
    page = Page(tmp_path / "weekly.html")
    assert {row[0] for row in page.tables["features"][1:-1]} == {"Support chat", "Answer search"}
    assert "Blue Finance" in page.source, "its tenants are its own"
    assert "Code review" not in page.source
    assert "Code review" not in (tmp_path / "weekly.csv").read_text(encoding="utf-8-sig")
    assert "savings" in page.texts
    assert "governance" not in page.texts
    # 60 of base and 10 beside it in November, of the company's 110.
    assert page.tables["forecast"][1][:3] == ["Nov 2026", "$60.00", "$10.00"]
    assert "will cost about $1,070.40 ($880.32 to" in page.texts["forecast"]
    assert "outlook" not in page.texts


def test_what_nobody_decided_on_is_not_there(marts: Path) -> None:
    with open_for(marts, ACME) as connection, pytest.raises(duckdb.CatalogException):
        connection.execute("from tco_monthly")
    known = {path.stem for path in PROJECT.glob("models/marts/**/*.sql")}
    assert set(scoped_marts._ROWS) <= known
    assert set(scoped_marts._SUMMED) <= known


def test_a_charge_is_of_an_audience_by_its_part(marts: Path) -> None:
    sql = "select sum(amount_usd) from {} where week_start = date_trunc('week', usage_date)"
    with open_for(marts, ACME) as connection:
        charged = connection.execute("select sum(amount_usd) from fct_charges").fetchall()
        assert charged == connection.execute(sql.format("fct_allocations")).fetchall()
        assert charged[0][0] > 0


def test_an_audience_without_rows_is_an_error_of_its_own(marts: Path, tmp_path: Path) -> None:
    with pytest.raises(NoRowsError, match="no data of tenant o'brien for 2026-W46"):
        write_weekly_report(marts, tmp_path, WEEK, META, audience=Audience("tenant", "o'brien"))
    assert list(tmp_path.iterdir()) == []


def test_the_same_marts_give_the_same_bytes_of_an_audience(marts: Path, tmp_path: Path) -> None:
    first, second = (write_weekly_report(marts, tmp_path / n, WEEK, META, audience=ASSIST).path for n in "ab")
    for name in ("weekly.html", "weekly.pdf", "weekly.xlsx", "weekly.csv"):
        assert first.with_name(name).read_bytes() == second.with_name(name).read_bytes()
