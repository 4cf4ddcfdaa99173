"""Which reports and chargeback files a published version makes due."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from assets.deliver import (
    deliver_chargeback,
    deliver_export,
    deliver_report,
    deliver_reports,
    due_weeks,
    report_path,
)
from assets.publish import Manifest, publish
from assets.reports.audience import Audience
from sources.home import Home, init_home
from sources.settings import load_settings

WEEK, WEEK_BEFORE = date(2026, 11, 9), date(2026, 11, 2)


Publish = Callable[..., Manifest]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(tmp_path)


@pytest.fixture
def publish_marts(home: Home, marts: Path) -> Publish:
    """Publishes the small marts as a version, after the SQL statements it gives."""

    def build(version_id: str, *changes: str) -> Manifest:
        path = Path(shutil.copy(marts, home.warehouse / "build.duckdb"))
        # As a full build leaves it: any day may be another.
        (home.warehouse / "unpublished_days.json").unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            for change in changes:
                connection.execute(change)
        return publish(home, version_id, lambda *_: None, keep=2).manifest

    return build


def test_a_report_is_due_until_it_shows_the_published_numbers(home: Home, publish_marts: Publish) -> None:
    manifest = publish_marts("one")
    assert due_weeks(home, manifest, load_settings(home), WEEK) == [WEEK]
    report = deliver_report(home, manifest, load_settings(home), WEEK)
    assert report.path == report_path(home, WEEK) == home.reports / "2026-W46" / "weekly.html"
    assert due_weeks(home, manifest, load_settings(home), WEEK) == []
    report.path.unlink()
    assert due_weeks(home, manifest, load_settings(home), WEEK) == [WEEK]
    assert due_weeks(home, manifest, load_settings(home), None) == [], "a report nobody asked for and nobody has"


def test_a_changed_week_makes_its_report_and_later_ones_due(home: Home, publish_marts: Publish) -> None:
    manifest = publish_marts("one")
    for week in (WEEK_BEFORE, WEEK):
        deliver_report(home, manifest, load_settings(home), week)
    of_last_week = publish_marts(
        "two", f"update cost_per_tenant_weekly set calls = calls + 1 where week_start = '{WEEK}'"
    )
    assert due_weeks(home, of_last_week, load_settings(home), None) == [WEEK]
    of_week_before = publish_marts(
        "three", f"update fct_charges set quantity = quantity + 1 where usage_date = '{WEEK_BEFORE}'"
    )
    assert due_weeks(home, of_week_before, load_settings(home), None) == [WEEK_BEFORE, WEEK]


def test_a_changed_plan_makes_the_newest_report_due_alone(home: Home, publish_marts: Publish) -> None:
    manifest = publish_marts("one")
    for week in (WEEK_BEFORE, WEEK):
        deliver_report(home, manifest, load_settings(home), week)
    renewed = "update tenant_economics_monthly set renewal_date = renewal_date + 365"
    assert due_weeks(home, publish_marts("renewed", renewed), load_settings(home), None) == [WEEK]
    planned = publish_marts("two", "update plan_actual_monthly set planned_usd = planned_usd + 1")
    assert due_weeks(home, planned, load_settings(home), None) == [WEEK]
    deliver_report(home, planned, load_settings(home), WEEK)
    assert due_weeks(home, planned, load_settings(home), None) == []


def test_tenants_and_products_that_are_named_get_a_report_of_their_own(home: Home, publish_marts: Publish) -> None:
    (home.config / "tenants.csv").write_text(
        "tenant_id,tenant_name,plan,cost_center,is_free_plan\nacme,Acme,pro,,false\nquiet,Quiet,pro,,false\n"
    )
    settings = home.config / "inferledger.yml"
    chosen = "report_audiences:\n- tenant: acme\n- tenant: quiet\n"
    settings.write_text(settings.read_text().replace("report_audiences: []\n", chosen))
    manifest = publish_marts("one")
    reports = deliver_reports(home, manifest, load_settings(home), WEEK)
    acme = home.reports / "tenant-acme" / "2026-W46" / "weekly.html"
    assert [report.path for report in reports] == [report_path(home, WEEK), acme]
    assert due_weeks(home, manifest, load_settings(home), None) == [], "a tenant without a row is nothing to write"
    acme.unlink()
    assert due_weeks(home, manifest, load_settings(home), None) == [WEEK]


def test_what_was_written_of_a_tenant_goes_with_its_rows(home: Home, publish_marts: Publish) -> None:
    (home.config / "tenants.csv").write_text(
        "tenant_id,tenant_name,plan,cost_center,is_free_plan\nacme,Acme,pro,,false\n"
    )
    settings = home.config / "inferledger.yml"
    settings.write_text(settings.read_text().replace("report_audiences: []\n", "report_audiences: [{tenant: acme}]\n"))
    deliver_reports(home, publish_marts("one"), load_settings(home), WEEK)
    path = report_path(home, WEEK, Audience("tenant", "acme"))
    assert path.is_file()
    moved = publish_marts(
        "two",
        f"update unit_economics_weekly set tenant_id = 'blue' where tenant_id = 'acme' and week_start = '{WEEK}'",
        f"update cost_per_tenant_weekly set calls = calls + 1 where week_start = '{WEEK}'",
    )
    assert due_weeks(home, moved, load_settings(home), None) == [WEEK]
    deliver_reports(home, moved, load_settings(home), WEEK)
    assert not path.exists()


def test_a_killed_delivery_leaves_the_report_due(home: Home, publish_marts: Publish) -> None:
    manifest = publish_marts("one")
    deliver_report(home, manifest, load_settings(home), WEEK)
    (home.reports / "written.json").unlink()
    assert due_weeks(home, manifest, load_settings(home), None) == [WEEK]


def test_chargeback_files_are_written_for_months_that_changed(home: Home, publish_marts: Publish) -> None:
    first = deliver_chargeback(home, publish_marts("one"))
    assert [path.parent.name for path in first] == ["2026-08", "2026-09", "2026-10", "2026-11"]
    second = publish_marts(
        "two", "update chargeback_lines set amount_usd = amount_usd + 1 where usage_date = '2026-10-05'"
    )
    assert [path.parent.name for path in deliver_chargeback(home, second)] == ["2026-10"]
    assert deliver_chargeback(home, second) == []
    elsewhere = deliver_export(home, second, "chargeback", "2026-09", out=home.root / "out")
    assert {path.parent for path in elsewhere} == {home.root / "out"}
    assert elsewhere[0].read_bytes() == (home.reports / "2026-09" / "chargeback.csv").read_bytes()
