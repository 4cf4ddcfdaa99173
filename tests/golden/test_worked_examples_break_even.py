"""Worked examples of break-even and capacity out of the pipeline's own SQL, and published slips with what is right."""

import csv
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from tests.unit.dbt_project.rendered import macro

ROWS = {
    row["id"]: row
    for row in csv.DictReader((Path(__file__).parent / "worked_examples.csv").read_text(encoding="utf-8").splitlines())
    if row["part"] == "self-hosting" and row["topic"] in ("break-even", "capacity")
}
# The SQL of each example.
EXAMPLES = {
    "break_even_tokens": macro("break_even_quantity", "158000", "8"),
    "break_even_same_model": macro("break_even_quantity", "158264", "0.88"),
    "kv_70b_gqa": macro("kv_bytes_per_token", "80", "8", "128", "2"),
}


def value(sql: str) -> Decimal:
    row = duckdb.connect().execute(f"select {sql}").fetchone()
    assert row is not None
    return Decimal(row[0])


def test_every_example_of_break_even_and_capacity_is_computed() -> None:
    assert EXAMPLES.keys() == ROWS.keys()


@pytest.mark.parametrize("example", EXAMPLES)
def test_worked_example(example: str) -> None:
    assert value(EXAMPLES[example]) == Decimal(ROWS[example]["expected"])


def test_break_even_is_the_first_whole_token_that_pays() -> None:
    assert value(macro("break_even_tokens", "158000", "8")) == 19_750_000_000
    fewest = value(macro("break_even_tokens", "158264", "0.88"))
    assert fewest == 179_845_454_546
    cost, price = Decimal(158_264), Decimal("0.88") / 1_000_000
    assert (fewest - 1) * price < cost <= fewest * price


def test_the_same_model_hosted_is_beyond_what_the_node_carries() -> None:
    """The source's own 40 to 100 billion tokens a year: its 20 billion compare with another model's price."""
    assert value(macro("break_even_tokens", "158264", "0.88")) > 100_000_000_000
    assert value(macro("break_even_tokens", "158000", "8")) < 40_000_000_000


def test_a_long_context_without_grouped_queries_would_hold_eight_times_as_much() -> None:
    """The published 2.6 MB a token counts all 64 heads; the model has 8 for keys and values."""
    assert value(macro("kv_bytes_per_token", "80", "64", "128", "2")) == 8 * value(EXAMPLES["kv_70b_gqa"]) == 2_621_440
    assert value(macro("kv_bytes_per_token", "80", "8", "128", "2")) * 131_072 == 42_949_672_960


def test_no_price_above_the_variable_cost_never_breaks_even() -> None:
    row = duckdb.connect().execute(
        f"select {macro('break_even_tokens', '158000', '0')}, {macro('break_even_tokens', '1', '-0.5')}"
    )
    assert row.fetchone() == (None, None)


def test_all_servers_cost_belongs_to_all_servers_prompts() -> None:
    """NVIDIA's TCO notebook: 200 prompts a second at 41.6 a server of 119,000 USD a year, at full load."""
    of_one_server = "cast(41.6 * 31536000 as decimal(20, 0))"
    published = value(macro("cost_per_mtok", "cast(119000 * 4.807692 as decimal(26, 12))", of_one_server)) / 1000
    assert published.quantize(Decimal("0.001")) == Decimal("0.436")
    right = value(macro("cost_per_mtok", "cast(119000 as decimal(26, 12))", of_one_server)) / 1000
    assert right.quantize(Decimal("0.0001")) == Decimal("0.0907")
    servers = value(macro("ceil_quotient", "2000", "416"))
    whole = macro("cost_per_mtok", f"cast(119000 * {servers} as decimal(26, 12))", "6307200000")
    assert servers == 5
    assert (value(whole) / 1000).quantize(Decimal("0.0001")) == Decimal("0.0943")


@pytest.mark.parametrize("price", ["0.25", "0.88", "8"])
def test_a_price_per_million_divides_into_millions(price: str) -> None:
    """A page prints 0.46M tokens a month where its inputs give 461M: a thousandth, at whatever price it was."""
    cost = 461 * Decimal(price)
    right = value(macro("break_even_tokens", f"{cost}", price))
    assert right == 461_000_000
    assert value(macro("break_even_tokens", f"{cost}", f"{Decimal(price) * 1000}")) == right / 1000
    assert round(right / 1000 / 1_000_000, 2) == Decimal("0.46")
