"""Architectures of scenarios.yml on a month's calls, added up by hand, and `inferledger tco --scenarios`."""

import json
from datetime import date, datetime
from decimal import Decimal
from math import sqrt
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from assets.marts import MartsError
from pipelines.architecture import compare
from pipelines.cli import cli
from sources.home import Home, init_home
from sources.settings import SettingsError, load_settings
from tests.unit.dbt_project.scenario_rows import comparison_of

OCTOBER = date(2026, 10, 1)
BIG, SMALL = "gpt-4.1", "gpt-4.1-mini"
MTOK = 1_000_000
# 100 tasks of one call each: a million tokens of input and of output cost 10 on gpt-4.1 and 2 on gpt-4.1-mini.
CALL: dict[str, Any] = {
    "feature_id": "chat", "usage_date": date(2026, 10, 31), "started_at": datetime(2026, 10, 31, 23, 59),
    "input_uncached_tokens": MTOK, "total_input_tokens": MTOK, "output_text_tokens": MTOK, "total_output_tokens": MTOK,
    "effective_cost_usd": Decimal(9),
}  # fmt: skip
CALLS = [
    *({**CALL, "task_id": f"t{number}", "latency_seconds": number / 10} for number in range(100)),
    {**CALL, "task_id": "other", "feature_id": "mail"},
    {**CALL, "task_id": "later", "usage_date": date(2026, 11, 1), "started_at": datetime(2026, 11, 1)},
]
TASKS = [
    {
        "feature_id": "chat",
        "ended_date": date(2026, 10, 5),
        "is_resolved": number < 90,
        "is_outcome_known": number < 100,
    }
    for number in range(120)
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


def scenarios(alternatives: list[dict[str, Any]], **others: Any) -> dict[str, Any]:
    return {"scenarios": [{"scenario_id": "s", "feature_id": "chat", "alternatives": alternatives, **others}]}


def compared(calls: list[dict[str, Any]] = CALLS, wrong_usd: str | None = "3", **said: Any) -> dict[str, Any]:
    """Architectures of October by name."""
    remediation = {"chat": wrong_usd} if wrong_usd else {}
    found = comparison_of(scenarios(ALTERNATIVES, **said), calls, TASKS, remediation)
    rows = found.rows(named=True)
    return {row["alternative_id"]: row for row in rows if row["month_start"] == OCTOBER}


def costs(found: dict[str, Any]) -> dict[str, float | None]:
    values = {name: row["cost_per_correct_answer_usd"] for name, row in found.items()}
    return {name: value if value is None else round(value, 9) for name, value in values.items()}


def best(found: dict[str, Any]) -> list[str]:
    return [name for name, row in found.items() if row["is_least_per_correct_answer"]]


def test_each_architecture_is_priced_on_the_calls_of_the_month() -> None:
    rows = compared()
    assert {(row["calls"], row["answers"], row["usd_per_wrong_answer"]) for row in rows.values()} == {(100, 100, 3)}
    assert {name: (row["cost_basis"], row["cost_usd"], row["unpriced_calls"]) for name, row in rows.items()} == {
        "in place": ("measured", 900, 0),
        "small": ("price_book", 200, 0),
        "routed": ("price_book", 400, 0),
        # 744 hours at 0.50 and 28.
        "own": ("book", 400, 0),
        "house": ("price_book", None, 100),
    }
    # 9.4 is the 95th of 100.
    assert (rows["in place"]["latency_p95_seconds"], rows["own"]["latency_p95_seconds"]) == (9.4, 4.5)
    assert (rows["own"]["data_residency"], rows["own"]["switching_usd"]) == ("our account", 9000)


def test_a_prompt_without_its_instructions_is_priced_and_pays_back_the_training() -> None:
    """Of 1,000 tokens read at 0.10 and 1,000,000 at 0.40 a million, 1,500 fall away: 1,000 and 500."""
    tuned = {
        "alternative_id": "tuned", "flags": {"switching_usd": "3500.3"},
        "models": [{"service_provider": "openai", "model_id": SMALL, "fewer_input_tokens": 1500}],
    }  # fmt: skip
    calls = [
        {**call, "cache_read_tokens": 1000, "total_input_tokens": MTOK + 1000}
        for call in CALLS
        if call["usage_date"] < date(2026, 11, 1)
    ]
    short = {**CALL, "task_id": "t0", "input_uncached_tokens": 1499, "total_input_tokens": 1499}
    found = comparison_of(scenarios([tuned]), [*calls, short], TASKS, {"chat": "3"}).rows(named=True)
    in_place, row = (line for line in found if line["month_start"] == OCTOBER)
    a_short_one = Decimal(1499) * Decimal("0.40") / MTOK + Decimal("1.60")
    assert row["cost_usd"] == 100 * (Decimal(MTOK - 500) * Decimal("0.40") / MTOK + Decimal("1.60")) + a_short_one
    assert in_place["break_even_calls"] is None
    saved = in_place["cost_usd"] - row["cost_usd"]
    assert round(row["break_even_calls"], 6) == round(float(Decimal("3500.3") * 101 / saved), 6)


@pytest.mark.parametrize(
    "other",
    [
        {"purpose": "embed"},
        {"purpose": "guardrail"},
        {"purpose": "router"},
        {"input_audio_tokens": 5},
        {"output_text_tokens": 0, "total_output_tokens": 0},
        {"output_text_tokens": MTOK - 1, "output_image_tokens": 1},
    ],
)
def test_what_another_model_would_not_take_costs_what_it_costs_now(other: dict[str, Any]) -> None:
    vectors = {**CALL, "task_id": "t0", "effective_cost_usd": Decimal("0.25"), **other}
    rows = compared([*CALLS, vectors])
    assert {name: (row["calls"], row["cost_usd"]) for name, row in rows.items()} == {
        "in place": (101, Decimal("900.25")), "small": (101, Decimal("200.25")), "routed": (101, Decimal("400.25")),
        "own": (101, Decimal("400.25")), "house": (101, None),
    }  # fmt: skip
    assert {row["staying_calls"] for row in rows.values()} == {1}
    rows = compared([*CALLS, {**vectors, "effective_cost_usd": None}])
    assert {name: (rows[name]["unpriced_calls"], rows[name]["cost_usd"]) for name in ("small", "own")} == {
        "small": (1, None),
        "own": (1, None),
    }
    # Nothing is known of a model that would do none of the month's work.
    assert {name: compared([vectors])[name]["cost_usd"] for name in ("small", "house")} == {
        "small": None,
        "house": None,
    }


@pytest.mark.parametrize("purpose", ["eval", "shadow", "chat"])
def test_another_model_answers_in_text_whatever_for(purpose: str) -> None:
    rows = compared([*CALLS, {**CALL, "task_id": "t0", "purpose": purpose}])
    assert {name: (rows[name]["staying_calls"], rows[name]["cost_usd"]) for name in ("small", "routed")} == {
        "small": (0, 202),
        "routed": (0, 404),
    }


def test_nothing_is_known_of_a_route_whose_models_came_after_the_calls_went() -> None:
    """What was kept of October knows one of the two."""
    kept = {
        "feature_id": "chat", "service_provider": "openai", "fewer_input_tokens": 0, "month_start": OCTOBER,
        "unpriced_calls": 0, "priced_cost_usd": Decimal(200),
    }  # fmt: skip

    def found(*models: str) -> dict[str, Any]:
        costs = [{**kept, "model_id": name} for name in models]
        rows = comparison_of(scenarios(ALTERNATIVES), CALLS, TASKS, model_costs=costs).rows(named=True)
        october = [row for row in rows if row["month_start"] == OCTOBER]
        return {row["alternative_id"]: (row["cost_usd"], row["unpriced_calls"]) for row in october}

    known = {"in place": (900, 0), "own": (400, 0), "house": (None, 100)}
    assert found(SMALL) == {**known, "small": (200, 0), "routed": (None, 100)}
    assert found(SMALL, BIG) == {**known, "small": (200, 0), "routed": (200, 0)}


def test_a_request_can_be_the_answer() -> None:
    calls = [*CALLS, {**CALL, "task_id": "t0", "is_last_attempt": False}]
    assert {name: row["answers"] for name, row in compared(calls, answer="request").items()} == {
        **dict.fromkeys(("in place", "small", "routed", "own", "house"), 100)
    }


def test_gpus_of_a_month_that_is_covered_in_part_are_paid_for_its_covered_days() -> None:
    days = (date(2026, 10, 11), date(2026, 10, 31))
    found = comparison_of(scenarios(ALTERNATIVES[2:3]), CALLS, TASKS, days=days)
    [own] = [row for row in found.rows(named=True) if row["alternative_id"] == "own" and row["month_start"] == OCTOBER]
    assert (own["covered_days"], own["is_complete"]) == (21, False)
    assert own["cost_usd"] == 21 * 12 + (Decimal(28) * 21 / 31).quantize(Decimal("1e-12"), rounding="ROUND_DOWN")


def test_the_cost_of_a_correct_answer_decides() -> None:
    found = compared()
    assert costs(found) == {
        "in place": round((9 + 0.1 * 3) / 0.9, 9), "small": (2 + 0.2 * 3) / 0.8, "routed": None,
        "own": round((4 + 0.25 * 3) / 0.75, 9), "house": None,
    }  # fmt: skip
    assert best(found) == ["small"]
    # Above (9 / 0.9 - 2 / 0.8) / (1 / 0.8 - 1 / 0.9) what is in place costs less.
    assert round(found["small"]["equal_at_usd_per_wrong_answer"], 9) == 54
    assert (found["in place"]["correct_answers"], found["in place"]["judged_answers"]) == (90, 100)


def test_dear_mistakes_turn_the_verdict() -> None:
    assert best(compared(wrong_usd="55")) == ["in place"]


def test_one_call_without_a_cost_leaves_the_cost_of_what_is_in_place_unknown() -> None:
    in_place = compared([*CALLS, {**CALL, "task_id": "t0", "effective_cost_usd": None}])["in place"]
    names = ("cost_usd", "unpriced_calls", "cost_per_answer_usd", "cost_per_correct_answer_usd")
    assert [in_place[name] for name in names] == [None, 1, None, None]


def test_without_a_remediation_cost_there_is_no_verdict() -> None:
    found = compared(wrong_usd=None)
    assert (best(found), set(costs(found).values()), found["small"]["cost_per_answer_usd"]) == ([], {None}, 2)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = init_home(tmp_path / "acme")
    (home.config / "features.csv").write_text("feature_id,feature_name,product_id,product_name\nchat,C,p,P\n")
    return home


def publish(home: Home, alternatives: list[dict[str, Any]]) -> None:
    found = comparison_of(scenarios(alternatives) if alternatives else {}, CALLS, TASKS, {"chat": "3"}).to_arrow()
    with duckdb.connect(str(home.published / "marts.duckdb")) as marts:
        marts.register("found", found)
        marts.execute("create table architecture_comparison_monthly as from found")


def test_the_command_shows_flags_beside_the_money(home: Home) -> None:
    publish(home, ALTERNATIVES)
    arguments = ["tco", "--scenarios", "--month", "2026-10", "--home", str(home.root)]
    shown = CliRunner().invoke(cli, arguments)
    assert shown.exit_code == 0, shown.output
    assert "a wrong answer costs 3.00 USD; least per correct answer: small" in shown.output
    assert "beside the money, own: data residency: our account; switching: 9,000.00 USD" in shown.output
    assert "house: 100 calls have no price there" in shown.output
    [found] = json.loads(CliRunner().invoke(cli, [*arguments, "--json"]).output)
    assert found["alternatives"][1]["cost_per_correct_answer_usd"] == 3.25


def test_the_last_complete_month_is_shown_and_others_are_named(home: Home) -> None:
    publish(home, ALTERNATIVES)
    [found] = compare(home)
    assert (found.month, found.best) == (date(2026, 11, 1), "small")
    with pytest.raises(MartsError, match="has 2026-09 not; months that are there: 2026-10, 2026-11"):
        compare(home, date(2026, 9, 1))


def test_a_home_without_scenarios_says_so(home: Home) -> None:
    publish(home, [])
    with pytest.raises(MartsError, match=r"no scenario of scenarios\.yml has calls"):
        compare(home, OCTOBER)


def say(home: Home, alternatives: list[dict[str, Any]], **others: Any) -> None:
    (home.config / "scenarios.yml").write_text(yaml.safe_dump(scenarios(alternatives, **others)))


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


@given(st.lists(st.integers(1, 10_000).flatmap(lambda judged: st.tuples(st.integers(0, judged), st.just(judged)))))
@settings(max_examples=3, deadline=None)
def test_the_interval_holds_the_rate(drawn: list[tuple[int, int]]) -> None:
    """Wilson: both ends are as far from the rate as 1.96 standard errors of their own."""
    pairs = [(0, 1), (1, 1), (0, 10_000), (10_000, 10_000), (1, 3), (29, 30), *drawn]
    others = [
        {**ALTERNATIVES[2], "alternative_id": str(n), "quality": {"correct": one, "judged": of, "source": "e"}}
        for n, (one, of) in enumerate(pairs)
    ]
    rows = comparison_of(scenarios(others), CALLS[:1]).rows(named=True)
    for (correct, judged), row in zip(pairs, rows[1:], strict=True):
        low, rate, high = (row[f"correct_answer_rate{end}"] for end in ("_low", "", "_high"))
        assert rate == correct / judged
        assert 0 <= low <= rate + 1e-12
        assert rate - 1e-12 <= high <= 1
        for end in (low, high):
            assert abs(abs(rate - end) - 1.959963984540054 * sqrt(max(end * (1 - end), 0) / judged)) < 1e-6
