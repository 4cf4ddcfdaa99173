"""The explorer as a reader has it: figures of the mart, filters, links and downloads, with nothing fetched."""

import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path
from threading import Thread
from typing import Any

import duckdb
import pytest

from assets.reports.explorer import write_explorer
from assets.reports.weekly import ReportMeta
from pipelines.what_if import Change, Selection, what_if
from sources.pricing import snapshot, versions
from sources.pricing.entries import own_entries
from sources.pricing.versions import Book
from sources.settings import load_settings
from tests.browser.conftest import FLAGS
from tests.browser.devtools import Browser, browser
from tests.conftest import Company
from tests.unit.assets.reports.small_marts import EVIL_NAME, WEEK, build_marts

MONDAY = "2026-11-09"
BOOK = Book(snapshot.installed(), own_entries(), ())


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explorer")
    meta = ReportMeta("run-1", "1.2.3", "prices-7", "version-9")
    marts = build_marts(folder / "marts.duckdb")
    with duckdb.connect(str(marts)) as connection:
        connection.execute("update unit_economics_weekly set unpriced_calls = 2 where tenant_id = 'evil'")
    write_explorer(marts, folder / "explorer.html", WEEK, meta, book=BOOK)
    return folder


@pytest.fixture(scope="module")
def page(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with browser(chromium, FLAGS, tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def url(place: Path, fragment: str = "") -> str:
    return (place / "explorer.html").as_uri() + (f"#{fragment}" if fragment else "")


def asked(place: Path, sql: str) -> tuple[Any, ...]:
    with duckdb.connect(str(place / "marts.duckdb"), read_only=True) as connection:
        row = connection.execute(sql).fetchone()
    assert row
    return row


def text(page: Browser, selector: str) -> str:
    return str(page.ask(f"document.querySelector({json.dumps(selector)}).innerText"))


def cost(place: Path, where: str = "true") -> str:
    (amount,) = asked(
        place,
        f"select sum(effective_cost_usd) from unit_economics_weekly where week_start = '{MONDAY}' and {where}",
    )
    return f"${amount:,.2f}"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/explorer.html"
        server.shutdown()


def test_figures_are_the_marts_figures(page: Browser, place: Path) -> None:
    page.open(url(place))
    total, calls = asked(
        place,
        f"select sum(total_cost_usd), sum(calls) from cost_per_tenant_weekly where week_start = '{MONDAY}'",
    )
    read, cacheable = asked(
        place,
        f"""select sum(cache_read_tokens), sum(total_input_tokens) from cache_efficiency_weekly
        where week_start = '{MONDAY}' and cache_hit_rate is not null""",
    )
    assert text(page, "#kpi-cost") == f"${total:,.2f}"
    assert text(page, "#kpi-calls") == f"{calls:,}"
    assert text(page, "#kpi-cache") == f"{float(read) / float(cacheable):.1%}"
    assert page.ask("data.rows.cost_usd.filter((_, row) => rows.week[row] === 13).reduce((sum, one) => sum + one)") == (
        int(round(total, 6).scaleb(6))
    )


def test_calls_without_a_price_stand_beside_the_cost(page: Browser, place: Path) -> None:
    page.open(url(place, "tenant=evil"))
    (unpriced,) = asked(place, f"select sum(unpriced_calls) from unit_economics_weekly where week_start = '{MONDAY}'")
    assert unpriced > 0
    assert text(page, "#kpi-calls + .note") == f"{unpriced} without a price, in no cost"
    page.open(url(place, "tenant=acme"))
    assert text(page, "#kpi-calls + .note").endswith(" per 1,000")


@pytest.mark.parametrize("over_http", [False, True])
def test_it_draws_runs_and_fetches_nothing_else(page: Browser, place: Path, over_http: bool) -> None:
    with served(place) as address:
        opened = address if over_http else url(place)
        page.open(opened)
        widths = page.ask("[...document.querySelectorAll('.drawing svg')].map(s => s.getBoundingClientRect().width)")
        assert min(widths) > 300
        assert page.ask("document.querySelectorAll('#trend .mark-rect path').length") == 7 * 14
        assert [asked for asked in page.requests if "favicon" not in asked] == [opened]
        assert [problem for problem in page.problems if "favicon" not in problem and "404" not in problem] == []


@pytest.mark.parametrize(
    ("select", "option", "where"),
    [
        ("tenant", "Acme Corp", "tenant_id = 'acme'"),
        ("tenant", EVIL_NAME, "tenant_id = 'evil'"),
        ("product", "Assist", "product_id = 'assist'"),
        ("feature", "Code review", "feature_id = 'review'"),
        ("provider", "northgpu", "service_provider = 'northgpu'"),
        ("model", "gpt-5.4", "model = 'gpt-5.4'"),
    ],
)
def test_a_filter_narrows_every_figure(page: Browser, place: Path, select: str, option: str, where: str) -> None:
    page.open(url(place))
    page.choose(select, option)
    page.wait(f"document.getElementById('kpi-cost').innerText === {json.dumps(cost(place, where))}")
    assert page.ask("location.hash").startswith(f"#week={MONDAY}&{select}=")


def test_a_link_opens_what_it_names_and_back_goes_back(page: Browser, place: Path) -> None:
    page.open(url(place, "week=2026-11-02&tenant=acme&feature=chat&by=model"))
    (amount,) = asked(
        place,
        """select sum(effective_cost_usd) from unit_economics_weekly
        where week_start = '2026-11-02' and tenant_id = 'acme' and feature_id = 'chat'""",
    )
    assert text(page, "#kpi-cost") == f"${amount:,.2f}"
    assert text(page, "#breakdown-title").startswith("By model")
    assert text(page, "#explain") == (
        "inferledger explain unit_economics_weekly week_start=2026-11-02,tenant_id=acme,feature_id=chat"
    )
    page.choose("tenant", "Blue Finance")
    page.ask("history.back()")
    page.wait(f"document.getElementById('kpi-cost').innerText === '${amount:,.2f}'")


def test_a_link_to_what_is_not_there_says_so(page: Browser, place: Path) -> None:
    page.open(url(place, "tenant=nobody"))
    assert "tenant nobody" in text(page, "#note")
    assert text(page, "#kpi-cost") == cost(place)


def test_a_name_in_the_breakdown_narrows_by_keyboard(page: Browser, place: Path) -> None:
    page.open(url(place))
    page.ask("document.querySelector('#breakdown button').focus()")
    name = page.ask("document.activeElement.innerText")
    page.press("Enter", 13)
    page.wait(f"document.getElementById('tenant').selectedOptions[0]?.text === {json.dumps(name)}")
    page.press("Tab", 9)
    assert page.ask("document.activeElement !== document.body")


@pytest.mark.parametrize(
    ("button", "fragment", "where"),
    [
        ("download", "tenant=evil&by=model", f"tenant_id = 'evil' and week_start = '{MONDAY}'"),
        ("download-all", "product=assist", "product_id = 'assist'"),
    ],
)
def test_the_download_is_the_filtered_rows(
    page: Browser, place: Path, tmp_path: Path, button: str, fragment: str, where: str
) -> None:
    page.open(url(place, fragment))
    page.send("Page.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
    page.ask(f"document.getElementById({json.dumps(button)}).click()")
    while not (written := list(tmp_path.glob("*.csv"))):
        page.wait("true")
    content = written[0].read_bytes().decode("utf-8-sig")
    assert "\r\n" in content
    lines = list(csv.DictReader(io.StringIO(content, newline="")))
    amount, calls, unpriced = asked(
        place,
        f"""select sum(effective_cost_usd), sum(calls), sum(unpriced_calls)
        from unit_economics_weekly where {where}""",
    )
    assert abs(sum(Decimal(line["cost_usd"]) for line in lines) - amount) < len(lines) * Decimal("0.000001")
    assert sum(int(line["calls"]) for line in lines) == calls
    assert sum(int(line["unpriced_calls"]) for line in lines) == unpriced
    if "evil" in fragment:
        assert {line["tenant_name"] for line in lines} == {f"'{EVIL_NAME}"}
    assert page.ask(
        "passing(rows, shown, DIMENSIONS).filter(r => %s).length"
        % ("true" if button == "download-all" else "rows.week[r] === 13")
    ) == len(lines)


def test_a_hostile_name_is_text(page: Browser, place: Path) -> None:
    page.open(url(place))
    assert EVIL_NAME in text(page, "#breakdown")
    assert page.ask("document.querySelectorAll('main b').length") == 0


@pytest.mark.parametrize("width", [820, 320])
def test_the_page_never_scrolls_sideways(page: Browser, place: Path, width: int) -> None:
    page.open(url(place), width)
    assert page.ask("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 0
    assert page.ask("Math.max(...[...document.querySelectorAll('.drawing svg')].map(s => s.clientWidth))") <= width


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_axe_finds_no_violation(page: Browser, place: Path, width: int, dark: bool) -> None:
    page.open(url(place), width, dark)
    page.send("Runtime.evaluate", expression=(files("axe_core_python") / "axe.min.js").read_text())
    found = page.ask(
        "axe.run().then(r => r.violations.map(v => `${v.id}: ${v.nodes[0].html} ${v.nodes[0].failureSummary}`))"
    )
    assert found == []


def test_dark_readers_get_a_dark_page(page: Browser, place: Path) -> None:
    colours = []
    for dark in (False, True):
        page.open(url(place), dark=dark)
        colours.append(page.ask("getComputedStyle(document.querySelector('#trend .mark-rect path')).fill"))
        assert page.ask("getComputedStyle(document.body).backgroundColor") == (
            "rgb(16, 20, 26)" if dark else "rgb(255, 255, 255)"
        )
    assert colours[0] != colours[1]


def test_releases_losses_and_movers_are_shown(page: Browser, place: Path) -> None:
    page.open(url(place))
    assert (
        text(page, "#releases")
        == "\N{BLACK DOWN-POINTING TRIANGLE} First day of releases: 4.2.0 of Support chat, 28 Oct."
    )
    assert text(page, "#losses tbody").startswith("Free users\t$0.00\t$51.23\t\N{MINUS SIGN}$51.23")
    assert len(page.ask("[...document.querySelectorAll('#movers tbody tr')].map(r => r.innerText)")) == 10


def choose(page: Browser, **values: str) -> None:
    """Type into the what-if panel as a reader does."""
    for name, value in values.items():
        page.ask(
            f"find('to-{name}').value = {json.dumps(value)}, "
            f"find('to-{name}').dispatchEvent(new Event('input', {{ bubbles: true }}))"
        )


def what_if_total(page: Browser) -> list[str]:
    cells = "[...document.querySelector('#what-if-table tbody tr:last-child').cells].map(cell => cell.innerText)"
    found: list[str] = page.ask(cells)
    return found


def test_what_if_says_what_the_rates_say(page: Browser, place: Path) -> None:
    """Claude Sonnet 5 at 2 and 10 USD a million tokens, read from the cache at 0.20, written for 5 minutes at 2.50."""
    page.open(url(place, "model=claude-sonnet-5"))
    (calls,) = asked(
        place,
        f"select sum(calls) from unit_economics_weekly where week_start = '{MONDAY}' and model = 'claude-sonnet-5'",
    )
    # A call of the small marts: 300 plain, 600 read, 50 written, 90 of answer, 30 of reasoning.
    before = calls * (300 * 2 + 600 * Decimal("0.2") + 50 * Decimal("2.5") + 120 * 10) / 1_000_000
    assert what_if_total(page) == ["All", f"{calls:,}", f"${before:,.2f}", f"${before:,.2f}", "$0.00"]
    choose(page, cache="0", reasoning="50", output="100")
    after = calls * (900 * 2 + 50 * Decimal("2.5") + 105 * 10) / 1_000_000
    assert what_if_total(page)[2:4] == [f"${before:,.2f}", f"${after:,.2f}"]
    choose(page, cache="", reasoning="", output="", batch="100")
    assert what_if_total(page)[3] == f"${before / 2:,.2f}", "Anthropic's batches are half of everything"
    choose(page, batch="", model="openai gpt-5.4-mini")
    assert what_if_total(page)[3] != f"${before:,.2f}"
    page.ask("find('what-if').querySelector('button').click()")
    page.wait(f"document.querySelector('#what-if-table tbody tr:last-child').cells[3].innerText === '${before:,.2f}'")


def test_the_months_ahead_are_of_what_is_filtered_where_a_forecast_is(page: Browser, place: Path) -> None:
    def total(scope: str, scope_id: str, column: str) -> str:
        (amount,) = asked(
            place,
            f"select sum({column}) from forecast_monthly where scope = '{scope}' and scope_id = '{scope_id}'",
        )
        return f"${amount:,.2f}"

    page.open(url(place))
    company, low, high = (total("company", "company", name) for name in ("amount_usd", "low_usd", "high_usd"))
    said = f"Twelve months from Nov 2026 will cost about {company} ({low} to {high})."
    assert text(page, "#ahead-words") == said
    # whole months of the marts are September and October
    assert page.ask("document.querySelectorAll('#ahead .mark-rect path').length") == 2 + 12
    assert page.ask("document.querySelectorAll('#ahead .mark-rule.role-mark line').length") == 12
    page.open(url(place, "product=assist"))
    assert total("product", "assist", "amount_usd") in text(page, "#ahead-words")
    assert text(page, "#ahead-note") == ""
    page.open(url(place, "product=assist&tenant=acme"))
    assert text(page, "#ahead-words") == said
    assert text(page, "#ahead-note").endswith("this one is of everything.")


def test_what_is_asked_is_in_the_link(page: Browser, place: Path) -> None:
    page.open(url(place, "model=claude-sonnet-5"))
    choose(page, model="openai gpt-5.4-mini", cache="130", reasoning="50")
    said, link = what_if_total(page), page.ask("location.hash.slice(1)")
    assert "to-model=openai+gpt-5.4-mini&to-cache=100&to-reasoning=50" in link
    assert said[2] != said[3]
    page.open(url(place, link))
    assert what_if_total(page) == said
    assert page.ask("WHAT_IF.map(name => find(name).value)") == ["openai gpt-5.4-mini", "100", "", "50", ""]
    page.ask("find('filters').querySelector('button').click()")
    page.wait("shown.model === null")
    assert page.ask("location.hash").endswith("&to-model=openai+gpt-5.4-mini&to-cache=100&to-reasoning=50")
    page.ask("find('what-if').querySelector('button').click()")
    page.wait("!location.hash.includes('to-')")


def test_a_link_that_asks_what_if_as_nobody_can_says_so(page: Browser, place: Path) -> None:
    page.open(url(place, "to-model=gpt-0&to-cache=101&to-batch=half"))
    assert text(page, "#note").endswith(": to-model gpt-0, to-cache 101, to-batch half.")
    assert page.ask("WHAT_IF.map(name => find(name).value)") == [""] * 5


def test_what_if_leaves_out_what_has_no_price_and_says_so(page: Browser, place: Path) -> None:
    page.open(url(place))
    (own,) = asked(
        place, f"select sum(calls) from unit_economics_weekly where week_start = '{MONDAY}' and host = 'self_hosted'"
    )
    assert text(page, "#what-if-note") == f"{own:,} calls without such a price, as those to own nodes, are left out."


def test_a_model_switch_is_to_the_cent_what_the_command_says(
    page: Browser, tmp_path: Path, company_of: Callable[[int], Company]
) -> None:
    """Of calls on the standard tier below any long-context step, which is what the panel knows rates of."""
    home = company_of(7).home
    book = versions.current(home, load_settings(home))
    meta = ReportMeta("run-1", "1.2.3", "prices-7", "version-9")
    write_explorer(home.published / "marts.duckdb", tmp_path / "explorer.html", WEEK, meta, book=book)
    page.open(url(tmp_path, "model=claude-haiku-4-5"))
    week = date(2026, 11, 9), date(2026, 11, 16)
    said = what_if(home, Selection(*week, {"model": "claude-haiku-4-5"}), Change("claude-opus-5")).total
    choose(page, model="anthropic claude-opus-5")
    assert said.calls > 10
    assert said.a_usd is not None
    assert said.b_usd is not None
    assert what_if_total(page)[:4] == ["All", f"{said.calls:,}", f"${said.a_usd:,.2f}", f"${said.b_usd:,.2f}"]
