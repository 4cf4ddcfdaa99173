"""Pulls against a local server: whatever goes wrong on the way, what lands is what an undisturbed pull lands."""

import json
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl
import pytest

from pipelines.progress import Progress
from pipelines.pull import pull
from sources.home import Home, HomeError, init_home
from sources.openai.feed import METERS as COUNTED
from sources.pull import PullError
from sources.pull.pulling import provider_api, pull_report
from sources.pull.reports import PROVIDERS
from sources.settings import load_settings
from tests.faults.conftest import start
from tests.integration.admin_api import RESULTS, AdminApi, Fault, admin_api, send
from tests.unit.sources.landed import LandedHome

TABLES = (
    "openai/usage_completions", "openai/costs", "openai/usage_meters", "anthropic/usage_messages",
    "anthropic/cost_report",
)  # fmt: skip
OPENAI = TABLES[:3]
METERS = [path.removeprefix("/v1/organization/usage/") for path in RESULTS if "/organization/usage/" in path][1:]
KEYS = {
    "OPENAI_ADMIN_KEY": "sk-admin-open-sesame",
    "ANTHROPIC_ADMIN_KEY": "sk-ant-admin01-open-barley",
    "OPENROUTER_MANAGEMENT_KEY": "sk-or-v1-open-millet",
    "AI_GATEWAY_API_KEY": "vck_open-rye",
}
ACCOUNTS = """service_provider,billing_account_id,gateway,gateway_provider,currency,valid_from,valid_to
openai,org-larch,litellm,openai,USD,2025-08-01,
anthropic,org-larch,litellm,anthropic,USD,2025-08-01,
openrouter,org-larch,litellm,openrouter,USD,2025-08-01,
vercel,org-larch,vercel,vercel,USD,2025-08-01,
"""


@pytest.fixture
def api() -> Iterator[AdminApi]:
    with admin_api() as api:
        yield api


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses a pull made, in place of making them."""
    waited: list[float] = []
    monkeypatch.setattr("sources.pull.http.time.sleep", waited.append)
    return waited


def set_environment(patch: pytest.MonkeyPatch) -> None:
    for name, key in KEYS.items():
        patch.setenv(name, key)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        patch.delenv(name, raising=False)
    patch.setenv("INFERLEDGER_NOW", "2026-11-18T06:00:00Z")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch, waits: list[float]) -> None:
    set_environment(monkeypatch)


def home_at(
    folder: Path, api: AdminApi, first: str = "2026-11-02", feeds: tuple[str, ...] = ("openai", "anthropic")
) -> Home:
    home = init_home(folder)
    (home.config / "billing_accounts.csv").write_text(ACCOUNTS)
    pulls = [{"feed": feed, "account_id": "org-larch", "from": first, "base_url": api.base_url} for feed in feeds]
    (home.config / "inferledger.yml").write_text(f"company: Larch\npulls: {json.dumps(pulls)}\n")
    return home


def pull_all(home: Home, feed: str | None = None) -> None:
    pull(home, feed, Progress(), "test")


def landed(home: Home) -> dict[str, bytes]:
    files = sorted(path for path in home.landing.rglob("*") if path.is_file())
    return {str(path.relative_to(home.landing)): path.read_bytes() for path in files}


def rows(home: Home, tables: Sequence[str] = TABLES) -> dict[str, list[dict[str, Any]]]:
    """The rows of the lake that count: of each day those of its latest retrieval."""
    lake = LandedHome(home.root)
    assert lake.ingest().files_failed == 0
    origin = ("file_hash", "row_number", "retrieved_at")
    found = {}
    for table in tables:
        frame = lake.lake(table)
        bucket = [name for name in ("account_id", "endpoint", "bucket_start") if name in frame.columns]
        latest = pl.col("retrieved_at") == pl.col("retrieved_at").max().over(bucket)
        found[table] = frame.filter(latest).drop(origin).sort(pl.all()).to_dicts()
    return found


class Undisturbed(NamedTuple):
    landed: dict[str, bytes]
    rows: dict[str, list[dict[str, Any]]]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    with pytest.MonkeyPatch.context() as patch, admin_api() as api:
        set_environment(patch)
        home = home_at(tmp_path_factory.mktemp("undisturbed"), api)
        pull_all(home)
        return Undisturbed(landed(home), rows(home))


def test_pages_land_where_the_feeds_read_them(api: AdminApi, tmp_path: Path) -> None:
    home = home_at(tmp_path / "home", api)
    pull_all(home)
    assert set(landed(home)) == {
        f"{table}/org-larch/{prefix}{days}__retrieved-20261118T060000Z.json"
        for table in TABLES
        for prefix in ([f"{name}_" for name in METERS] if table.endswith("meters") else [""])
        for days in ("2026-11-02_2026-11-08", "2026-11-09_2026-11-15", "2026-11-16_2026-11-17")
    }
    meters = rows(home)["openai/usage_meters"]
    assert len({row["endpoint"] for row in meters}) == len(METERS) == 9
    assert {
        sum(row["quantity"] for row in meters if row["endpoint"] == name) for name in ("images", "web_searches")
    } == {2 * sum(10 + day for day in range(2, 18))}
    costs = rows(home)["openai/costs"]
    assert len(costs) == 2 * 16
    assert {row["account_id"] for row in costs} == {"org-larch"}
    assert sum(row["amount"] for row in costs) == 2 * sum(day + Decimal("1.25") for day in range(2, 18))
    assert sum(row["uncached_input_tokens"] for row in rows(home)["anthropic/usage_messages"]) == 2 * sum(
        1500 + day for day in range(2, 18)
    )
    # The report tells fast requests apart by the beta's grouping only.
    assert {row["service_tier"] for row in rows(home)["anthropic/usage_messages"]} == {"fast", "standard"}
    assert api.headers[-1]["Anthropic-Beta"] == "fast-mode-2026-02-01"
    for path, question in api.asked:
        groups = question.get("group_by", question.get("group_by[]"))
        assert groups is not None, path
        assert ("speed" in groups) == path.endswith("usage_report/messages")
        assert question["bucket_width"] == ["1d"]
    assert api.headers[0]["Authorization"] == f"Bearer {KEYS['OPENAI_ADMIN_KEY']}"
    assert api.headers[-1]["X-Api-Key"] == KEYS["ANTHROPIC_ADMIN_KEY"]


def test_services_that_were_not_used_leave_no_files(api: AdminApi, tmp_path: Path) -> None:
    api.projects = []
    home = home_at(tmp_path / "home", api, feeds=("openai",))
    pull_all(home)
    assert {name.split("/")[1] for name in landed(home)} == {"usage_completions", "costs"}
    seen = len(api.asked)
    pull_all(home)
    assert len(api.asked) - seen == 11 * 2


def test_usage_that_is_taken_back_of_all_reports_is_gone(
    api: AdminApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_at(tmp_path / "home", api, feeds=("openai",))
    pull_all(home)
    api.projects = []
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-19T06:00:00Z")
    pull_all(home)
    for table, found in rows(home, OPENAI).items():
        assert {row["bucket_start"].date() for row in found if row["is_empty"]} == {
            date(2026, 11, day) for day in range(9, 19)
        }, table
        assert {row["bucket_start"].date() for row in found if not row["is_empty"]} == {
            date(2026, 11, day) for day in range(2, 9)
        }, table
    assert {row["endpoint"] for row in rows(home)["openai/usage_meters"] if row["is_empty"]} == set(COUNTED)


def cut_in_the_body(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.wfile.flush()
    handler.connection.shutdown(socket.SHUT_RDWR)
    return True


def cut_without_a_length(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    return True


def reset(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
    handler.connection.shutdown(socket.SHUT_RDWR)
    return True


def answers(status: int, body: bytes = b"{}", **headers: str) -> Fault:
    def fault(handler: BaseHTTPRequestHandler, _: bytes) -> bool:
        send(handler, status, body, **headers)
        return True

    return fault


def rewritten(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Fault:
    def fault(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
        send(handler, 200, json.dumps(change(json.loads(body))).encode())
        return True

    return fault


@pytest.mark.parametrize(
    "fault",
    [
        answers(429, Retry_After="7"),
        answers(429),
        answers(500),
        answers(529, b"overloaded"),
        answers(503, b"<html>", Retry_After="nonsense"),
        answers(200, b"<html>a proxy's page</html>"),
        cut_in_the_body,
        cut_without_a_length,
        reset,
    ],
)
def test_what_passes_is_tried_again(
    fault: Fault, api: AdminApi, undisturbed: Undisturbed, waits: list[float], tmp_path: Path
) -> None:
    api.faults = dict.fromkeys((1, 2, 5, 9, 10, 11), fault)
    home = home_at(tmp_path / "home", api)
    pull_all(home)
    assert len(waits) == 6
    assert (landed(home), rows(home)) == undisturbed


def test_waits_as_long_as_the_server_asks(api: AdminApi, waits: list[float], tmp_path: Path) -> None:
    api.faults = {
        1: answers(429, Retry_After="7"),
        2: answers(503, Retry_After=formatdate(time.time() + 40, usegmt=True)),
        3: answers(429),
        4: answers(429),
    }
    pull_all(home_at(tmp_path / "home", api))
    asked, dated, first, second = waits
    assert 7 <= asked <= 8
    assert 35 <= dated <= 41
    assert 0 <= first <= 2**3
    assert 0 <= second <= 2**4


def test_a_long_wait_is_left_to_the_user(
    api: AdminApi, undisturbed: Undisturbed, waits: list[float], tmp_path: Path
) -> None:
    api.faults = {3: answers(429, Retry_After="3600")}
    home = home_at(tmp_path / "home", api)
    with pytest.raises(PullError, match=r"openai/usage_completions/org-larch.* asks to wait 3,600 s; pull again then"):
        pull_all(home)
    assert not waits
    # The other reports came all the same, and the next pull brings the rest.
    assert sorted({name.rsplit("/", 2)[0] for name in landed(home)}) == sorted(TABLES)
    pull_all(home)
    assert rows(home) == undisturbed.rows


def test_gives_up_in_the_end_and_goes_on_later(
    api: AdminApi, undisturbed: Undisturbed, waits: list[float], tmp_path: Path
) -> None:
    api.faults = dict.fromkeys(range(2, 8), answers(500))
    home = home_at(tmp_path / "home", api, feeds=("openai",))
    with pytest.raises(PullError, match=r"usage/completions: answered 500, 6 times"):
        pull_all(home)
    assert len(waits) == 5
    seen = len(api.first_days("completions"))
    pull_all(home)
    # The week of 2 November had landed, a week later it was final: it is not asked for again.
    assert api.first_days("completions")[seen:] == [date(2026, 11, 9), date(2026, 11, 16)]
    assert rows(home, OPENAI) == {table: undisturbed.rows[table] for table in OPENAI}


def test_several_pages_are_one_retrieval(api: AdminApi, undisturbed: Undisturbed, tmp_path: Path) -> None:
    api.buckets_per_page = 3
    home = home_at(tmp_path / "home", api)
    pull_all(home)
    week = "openai/costs/org-larch/2026-11-02_2026-11-08__retrieved-20261118T060000Z"
    assert [name for name in landed(home) if name.startswith(week)] == [
        f"{week}/2026-11-02_2026-11-08__page-{number}__retrieved-20261118T060000Z.json" for number in (1, 2, 3)
    ]
    assert rows(home) == undisturbed.rows


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda page: page | {"next_page": "page_3", "has_more": True}, "its next_page comes twice"),
        (lambda page: page | {"next_page": None, "has_more": True}, "its next_page is missing"),
        (lambda page: page | {"data": None}, "no list `data`"),
    ],
)
def test_a_page_that_repeats_ends_the_pull(
    change: Callable[[dict[str, Any]], dict[str, Any]],
    message: str,
    api: AdminApi,
    undisturbed: Undisturbed,
    tmp_path: Path,
) -> None:
    api.buckets_per_page = 3
    home = home_at(tmp_path / "home", api, feeds=("openai",))
    api.faults = dict.fromkeys(range(1, 1000), rewritten(change))
    with pytest.raises(PullError, match=message):
        pull_all(home)
    assert len(api.asked) < 5 * 11
    assert landed(home) == {}
    api.faults = {}
    pull_all(home)
    assert rows(home, OPENAI) == {table: undisturbed.rows[table] for table in OPENAI}


def shifted(page: dict[str, Any]) -> dict[str, Any]:
    """As if a bucket had come in before this page: it begins with the last one of the page before."""
    bucket = page["data"][0]
    before = bucket | {name: bucket[name] - 86400 for name in ("start_time", "end_time")}
    return page | {"data": [before, *page["data"]]}


def incomplete(page: dict[str, Any]) -> dict[str, Any]:
    """As if a result had moved to a page that was read already."""
    return page | {"data": [bucket | {"results": bucket["results"][:1]} for bucket in page["data"]]}


@pytest.mark.parametrize("change", [shifted, incomplete])
def test_a_report_that_changes_while_it_is_read_is_read_again(
    change: Callable[[dict[str, Any]], dict[str, Any]], api: AdminApi, undisturbed: Undisturbed, tmp_path: Path
) -> None:
    """Page 2 of the first reading is of another moment than the rest."""
    api.buckets_per_page = 3
    api.faults = {2: rewritten(change)}
    home = home_at(tmp_path / "home", api)
    pull_all(home)
    first_week = [day for day in api.first_days("completions") if day == date(2026, 11, 2)]
    assert len(first_week) == 3 * 3
    assert rows(home) == undisturbed.rows


def test_a_report_that_never_rests_lands_nothing(api: AdminApi, tmp_path: Path) -> None:
    def fault(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
        api.cents_per_project += 1
        return False

    api.buckets_per_page = 3
    api.faults = dict.fromkeys(range(1, 1000), fault)
    home = home_at(tmp_path / "home", api, feeds=("openai",))
    with pytest.raises(PullError, match=r"organization/costs 2026-11-02: .* changed each of 4 times it was read"):
        pull_all(home)
    assert {name.split("/")[1] for name in landed(home)} == {"usage_completions", "usage_meters"}


def test_bills_that_are_restated_are_asked_for_again(
    api: AdminApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_at(tmp_path / "home", api, first="2026-10-26", feeds=("openai",))
    pull_all(home)
    seen = len(api.first_days("costs"))
    api.cents_per_project = 225
    api.projects = ["proj_larch"]
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-19T06:00:00Z")
    pull_all(home)
    assert api.first_days("costs")[seen:] == [date(2026, 11, 9), date(2026, 11, 16)]
    amounts: dict[int, list[float]] = {}
    for row in rows(home)["openai/costs"]:
        amounts.setdefault(row["bucket_start"].day, []).append(float(row["amount"]))
    assert amounts[8] == [9.25, 9.25]
    assert amounts[9] == [11.25]
    assert amounts[18] == [20.25]


def test_openrouter_answers_by_day_and_only_thirty_days_back(
    api: AdminApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = home_at(tmp_path / "home", api, first="2025-11-18", feeds=("openrouter",))
    api.faults = {3: answers(500), 5: cut_in_the_body}
    pull_all(home)
    days = sorted({question["date"][0] for path, question in api.asked if path.endswith("/activity")})
    assert (len(days), days[0], days[-1]) == (30, "2026-10-19", "2026-11-17")
    assert api.headers[0]["Authorization"] == f"Bearer {KEYS['OPENROUTER_MANAGEMENT_KEY']}"
    seen = len(api.asked)
    api.cents_per_project = 225
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-19T06:00:00Z")
    pull_all(home)
    asked = [question["date"][0] for path, question in api.asked[seen:] if path.endswith("/activity")]
    assert asked == [f"2026-11-{day:02}" for day in range(9, 19)]
    lake = LandedHome(home.root)
    assert lake.ingest().files_failed == 0
    latest = pl.col("retrieved_at") == pl.col("retrieved_at").max().over("activity_date")
    assert lake.lake("openrouter/activity").filter(latest)["credits_usd"].sum() == 2 * (
        21 * Decimal("1.25") + 10 * Decimal("2.25")
    )
    credits = lake.lake("openrouter/credits").sort("retrieved_at")
    assert credits["retrieved_at"].dt.date().to_list() == [date(2026, 11, 18), date(2026, 11, 19)]
    assert credits["total_usage_usd"].to_list() == [Decimal("1.25"), Decimal("2.25")]
    assert set(credits["total_credits_usd"]) == {Decimal("100.5")}


def test_credits_that_are_no_object_are_refused(api: AdminApi, tmp_path: Path) -> None:
    home = home_at(tmp_path / "home", api, first="2026-11-17", feeds=("openrouter",))
    api.faults = {2: answers(200, b'{"data": []}')}
    with pytest.raises(PullError, match="/credits 2026-11-18: the answer has no object `data`"):
        pull_all(home)


def test_vercels_report_comes_by_week_with_both_its_days(api: AdminApi, tmp_path: Path) -> None:
    home = home_at(tmp_path / "home", api, feeds=("vercel",))
    api.faults = {1: answers(429)}
    pull_all(home)
    asked = [(question["start_date"][0], question["end_date"][0]) for _, question in api.asked[1:]]
    assert asked == [("2026-11-02", "2026-11-08"), ("2026-11-09", "2026-11-15"), ("2026-11-16", "2026-11-17")]
    assert api.asked[0][1]["group_by"] == ["model"]
    lake = LandedHome(home.root)
    assert lake.ingest().files_failed == 0
    report = lake.lake("vercel/report")
    assert (len(report), report["total_cost_usd"].sum()) == (2 * 16, 2 * 16 * Decimal("1.25"))


def test_a_first_import_of_twelve_months(api: AdminApi, tmp_path: Path) -> None:
    home = home_at(tmp_path / "home", api, first="2025-11-18", feeds=("openai",))
    steps: list[tuple[int, int, str]] = []
    [rule] = load_settings(home).general.pulls
    costs = PROVIDERS["openai"].reports[1]
    pulled = pull_report(home, rule, costs, provider_api(rule), lambda *step: steps.append(step))
    assert (pulled.first_day, pulled.last_day, pulled.files) == (date(2025, 11, 18), date(2026, 11, 17), 53)
    assert steps[0] == (0, 53, "2025-11-18")
    assert steps[-1] == (52, 53, "2026-11-16")
    assert len({row["bucket_start"] for row in rows(home)["openai/costs"]}) == 365
    # An earlier day in the settings brings what lies before.
    text = (home.config / "inferledger.yml").read_text()
    (home.config / "inferledger.yml").write_text(text.replace("2025-11-18", "2025-11-01"))
    [rule] = load_settings(home).general.pulls
    pull_report(home, rule, costs, provider_api(rule), lambda *step: None)
    assert len({row["bucket_start"] for row in rows(home)["openai/costs"]}) == 365 + 17


@pytest.mark.parametrize("question", [1, 4, 38])
def test_a_killed_pull_is_taken_up(question: int, api: AdminApi, undisturbed: Undisturbed, tmp_path: Path) -> None:
    is_reached, may_end = threading.Event(), threading.Event()

    def hang_in_the_body(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[:100])
        handler.wfile.flush()
        is_reached.set()
        may_end.wait(60)
        return True

    api.faults = {question: hang_in_the_body}
    home = home_at(tmp_path / "home", api)
    process = start(home, "pull")
    try:
        assert is_reached.wait(60), process.communicate()
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finally:
        may_end.set()
        process.kill()
    assert process.returncode == -signal.SIGKILL
    before = landed(home)
    assert len(before) == question - 1
    LandedHome(home.root).ingest()
    pull_all(home)
    assert before.items() <= landed(home).items()
    assert rows(home) == undisturbed.rows


def test_what_a_killed_pull_left_is_not_read_and_goes(api: AdminApi, undisturbed: Undisturbed, tmp_path: Path) -> None:
    home = home_at(tmp_path / "home", api)
    folder = home.landing / "openai" / "costs" / "org-larch"
    half = folder / ".2026-11-02_2026-11-08__retrieved-20261118T050000Z.part"
    half.mkdir(parents=True)
    (half / "2026-11-02_2026-11-08__page-1__retrieved-20261118T050000Z.json").write_text('{"data": [')
    (folder / ".2026-11-09_2026-11-15__retrieved-20261118T050000Z.json.part").write_text('{"data": [')
    lake = LandedHome(home.root)
    assert (lake.ingest().files_failed, lake.ledger()) == (0, [])
    # Killed after the pages had landed and before the watermark: they land again, a second later.
    (folder / "2026-11-02_2026-11-08__retrieved-20261118T060000Z.json").write_text('{"data": []}')
    pull_all(home)
    assert not list(folder.glob(".*"))
    assert (folder / "2026-11-02_2026-11-08__retrieved-20261118T060001Z.json").is_file()
    assert rows(home) == undisturbed.rows


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (answers(401, json.dumps({"error": {"message": f"Incorrect key {KEYS['OPENAI_ADMIN_KEY']}"}}).encode()),
         "the key in OPENAI_ADMIN_KEY may not read this"),
        (answers(400, json.dumps({"error": {"message": f"no {KEYS['OPENAI_ADMIN_KEY']} of group"}}).encode()),
         "answered 400: no *** of group"),
        (answers(404, b"<html>"), "answered 404"),
        (answers(302, Location="http://127.0.0.1:9/v1/stolen"), "answered 302, a redirect"),
    ],
)  # fmt: skip
def test_a_refusal_says_why_and_never_the_key(
    fault: Fault, message: str, api: AdminApi, waits: list[float], tmp_path: Path
) -> None:
    api.faults = {1: fault}
    home = home_at(tmp_path / "home", api, feeds=("openai",))
    process = start(home, "pull", "openai")
    stdout, stderr = process.communicate()
    assert process.returncode == 1
    assert message in stderr
    assert "openai/usage_completions: failed" in stderr
    # The other report came.
    assert {name.split("/")[1] for name in landed(home)} == {"costs", "usage_meters"}
    secret = KEYS["OPENAI_ADMIN_KEY"]
    assert secret not in stdout + stderr
    assert not [path for path in home.root.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


@pytest.mark.parametrize("key", ["", " ", "sk-open\nsesame", "sk-open sesame", "sk-ö"])
def test_a_key_that_is_none_is_named_not_shown(
    key: str, api: AdminApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_ADMIN_KEY", key)
    home = home_at(tmp_path / "home", api)
    with pytest.raises(HomeError, match="ANTHROPIC_ADMIN_KEY") as caught:
        pull_all(home)
    assert "sk-" not in str(caught.value)
    assert not api.asked


def test_no_connection_is_said_without_the_key(tmp_path: Path, api: AdminApi, waits: list[float]) -> None:
    home = home_at(tmp_path / "home", AdminApi(base_url="http://127.0.0.1:9/v1"), feeds=("openai",))
    with pytest.raises(PullError, match="no connection") as caught:
        pull_all(home)
    assert len(waits) == 11 * 5
    assert caught.value.__cause__ is None
    assert "sesame" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_url": "http://api.example.org/v1"}, "https://"),
        ({"key_variable": "sk-admin-open"}, "key_variable"),
        ({"account_id": "../org"}, "account_id"),
        ({"account_id": "org-larc"}, "did you mean 'openai / org-larch'"),
        ({"again_days": 0}, "again_days"),
        ({"feed": "gemini"}, "feed"),
    ],
)
def test_settings_that_cannot_be(changes: dict[str, Any], message: str, api: AdminApi, tmp_path: Path) -> None:
    home = home_at(tmp_path / "home", api)
    rule = {"feed": "openai", "account_id": "org-larch", "from": "2026-11-02", **changes}
    (home.config / "inferledger.yml").write_text(f"company: Larch\npulls: {json.dumps([rule])}\n")
    with pytest.raises(HomeError) as caught:
        pull_all(home)
    assert message in str(caught.value)
    assert "sk-admin" not in str(caught.value)


def test_nothing_to_pull_is_said(api: AdminApi, tmp_path: Path) -> None:
    home = home_at(tmp_path / "home", api, feeds=("openai",))
    with pytest.raises(HomeError, match="no pull of anthropic"):
        pull_all(home, "anthropic")
