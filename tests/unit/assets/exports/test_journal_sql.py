"""journal_lines over random ledgers: balanced, conserving, and the same for the same ledger in any order."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import duckdb
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.assets.exports.journals import SETTINGS, journal_sql

CENT = Decimal("0.01")
SCHEMA = {
    "allocation_id": pl.String(),
    "posting_period": pl.String(),
    "service_provider": pl.String(),
    "billing_account_id": pl.String(),
    "charge_category": pl.String(),
    "posted_status": pl.String(),
    "cost_nature": pl.String(),
    "cost_center": pl.String(),
    "tenant_id": pl.String(),
    "invoice_id": pl.String(),
    "corrects_id": pl.String(),
    "amount_usd": pl.Decimal(38, 12),
}
# Tiny, usual and huge, of either sign.
amounts = st.one_of(
    st.decimals(min_value=-1, max_value=1, places=12),
    st.decimals(min_value=-1000, max_value=100_000, places=8),
    st.decimals(min_value=-(10**12), max_value=10**12, places=2),
)
parts = st.fixed_dictionaries(
    {
        "posting_period": st.sampled_from(["2026-09", "2026-10", "2026-12"]),
        "service_provider": st.sampled_from(["openai", "northgpu"]),
        "billing_account_id": st.just("account"),
        "charge_category": st.sampled_from(["usage", "usage", "credit", "fx", "rounding"]),
        "posted_status": st.sampled_from(["anchored", "anchored", "estimated"]),
        "cost_nature": st.sampled_from(["cogs", "r_and_d"]),
        "cost_center": st.sampled_from(["CC-1", "CC-2", None]),
        "tenant_id": st.sampled_from(["acme", "beta", "unattributed"]),
        "invoice_id": st.sampled_from(["INV-1", "INV-2", None]),
        "corrects_id": st.sampled_from([None, None, None, "a-0", "2026-08"]),
        "amount_usd": amounts,
    }
)
ledgers = st.lists(parts, min_size=1, max_size=25)
Row = dict[str, Any]


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as opened:
        opened.execute("set threads = 1")
        opened.execute(SETTINGS)
        yield opened


def journal(connection: duckdb.DuckDBPyConnection, ledger: Sequence[Row]) -> list[Row]:
    connection.register("fct_allocations", pl.DataFrame(list(ledger), schema=SCHEMA).to_arrow())
    lines: list[Row] = connection.sql(f"{journal_sql()} order by journal_id, line_no").pl().to_dicts()
    return lines


def numbered(ledger: Sequence[Row]) -> list[Row]:
    return [row | {"allocation_id": f"a-{number}"} for number, row in enumerate(ledger)]


def amount(line: Row) -> Decimal:
    return (line["debit_usd"] or Decimal(0)) - (line["credit_usd"] or Decimal(0))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ledgers, st.randoms())
def test_any_ledger_gives_balanced_journals_that_clear_it(
    connection: duckdb.DuckDBPyConnection, drawn: list[Row], random: Any
) -> None:
    ledger = numbered(drawn)
    lines = journal(connection, ledger)

    for line in lines:
        sides = [side for side in (line["debit_usd"], line["credit_usd"]) if side is not None]
        assert len(sides) == 1
        assert sides[0] > 0
    balances: dict[str, Decimal] = defaultdict(Decimal)
    for line in lines:
        balances[line["journal_id"]] += amount(line)
    assert set(balances.values()) <= {Decimal(0)}

    # What a month's journals owe the clearing account is the ledger, rounded once.
    final: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in ledger:
        if row["posted_status"] != "estimated" or row["corrects_id"] is not None or row["charge_category"] == "credit":
            final[row["posting_period"], row["service_provider"]] += row["amount_usd"]
    cleared: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for line in lines:
        if line["line_type"] == "clearing" and line["kind"] != "settlement":
            cleared[line["posting_period"], line["service_provider"]] -= amount(line)
    for key in {*final, *cleared}:
        assert cleared[key] == final[key].quantize(CENT, rounding=ROUND_HALF_UP)

    # Every estimate is taken back, and over all months stands against the clearing account.
    assert sum(amount(line) for line in lines if line["line_type"] == "accrued_liability") == 0
    by_kind = {
        kind: sum(amount(line) for line in lines if line["kind"] == kind and line["line_type"] in ("expense", "fx"))
        for kind in ("accrual", "reversal", "settlement")
    }
    assert by_kind["accrual"] == -by_kind["reversal"] == by_kind["settlement"]

    # Rounding leaves less than a cent for each journal.
    rounding = [abs(amount(line)) for line in lines if line["line_type"] == "rounding"]
    assert all(left <= CENT for left in rounding)

    random.shuffle(ledger)
    assert journal(connection, ledger) == lines


def test_no_line_moves_by_a_whole_cent(connection: duckdb.DuckDBPyConnection) -> None:
    row = {
        "posting_period": "2026-10", "service_provider": "openai", "billing_account_id": "account",
        "charge_category": "usage", "posted_status": "anchored", "cost_nature": "cogs", "cost_center": None,
        "invoice_id": "INV-1", "corrects_id": None,
    }  # fmt: skip
    thirds = [row | {"tenant_id": f"t{number}", "amount_usd": Decimal("0.335")} for number in range(6)]
    lines = journal(connection, numbered(thirds))
    # 2.01 in all: three of six equals get the missing cents, the first by name.
    assert [(line["tenant_id"], amount(line)) for line in lines] == [
        *((f"t{number}", Decimal("0.34")) for number in range(3)),
        *((f"t{number}", Decimal("0.33")) for number in range(3, 6)),
        (None, Decimal("-2.01")),
    ]
