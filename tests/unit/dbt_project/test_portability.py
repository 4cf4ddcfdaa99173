"""The portability lint on the project's templates: stand-ins for macros, lines of the file, and the finer rules."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lint.portability import findings

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize(
    "expression",
    [
        "dbt_divide_exact(cost_usd, weight, total, 12, 8)",
        "cast(call_id as dbt_type_string) || ':' || 'x'",
        "cast(date_trunc('day', started_at) as timestamp)",
        "cast(cost_usd as double) / nullif(cast(income_usd as double), 0)",
        "cast(seconds as double) / 3600",
        "cast(cast(tokens as decimal(12, 0)) * cast(price as decimal(18, 8)) as decimal(30, 8)) * 0.000001",
        "percentile_cont(0.5) within group (order by latency)",
        "row_number() over (partition by a, b order by c desc, d asc nulls last)",
        "cast(sum(cost_usd) filter (where status = 'success') as decimal(26, 12))",
    ],
)
def test_what_both_engines_take_passes(expression: str) -> None:
    assert findings(f"select {expression} as x from dbt_raw(litellm, spend_logs) as calls") == []


@pytest.mark.parametrize(
    ("expression", "construct"),
    [
        ("a ->> '$.x'", "->>"),
        ('"a"', "quoted name"),
        ("concat(a, b)", "concat()"),
        ("avg(a)", "avg()"),
        ("divide_exact(a, b, c)", "divide_exact()"),
        ("cast(a as varchar)", "type text"),
        ("cast(a as hugeint)", "type int128"),
        ("cast(a as timestamptz)", "type timestamptz"),
        ("a / 0", "division"),
        ("a % b", "division"),
        ("cast(a as decimal(26, 12)) / 2", "decimal division"),
        ("cast(cast(a as double) * 2 as decimal(26, 12))", "double to decimal"),
        ("cast(a as decimal(38, 12)) + cast(b as decimal(38, 12))", "decimal of 39 digits"),
        ("sum(a) over (partition by b)", "sum"),
    ],
)
def test_nothing_but_the_construct_is_named(expression: str, construct: str) -> None:
    assert {finding.construct for finding in findings(f"select {expression} as x from calls")} == {construct}


@pytest.mark.parametrize(
    ("sql", "construct"),
    [
        ("select a from t asof join u on t.a >= u.a", "asof"),
        ("select a from t positional join u", "positional join"),
        ("select distinct on (a) a, b from t", "distinct on"),
        ("select a from read_parquet('x', union_by_name = true) as t", "read_parquet()"),
        ("pivot t on a using max(b)", "pivot"),
        ("select a from where", "syntax"),
        ("select a from t order by a limit 3", "order by"),
    ],
)
def test_a_query_of_another_shape_is_named(sql: str, construct: str) -> None:
    assert construct in {finding.construct for finding in findings(sql)}


def test_every_key_of_an_order_is_looked_at() -> None:
    sql = "select 1 from t order by a, b desc, c nulls first, d"
    assert [sql[finding.offset] for finding in findings(sql)] == ["a", "d"]


def test_a_test_may_leave_its_sums_as_they_are() -> None:
    assert findings("select sum(a) as a from t", is_test=True) == []


def test_a_template_is_rendered_and_the_line_of_its_file_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(ROOT / ".sqlfluff", tmp_path)
    for folder in ("dbt_project/macros", "tests/lint/sqlfluff_library"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    model = Path("dbt_project/models/lines.sql")
    model.parent.mkdir()
    model.write_text(
        "with lines as (\n\n    select * from {{ raw('business', 'revenue') }}\n\n)\n\nselect\n"
        "    {{ divide_exact('amount', 'a // 2', 'b') }} as share_usd,\n"
        "    {% for name in ['x', 'y'] %}\n    {{ name }}::int as {{ name }},\n    {% endfor %}\n"
        "    cast(c as {{ dbt.type_string() }}) as c\nfrom lines\n"
    )
    # A process of its own: sqlfluff loads the stand-ins under the name `dbt`, which would hide dbt from later tests.
    linted = subprocess.run([sys.executable, ROOT / "tests/lint/portability.py"], capture_output=True, text=True)
    assert linted.returncode == 1, linted.stderr
    *found, _ = linted.stdout.splitlines()
    assert [text.split(": ")[:2] for text in found] == [[f"{model}:8", "//"], [f"{model}:10", "::"]]
