"""`inferledger pull litellm` against a real PostgreSQL: every row lands, none counts twice, whatever came between."""

import gzip
import json
import signal
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import psycopg2
import pytest
from pgserver.postgres_server import get_server

from pipelines.progress import Progress
from pipelines.pull import pull
from sources.home import Home, HomeError, init_home
from sources.pull import PullError, litellm
from sources.pull.pulling import Pulled
from tests.faults.conftest import start
from tests.unit.sources.landed import LandedHome

# The columns of LiteLLM 1.109 that are read, and one that must not be.
TABLE = """
create table "LiteLLM_SpendLogs" (
    request_id text primary key, litellm_call_id text, call_type text not null, api_key text not null default '',
    spend double precision not null default 0, total_tokens integer not null default 0,
    prompt_tokens integer not null default 0, completion_tokens integer not null default 0,
    "startTime" timestamp(3) not null, "endTime" timestamp(3) not null, "completionStartTime" timestamp(3),
    model text not null default '', model_id text default '', model_group text default '',
    custom_llm_provider text default '', "user" text default '', end_user text, team_id text, session_id text,
    metadata jsonb default '{}', cache_hit text default '', request_tags jsonb default '[]', status text,
    messages jsonb default '{}', created_at timestamp(3) default now(), updated_at timestamp(3) default now()
)"""
ADD = """
insert into "LiteLLM_SpendLogs" (
    request_id, call_type, model, "startTime", "endTime", prompt_tokens, completion_tokens, total_tokens, spend,
    metadata, status, messages, updated_at
) values (%s, 'acompletion', 'gpt-5-mini', %s, cast(%s as timestamp) + interval '2 s', 100, 20, 120, %s, %s, 'success',
    '{"text": "my secret"}', %s)"""
USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 40}}


class Proxy:
    """The database of a LiteLLM proxy."""

    def __init__(self, address: str) -> None:
        self.address = address

    def run(self, statement: str, *values: Any) -> list[Any]:
        with closing(psycopg2.connect(self.address)) as connection, connection, connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def log(self, request_id: str, start: str, spend: str = "0.0000345", updated: str | None = None) -> None:
        metadata = json.dumps({"usage_object": USAGE, "spend_logs_metadata": {"tenant": 'la"rch\\n'}})
        self.run(ADD, request_id, start, start, spend, metadata, updated or start)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    postgres = get_server(tmp_path_factory.mktemp("postgres"), cleanup_mode="stop")
    yield postgres.get_uri()
    postgres.cleanup()


@pytest.fixture
def proxy(server: str, monkeypatch: pytest.MonkeyPatch) -> Proxy:
    proxy = Proxy(server)
    proxy.run('drop table if exists "LiteLLM_SpendLogs"')
    proxy.run(TABLE)
    monkeypatch.setenv("LITELLM_DATABASE_URL", server)
    return proxy


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = init_home(tmp_path / "home")
    rule = '{feed: litellm, account_id: proxy-eu, from: "2026-08-01", again_days: 2}'
    (home.config / "inferledger.yml").write_text(f"company: Larch\npulls: [{rule}]\n")
    return home


def pull_log(home: Home) -> Pulled:
    [pulled] = pull(home, "litellm", Progress(), "test")
    return pulled


def landed(home: Home) -> list[list[str]]:
    """The ids in each landed file, in its order."""
    files = sorted((home.landing / "litellm").rglob("*.gz"), key=lambda path: path.stat().st_mtime_ns)
    return [
        [json.loads(line)["request_id"] for line in gzip.decompress(path.read_bytes()).splitlines()] for path in files
    ]


def calls(home: Home) -> pl.DataFrame:
    """The rows of the lake that count: of each call the latest version."""
    lake = LandedHome(home.root)
    summary = lake.ingest()
    assert (summary.files_failed, summary.rows_quarantined) == (0, 0), lake.rejects()
    return lake.lake("litellm/spend_logs").sort("updated_at").unique("request_id", keep="last").sort("request_id")


def test_rows_land_as_the_feed_reads_them(proxy: Proxy, home: Home) -> None:
    proxy.log("before", "2026-07-31 23:59:59.999")
    proxy.log("b", "2026-08-10 09:01:00.25")
    proxy.log("a", "2026-08-10 09:01:00.25")
    proxy.log("c", "2026-08-12 00:00:00")
    pulled = pull_log(home)
    assert (str(pulled.first_day), str(pulled.last_day), pulled.files, pulled.rows) == (
        "2026-08-10",
        "2026-08-12",
        1,
        3,
    )
    assert landed(home) == [["a", "b", "c"]]
    [file] = (home.landing / "litellm" / "spend_logs" / "proxy-eu").iterdir()
    assert b"secret" not in gzip.decompress(file.read_bytes())
    row = calls(home).row(0, named=True)
    assert f"{row['started_at']} {row['ended_at']}" == "2026-08-10 09:01:00.250000 2026-08-10 09:01:02.250000"
    assert (row["cache_read_tokens"], row["spend_usd"], row["tag_tenant"]) == (40, Decimal("0.0000345"), 'la"rch\\n')


def test_later_pulls_bring_what_is_new_late_or_changed(proxy: Proxy, home: Home) -> None:
    proxy.log("a", "2026-08-10 09:00:00")
    proxy.log("b", "2026-08-12 09:00:00")
    pull_log(home)
    assert pull_log(home).files == 0
    now = f"{proxy.run('select now()')[0][0]}"
    proxy.log("late", "2026-08-11 10:00:00", updated=now)
    proxy.log("c", "2026-08-13 09:00:00", updated=now)
    proxy.run("""update "LiteLLM_SpendLogs" set spend = 0.5, updated_at = now() where request_id = 'b'""")
    pulled = pull_log(home)
    assert (pulled.files, pulled.rows) == (2, 3)
    assert landed(home) == [["a", "b"], ["late", "b"], ["c"]]
    assert calls(home).select("request_id", "spend_usd").rows() == [
        ("a", Decimal("0.0000345")),
        ("b", Decimal("0.5")),
        ("c", Decimal("0.0000345")),
        ("late", Decimal("0.0000345")),
    ]


def test_a_row_later_than_the_days_asked_for_again_is_found_within_a_day(
    proxy: Proxy, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """LiteLLM's queue stood still for longer than `again_days`."""
    proxy.log("a", "2026-08-10 09:00:00")
    proxy.log("b", "2026-08-20 09:00:00")
    pull_log(home)
    now = f"{proxy.run('select now()')[0][0]}"
    proxy.log("very late", "2026-08-02 10:00:00", updated=now)
    assert pull_log(home).files == 0
    monkeypatch.setattr(litellm, "_SEARCH_EVERY", timedelta(0))
    assert (pull_log(home).rows, landed(home)) == (1, [["a", "b"], ["very late"]])
    proxy.run("""update "LiteLLM_SpendLogs" set updated_at = now() - interval '2 h' where request_id = 'very late'""")
    assert pull_log(home).files == 0, "what was found is not searched for again"


def test_an_older_table_cannot_tell_what_changed(proxy: Proxy, home: Home) -> None:
    """Without updated_at the last days land again whole, and count once."""
    proxy.run('alter table "LiteLLM_SpendLogs" drop column litellm_call_id')
    for number in range(1, 6):
        proxy.log(f"r{number}", f"2026-08-{10 + number} 09:00:00")
    proxy.run('alter table "LiteLLM_SpendLogs" drop column updated_at')
    pull_log(home)
    pull_log(home)
    assert landed(home) == [["r1", "r2", "r3", "r4", "r5"], ["r3", "r4", "r5"]]
    assert calls(home)["request_id"].to_list() == ["r1", "r2", "r3", "r4", "r5"]
    # The same rows once more are the same bytes: a duplicate file, not another.
    pull_log(home)
    assert LandedHome(home.root).ingest().files_duplicate == 1


def test_a_row_of_the_future_does_not_take_the_mark_with_it(proxy: Proxy, home: Home) -> None:
    proxy.log("future", "2099-01-01 00:00:00")
    proxy.log("a", "2026-08-10 09:00:00")
    pull_log(home)
    proxy.log("b", "2026-08-11 09:00:00")
    pull_log(home)
    assert landed(home) == [["a"], ["b"]]


def test_files_end_between_rows_of_one_moment(proxy: Proxy, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(litellm, "FILE_ROWS", 3)
    for number in range(8):
        proxy.log(f"r{number}", "2026-08-10 09:00:00")
    pull_log(home)
    assert landed(home) == [["r0", "r1", "r2"], ["r3", "r4", "r5"], ["r6", "r7"]]
    monkeypatch.setattr(litellm, "_CLOCKS_APART", timedelta(days=10_000))
    pull_log(home)
    assert [len(ids) for ids in landed(home)] == [3, 3, 2, 3, 3, 2]
    assert calls(home).height == 8


def test_an_earlier_first_day_starts_over(proxy: Proxy, home: Home) -> None:
    proxy.log("july", "2026-07-20 09:00:00")
    proxy.log("august", "2026-08-10 09:00:00")
    pull_log(home)
    settings = home.config / "inferledger.yml"
    settings.write_text(settings.read_text().replace("2026-08-01", "2026-07-01"))
    pull_log(home)
    assert landed(home) == [["august"], ["july", "august"]]


def test_a_killed_pull_is_taken_up(proxy: Proxy, home: Home) -> None:
    proxy.run("""
        insert into "LiteLLM_SpendLogs" (request_id, call_type, model, "startTime", "endTime", updated_at)
        select 'r' || number, 'acompletion', 'gpt-5-mini', moment, moment + interval '1 s', moment
        from (
            select number, timestamp '2026-08-10' + number / 1000 * interval '1 s' as moment
            from generate_series(1, 350000) as number
        ) as numbers""")
    folder = home.landing / "litellm" / "spend_logs" / "proxy-eu"
    process = start(home, "pull", "litellm")
    try:
        deadline = time.monotonic() + 120
        while not list(folder.glob("*-2.ndjson.gz")):
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finally:
        process.kill()
    assert process.returncode == -signal.SIGKILL
    before = landed(home)
    assert 200_000 <= sum(map(len, before)) < 350_000
    pulled = pull_log(home)
    assert not list(folder.glob(".*"))
    assert pulled.rows is not None
    # Not from the start again: at most the file that had no mark yet.
    assert pulled.rows <= 350_000 - sum(map(len, before)) + litellm.FILE_ROWS
    assert calls(home).height == 350_000


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("postgresql://llm:open%2Fsesame@127.0.0.1:9/litellm?connection_limit=5", "Connection refused"),
        ("postgresql://llm:open%2Fsesame@127.0.0.1:9/litellm?sslmode=nonsense", "sslmode"),
        ("postgresql://llm:open%2Fsesame@[::1/litellm", "is not set to an address"),
    ],
)
def test_an_address_is_never_shown(address: str, message: str, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_DATABASE_URL", address)
    process = start(home, "pull")
    stdout, stderr = process.communicate()
    assert process.returncode in (1, 2), stderr
    assert "LITELLM_DATABASE_URL" in stderr
    assert message in stderr
    assert "sesame" not in stdout + stderr
    assert not [path for path in home.root.rglob("*") if path.is_file() and b"sesame" in path.read_bytes()]


@pytest.mark.parametrize("address", ["", "mysql://host/litellm", "host=localhost password=sesame"])
def test_what_is_no_address_is_said(address: str, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_DATABASE_URL", address)
    with pytest.raises(HomeError, match="LITELLM_DATABASE_URL is not set to an address") as caught:
        pull_log(home)
    assert "sesame" not in str(caught.value)


def test_prismas_parameters_and_another_schema(proxy: Proxy, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LITELLM_DATABASE_URL", f"{proxy.address}&schema=llm&connection_limit=5&pool_timeout=10")
    proxy.run("drop schema if exists llm cascade; create schema llm")
    with pytest.raises(PullError, match="litellm/spend_logs/proxy-eu: the database has no table LiteLLM_SpendLogs"):
        pull_log(home)
    proxy.log("a", "2026-08-10 09:00:00")
    proxy.run('alter table "LiteLLM_SpendLogs" set schema llm')
    assert pull_log(home).rows == 1
