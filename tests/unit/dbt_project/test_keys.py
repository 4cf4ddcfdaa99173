"""What tests of keys find on literal rows."""

import duckdb

from tests.unit.dbt_project.rendered import macro

CALLS = """
    create table calls as
    from (values ('a', 'in'), ('a', 'out'), ('b', 'in'), ('b', 'in'), ('b', 'in'), (null, 'in'), (null, 'in'))
    as rows (call_id, meter)
"""


def found(name: str, *arguments: str | list[str]) -> list[tuple[object, ...]]:
    with duckdb.connect() as connection:
        connection.execute(CALLS)
        return connection.execute(f"{macro(name, 'calls', *arguments)} order by all nulls first").fetchall()


def test_a_combination_that_is_there_twice_is_found_once() -> None:
    assert found("rows_that_repeat", ["call_id", "meter"]) == [(None, "in"), ("b", "in")]


def test_a_column_of_a_unique_key_may_be_null_more_than_once() -> None:
    assert found("default__test_unique", "call_id") == [("a",), ("b",)]
