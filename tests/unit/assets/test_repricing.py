"""What a new price book moved between two published versions, added up by hand."""

from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from assets.repricing import note_repricing, repricings
from sources.home import Home

COLUMNS = """
    call_id, usage_date, service_provider, model, tenant_id, service_tier, total_input_tokens, total_output_tokens,
    list_cost_usd, contracted_cost_usd
"""
Call = tuple[str, str, str, str | None, int, str | None, str | None]


def marts(path: Path, calls: list[Call]) -> Path:
    """fct_usage of these: id, day, model, tenant, input tokens, list and contracted cost."""
    with duckdb.connect(str(path)) as connection:
        connection.execute(f"""
            create table fct_usage as
            select {COLUMNS} from (values (
                '', date '2026-10-31', '', '', '', 'standard', 0, 5, 0::decimal(38, 12), 0::decimal(38, 12)
            )) as calls({COLUMNS}) where false
        """)
        for call_id, day, model, tenant, tokens, listed, paid in calls:
            row = [call_id, day, "openai", model, tenant, "standard", tokens, 5, listed, paid]
            connection.execute("insert into fct_usage values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
    return path


def test_what_moved_is_kept_by_month_model_and_tenant(tmp_path: Path) -> None:
    before = marts(
        tmp_path / "before.duckdb",
        [
            ("a", "2026-10-31", "big", "acme", 10, "1.00", "0.90"),
            ("b", "2026-10-31", "big", "acme", 10, "2.00", "1.80"),
            ("c", "2026-11-01", "big", None, 10, "1.00", "0.90"),
            ("same", "2026-11-01", "small", "acme", 10, "3.00", "3.00"),
            ("was unpriced", "2026-11-01", "new", "acme", 10, None, None),
            ("other tokens", "2026-11-01", "big", "acme", 10, "1.00", "0.90"),
            ("gone", "2026-11-01", "big", "acme", 10, "1.00", "0.90"),
        ],
    )
    after = marts(
        tmp_path / "after.duckdb",
        [
            ("a", "2026-10-31", "big", "acme", 10, "1.50", "1.35"),
            ("b", "2026-10-31", "big", "acme", 10, "2.000000000001", "1.80"),
            ("c", "2026-11-01", "big", None, 10, "1.50", "1.35"),
            ("same", "2026-11-01", "small", "acme", 10, "3.00", "3.00"),
            ("was unpriced", "2026-11-01", "new", "acme", 10, "7.00", "7.00"),
            ("other tokens", "2026-11-01", "big", "acme", 15, "1.50", "1.35"),
            ("late", "2026-11-01", "big", "acme", 10, "1.50", "1.35"),
        ],
    )
    home = Home(tmp_path / "home")
    found = note_repricing(home, "v2", before, "book1", after, "book2")
    moved = [(one.month, one.model, one.tenant_id, one.calls, one.newly_priced_calls) for one in found.lines]
    assert moved == [
        ("2026-10", "big", "acme", 2, 0),
        ("2026-11", "big", "unattributed", 1, 0),
        ("2026-11", "new", "acme", 1, 1),
    ]
    assert [one.list_difference_usd for one in found.lines] == [
        Decimal("0.500000000001"), Decimal("0.5"), Decimal(0),
    ]  # fmt: skip
    assert [one.contracted_difference_usd for one in found.lines] == [Decimal("0.45"), Decimal("0.45"), Decimal(0)]
    assert str(found) == (
        "price book book1 -> book2: 4 calls repriced, 1 newly priced, list +1.0000 USD, contracted +0.9000 USD"
    )
    assert repricings(home) == [found]


@pytest.mark.parametrize("cost", ["1.00", None])
def test_a_book_that_moves_nothing_says_so(tmp_path: Path, cost: str | None) -> None:
    calls: list[Call] = [("a", "2026-10-31", "big", "acme", 10, cost, cost)]
    before, after = marts(tmp_path / "a.duckdb", calls), marts(tmp_path / "b.duckdb", calls)
    found = note_repricing(Home(tmp_path), "v2", before, "book1", after, "book2")
    assert (found.lines, str(found)) == ([], "price book book1 -> book2: no call of before costs anything else")
