"""A day of own GPUs is another one as soon as anything is that its calls' cost rests on."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from tests.unit.dbt_project.rendered import built

DAY, NOON = date(2026, 8, 10), datetime(2026, 8, 10, 12)
TABLES: dict[str, dict[str, Any]] = {
    "int_gpu_hours": {"usage_date": DAY, "hour_start": NOON, "pool_id": "p", "busy_cost_usd": Decimal("1.5")},
    "int_gpu_engine_tokens_hourly": {
        "usage_date": DAY, "hour_start": NOON, "pool_id": "p", "weighted_tokens": Decimal(3_000_000),
    },
    "int_gpu_deployment_days": {
        "usage_date": DAY, "service_provider": "own", "model": "m", "pool_id": "p", "deployment_id": "d",
        "node_id": "n", "input_weight": Decimal(1), "cache_read_weight": Decimal("0.1"), "output_weight": Decimal(4),
    },
}  # fmt: skip
SCALES = {"busy_cost_usd": 12, "weighted_tokens": 6}
ANOTHER = {str: "another", datetime: datetime(2026, 8, 10, 13), Decimal: Decimal(7)}


def days(changes: dict[str, dict[str, Any]]) -> list[tuple[Any, ...]]:
    tables = {}
    for table, row in TABLES.items():
        exact = {name: pl.Decimal(26, SCALES.get(name, 6)) for name in row if isinstance(row[name], Decimal)}
        tables[table] = pl.DataFrame([row | changes.get(table, {})], schema_overrides=exact)
    with built(tables, "int_gpu_cost_days") as connection:
        return connection.sql("select * from int_gpu_cost_days").fetchall()


@pytest.mark.parametrize(
    ("table", "column"), [(table, column) for table, row in TABLES.items() for column in row if column != "usage_date"]
)
def test_a_day_is_another_when_anything_of_it_is(table: str, column: str) -> None:
    value = ANOTHER[type(TABLES[table][column])]
    [(day, rows, before)], [(_, _, after)] = days({}), days({table: {column: value}})
    assert (day, rows) == (DAY, 3)
    assert before != after


def test_what_an_hour_costs_is_not_taken_for_its_tokens() -> None:
    """As whole numbers of a decimal both are 1,500,000,000,000 and 3,000,000,000,000, changed about."""
    hour, tokens = "int_gpu_hours", "int_gpu_engine_tokens_hourly"
    other = days({hour: {"busy_cost_usd": Decimal(3)}, tokens: {"weighted_tokens": Decimal(1_500_000)}})
    assert other != days({})
