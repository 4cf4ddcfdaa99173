"""`inferledger tco --scenarios`: a month's calls under other architectures, added up by hand."""

import json
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from assets.marts import MartsError
from pipelines.architecture import Compared, Comparison, compare, cost_per_correct, indifferent_at, interval
from pipelines.cli import cli
from sources.home import Home, init_home
from sources.settings import SettingsError, load_settings
from tests.integration.priced import pricing_sql
from tests.unit.pipelines.test_price_diff import BIG, MTOK, SMALL, publish_calls

OCTOBER = date(2026, 10, 1)
# 100 tasks of one call each: a million tokens of input and of output cost 10 on gpt-4.1 and 2 on gpt-4.1-mini.
CALL: dict[str, Any] = {
    "feature_id": "chat", "model_id": BIG, "input_uncached_tokens": MTOK, "output_text_tokens": MTOK,
    "is_last_attempt": True, "effective_cost_usd": Decimal(9), "latency_seconds": 2.5,
}  # fmt: skip
CALLS = [
    *({**CALL, "task_id": f"t{number}"} for number in range(100)),
    {**CALL, "task_id": "other", "feature_id": "mail"},
    {**CALL, "task_id": "later", "started_at": datetime(2026, 11, 1)},
]
QUALITY = {"correct": 160, "judged": 200, "source": "evaluation 7"}
ROUTES = [{"service_provider": "openai", "model_id": BIG, "share": "0.25"}]
ROUTES += [{"service_provider": "openai", "model_id": SMALL, "share": "0.75"}]
ALTERNATIVES: list[dict[str, Any]] = [
    {"alternative_id": "small", "models": [{"service_provider": "openai", "model_id": SMALL}], "quality": QUALITY},
    {"alternative_id": "routed", "models": ROUTES, "quality": {**QUALITY, "judged": 29, "correct": 29}},
    {"alternative_id": "own", "quality": {**QUALITY, "correct": 150}, "latency_p95_seconds": "4.5",
     "self_hosted": {"gpus": 1, "usd_per_gpu_hour": "0.5", "overhead_usd_per_month": "28", "basis": "book"},
     "flags": {"data_residency": "our account", "switching_usd": "9000"}},
    {"alternative_id": "house", "models": [{"service_provider": "openai", "model_id": "house-1"}], "quality": QUALITY},
]  # fmt: skip


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = init_home(tmp_path / "acme")
    accounts = "service_provider,billing_account_id,gateway,gateway_provider,valid_from\n"
    (home.config / "billing_accounts.csv").write_text(f"{accounts}openai,org-1,litellm,openai,2026-01-01\n")
    (home.config / "features.csv").write_text("feature_id,feature_name,product_id,product_name\nchat,C,p,P\n")
    (home.config / "tco.yml").write_text("remediation: [{feature_id: chat, usd_per_wrong_answer: 3}]\n")
    say(home, ALTERNATIVES)
    publish_calls(home, CALLS)
    with duckdb.connect(str(home.published / "marts.duckdb")) as marts:
        marts.execute("""
            create table fct_tasks as
            select
                'chat' as feature_id, date '2026-10-05' as ended_date, n <= 90 as is_resolved,
                n <= 100 as is_outcome_known
            from range(1, 121) as numbers(n)
        """)
    compiled = home.warehouse / "dbt/target/compiled/inferledger/models/int_usage_priced.sql"
    compiled.parent.mkdir(parents=True)
    compiled.write_text(pricing_sql(lambda name: f'"work"."main"."{name}"'))
    return home


def say(home: Home, alternatives: list[dict[str, Any]], **others: Any) -> None:
    scenario = {"scenario_id": "s", "feature_id": "chat", "alternatives": alternatives, **others}
    (home.config / "scenarios.yml").write_text(yaml.safe_dump({"scenarios": [scenario]}))


def compared(home: Home) -> tuple[Comparison, dict[str, Compared]]:
    [found] = compare(home, OCTOBER)
    return found, {row.alternative_id: row for row in found.alternatives}


def test_each_architecture_is_priced_on_the_calls_of_the_month(home: Home) -> None:
    found, rows = compared(home)
    assert (found.calls, found.answers, found.usd_per_wrong_answer) == (100, 100, Decimal(3))
    assert {name: (row.cost_basis, row.cost_usd, row.unpriced_calls) for name, row in rows.items()} == {
        "in place": ("measured", 900, 0),
        "small": ("price book", 200, 0),
        "routed": ("price book", 400, 0),
        # 744 hours at 0.50 and 28.
        "own": ("book", 400, 0),
        "house": ("price book", None, 100),
    }
    assert rows["own"].flags == {"data_residency": "our account", "switching_usd": 9000}


def test_the_cost_of_a_correct_answer_decides(home: Home) -> None:
    found, rows = compared(home)
    # (9 + 0.1 x 3) / 0.9, (2 + 0.2 x 3) / 0.8 and (4 + 0.25 x 3) / 0.75.
    assert {name: row.cost_per_correct_answer_usd for name, row in rows.items()} == {
        "in place": Decimal("10.333333333333"),
        "small": Decimal("3.25"),
        "routed": None,
        "own": Decimal("6.333333333333"),
        "house": None,
    }
    assert found.best == "small"
    # Above (9 / 0.9 - 2 / 0.8) / (1 / 0.8 - 1 / 0.9) what is in place costs less.
    assert rows["small"].indifferent_at_usd == 54
    assert (rows["in place"].correct, rows["in place"].judged) == (90, 100)


def test_dear_mistakes_turn_the_verdict(home: Home) -> None:
    (home.config / "tco.yml").write_text("remediation: [{feature_id: chat, usd_per_wrong_answer: 55}]\n")
    assert compared(home)[0].best == "in place"


def test_one_call_without_a_cost_leaves_the_cost_of_what_is_in_place_unknown(home: Home) -> None:
    with duckdb.connect(str(home.published / "marts.duckdb")) as marts:
        marts.execute("update fct_usage set effective_cost_usd = null where task_id = 't0'")
    in_place = compared(home)[1]["in place"]
    assert (in_place.cost_usd, in_place.unpriced_calls) == (None, 1)
    assert (in_place.cost_per_answer_usd, in_place.cost_per_correct_answer_usd) == (None, None)


def test_without_a_remediation_cost_there_is_no_verdict(home: Home) -> None:
    (home.config / "tco.yml").write_text("")
    found, rows = compared(home)
    assert found.best is None
    assert {row.cost_per_correct_answer_usd for row in rows.values()} == {None}
    assert rows["small"].cost_per_answer_usd == 2


def test_the_command_shows_flags_beside_the_money(home: Home) -> None:
    arguments = ["tco", "--scenarios", "--month", "2026-10", "--home", str(home.root)]
    shown = CliRunner().invoke(cli, arguments)
    assert shown.exit_code == 0, shown.output
    assert "a wrong answer costs 3.00 USD; least per correct answer: small" in shown.output
    assert "beside the money, own: data residency: our account; switching usd: 9000" in shown.output
    assert "house: 100 calls have no price there" in shown.output
    [found] = json.loads(CliRunner().invoke(cli, [*arguments, "--json"]).output)
    assert found["alternatives"][1]["cost_per_correct_answer_usd"] == "3.250000000000"


def test_a_home_without_scenarios_says_so(home: Home) -> None:
    (home.config / "scenarios.yml").write_text("scenarios: []\n")
    with pytest.raises(MartsError, match=r"scenarios\.yml names no scenario"):
        compare(home, OCTOBER)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"models": ROUTES[:1]}, "models: found shares that add up to 0.25; allowed: shares that add up to 1"),
        ({"models": []}, "models: found neither"),
        ({"self_hosted": ALTERNATIVES[2]["self_hosted"]}, "models: found both"),
        ({"quality": {**QUALITY, "judged": 1}}, "correct: found 160; allowed: at most judged, 1"),
        ({"quality": {**QUALITY, "judged": 0}}, "judged: found '0'"),
        ({"alternative_id": "in place"}, "alternative_id: found 'in place'"),
        ({"alternative_id": "own"}, "alternative_id: found 'own' again"),
        ({"flags": {"residency": "x"}}, "flags.residency: found an unknown name"),
    ],
)
def test_bad_scenarios_are_named(home: Home, change: dict[str, Any], problem: str) -> None:
    say(home, [ALTERNATIVES[2], {**ALTERNATIVES[0], **change}])
    with pytest.raises(SettingsError) as caught:
        load_settings(home)
    assert problem in str(caught.value)


def test_an_unknown_feature_is_named(home: Home) -> None:
    say(home, ALTERNATIVES, feature_id="chatt")
    with pytest.raises(SettingsError, match=r"feature_id: found 'chatt'.*did you mean 'chat'"):
        load_settings(home)


rates = st.decimals("0.01", "1", places=4)
costs = st.decimals("0.0001", "1000", places=4)


@given(costs, rates, costs, rates)
def test_both_cost_the_same_where_they_are_indifferent(a: Decimal, p: Decimal, b: Decimal, q: Decimal) -> None:
    at = indifferent_at(a, p, b, q)
    if at is None:
        assert p == q or (a / p - b / q) / (1 / q - 1 / p) <= Decimal("1e-12")
    else:
        one, other = cost_per_correct(a, p, at), cost_per_correct(b, q, at)
        assert one is not None
        assert other is not None
        assert abs(one - other) <= Decimal("1e-9")


@given(st.integers(1, 10_000), st.data())
def test_the_interval_holds_the_rate(judged: int, data: st.DataObject) -> None:
    correct = data.draw(st.integers(0, judged))
    low, high = interval(correct, judged)
    assert 0 <= low <= round(Decimal(correct) / judged, 6) <= high <= 1
