"""The portability lint catches each thing Spark does not take, and nothing in SQL that both engines read alike."""

import pytest

from tests.lint.portability import findings

GOOD = """
with usage as (

    select * from calls

),

ranked as (

    select
        usage.call_id,
        cast(sum(usage.cost_usd) as decimal(26, 12)) as cost_usd,
        row_number() over (partition by usage.day order by usage.call_id asc nulls last) as place
    from usage
    group by usage.call_id, usage.day

)

select * from ranked
"""


def constructs(sql: str) -> set[str]:
    return {finding.construct for finding in findings(sql, is_test=False)}


def test_sql_that_both_engines_read_alike_has_no_finding() -> None:
    assert constructs(GOOD) == set()


@pytest.mark.parametrize(
    ("expression", "construct"),
    [
        ("cost_usd::decimal(26, 12)", "::"),
        ("tokens // 2", "//"),
        ("list_value(1)", "list_value()"),
        ("[1, 2]", "["),
        ("{'a': 1}", "{"),
        ("arg_max(model, tokens)", "arg_max()"),
        ("epoch_ms(started_at)", "epoch_ms()"),
        ("strftime(started_at, '%Y')", "strftime()"),
        ("sum(tokens)", "sum"),
        ("row_number() over (order by call_id)", "order by"),
    ],
)
def test_what_spark_does_not_take_is_named(expression: str, construct: str) -> None:
    assert any(construct in found for found in constructs(f"select {expression} as x from usage")), constructs(
        f"select {expression} as x from usage"
    )


@pytest.mark.parametrize(
    ("sql", "construct"),
    [
        ("select call_id from usage qualify row_number() over (order by call_id asc nulls last) = 1", "qualify"),
        ("select * exclude (call_id) from usage", "exclude"),
        ("select tokens / calls as x from usage", "division"),
        ("select cost_usd / nullif(total_usd, 0) as x from usage", "decimal division"),
        ("select cast(a as decimal(38, 12)) * cast(b as decimal(18, 8)) as x from usage", "decimal of"),
        ("select number from generate_series(1, 3) as t(number)", "generate_series"),
    ],
)
def test_what_whole_queries_do_is_named(sql: str, construct: str) -> None:
    assert any(construct in found for found in constructs(sql)), constructs(sql)
