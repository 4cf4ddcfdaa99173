"""What is in the explorer's file: an audience's rows and nobody else's, sums of the mart, a size a mail takes."""

import json
import re
import shutil
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest

from assets.reports import explorer_queries
from assets.reports.audience import COMPANY, Audience, AudienceError, parse_audience
from assets.reports.explorer import write_explorer
from assets.reports.weekly import ReportError, ReportMeta
from sources.pricing import snapshot
from sources.pricing.book import find_model, quote
from sources.pricing.entries import own_entries
from sources.pricing.versions import Book
from tests.unit.assets.reports.small_marts import EVIL_NAME, WEEK

META = ReportMeta("run-1", "1.2.3", "prices-7", "version-9")
NAMES = ("Acme Corp", "Blue Finance", "Cobalt Labs", "Delta Freight", "HYPERLINK", "Free users")
MEGABYTE = 1_000_000


def data_of(path: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', path.read_text(encoding="utf-8"))
    assert found
    data: dict[str, Any] = json.loads(found.group(1))
    return data


def weekly_sums(data: Mapping[str, Any]) -> dict[str, int]:
    sums = dict.fromkeys(data["weeks"], 0)
    for week, micro in zip(data["rows"]["week"], data["rows"]["cost_usd"], strict=True):
        sums[data["weeks"][week]] += micro
    return sums


def mart_sums(marts: Path, where: str = "true") -> dict[str, int]:
    sql = f"select week_start, sum(effective_cost_usd) from unit_economics_weekly where {where} group by 1"
    with duckdb.connect(str(marts), read_only=True) as connection:
        found: list[tuple[date, Decimal]] = connection.execute(sql).fetchall()
    return {week.isoformat(): int(round(amount, 6).scaleb(6)) for week, amount in found}


@pytest.mark.parametrize("audience", [COMPANY, Audience("product", "assist"), Audience("tenant", "evil")])
def test_every_week_adds_up_to_the_mart(marts: Path, tmp_path: Path, audience: Audience) -> None:
    written = write_explorer(marts, tmp_path / "explorer.html", WEEK, META, audience)
    where = "true" if audience == COMPANY else f"{audience.kind}_id = '{audience.id}'"
    data = data_of(written.path)
    assert weekly_sums(data) == mart_sums(marts, where)
    assert len(data["rows"]["week"]) == written.rows


def test_a_week_without_cost_has_its_place_and_may_have_revenue(marts: Path, tmp_path: Path) -> None:
    silent = tmp_path / "silent.duckdb"
    shutil.copy(marts, silent)
    week = "2026-10-26"
    with duckdb.connect(str(silent)) as connection:
        for mart in (
            "unit_economics_weekly",
            "cost_per_tenant_weekly",
            "cost_change_weekly",
            "cache_efficiency_weekly",
        ):
            connection.execute(f"delete from {mart} where week_start = '{week}'")
    data = data_of(write_explorer(silent, tmp_path / "explorer.html", WEEK, META).path)
    assert data["weeks"] == sorted(data["weeks"])
    assert weekly_sums(data)[week] == 0
    assert data["weeks"].index(week) in data["margins"]["week"]
    assert weekly_sums(data) == mart_sums(silent) | {week: 0}


@pytest.mark.parametrize("tenant", ["acme", "evil", "unattributed"])
def test_a_tenant_gets_no_other_tenants_name_or_rows(marts: Path, tmp_path: Path, tenant: str) -> None:
    written = write_explorer(marts, tmp_path / "explorer.html", WEEK, META, Audience("tenant", tenant))
    own = {"acme": "Acme Corp", "evil": "HYPERLINK"}.get(tenant)
    html = written.path.read_text(encoding="utf-8")
    assert [name for name in NAMES if name in html] == ([own] if own else [])
    assert data_of(written.path)["ids"]["tenant"] == [tenant]


def test_a_product_gets_no_other_products_rows(marts: Path, tmp_path: Path) -> None:
    written = write_explorer(marts, tmp_path / "explorer.html", WEEK, META, Audience("product", "build"))
    data = data_of(written.path)
    assert data["ids"]["product"] == ["build"]
    assert data["names"]["feature"] == ["Code review"]


def test_the_months_ahead_are_the_audiences_own(marts: Path, tmp_path: Path) -> None:
    ahead = {
        str(audience): data_of(write_explorer(marts, tmp_path / "explorer.html", WEEK, META, audience).path)["ahead"]
        for audience in (COMPANY, Audience("product", "assist"), Audience("tenant", "acme"))
    }
    company, product, tenant = ahead.values()
    assert tenant is None
    assert (list(product["scopes"]), product["whole"]) == (["product assist"], "product assist")
    assert product["scopes"]["product assist"] == company["scopes"]["product assist"]


def test_an_audience_without_rows_is_an_error(marts: Path, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="tenant nobody"):
        write_explorer(marts, tmp_path / "explorer.html", WEEK, META, Audience("tenant", "nobody"))


def test_small_tenants_are_folded_with_a_count_and_lose_nothing(marts: Path, tmp_path: Path) -> None:
    written = write_explorer(marts, tmp_path / "explorer.html", WEEK, META, rows_shown=500)
    data = data_of(written.path)
    assert (written.folded_tenants, data["folded"]) == (4, 4)
    assert data["names"]["tenant"] == ["4 small tenants together", "Acme Corp", "Blue Finance", "unattributed"]
    assert weekly_sums(data) == mart_sums(marts)


def test_the_page_of_a_large_company_stays_under_three_megabytes(marts: Path, tmp_path: Path) -> None:
    large = tmp_path / "large.duckdb"
    shutil.copy(marts, large)
    with duckdb.connect(str(large)) as connection:
        for mart in ("unit_economics_weekly", "cost_change_weekly", "cache_efficiency_weekly"):
            connection.execute(
                f"""insert into {mart}
                select {mart}.* replace ('a-tenant-with-a-rather-long-id-' || number as tenant_id)
                from {mart} cross join range(0, 150) as numbers (number)
                where tenant_id = 'acme'"""
            )
    written = write_explorer(large, tmp_path / "explorer.html", WEEK, META)
    assert written.rows > 16_000
    assert written.folded_tenants > 50
    assert written.path.stat().st_size < 3 * MEGABYTE
    assert weekly_sums(data_of(written.path)) == mart_sums(large)


def test_the_same_marts_give_the_same_bytes(marts: Path, tmp_path: Path) -> None:
    first, second = (write_explorer(marts, tmp_path / name, WEEK, META).path.read_bytes() for name in "ab")
    assert first == second


def test_markup_in_a_name_stays_data(marts: Path, tmp_path: Path) -> None:
    html = write_explorer(marts, tmp_path / "explorer.html", WEEK, META).path.read_text(encoding="utf-8")
    assert "<b>x</b>" not in html
    assert EVIL_NAME in data_of(tmp_path / "explorer.html")["names"]["tenant"]


@pytest.mark.parametrize("text", ["", "company:x", "tenant", "tenant:", "user:ann"])
def test_an_unknown_audience_is_named(text: str) -> None:
    with pytest.raises(AudienceError, match="allowed are company, product:ID and tenant:ID"):
        parse_audience(text)


@pytest.mark.parametrize("name", ["../../etc", "a/b", "..", "Ä b"])
def test_no_id_leads_out_of_the_folder(name: str) -> None:
    folder = parse_audience(f"tenant:{name}").folder
    assert re.fullmatch(r"tenant-[\w%-]+", folder)


BOOK = Book(snapshot.installed(), own_entries(), ())


def test_what_if_has_the_calls_of_the_newest_week_and_rates_of_their_models(marts: Path, tmp_path: Path) -> None:
    found = data_of(write_explorer(marts, tmp_path / "explorer.html", WEEK, META, book=BOOK).path)["what_if"]
    with duckdb.connect(str(marts), read_only=True) as connection:
        sql = """
            select sum(calls), sum(calls) filter (where host <> 'self_hosted'), sum(input_uncached_tokens),
                sum(reasoning_tokens)
            from unit_economics_weekly where week_start = '2026-11-09'
        """
        expected = connection.execute(sql).fetchone()
    rows = found["rows"]
    text_calls = sum(n for n, is_text in zip(rows["calls"], rows["is_text"], strict=True) if is_text)
    assert (sum(rows["calls"]), text_calls, sum(rows["input_uncached"]), sum(rows["reasoning"])) == expected
    assert set(rows["week"]) == {13}
    quoted = quote(find_model("anthropic", "claude-sonnet-5"), "standard", date(2026, 11, 15)).card
    assert quoted
    plain = quoted.base["input"], quoted.base["cache_read"], quoted.base["output"]
    rates = found["rates"]["anthropic claude-sonnet-5"]["standard"]
    assert (rates[0], rates[1], rates[4]) == tuple(int(usd.scaleb(6)) for usd in plain)
    assert "northgpu qwen3-32b" not in found["rates"], "an own node has no price of tokens"


def test_renewals_come_in_one_order_whoever_wrote_the_rows() -> None:
    """Else the page of two engines, or of two runs, would not be the same bytes."""
    with duckdb.connect() as marts:
        marts.execute("""
            create table tenant_economics_monthly as
            select 'tenant-' || i as tenant_id, date '2027-01-01' as renewal_date
            from range(300) as t(i) order by hash(i)
        """)
        found = list(explorer_queries.renewals(marts))
    assert len(found) == 300
    assert found == sorted(found)


def test_what_is_paid_is_no_tenants_business(marts: Path, tmp_path: Path) -> None:
    written = write_explorer(marts, tmp_path / "explorer.html", WEEK, META, Audience("tenant", "acme"), BOOK)
    data = data_of(written.path)
    assert data["what_if"] is None
    assert "What if" not in written.path.read_text(encoding="utf-8")
    assert data["renewals"] == {"acme": "2027-03-01"}


def test_a_products_page_asks_what_if_of_its_own_calls(marts: Path, tmp_path: Path) -> None:
    data = data_of(write_explorer(marts, tmp_path / "e.html", WEEK, META, Audience("product", "build"), BOOK).path)
    assert {data["ids"]["product"][place] for place in data["what_if"]["rows"]["product"]} == {"build"}
    assert data["renewals"] == {}
