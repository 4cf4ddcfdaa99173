"""Whatever lands, the good rows come in, and each bad one is named with its file, its field and where it stands."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest
from click.testing import CliRunner, Result

from pipelines.cli import cli
from sources.home import Home, init_home
from tests.faults.conftest import NOW, inferledger
from tests.unit.sources.landed import log_lines, log_row

LOGS, TASKS, REVENUE = "litellm/spend_logs", "business/tasks", "business/revenue"
TASK_HEADER = "task_id,tenant_id,feature_id,task_type,started_at,ended_at,outcome,reopened_at"
REVENUE_HEADER = "revenue_id,tenant_id,product_id,plan,type,service_from,service_to,amount_ex_tax,currency"
GOOD_CALLS = 1_500


def call(request_id: str, started: str = "2026-11-11 09:00:00.000000", **changes: Any) -> dict[str, Any]:
    own = {"request_id": request_id, "session_id": request_id, "litellm_call_id": request_id}
    return log_row(**own, startTime=started, endTime=started, **changes)


def without(row: dict[str, Any], field: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != field}


def revenue(revenue_id: str, currency: str) -> str:
    return f"{revenue_id},larch,answers,pro,subscription,2026-11-01,2026-11-30,100.00,{currency}\n"


class Bad(NamedTuple):
    """A landed file, its rows good and bad, and what is said of it: where, which field, why."""

    path: str
    content: bytes
    line: int | None
    field: str
    reason: str
    kept: int = 0
    aside: int = 0


LATIN = json.dumps(call("l-2", end_user="Jürgen"), ensure_ascii=False).encode("latin-1")
BAD = {
    "empty file": Bad(f"{LOGS}/empty.ndjson", b"", None, "file", "holds no rows"),
    "empty sheet": Bad(f"{TASKS}/empty.csv", b"", None, "file", f"is empty; expected a header {TASK_HEADER}"),
    "empty page": Bad(
        "openai/costs/larch/p__retrieved-20261112T060000Z.json", b"", 1, "file", "not valid JSON (Expecting value"
    ),
    "wrong encoding": Bad(
        f"{LOGS}/utf16.ndjson", log_lines(call("u-1")).encode("utf-16"), 1, "file", "UTF-16 or UTF-32"
    ),
    "wrong encoding of a line": Bad(
        f"{LOGS}/latin1.ndjson", log_lines(call("l-1")).encode() + LATIN, 2, "line", "not UTF-8: byte 0xfc", 1, 1
    ),
    "array instead of lines": Bad(
        f"{LOGS}/array.ndjson", json.dumps([call("a-1")]).encode(), 1, "file", "one JSON array; expected one JSON"
    ),
    "missing column of a log": Bad(
        f"{LOGS}/no_time.ndjson", log_lines(without(call("m-1"), "startTime")).encode(), 1, "startTime", "missing"
    ),
    "missing column of a sheet": Bad(
        f"{TASKS}/no_outcome.csv", b"task_id,tenant_id,feature_id,task_type,started_at,ended_at,reopened_at\n", 1,
        "outcome", "missing in the header (line 1); the columns are",
    ),
    "unknown currency": Bad(
        f"{REVENUE}/currency.csv", f"{REVENUE_HEADER}\n{revenue('r-1', 'USD')}{revenue('r-2', 'XYZ')}".encode(), 3,
        "currency", "'XYZ' has no rate in config/fx_rates.csv", 1, 1,
    ),
    "date in the future": Bad(
        f"{LOGS}/future.ndjson", log_lines(call("f-1"), call("f-2", "2027-01-01 09:00:00.000000")).encode(), 2,
        "startTime", "date in the future: 2027-01-01", 1, 1,
    ),
}  # fmt: skip
UNKNOWN_MODEL = f"{LOGS}/model.ndjson"
# Of November; the last rate is of September.
OLD_RATE = f"{REVENUE}/old_rate.csv"
RATES = "currency,rate_date,usd_per_unit\nEUR,2026-09-30,1.1\n"
# Around midnight UTC: gpt-5.6-sol got cheaper on 21 August, and claude-sonnet-5 is 12 % off from 14 September.
MIDNIGHT = {
    "sol-before": ("gpt-5.6-sol", "2026-08-20 23:59:59.999000", "0.0011", "0.0011"),
    "sol-before-elsewhere": ("gpt-5.6-sol", "2026-08-21T01:59:59.999+02:00", "0.0011", "0.0011"),
    "sol-after": ("gpt-5.6-sol", "2026-08-21 00:00:00.000000", "0.0008", "0.0008"),
    "sol-after-elsewhere": ("gpt-5.6-sol", "2026-08-20T17:00:00.000-07:00", "0.0008", "0.0008"),
    "sonnet-before": ("claude-sonnet-5", "2026-09-13 23:59:59.999000", "0.0004", "0.0004"),
    "sonnet-after": ("claude-sonnet-5", "2026-09-14 00:00:00.000000", "0.0004", "0.000352"),
}
ACCOUNTS = """service_provider,billing_account_id,gateway,gateway_provider,valid_from,valid_to
openai,larch-openai,litellm,openai,2026-08-01,
anthropic,larch-anthropic,litellm,anthropic,2026-08-01,
"""
CONTRACT = """contracts:
- {contract_id: c-1, service_provider: anthropic, models: [claude-sonnet-5], service_tier: any, percent_off: "12",
   valid_from: 2026-09-14, source: order form 7}
"""


def land(home: Home, path: str, content: bytes) -> None:
    target = home.landing / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)


class Ran(NamedTuple):
    """A home in which every bad file landed beside good ones, what its run said, and what the commands say since."""

    home: Home
    said: dict[str, Any]
    status: dict[str, Any]
    aside: list[dict[str, Any]]


def type_in(home: Home, *command: str) -> Result:
    return CliRunner().invoke(cli, [*command, "--home", str(home.root)])


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    home = init_home(tmp_path_factory.mktemp("bad") / "home")
    (home.config / "contracts.yml").write_text(CONTRACT)
    (home.config / "billing_accounts.csv").write_text(ACCOUNTS)
    land(home, f"{LOGS}/good.ndjson", log_lines(*(call(f"g-{number}") for number in range(GOOD_CALLS))).encode())
    providers = {"gpt-5.6-sol": "openai", "claude-sonnet-5": "anthropic"}
    around = [call(i, at, model=m, custom_llm_provider=providers[m]) for i, (m, at, *_) in MIDNIGHT.items()]
    land(home, f"{LOGS}/midnight.ndjson", log_lines(*around).encode())
    (home.config / "fx_rates.csv").write_text(RATES)
    land(home, OLD_RATE, f"{REVENUE_HEADER}\n{revenue('r-3', 'EUR')}".encode())
    land(home, UNKNOWN_MODEL, log_lines(call("x-1"), call("x-2", model="gpt-9-ultra")).encode())
    for bad in BAD.values():
        land(home, bad.path, bad.content)
    result = inferledger(home, "run", "--json")
    assert result.returncode == 0, result.stderr
    status, aside = (json.loads(type_in(home, *c, "--json").stdout) for c in (("status",), ("quarantine", "show")))
    return Ran(home, json.loads(result.stdout), status, aside)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_beside_good_ones_is_named_and_stops_nothing(ran: Ran, name: str) -> None:
    bad = BAD[name]
    [told] = [one for one in ran.aside if one["file"] == bad.path]
    assert (told["line"], told["field"]) == (bad.line, bad.field)
    assert bad.reason in told["reason"]
    [warning] = [text for text in ran.said["warnings"] if text.startswith(f"landing/{bad.path}: ")]
    failed = [one for one in ran.status["failed"] if bad.path.endswith(one["file_name"])]
    if bad.kept:
        assert warning.endswith(f": {bad.aside} of {bad.kept + bad.aside} rows quarantined")
        assert failed == []
    else:
        assert f"could not be read: {bad.field}: " in warning
        assert bad.reason in warning
        assert [one["reason"] for one in failed] == [warning.split("could not be read: ")[1]]


def test_no_row_is_lost_beside_bad_ones(ran: Ran) -> None:
    with duckdb.connect() as lake:
        files = lake.execute(f"""
            select path, rows_read, rows_kept, rows_quarantined
            from '{ran.home.lake}/meta/files/current.parquet' order by path
        """).fetchall()
    expected = [(bad.path, bad.kept + bad.aside, bad.kept, bad.aside) for bad in BAD.values()]
    expected += [(f"{LOGS}/good.ndjson", GOOD_CALLS, GOOD_CALLS, 0), (f"{LOGS}/midnight.ndjson", 6, 6, 0)]
    assert files == sorted([*expected, (UNKNOWN_MODEL, 2, 2, 0), (OLD_RATE, 1, 1, 0)])
    with duckdb.connect(str(ran.home.published / "marts.duckdb"), read_only=True) as marts:
        calls = marts.execute("select count(*) from fct_usage").fetchall()[0][0]
    assert calls == sum(kept for path, _, kept, _ in files if path.startswith(LOGS)) == GOOD_CALLS + 6 + 2 + 2


def test_a_month_without_a_rate_of_its_own_is_warned_of(ran: Ran) -> None:
    [warning] = [text for text in ran.said["warnings"] if "fx_rates.csv has no rate of these months" in text]
    assert warning.startswith("test assert_foreign_amounts_have_a_rate_of_their_month: 1 row of ")


def test_a_model_without_a_price_is_named_with_its_first_row(ran: Ran) -> None:
    [warning] = [text for text in ran.said["warnings"] if "gpt-9-ultra" in text]
    assert warning.startswith(f"landing/{UNKNOWN_MODEL}, row 2: model 'gpt-9-ultra', standard tier, 1 of its calls: ")
    assert "no price for model 'gpt-9-ultra' of openai; nearest: " in warning
    with duckdb.connect(str(ran.home.published / "marts.duckdb"), read_only=True) as marts:
        cost = marts.execute("select effective_cost_usd, cost_status from fct_usage where response_id = 'x-2'")
        assert cost.fetchall() == [(None, "unpriced")]


@pytest.mark.parametrize("response_id", MIDNIGHT)
def test_prices_and_discounts_change_at_midnight_utc(ran: Ran, response_id: str) -> None:
    *_, at_list, contracted = MIDNIGHT[response_id]
    with duckdb.connect(str(ran.home.published / "marts.duckdb"), read_only=True) as marts:
        found = marts.execute(
            "select list_cost_usd, contracted_cost_usd from fct_usage where response_id = ?", [response_id]
        ).fetchall()
    assert found == [(Decimal(at_list), Decimal(contracted))]


@pytest.mark.parametrize("name", [None, *(name for name, bad in BAD.items() if not bad.kept)])
def test_where_nothing_can_be_read_the_run_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    monkeypatch.setenv("INFERLEDGER_NOW", NOW)
    home = init_home(tmp_path / "home")
    if name:
        land(home, BAD[name].path, BAD[name].content)
    result = type_in(home, "run")
    assert result.exit_code == 0, result.output
    assert f"{home.landing} holds no file that could be read: nothing was built" in result.stdout
    if name:
        assert f"landing/{BAD[name].path}: could not be read: {BAD[name].field}: " in result.stdout
        assert BAD[name].reason in result.stdout
    assert not (home.published / "current").exists()


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        ("inferledger.yml", "company: Larch\nlimits:\n  unpriced_shar: 0.1\n", ("line 3", "unpriced_shar")),
        ("inferledger.yml", "company: Larch\nlimits:\n  unpriced_share: lots\n", ("line 3", "unpriced_share")),
        ("inferledger.yml", "company: Larch\n  limits: {\n", ("line 2",)),
        ("contracts.yml", CONTRACT.replace("percent_off", "percent_of"), ("line 2", "percent_of")),
        ("contracts.yml", CONTRACT.replace('"12"', '"112"'), ("line 2", "percent_off")),
        ("tenants.csv", "tenant_id,tenant_nam,plan\nlarch,Larch,pro\n", ("line 1", "tenant_nam")),
        ("fx_rates.csv", "currency,rate_date,usd_per_unit\nEUR,2026-13-01,1.1\n", ("line 2", "rate_date")),
    ],
)
def test_settings_with_a_typo_stop_the_run_and_name_file_and_field(
    tmp_path: Path, file: str, text: str, said: tuple[str, ...]
) -> None:
    home = init_home(tmp_path / "home")
    (home.config / file).write_text(text)
    land(home, f"{LOGS}/good.ndjson", log_lines(call("g-1")).encode())
    result = type_in(home, "run")
    assert result.exit_code == 2, result.output
    assert all(part in result.stderr for part in (file, *said)), result.stderr
    assert not any(home.lake.rglob("*.parquet"))
