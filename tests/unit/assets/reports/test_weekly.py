"""The weekly report: its figures are the marts' figures, it runs nothing, fetches nothing and says what is missing."""

import re
import subprocess
import sys
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from assets.marts import MartsError
from assets.reports.text import MINUS, NONE
from assets.reports.weekly import ReportError, ReportMeta, monday, write_weekly_report
from sources.settings.models import Limits
from tests.unit.assets.reports.page import Page
from tests.unit.assets.reports.small_marts import EVIL_NAME, WEEK

META = ReportMeta("run-1", "1.2.3", "prices-7", "version-9")
MONDAY = date(2026, 11, 9)
Build = Callable[..., Path]


def money(text: str) -> Decimal:
    return Decimal(text.replace("$", "").replace(",", "").replace("\N{MINUS SIGN}", "-"))


def one(marts: Path, sql: str) -> tuple[Decimal, ...]:
    with duckdb.connect(str(marts), read_only=True) as connection:
        row = connection.execute(sql).fetchone()
    assert row is not None
    return row


@pytest.fixture(scope="module")
def page(marts: Path, tmp_path_factory: pytest.TempPathFactory) -> Page:
    return Page(write_weekly_report(marts, tmp_path_factory.mktemp("report"), WEEK, META).path)


def test_headline_figures_are_the_marts_figures(marts: Path, tmp_path: Path) -> None:
    kpis = write_weekly_report(marts, tmp_path, WEEK, META).kpis
    cost, unattributed = one(
        marts,
        f"""select sum(total_cost_usd), sum(unattributed_cost_usd)
        from cost_per_tenant_weekly where week_start = '{MONDAY}'""",
    )
    known_cost, resolved, known = one(
        marts,
        f"""select sum(cost_usd) filter (where is_outcome_known), count(*) filter (where is_resolved),
            count(*) filter (where is_outcome_known)
        from fct_tasks where ended_week_start = '{MONDAY}'""",
    )
    cogs, revenue = one(
        marts,
        f"select sum(cogs_cost_usd), sum(revenue_usd) from revenue_efficiency_weekly where week_start = '{MONDAY}'",
    )
    read, total = one(
        marts,
        f"""select sum(cache_read_tokens), sum(total_input_tokens) from cache_efficiency_weekly
        where week_start = '{MONDAY}' and model <> 'qwen3-32b'""",
    )
    (batch,) = one(
        marts,
        f"""select sum(effective_amount_usd) from fct_charges
        where service_tier = 'batch' and usage_date between '{MONDAY}' and '2026-11-15'""",
    )
    assert kpis == {
        "cost_usd": cost,
        "cost_per_resolved_task_usd": known_cost / resolved,
        "cost_per_revenue_dollar": pytest.approx(float(cogs / revenue)),
        "inference_margin": pytest.approx(1 - float(cogs / revenue)),
        "cache_hit_rate": pytest.approx(float(read) / float(total)),
        "resolved_rate": pytest.approx(float(resolved) / float(known)),
        "batch_share": pytest.approx(float(batch / cost)),
        "unattributed_share": pytest.approx(float(unattributed / cost)),
    }


def test_printed_tables_add_up_to_the_cost_of_the_week(marts: Path, page: Page) -> None:
    (cost,) = one(marts, f"select sum(total_cost_usd) from cost_per_tenant_weekly where week_start = '{MONDAY}'")
    assert money(page.texts["kpi-cost_usd"].strip()) == round(cost, 2)
    for name, column in {"tenants": 2, "features": 1, "models": 2, "bridge": 1, "accounts": 6}.items():
        *body, total = [money(row[column]) for row in page.tables[name][1:]]
        assert sum(body) == total == round(cost, 2), name


def test_components_of_a_tenant_add_up_along_the_row_and_down_the_column(page: Page) -> None:
    header, *rows = page.tables["tenants"]
    assert header[4:8] == ["Direct", "Shared", "Idle", "Unattributed"]
    printed = [[money(row[2]), *(money(cell) for cell in row[4:8])] for row in rows]
    for total, *parts in printed:
        assert sum(parts) == total
    *body, totals = printed
    assert [sum(column) for column in zip(*body, strict=True)] == totals


def test_each_tenant_shows_its_exact_cost_to_within_the_rounding(marts: Path, page: Page) -> None:
    printed = {row[0]: money(row[2]) for row in page.tables["tenants"][1:]}
    with duckdb.connect(str(marts), read_only=True) as connection:
        sql = f"select tenant_name, total_cost_usd from cost_per_tenant_weekly where week_start = '{MONDAY}'"
        exact: dict[str, Decimal] = dict(connection.execute(sql).fetchall())
    assert printed.keys() == {*exact, "Total"}
    for name, cost in exact.items():
        assert abs(printed[name] - cost) < Decimal("0.01")


def test_unattributed_cost_has_its_row_in_every_table_of_cost(page: Page) -> None:
    assert [row[0] for row in page.tables["tenants"]].count("unattributed") == 1
    assert [row[0] for row in page.tables["features"]].count("unattributed") == 1


def test_page_runs_nothing_and_fetches_nothing(page: Page) -> None:
    names = {tag for tag, _ in page.tags}
    assert not names & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
    for _, attributes in page.tags:
        assert not {name for name in attributes if name.startswith("on") or name in {"style", "src", "srcset"}}
        assert not attributes.get("href", "").startswith(("http", "//", "javascript"))
    policy = next(a["content"] for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    style = re.search("<style>(.*?)</style>", page.source, re.DOTALL)
    assert style is not None
    assert not re.search(r"url\(|@import", style.group(1))


def test_a_hostile_tenant_name_stays_text(page: Page) -> None:
    assert "b" not in {tag for tag, attributes in page.tags if "x" in attributes}
    assert "<b>x</b>" not in page.source
    assert EVIL_NAME in [row[0] for row in page.tables["tenants"]]


def test_same_marts_and_meta_give_the_same_bytes(marts: Path, tmp_path: Path) -> None:
    first = write_weekly_report(marts, tmp_path / "here", WEEK, META).path.read_bytes()
    script = (
        "import sys; from pathlib import Path; from assets.reports.weekly import *;"
        "write_weekly_report(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], ReportMeta(*sys.argv[4:]))"
    )
    arguments = [str(marts), str(tmp_path / "there"), WEEK, META.run_id, META.code_version]
    arguments += [META.price_book_version, META.data_version]
    subprocess.run([sys.executable, "-c", script, *arguments], check=True)
    assert (tmp_path / "there" / "weekly.html").read_bytes() == first


def test_ids_are_unique_though_every_chart_is_drawn_twice(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    charts = [name for name in ids if name.endswith(("-wide", "-narrow"))]
    assert sorted(charts) == sorted(
        f"{n}-{s}"
        for n in ("task", "change", "models", "revenue", "cache", "forecast", "gpu", "selfhost", "capacity", "tco")
        for s in ("wide", "narrow")
    )
    references = re.findall(r"url\(#([^)]+)\)", page.source)
    assert set(references) <= set(ids)


def test_data_status_stands_before_any_chart(page: Page) -> None:
    assert page.source.index('id="status"') < page.source.index("<svg")


@pytest.mark.parametrize(
    "said",
    [
        "difference $0.00, exact to 12 decimals",
        "3 invoices of 2026-10",
        "duplicate logs +$0.15",
        "$0.00 unexplained",
        "15 of 21 provider days are anchored to their bill, 6 estimated at contracted prices",
        "4.6% of the cost is unattributed (limit 25.0%)",
        "2 of 35,658 calls have no price (0.006%, limit 0.100%)",
        "openai gpt-5.4: no price for openai gpt-5.4-new (2)",
        "1 expected file missing: litellm/spend_logs of 11 Nov.",
        "9 of 22,974 rows set aside in quarantine: anthropic/cost_report 3, litellm/spend_logs 3 and openai/costs 3.",
        "Calls are logged to the end of 15 November.",
        "49 duplicate log rows dropped: 49 by response_id",
    ],
)
def test_data_status_says(page: Page, said: str) -> None:
    assert said in page.texts["status"]


def test_footer_names_what_the_figures_come_from(page: Page) -> None:
    assert "Run run-1 · code 1.2.3 · price book prices-7 · data version-9" in page.source.replace("&middot;", "·")
    assert "Data through 15 November 2026." in page.source


def test_without_revenue_the_ratio_is_a_dash_with_its_reason(broken_marts: Build, tmp_path: Path) -> None:
    marts = broken_marts("update revenue_efficiency_weekly set revenue_usd = 0")
    report = write_weekly_report(marts, tmp_path, WEEK, META)
    assert report.kpis["cost_per_revenue_dollar"] is None
    assert report.kpis["inference_margin"] is None
    page = Page(report.path)
    assert page.texts["kpi-inference_margin"].split() == ["–", "no", "revenue", "in", "this", "week"]
    assert "No revenue is known for this week" in page.source
    acme = next(row for row in page.tables["tenants"] if row[0] == "Acme Corp")
    assert acme[8] == "– (no revenue in this week)"


def test_unpriced_calls_above_the_limit_are_unfit_for_use(broken_marts: Build, tmp_path: Path) -> None:
    marts = broken_marts("update data_status set unpriced_calls = 300 where feed = 'litellm'")
    page = Page(write_weekly_report(marts, tmp_path, WEEK, META, Limits()).path)
    assert "not fit for use" in page.texts["status"]


def test_why_calls_have_no_price_goes_with_the_calls(broken_marts: Build, tmp_path: Path) -> None:
    page = Page(write_weekly_report(broken_marts("delete from fct_usage"), tmp_path, WEEK, META).path)
    assert "2 of 35,658 calls have no price" in page.texts["status"]
    assert "Why is not known any more: the calls of this week have gone" in page.texts["status"]


def test_margin_is_shown_before_and_after_credits(broken_marts: Build, marts: Path, tmp_path: Path) -> None:
    credited = broken_marts(
        "update revenue_efficiency_weekly set credit_offset_usd = -5.25"
        f" where week_start = '{MONDAY}' and tenant_id = 'acme' and product_id = 'build'"
    )
    cogs, revenue = one(
        marts,
        f"select sum(cogs_cost_usd), sum(revenue_usd) from revenue_efficiency_weekly where week_start = '{MONDAY}'",
    )
    report = write_weekly_report(credited, tmp_path, WEEK, META)
    after = 1 - (cogs - Decimal("5.25")) / revenue
    assert report.kpis["inference_margin"] == pytest.approx(float(1 - cogs / revenue))
    assert f"{after * 100:.1f}% after $5.25 of credits" in report.path.read_text(encoding="utf-8")


def test_a_file_that_failed_is_told(broken_marts: Build, tmp_path: Path) -> None:
    marts = broken_marts("update data_status set files_failed = 1 where feed = 'openai' and status_date = '2026-11-10'")
    page = Page(write_weekly_report(marts, tmp_path, WEEK, META).path)
    assert "1 file could not be read at all: openai/costs 1. 9 of 22,974 rows set aside" in page.texts["status"]


def test_a_week_that_is_cut_off_says_so(broken_marts: Build, tmp_path: Path) -> None:
    marts = broken_marts("delete from data_status where status_date > '2026-11-12'")
    page = Page(write_weekly_report(marts, tmp_path, WEEK, META).path)
    assert "Calls are logged to 12 November only; the week ends on 15 November." in page.texts["status"]
    assert "Data through 12 November 2026." in page.source


def test_a_charge_the_ledger_lost_is_unfit_for_use(broken_marts: Build, tmp_path: Path) -> None:
    marts = broken_marts("update fct_allocations set amount_usd = amount_usd - 0.000000000001 where method = 'even'")
    page = Page(write_weekly_report(marts, tmp_path, WEEK, META).path)
    assert "Charges and the allocation ledger differ: northgpu $0.000000000042." in page.texts["status"]


def test_feeds_nobody_uses_leave_a_sentence(broken_marts: Build, tmp_path: Path) -> None:
    marts = broken_marts(
        "delete from gpu_cost_hourly",
        "delete from cache_efficiency_weekly",
        "delete from fct_tasks",
        "delete from cost_per_task_weekly",
        "delete from reconciliation_daily",
        "delete from break_even_monthly",
        "delete from capacity_weekly",
        "delete from tco_monthly",
        "delete from cost_change_weekly",
        "delete from budget_status_daily",
        "delete from forecast_monthly",
        "delete from plan_actual_monthly",
        "delete from anomalies_daily",
        "delete from optimization_backlog_weekly",
        "delete from model_policy_violations_weekly",
        "delete from rate_limit_pressure_weekly",
        "delete from attribution_coverage_weekly",
    )
    report = write_weekly_report(marts, tmp_path, WEEK, META)
    page = Page(report.path)
    assert report.kpis["cost_per_resolved_task_usd"] is None
    assert report.kpis["cache_hit_rate"] is None
    assert "No GPU is provisioned in this week." in page.source
    assert "No workload of self_hosting.yml has a month that is over." in page.source
    assert "No workload of self_hosting.yml had a call in this week." in page.source
    assert "The ledger covers no month in full yet." in page.source
    assert "There is no week before to compare with." in page.source
    assert "No budget of budgets.csv holds in this week." in page.source
    assert "There is no usage to forecast from yet." in page.source
    assert "No plan is saved for this quarter or the next" in page.source
    assert "Nothing was off in this week." in page.source
    assert "No call of this week would be cheaper in a way the backlog knows." in page.source
    assert "No call of the week broke a rule of model_policy.yml." in page.source
    assert "No call was refused, and no limit of model_policy.yml was near." in page.source
    assert "Every call of the week says whose it is." in page.source
    assert "No model with a prompt cache was called in this week." in page.source
    assert "No final bill of this week yet" in page.texts["status"]


def test_savings_stand_the_largest_first_and_the_small_ones_fold(page: Page) -> None:
    rows = page.tables["savings"][1:]
    assert rows[0] == [
        "read prompts from the cache", "Support chat", "gpt-5.4", "400", "$40.25", "$20.12", "low",
        "12% of it",
    ]  # fmt: skip
    assert rows[1] == ["return idle GPUs", "", "openai", "-", "$19.00", "$9.50", "medium", "50% of it"]
    assert rows[2] == [
        "commit to the GPUs that half the hours use", "", "openai", "-", "$5.00", "$2.50", "medium", "75% of it",
    ]  # fmt: skip
    assert rows[3] == [
        "route to the smaller model", "Support chat", "gpt-5.4 to gpt-5.4-mini", "30", "$4.00", "$2.00", "medium",
        "75% of the smaller one's answers judged right",
    ]  # fmt: skip
    assert rows[4][7] == "95% of the calls end within 900 tokens"
    assert len(rows) == 11
    assert rows[-1][0] == "4 smaller ones of optimization_backlog_weekly"
    assert rows[-1][3:6] == ["40", "$0.96", "$0.48"]


def test_broken_rules_refused_calls_and_gaps_of_attribution_stand_the_worst_first(page: Page) -> None:
    assert page.tables["policy-violations"][1:] == [
        ["no-priority", "No team", "gpt-5.4-mini", "4", "$9.00", "15 Nov", ""],
        ["no-frontier", "core", "gpt-5.4", "42", "$3.75", "10 Nov", "gpt-5.4-mini"],
    ]
    assert page.tables["rate-limits"][1:] == [["openai", "gpt-5*", "1,000", "25", "2.5%", "45,000", "90%"]]
    assert page.tables["coverage"][1:] == [
        ["No team", "9", "$8.00", "0.0%", "$0.00", "$8.00"],
        ["search", "40", "$20.00", "75.0%", "$5.00", "$0.00"],
    ]


def test_effects_add_up_to_the_change_of_cost_as_printed(marts: Path, page: Page) -> None:
    (change,) = one(marts, f"select sum(cost_change_usd) from cost_change_weekly where week_start = '{MONDAY}'")
    *effects, total = (money(row[2]) for row in page.tables["change"][1:])
    assert len(effects) == 9
    assert sum(effects) == total == round(change, 2)


def test_movers_name_their_main_driver_and_fold_the_small_ones(marts: Path, page: Page) -> None:
    header, *rows = page.tables["movers"]
    assert header[-1] == "Main driver"
    assert len(rows) == 11
    assert rows[0][5].split(",")[0] in ("volume", "tokens per task")
    assert rows[-1][0].endswith("smaller moves")
    (change,) = one(marts, f"select sum(cost_change_usd) from cost_change_weekly where week_start = '{MONDAY}'")
    assert sum(money(row[4]) for row in rows) == round(change, 2)


def test_an_incident_is_one_line_without_the_muted_and_the_expected(page: Page) -> None:
    """The company's cost and a feature's prompts are the same thing as the tenant's cost, and in no sum."""
    assert page.tables["anomalies"][1:] == [
        [EVIL_NAME, "tenant", "cost", "10 Nov", "2", "+$50.01", "2", "cost is 4.00 x, key k", "open"],
        [
            "Support chat", "feature", "cache hit rate", "8 Nov", "1", "+$5.00", "", "hit rate",
            "acknowledged by ana: a test",
        ],
    ]  # fmt: skip


def test_budgets_are_those_of_the_weeks_last_day_the_fullest_first(page: Page) -> None:
    assert [[row[0], *row[5:7], row[8]] for row in page.tables["budgets"][1:]] == [
        [EVIL_NAME, "$301.00", "201%", "breach, used up"],
        ["Support chat", "$12.50", "125%", "alert, used up"],
        ["Company", "$1,500.00", "100%", "in plan"],
    ]
    assert "by the end of 15 November" in page.texts["budgets"]


def test_the_forecast_says_months_lines_interval_and_how_far_it_was_off(page: Page) -> None:
    months = page.tables["forecast"][1:]
    assert len(months) == 12
    assert months[0] == [
        "Nov 2026", "$100.00", "$10.00", "$0.00", "\N{MINUS SIGN}$3.00", "$25.00", "$10.00", "$142.00", "$115.60",
        "$175.00",
    ]  # fmt: skip
    company, assist, *_, evil = rows = page.tables["forecast-products"][1:]
    assert [row[0] for row in rows] == ["Company", "Assist", "Build", "evil"]
    assert company[2:] == [
        "$1,704.00", "$1,387.20", "$2,100.00", "$1,080.00", "$600.00", "$1,800.00", "6.0%", "9.0%",
    ]  # fmt: skip
    assert assist[1:4] == ["$720.00", "$1,070.40", "$880.32"]
    assert "3 whole weeks up to 2026-10-31, 10 are needed" in evil[2]
    said = page.texts["forecast"]
    assert "Twelve months from November 2026 will cost about $1,704.00 ($1,387.20 to $2,100.00): an estimate" in said
    assert "Tried on 4 weeks of the past it was 6.0% off 28 days ahead, taking the last week again 9.0%." in said


def test_the_latest_plan_stands_against_journals_and_forecast_with_what_asks_for_another(page: Page) -> None:
    assert page.tables["plan"][1:] == [
        ["Q4 2026", "5100", "2", "$230.00", "$30.00", "$235.50", "+$5.50"],
        ["Q4 2026", "6100", "2", "$10.00", "– (nothing is posted yet)", "$0.00", "\N{MINUS SIGN}$10.00"],
    ]
    said = page.texts["outlook"]
    assert "The plan of 10 November against the journals and the forecast" in said
    assert page.tables["replan"][1:] == [
        ["Company", "traffic is 100 % above the plan of 2026-11-10"],
        ["gpt-5.4", "calls would cost 25 % less at the latest price than in the plan"],
    ]


def test_too_little_history_is_said_and_no_amount_stands(broken_marts: Build, tmp_path: Path) -> None:
    nulls = ", ".join(f"{name} = null" for name in ("amount_usd", "low_usd", "high_usd"))
    marts = broken_marts(f"update forecast_monthly set {nulls}, reason = 'too little history: 3 whole weeks'")
    page = Page(write_weekly_report(marts, tmp_path, WEEK, META).path)
    assert "There is no forecast: too little history: 3 whole weeks." in page.texts["forecast"]
    assert all("$" not in cell for row in page.tables["forecast"][1:] for cell in row)


def test_own_gpus_stand_beside_the_api_with_the_verdict_in_words(page: Page) -> None:
    first, second = page.tables["selfhost"][1:]
    assert first == [
        "qwen-chat", "together", "910.0", "$800.86", "$3,633.75", "2", "4,129.0", "11.4%", "51.6%", "use the API",
        "data residency",
    ]  # fmt: skip
    assert second[3] == "– (a call has no price there)"
    assert second[9] == "no verdict"
    assert "qwen-chat against together: use the API: the API costs less in the month." in page.source
    assert "What the work of a whole month costs there and on own GPUs, October 2026" in page.source


def test_capacity_of_the_week_stands_beside_the_gpus_that_are_there(page: Page) -> None:
    assert page.tables["capacity"][1] == [
        "qwen-chat", "steady b2b", "410.2", "1,210.5", "1,804.8", "2", "2", "0", "2", "4",
    ]  # fmt: skip
    assert page.tables["capacity"][2][8:] == ["6", "– (no deployment has GPUs for it alone)"]


def test_architectures_stand_with_their_quality_and_what_is_no_money(page: Page) -> None:
    assert page.tables["architectures"][1:] == [
        ["support", "in place", "$10.00", "$0.0500", "75.0%", "$2.2333", "6.2 s", ""],
        ["support", "small", "– (calls have no price there)", "– (calls have no price there)", "80.0%",
         "– (it needs a cost, 30 judged answers and what a wrong one costs)", "– (not said)", ""],
        ["support", "own", "$40.50", "$0.2025", "90.0%", "$0.8916", "3.0 s", "our account; switching costs $12,000.00"],
    ]  # fmt: skip
    assert "Other architectures for the same work, October 2026" in page.source


def test_lines_of_ownership_add_up_and_say_what_is_not_in_them(page: Page) -> None:
    lines = page.tables["tco"][1:]
    assert [row[0] for row in lines[:3]] == ["people", "bad answers", "inference"]
    assert lines[1] == ["bad answers", "$0.00", "0.0%", "$1,300.50", "7"]
    assert lines[-1] == ["Total", "$36,526.71", "100.0%", "$37,827.21", "7"]
    for column in (1, 3):
        amounts = [Decimal(row[column].strip("$").replace(",", "")) for row in lines]
        assert sum(amounts[:-1]) == amounts[-1]
    # 4,275.623 of 36,526.708
    assert "The bill for tokens is 11.7% of what was paid." in page.source


def test_wrong_answers_without_a_cost_are_a_dash_and_no_zero(broken_marts: Build, tmp_path: Path) -> None:
    marts = broken_marts("update tco_monthly set economic_usd = null where line = 'bad_answers'")
    page = Page(write_weekly_report(marts, tmp_path, WEEK, META).path)
    assert page.tables["tco"][2] == ["bad answers", "$0.00", "0.0%", "– (nobody has put a cost on them)", "7"]
    assert page.tables["tco"][-1][3] == "$36,526.71"


def test_a_month_that_is_not_over_by_the_weeks_end_is_not_shown(marts: Path, tmp_path: Path) -> None:
    page = Page(write_weekly_report(marts, tmp_path, "2026-W43", META).path)
    assert "No workload of self_hosting.yml has a month that is over." in page.source
    assert "The ledger covers no month in full yet." in page.source


def test_first_week_compares_with_nothing(marts: Path, tmp_path: Path) -> None:
    page = Page(write_weekly_report(marts, tmp_path, "2026-W33", META).path)
    assert page.source.count("nothing to compare with") == 16


def test_a_week_without_data_names_the_weeks_there_are(marts: Path, tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"no data for 2026-W47; available are 14 weeks from 2026-W33 to 2026-W46"):
        write_weekly_report(marts, tmp_path, "2026-W47", META)
    assert not list(tmp_path.iterdir())


def test_empty_marts_are_an_error(broken_marts: Build, tmp_path: Path) -> None:
    marts = broken_marts("delete from cost_per_tenant_weekly")
    with pytest.raises(ReportError, match="no week has any cost"):
        write_weekly_report(marts, tmp_path, WEEK, META)


def test_missing_marts_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(MartsError, match="no published marts; `inferledger run`"):
        write_weekly_report(tmp_path / "marts.duckdb", tmp_path, WEEK, META)


@pytest.mark.parametrize("week", ["2026-W46", "2026-11-09", MONDAY, datetime(2026, 11, 9, 5)])
def test_week_may_be_written_as_its_number_or_its_monday(week: str | date) -> None:
    assert monday(week) == MONDAY


@pytest.mark.parametrize("week", ["2026-46", "W46", "2026-W60", "soon", "2026-11-10", date(2026, 11, 15)])
def test_any_other_week_is_refused(week: str | date) -> None:
    with pytest.raises(ReportError, match="allowed is a"):
        monday(week)


def test_a_kill_on_the_way_leaves_the_old_report(marts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_weekly_report(marts, tmp_path, "2026-W45", META).path
    before = path.read_bytes()

    def killed(self: Path, target: Path) -> Path:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", killed)
    with pytest.raises(KeyboardInterrupt):
        write_weekly_report(marts, tmp_path, WEEK, META)
    assert path.read_bytes() == before


def test_contracts_plans_and_answers_of_the_last_month(page: Page) -> None:
    assert [row[:1] + row[2:] for row in page.tables["contracts"][1:]] == [
        [EVIL_NAME, "$10.00", f"{MINUS}$21.00", f"{MINUS}210.0%", f"{MINUS}$5.25", "$3,650.00", "10.0%",
         "1 January 2027"],
        ["Blue Finance", "$90.00", "$28.00", "31.1%", f"{NONE} (no active user is known)", "$3,650.00", "20.0%",
         "31 December 2026"],
    ]  # fmt: skip
    assert [row[:2] + row[6:] for row in page.tables["plans"][1:]] == [
        ["Assist", "free", "40", f"{MINUS}$2.00", "40.0%"],
        ["Assist", "enterprise", "20", "$7.50", ""],
        ["Build", "team", "0", f"{NONE} (no active user is known)", ""],
    ]
    assert [[*row[:1], *row[3:6], row[8], row[9]] for row in page.tables["quality"][1:]] == [
        ["Support chat", "high", "40", "80.0%", "$0.4000", "$0.5000"],
        ["Code review", "not said", "60", "50.0%", "$0.0500", "$0.1000"],
        ["Support chat", "low", "20", "50.0%", "$0.1000",
         f"{NONE} (fewer than 30 were judged, or a wrong one has no cost in tco.yml)"],
    ]  # fmt: skip
