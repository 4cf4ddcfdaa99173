"""Rules of model use, rate limits and attribution coverage on literal calls."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from sources.settings.policy import ModelPolicy, policy_rows
from sources.settings.tables import CONFIG_SCHEMAS
from tests.unit.dbt_project.rendered import built

MONDAY = date(2026, 11, 2)
NOON = datetime(2026, 11, 3, 12)
TEXT = (
    "team_id", "tenant_id", "feature_id", "environment", "service_provider", "model", "service_tier",
    "reasoning_effort", "pricing_status", "attribution_method",
)  # fmt: skip
USAGE: dict[str, Any] = {
    "week_start": pl.Date(), "usage_date": pl.Date(), "started_at": pl.Datetime(), **dict.fromkeys(TEXT, pl.String()),
    "http_status": pl.Int32(), "total_input_tokens": pl.Int64(), "total_output_tokens": pl.Int64(),
    "effective_cost_usd": pl.Decimal(38, 12),
}  # fmt: skip
CALL: dict[str, Any] = {
    "week_start": MONDAY, "started_at": NOON, "team_id": "core", "tenant_id": "t", "feature_id": "f",
    "environment": "prod", "service_provider": "openai", "model": "gpt-5", "service_tier": "standard",
    "reasoning_effort": None, "pricing_status": "priced", "attribution_method": "tag", "http_status": None,
    "total_input_tokens": 90, "total_output_tokens": 10, "effective_cost_usd": Decimal(1),
}  # fmt: skip


def rows(mart: str, calls: Sequence[dict[str, Any]], **policy: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The mart on calls that differ from CALL in what is said, under a model_policy.yml."""
    usage = [CALL | call for call in calls]
    usage = [call | {"usage_date": call["started_at"].date()} for call in usage]
    config = policy_rows(ModelPolicy.model_validate(policy))
    tables = {name: pl.DataFrame(config[name], schema=CONFIG_SCHEMAS[name]) for name in config}
    tables["fct_usage"] = pl.DataFrame(usage, schema=USAGE)
    models = ("stg_config__model_policy_rules", "stg_config__rate_limits", "int_model_use_daily", mart)
    with built(tables, *models) as connection:
        return list(connection.sql(f"select * from {mart} order by all").pl().iter_rows(named=True))


def broken(calls: Sequence[dict[str, Any]], rules: list[dict[str, Any]]) -> list[tuple[str, str, str, int]]:
    found = rows("model_policy_violations_weekly", calls, rules=rules)
    return [(row["policy_id"], row["team_id"], row["model"], row["calls"]) for row in found]


RESEARCH: dict[str, Any] = {"policy_id": "research-may", "teams": ["research"], "models": ["gpt-5*"], "allow": True}
NO_FRONTIER: dict[str, Any] = {
    "policy_id": "no-frontier",
    "models": ["gpt-5", "claude-opus-*"],
    "allow": False,
    "use_instead": "nano",
}


def test_the_first_rule_that_matches_decides_and_a_call_without_one_is_allowed() -> None:
    calls: list[dict[str, Any]] = [
        {}, {}, {"team_id": "research"}, {"team_id": None}, {"model": "gpt-5-mini"}, {"model": "claude-opus-5"},
        {"model": "gpt-4.1"},
    ]  # fmt: skip
    assert broken(calls, [RESEARCH, NO_FRONTIER]) == [
        ("no-frontier", "core", "claude-opus-5", 1),
        ("no-frontier", "core", "gpt-5", 2),
        ("no-frontier", "unattributed", "gpt-5", 1),
    ]
    assert [policy for policy, *_ in broken(calls, [NO_FRONTIER, RESEARCH])].count("no-frontier") == 4


def test_every_condition_has_to_match() -> None:
    rule: dict[str, Any] = {
        "policy_id": "p", "teams": ["core"], "features": ["f"], "environments": ["dev", "prod"],
        "service_tiers": ["priority"], "reasoning_efforts": ["high"], "allow": False,
    }  # fmt: skip
    call: dict[str, Any] = {"service_tier": "priority", "reasoning_effort": "high"}
    others = [
        call | {"team_id": "x"}, call | {"feature_id": "x"}, call | {"environment": "x"},
        call | {"service_tier": "flex"}, call | {"reasoning_effort": None},
    ]  # fmt: skip
    assert broken([call, *others], [rule]) == [("p", "core", "gpt-5", 1)]


def test_a_call_named_twice_by_a_rule_counts_once_and_days_outside_it_do_not() -> None:
    rule = NO_FRONTIER | {"models": ["gpt-5", "gpt-*"], "valid_from": "2026-11-03", "valid_to": "2026-11-04"}
    calls = [{"started_at": datetime(2026, 11, day, 1)} for day in (2, 3, 4)]
    (row,) = rows("model_policy_violations_weekly", calls, rules=[rule])
    assert (row["calls"], row["cost_usd"], row["tokens"], row["first_date"]) == (1, 1, 100, date(2026, 11, 3))
    assert (row["use_instead"], row["reason"]) == ("nano", None)


def test_an_unpriced_violation_is_counted_beside_the_money() -> None:
    calls: list[dict[str, Any]] = [{}, {"pricing_status": "unpriced", "effective_cost_usd": None}]
    (row,) = rows("model_policy_violations_weekly", calls, rules=[NO_FRONTIER])
    assert (row["calls"], row["cost_usd"], row["unpriced_calls"], row["unpriced_tokens"]) == (2, 1, 1, 100)


def test_without_rules_nothing_is_broken() -> None:
    assert broken([{}], []) == []


def test_the_busiest_minute_of_models_that_share_a_limit() -> None:
    """12:00 has 250 tokens and 3 calls of both models, 12:01 100 and 1; 250 of 300 is nearer than 3 of 10."""
    limit: dict[str, Any] = {
        "service_provider": "openai",
        "models": ["gpt-5*"],
        "tokens_per_minute": 300,
        "requests_per_minute": 10,
    }
    calls: list[dict[str, Any]] = [
        {}, {"model": "gpt-5-mini"}, {"total_input_tokens": 40, "started_at": datetime(2026, 11, 3, 12, 0, 59)},
        {"started_at": datetime(2026, 11, 3, 12, 1), "http_status": 429},
        {"model": "gpt-4.1"},
        {"service_provider": "azure"},
    ]  # fmt: skip
    azure, old, limited = rows("rate_limit_pressure_weekly", calls, rate_limits=[limit])
    assert (azure["models"], azure["peak_limit_share"]) == ("gpt-5", None)
    assert (old["models"], old["peak_limit_share"], old["minutes_near_limit"]) == ("gpt-4.1", None, 0)
    assert limited == {
        "week_start": MONDAY, "service_provider": "openai", "models": "gpt-5*", "calls": 4, "refused_calls": 1,
        "refused_share": 0.25, "peak_tokens_per_minute": 250, "peak_requests_per_minute": 3,
        "tokens_per_minute_limit": 300, "requests_per_minute_limit": 10, "peak_limit_share": 250 / 300,
        "minutes_near_limit": 1,
    }  # fmt: skip


def test_coverage_counts_what_calls_say_themselves() -> None:
    calls: list[dict[str, Any]] = [
        {"attribution_method": method, "effective_cost_usd": Decimal(usd)}
        for method, usd in (("tag", 1), ("metadata", 2), ("api_key", 4), ("team", 8), ("default", 16), ("none", 33))
    ]
    unpriced: dict[str, Any] = {"pricing_status": "unpriced", "effective_cost_usd": None}
    free: dict[str, Any] = {"team_id": None, "effective_cost_usd": Decimal(0)}
    core, nobody = rows("attribution_coverage_weekly", [*calls, unpriced, free])
    assert (core["attributed_cost_usd"], core["default_cost_usd"], core["unattributed_cost_usd"]) == (15, 16, 33)
    assert (core["cost_usd"], core["attribution_coverage"], core["calls"], core["attributed_calls"]) == (
        64,
        15 / 64,
        7,
        5,
    )
    assert (core["unpriced_calls"], core["unpriced_tokens"]) == (1, 100)
    assert (nobody["team_id"], nobody["attribution_coverage"]) == ("unattributed", None)
