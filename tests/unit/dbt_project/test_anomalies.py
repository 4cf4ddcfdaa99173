"""Anomalies on literal days: the trailing rule at its limits, the seasonal model beside it, causes and states."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from benchmarks.anomalies.company import cells as company_cells
from benchmarks.anomalies.company import plan
from benchmarks.anomalies.detect import GROUPS, anomalies
from benchmarks.anomalies.score import alarms, is_found, is_of
from sources.settings.models import Anomalies
from sources.settings.tables import CONFIG_SCHEMAS

MONDAY = date(2026, 9, 7)
COUNTS = (
    "requests", "input_tokens", "cacheable_input_tokens", "cache_read_tokens", "output_text_tokens",
    "reasoning_tokens", "tasks",
)  # fmt: skip
AMOUNTS = (
    "cost_usd", "input_cost_usd", "retry_cost_usd", "reasoning_cost_usd", "cache_savings_usd", "tasks_cost_usd",
)  # fmt: skip
KEYS = ("tenant_id", "feature_id", "model", "api_key_id")
SCHEMA: dict[str, Any] = {
    "usage_date": pl.Date(), **dict.fromkeys(KEYS, pl.String()), **dict.fromkeys(COUNTS, pl.Int64()),
    **dict.fromkeys(AMOUNTS, pl.Decimal(38, 12)),
}  # fmt: skip
USUAL: dict[str, Any] = {
    "requests": 100, "input_tokens": 100_000, "cacheable_input_tokens": 100_000, "cache_read_tokens": 50_000,
    "output_text_tokens": 10_000, "reasoning_tokens": 5000, "tasks": 50, "cost_usd": "20", "input_cost_usd": "8",
    "retry_cost_usd": "1", "reasoning_cost_usd": "6", "cache_savings_usd": "10", "tasks_cost_usd": "20",
}  # fmt: skip


def row(day: int, who: str = "t f m k", **values: Any) -> dict[str, Any]:
    """A cell of the day, counted from MONDAY; what is not said is usual."""
    cell = USUAL | values | dict(zip(KEYS, who.split(), strict=True)) | {"usage_date": MONDAY + timedelta(days=day)}
    return cell | {name: Decimal(cell[name]) for name in AMOUNTS}


def found(rows: list[dict[str, Any]], **given: Any) -> dict[tuple[int, str, str], dict[str, Any]]:
    """The mart by day, kind and scope."""
    result = anomalies(pl.DataFrame(rows, schema=SCHEMA), **given).iter_rows(named=True)
    return {((row["usage_date"] - MONDAY).days, row["kind"], row["scope"]): row for row in result}


WEEK = [row(day) for day in range(7)]
# A day nobody could judge counts as unsteady: by then four weeks are judged.
FIVE_WEEKS = [row(day) for day in range(35)]


def test_the_trailing_rule_begins_above_its_factor_and_its_minimum_of_money() -> None:
    last = {"at_factor": "30", "above_factor": "30.01", "below_minimum": "15.99", "at_minimum": "16"}
    before = {name: "6" if "minimum" in name else "20" for name in last}
    rows = [row(day, f"{name} f m k", cost_usd=usd) for name, usd in before.items() for day in range(7)]
    rows += [row(7, f"{name} f m k", cost_usd=usd) for name, usd in last.items()]
    result = anomalies(pl.DataFrame(rows, schema=SCHEMA)).filter(scope="tenant", kind="spend")
    assert sorted(result["scope_id"]) == ["above_factor", "at_minimum"]


def test_a_tenants_day_is_listed_above_ten_times_and_above_its_amount() -> None:
    spent = found([*WEEK, row(7, cost_usd="200.01")])[7, "spend", "tenant"]
    assert (spent["is_above_tenant_factor"], spent["is_above_tenant_day"], spent["state"]) == (True, False, "open")
    rich = [row(day, cost_usd="1001") for day in range(8)]
    listed = found(rich)[7, "spend", "tenant"]
    assert (listed["is_above_tenant_day"], listed["is_above_trailing"], listed["state"]) == (True, False, "expected")


def test_nothing_is_judged_before_seven_final_days() -> None:
    assert found([*WEEK[:6], row(6, cost_usd="100")]) == {}


def test_days_that_are_not_final_are_judged_and_judge_nothing() -> None:
    """Day 7 is not final and cost nothing: the mean of day 8 is still of days 0 to 6."""
    groups = [("openai", "a", MONDAY + timedelta(days=day), day != 7) for day in range(9)]
    rows = [*WEEK, row(7, cost_usd="0"), row(8, cost_usd="32")]
    day = found(rows, groups=pl.DataFrame(groups, schema=GROUPS, orient="row"))[8, "spend", "tenant"]
    assert (day["trailing_usd"], day["is_final"]) == (20, True)
    everything = found(rows)[8, "spend", "tenant"]
    assert everything["trailing_usd"] == Decimal(120) / 7 // Decimal("1e-12") * Decimal("1e-12")


def test_an_account_no_bill_of_which_ever_came_holds_nothing_up() -> None:
    groups = [("self", "b", MONDAY + timedelta(days=day), False) for day in range(8)]
    day = found([*WEEK, row(7, cost_usd="40")], groups=pl.DataFrame(groups, schema=GROUPS, orient="row"))
    assert day[7, "spend", "tenant"]["is_final"]


def test_a_day_of_nothing_counts_in_the_mean() -> None:
    """A tenant that calls on one day of seven: 70 / 7."""
    rows = [row(0, cost_usd="70"), *(row(day, "other f m o") for day in range(8)), row(7, cost_usd="25")]
    result = anomalies(pl.DataFrame(rows, schema=SCHEMA)).filter(scope="tenant", scope_id="t", kind="spend")
    assert result["trailing_usd"].to_list() == [10]


def weekly(day: int) -> str:
    """Mondays cost three times."""
    return "60" if day % 7 == 0 else "20"


def test_what_comes_every_monday_is_expected_and_what_does_not_is_open() -> None:
    usual = [row(day, cost_usd=weekly(day)) for day in range(35)]
    assert found(usual)[28, "spend", "tenant"]["state"] == "expected"
    saturday = found([*usual[:33], row(33, cost_usd="60")])[33, "spend", "tenant"]
    assert (saturday["state"], saturday["is_above_expected"]) == ("open", True)
    assert saturday["expected_usd"] == pytest.approx(Decimal(20), abs=Decimal("0.0001"))


def test_a_day_is_open_when_it_is_far_off_or_comes_twice() -> None:
    """Steady at 20: the spread is the least there is, 2 %, and after a day that was off 5.5 %."""
    unsteady = [row(day, cost_usd="24" if day // 7 % 2 else "16") for day in range(49)]
    days = found([*unsteady, row(49, cost_usd="45"), row(50, cost_usd="47")])
    first, second = days[49, "spend", "tenant"], days[50, "spend", "tenant"]
    off = [day["rate"] / day["expected_rate"] - 1 for day in (first, second)]
    assert all(2.5 <= miss / day["usual_spread"] < 8 for miss, day in zip(off, (first, second), strict=True))
    assert (first["state"], second["state"]) == ("expected", "open")
    far = found([*unsteady, row(49, cost_usd="90")])[49, "spend", "tenant"]
    assert far["state"] == "open"


OFF: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "cache": ({"cache_read_tokens": 40_001}, {"cache_read_tokens": 30_000, "cache_savings_usd": "6"}, "4"),
    "retry": ({"retry_cost_usd": "1.5"}, {"retry_cost_usd": "4"}, "3"),
    "reasoning": ({"reasoning_tokens": 7500}, {"reasoning_tokens": 10_000, "reasoning_cost_usd": "12"}, "6"),
    "prompt": ({"input_tokens": 150_000}, {"input_tokens": 200_000, "input_cost_usd": "16"}, "8"),
    "cost_per_task": ({"tasks": 34}, {"tasks": 25}, "10"),
}


def test_a_ratio_is_off_beyond_its_limit_and_says_what_it_costs() -> None:
    rows = []
    for kind, (usual_again, off, _) in OFF.items():
        for name, last in ((f"{kind}-usual", usual_again), (f"{kind}-off", off)):
            rows += [row(day, f"t {name} m k") for day in range(35)] + [row(35, f"t {name} m k", **last)]
    result = anomalies(pl.DataFrame(rows, schema=SCHEMA)).filter(scope="feature")
    assert {(r["scope_id"], r["kind"], r["state"]): r["impact_usd"] for r in result.iter_rows(named=True)} == {
        (f"{kind}-off", kind, "open"): Decimal(impact) for kind, (_, _, impact) in OFF.items()
    }


def test_a_share_of_the_mix_rises_by_points_also_from_nothing() -> None:
    usual = [row(day, f"t {feature} m k", cost_usd="60") for day in range(35) for feature in ("few", "ten")]
    few = [row(35, "t few m k", cost_usd="54.01"), row(35, "t few dear k", cost_usd="5.99")]
    ten = [row(35, "t ten m k", cost_usd="54"), row(35, "t ten dear k", cost_usd="6")]
    result = anomalies(pl.DataFrame([*usual, *few, *ten], schema=SCHEMA)).filter(scope="feature", kind="mix")
    assert result.select("scope_id", "model", "rate", "state", "root_cause").rows() == [
        (
            "ten", "dear", 0.1, "open",
            "share of cost of dear where there was none since 2026-10-12, mostly tenant t key k",
        )
    ]  # fmt: skip


def test_the_cause_names_who_rose_most_and_since_when() -> None:
    others = [row(day, "u g n j") for day in range(37)]
    rows = [*FIVE_WEEKS, *others, row(35, cost_usd="100"), row(36, cost_usd="100")]
    day = found(rows)[36, "spend", "company"]
    assert day["root_cause"].endswith("since 2026-10-12, mostly tenant t feature f model m key k")
    assert day["root_cause"].startswith("cost is ")
    assert day["since_date"] == MONDAY + timedelta(days=35)


def test_what_is_off_at_every_scope_is_one_incident() -> None:
    others = [row(day, "u g n j") for day in range(37)]
    seen = found([*FIVE_WEEKS, *others, row(35, cost_usd="100"), row(36, cost_usd="100")])
    spend = {scope: day["incident"] for (place, kind, scope), day in seen.items() if (place, kind) == (36, "spend")}
    assert len(spend) >= 4
    assert set(spend.values()) == {"tenant t feature f model m"}


def test_a_state_holds_for_its_scope_kind_and_days() -> None:
    said = [("tenant", "t", "spend", "acknowledged", "ana", "a migration", MONDAY, MONDAY + timedelta(days=36))]
    states = pl.DataFrame(said, schema=CONFIG_SCHEMAS["anomaly_states"], orient="row")
    days = found([*FIVE_WEEKS, row(35, cost_usd="100"), row(36, cost_usd="300")], states=states)
    first = days[35, "spend", "tenant"]
    assert (first["state"], first["state_who"], first["state_why"]) == ("acknowledged", "ana", "a migration")
    assert days[36, "spend", "tenant"]["state"] == days[35, "spend", "feature"]["state"] == "open"


def test_limits_are_settings() -> None:
    strict = Anomalies.model_validate({"spend": {"factor": "1.1", "minimum_usd": "1"}})
    assert (7, "spend", "tenant") in found([*WEEK, row(7, cost_usd="22.01")], settings=strict)


def test_injected_incidents_are_found_and_quiet_weeks_stay_quiet() -> None:
    """Two of the twenty companies `python -m benchmarks.anomalies` prints recall and precision of."""
    seen = true = rung = quiet = 0
    for seed in range(2):
        incidents = plan(seed)
        alarm = alarms(anomalies(company_cells(seed, incidents)))
        seen += sum(is_found(incident, alarm) for incident in incidents)
        true += sum(any(is_of(one, incident) for incident in incidents) for one in alarm)
        rung += len(alarm)
        quiet += len(alarms(anomalies(company_cells(seed, []))))
    assert seen >= 11, f"{seen} of 12"
    assert true >= 0.9 * rung, f"{true} of {rung}"
    # Of these two companies; it is one a month over forty of them.
    assert quiet <= 9, f"{quiet} alarms in six months"
