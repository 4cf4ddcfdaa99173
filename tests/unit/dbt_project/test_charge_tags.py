"""Tags of bill lines, in the forms bills have them, on the charges the lines become."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any

import polars as pl

from tests.unit.dbt_project.compiled import compiled, rows_of

GROUP: dict[str, Any] = {
    "service_provider": "aws", "billing_account_id": "1", "usage_date": date(2026, 8, 10), "model": "m",
    "service_tier": "standard",
}  # fmt: skip
MONEY = pl.Decimal(26, 12)
GROUPS: dict[str, Any] = {
    **dict.fromkeys((*GROUP, "group_id", "meter"), pl.String()), "usage_date": pl.Date(), "logged_quantity": pl.Int64(),
    "billed_usd": MONEY,
}  # fmt: skip


def line(number: int, meter: str, tags: str | None, amount: str = "1") -> dict[str, Any]:
    return {**GROUP, "bill_line_id": f"bill:f:{number}", "meter": meter, "tags": tags, "amount_usd": Decimal(amount)}


def group(meter: str, logged: int, billed: str = "2") -> dict[str, Any]:
    return {**GROUP, "group_id": meter, "meter": meter, "logged_quantity": logged, "billed_usd": Decimal(billed)}


def tags_of(
    lines: list[dict[str, Any]], groups: list[dict[str, Any]], *names: str, units: Sequence[dict[str, Any]] = ()
) -> list[tuple[Any, ...]]:
    inputs: dict[str, pl.DataFrame | str] = {
        "int_bill_lines": pl.DataFrame(lines, schema_overrides={"amount_usd": MONEY, "tags": pl.String()}),
        "int_claude_units": pl.DataFrame(units, schema={name: GROUPS[name] for name in (*GROUP, "meter")}),
        "int_anchor_groups": pl.DataFrame(groups, schema=GROUPS),
        "stg_config__allocation_tags": pl.DataFrame({"tag_name": list(names)}, schema={"tag_name": pl.String()}),
    }  # fmt: skip
    found = rows_of(compiled("int_charge_tags"), inputs)
    columns = ("charge_id", "tags", "begins_at", "ends_at", "total")
    return sorted((tuple(row[name] for name in columns) for row in found), key=str)


def test_only_tags_that_rules_name_are_taken_and_a_lines_own_charge_has_them() -> None:
    lines = [
        line(1, "other", '{"team": "ml", "run": "17", "user:env": "prod"}'),
        line(2, "other", '{"team": "a|b%c"}'),
        line(3, "other", '{"run": "18", "team": null}'),
        line(4, "other", "no JSON"),
        line(5, "other", None),
    ]
    assert tags_of(lines, [], "team", "user:env") == [
        ("bill:f:1", "|team=ml||user:env=prod|", 0, 1, 1),
        ("bill:f:2", "|team=a%7Cb%25c|", 0, 1, 1),
    ]
    assert tags_of(lines, []) == []


def test_lines_that_agree_tell_of_calls_and_of_what_no_log_has() -> None:
    lines = [line(1, "output", '{"team": "ml", "run": "1"}'), line(2, "output", '{"team": "ml", "run": "2"}')]
    whole = [("unlogged:output", "|team=ml|", 0, 1, 1), ("usage:output", "|team=ml|", 0, 1, 1)]
    assert tags_of(lines, [group("output", 5)], "team") == whole


def test_lines_that_differ_tell_of_traffic_that_no_log_has_at_all() -> None:
    lines = [
        line(1, "output", '{"team": "ml"}', "0.1"),
        line(2, "output", '{"team": "ops"}', "0.2"),
        line(3, "output", '{"team": "ml"}', "0.3"),
        line(4, "output", None, "0.000000000001"),
    ]
    nothing, ml, all_of_it = map(Decimal, ("0.000000000001", "0.400000000001", "0.600000000001"))
    assert tags_of(lines, [group("output", 0, "0.600000000001")], "team") == [
        ("unlogged:output", "|team=ml|", nothing, ml, all_of_it),
        ("unlogged:output", "|team=ops|", ml, all_of_it, all_of_it),
        ("unlogged:output", None, 0, nothing, all_of_it),
    ]
    # Which part of the bill the logged calls are is not known, nor what a credit among the lines is for.
    assert tags_of(lines, [group("output", 1)], "team") == []
    assert tags_of([*lines, line(5, "output", '{"team": "ops"}', "-0.3")], [group("output", 0)], "team") == []


def test_claude_units_tell_of_all_the_classes_they_are_shared_over() -> None:
    of_models = {"model": "claude-opus-4-6", "meter": "output"}
    rest = {"model": "unattributed", "meter": "claude_consumption_unit"}
    units = [GROUP | of_models, GROUP | rest]
    lines = [line(1, rest["meter"], '{"team": "ml"}') | rest, line(2, rest["meter"], '{"team": "ml"}') | rest]
    groups = [group("output", 5, "1.5") | of_models, group(rest["meter"], 0, "0.5") | rest]
    whole = ("|team=ml|", 0, 1, 1)
    assert tags_of(lines, groups, "team", units=units) == [
        ("unlogged:claude_consumption_unit", *whole), ("unlogged:output", *whole),
        ("usage:claude_consumption_unit", *whole), ("usage:output", *whole),
    ]  # fmt: skip
    # Of lines that differ nobody knows which of them the calls explain.
    lines[1]["tags"] = '{"team": "ops"}'
    assert tags_of(lines, groups, "team", units=units) == []
