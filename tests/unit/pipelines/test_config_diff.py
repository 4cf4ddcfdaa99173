"""What a build that went on from the one before compiled is asked of every day again."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any

import jinja2
import pytest

from pipelines.config_diff import of_every_day
from tests.unit.dbt_project.rendered import PROJECT

BY_DAY = PROJECT / "macros" / "materializations" / "by_day.sql"


def in_days(days: Sequence[date]) -> str:
    """As dbt compiles the condition of touched days."""
    found = re.search(r"{% macro in_days\(.*?{% endmacro %}", BY_DAY.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    said: list[str] = []

    def returned(value: str) -> str:
        said.append(value)
        return value

    module: Any = jinja2.Environment().from_string(found[0]).make_module({"return": returned})
    module.in_days("usage_date", days)
    return said[0]


@pytest.mark.parametrize("days", [[], [date(2026, 11, 9)], [date(2026, 11, 9), date(2026, 11, 10)]])
def test_conditions_of_touched_days_are_gone_and_others_stay(days: list[date]) -> None:
    sql = "select false as is_metered from calls where {0}\n) select * from m where a is null and {0} or b or {0}"
    assert of_every_day(sql.format(in_days(days))) == sql.format("true")


def test_the_sums_of_calls_have_no_other_condition_on_days() -> None:
    sql = (PROJECT / "models/intermediate/allocation/int_charge_calls.sql").read_text(encoding="utf-8")
    conditions = re.findall(r"^ +where ([^\n]+)", sql, re.MULTILINE)
    assert conditions.count("{{ is_touched('anything', 'usage_date') }}") == 3
    others = [one for one in conditions if "is_touched" not in one]
    assert others == ["amount_usd is not null", "billed_cost_usd is not null"]
