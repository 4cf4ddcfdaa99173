"""What is paid before it is used is spread to the last decimal, whatever was bought and used."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import jinja2
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

PROJECT = Path(__file__).parents[3] / "dbt_project"
FIRST = date(2026, 8, 1)
DAYS = 10
DBT = SimpleNamespace(
    dateadd=lambda part, count, to: f"({to} + interval ({count}) {part})",
    type_string=lambda: "varchar",
)


def macro(file: str, name: str) -> Any:
    return getattr(jinja2.Template((PROJECT / "macros" / f"{file}.sql").read_text()).module, name)


SQL = jinja2.Template((PROJECT / "models/intermediate/billing/int_bill_charges.sql").read_text()).render(
    ref=str, dbt=DBT, divide_exact=lambda *a, amount_places=12, weight_places=8: macro(
        "divide_exact", "duckdb__divide_exact")(*a, amount_places, weight_places),
    pays_a_term=macro("billing/pays_a_term", "pays_a_term"),
)  # fmt: skip
GROUP: dict[str, Any] = {
    "service_provider": pl.String, "billing_account_id": pl.String, "host": pl.String, "model": pl.String,
    "service_tier": pl.String, "meter": pl.String, "source_file_hash": pl.String, "source_row_number": pl.Int64,
    "is_final": pl.Boolean, "logged_quantity": pl.Int64, "billed_quantity": pl.Int64,
    "contracted_usd": pl.Decimal(26, 12),
}  # fmt: skip
LINE: dict[str, Any] = {
    "bill_line_id": pl.String, "service_provider": pl.String, "billing_account_id": pl.String, "usage_date": pl.Date,
    "billing_scope_id": pl.String, "model": pl.String, "service_tier": pl.String, "line_item": pl.String,
    "meter": pl.String,
    "charge_category": pl.String, "is_final": pl.Boolean, "amount_usd": pl.Decimal(26, 12),
    "effective_amount_usd": pl.Decimal(26, 12), "file_hash": pl.String, "row_number": pl.Int64,
}  # fmt: skip
RENT: dict[str, Any] = {"bill_line_id": pl.String, "amount_usd": pl.Decimal(26, 12)}
RATE: dict[str, Any] = {
    "term_id": pl.String, "usd_per_unit": pl.Decimal(18, 8), "first_usd_per_unit": pl.Decimal(18, 8),
    "valid_from": pl.Date, "valid_to": pl.Date,
}  # fmt: skip


def charges(
    used: Sequence[tuple[int, Decimal]], face: Decimal, paid: Decimal, before: Decimal, rates: Sequence[Decimal] = ()
) -> list[tuple[Any, ...]]:
    """Category, billed, effective and drawn of each charge of a term that holds all days but the last.

    `rates`: of the term's currency, in its first month and on these days.
    """
    constant: dict[str, Any] = {
        "service_provider": "openai",
        "billing_account_id": "org",
        "meter": "output",
        "service_tier": "standard",
        "model": "m",
        "is_final": True,
        "logged_quantity": 1,
        "billed_quantity": 1,
        "contracted_usd": Decimal(0),
    }
    groups = pl.DataFrame(
        [{**dict.fromkeys(GROUP), **constant}] * len(used), schema=GROUP
    ).with_columns(
        group_id=pl.Series([f"g{number:03}" for number in range(len(used))]),
        usage_date=pl.Series([FIRST + timedelta(days=day) for day, _ in used]),
        **{
            name: pl.Series([amount for _, amount in used], dtype=pl.Decimal(26, 12))
            for name in ("billed_usd", "billed_effective_usd", "attributed_usd", "attributed_effective_usd")
        },
    )  # fmt: skip
    money = {name: pl.Decimal(18, 8) for name in ("amount_usd", "paid_usd", "used_before_usd")}
    terms = pl.DataFrame(
        {
            "term_id": ["t"], "kind": ["prepaid"], "service_provider": ["openai"], "billing_account_id": [None],
            "amount_usd": [face], "paid_usd": [paid], "used_before_usd": [before],
            "valid_from": [FIRST], "valid_to": [FIRST + timedelta(days=DAYS - 1)],
        },
        schema_overrides={**money, "billing_account_id": pl.String},
    )  # fmt: skip
    span = {"term_id": "t", "valid_from": FIRST, "valid_to": FIRST + timedelta(days=DAYS - 1)}
    worth = [span | dict(zip(("first_usd_per_unit", "usd_per_unit"), rates, strict=True))] if rates else []
    with duckdb.connect() as connection:
        connection.register("int_anchor_groups", groups.to_arrow())
        connection.register("int_bill_lines", pl.DataFrame(schema=LINE).to_arrow())
        connection.register("int_gpu_rent_billed", pl.DataFrame(schema=RENT).to_arrow())
        connection.register("stg_config__contract_terms", terms.to_arrow())
        connection.register("stg_config__contract_term_rates", pl.DataFrame(worth, schema=RATE).to_arrow())
        return connection.execute(
            f"select charge_category, amount_usd, effective_amount_usd, drawn_usd from ({SQL})"
        ).fetchall()


amounts = st.decimals("0.000000000001", "100000", places=12)
prices = st.decimals("0.01", "1000000", places=8)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, DAYS - 2), amounts), min_size=1, max_size=12), prices, prices, st.data())
def test_what_was_paid_is_what_usage_and_shortfall_cost(
    used: list[tuple[int, Decimal]], face: Decimal, paid: Decimal, data: st.DataObject
) -> None:
    before = data.draw(st.decimals(0, face, places=8))
    past = (DAYS - 1, Decimal("3.5"))
    rows = charges([*used, past], face, paid, before)
    billed, effective, drawn = (sum((row[at] for row in rows), Decimal(0)) for at in (1, 2, 3))
    usage = sum((amount for _, amount in used), Decimal(0))
    assert drawn == min(usage, face - before)
    assert billed == usage + past[1] - drawn
    # What was used before the first bill cost its part of what was paid, cut to the twelfth decimal.
    spread_before = (paid * before / face).quantize(Decimal("1e-12"), rounding="ROUND_DOWN")
    assert effective - billed == paid - spread_before
    assert all(row[2] >= row[1] >= 0 for row in rows)
    assert [row[0] for row in rows].count("shortfall") == (before + usage < face)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, DAYS - 2), amounts), min_size=1, max_size=12), prices, prices,
    st.tuples(*[st.decimals("0.0001", "10", places=8)] * 2),
)  # fmt: skip
def test_a_term_in_a_foreign_currency_spreads_all_that_was_paid_too(
    used: list[tuple[int, Decimal]], face: Decimal, paid: Decimal, rates: tuple[Decimal, Decimal]
) -> None:
    past = (DAYS - 1, Decimal("3.5"))
    rows = charges([*used, past], face, paid, Decimal(0), rates)
    billed, effective, drawn = (sum((row[at] for row in rows), Decimal(0)) for at in (1, 2, 3))
    billed -= past[1]
    assert billed + drawn == sum(amount for _, amount in used)
    assert effective - past[1] - billed == paid
    assert all(row[1] >= 0 and row[3] >= 0 for row in rows)
    # All of it where the term holds enough at the rate of these days.
    if (face * rates[1] / rates[0]) > billed + drawn + Decimal("0.000001"):
        assert billed == 0
