"""The page of multi-tenant patterns: its files make a home, its queries answer what it says."""

import re
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from pipelines.config_diff import diff_settings
from pipelines.explain import explain
from sources.home import Home, init_home
from tests.faults.conftest import ROOT, inferledger

PAGE = (ROOT / "docs/how-to/multi-tenant-patterns.md").read_text(encoding="utf-8")
FILES = re.findall(r"^`((?:config|landing)/[^`]+)`:\n\n```\w*\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
QUERIES = re.findall(r"^```sql\n(.*?)^```\n\n```\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = init_home(tmp_path_factory.mktemp("patterns"))
    for name, text in FILES:
        path = Path(home.root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    result = inferledger(home, "run")
    assert result.returncode == 0, result.stderr
    return home


def test_every_query_of_the_page_answers_what_it_says(home: Home) -> None:
    assert (len(FILES), len(QUERIES)) == (8, 5)
    with duckdb.connect(str(home.published / "marts.duckdb"), read_only=True) as marts:
        for sql, expected in QUERIES:
            answer = [",".join(map(str, row)) for row in marts.execute(sql).fetchall()]
            assert answer == expected.splitlines(), sql


@pytest.mark.parametrize(
    ("mart", "key"),
    [
        ("cost_per_tenant_weekly", "tenant_id=unattributed"),
        ("cost_per_tenant_weekly", "tenant_id=birch"),
        ("cost_per_feature_weekly", "feature_id=answers"),
    ],
)
def test_what_a_rule_moved_of_calls_is_explained(home: Home, mart: str, key: str) -> None:
    assert explain(home, mart, f"week_start=2026-08-10,{key}").differences == []


def test_a_tag_that_no_rule_named_so_far_is_previewed(home: Home) -> None:
    path = home.config / "allocation.yml"
    before = path.read_text()
    path.write_text(
        before.replace("by_tag: customer}", "by_tag: tenant}\n")
        + "  - {rule_id: tagged, match: {tag: {customer: larch}}, method: even, to: {tenant: [birch, cedar]}}\n"
    )
    try:
        moved = [(move.target_id, move.moved_usd) for move in diff_settings(home)]
    finally:
        path.write_text(before)
    assert sorted(moved) == [("birch", Decimal("0.3")), ("cedar", Decimal("0.3")), ("larch", Decimal("-0.6"))]
