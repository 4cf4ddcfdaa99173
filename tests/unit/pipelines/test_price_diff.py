"""`inferledger prices diff`: a month's calls under two price books, added up by hand."""

import json
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner, Result

from docs.generate import marts
from pipelines.cli import cli
from pipelines.price_diff import diff_prices
from sources.home import Home, init_home
from sources.pricing import stored, versions
from sources.settings import load_settings
from tests.integration.priced import pricing_sql

# gpt-4.1 costs 2 per million tokens of input and 8 of output, gpt-4.1-mini 0.40 and 1.60.
BIG, SMALL = "gpt-4.1", "gpt-4.1-mini"
MTOK = 1_000_000
CALLS: list[dict[str, Any]] = [
    # 2 + 8 = 10 and twice that; 10 % off is 9 and 18.
    {"model_id": BIG, "tenant_id": "acme", "input_uncached_tokens": MTOK, "output_text_tokens": MTOK},
    {"model_id": BIG, "tenant_id": "beta", "input_uncached_tokens": 2 * MTOK, "output_text_tokens": 2 * MTOK},
    # 0.40 + 1.60 = 2.
    {"model_id": SMALL, "tenant_id": "acme", "input_uncached_tokens": MTOK, "output_text_tokens": MTOK},
    # In no public book: unpriced, but where a contract says 3 per million tokens of input.
    {"model_id": "house-1", "tenant_id": None, "input_uncached_tokens": 2 * MTOK},
    # Billed by nobody, and by the hour.
    {"model_id": BIG, "tenant_id": "acme", "input_uncached_tokens": MTOK, "billing_status": "gateway_cache"},
    {"model_id": "llama", "tenant_id": "acme", "input_uncached_tokens": MTOK, "host": "self_hosted"},
    # Other months.
    {"model_id": BIG, "tenant_id": "acme", "input_uncached_tokens": MTOK, "started_at": datetime(2026, 9, 30, 23, 59)},
    {"model_id": BIG, "tenant_id": "acme", "input_uncached_tokens": MTOK, "started_at": datetime(2026, 11, 1)},
]
CURRENT = """
contracts:
- {contract_id: big-2026, service_provider: openai, models: [gpt-4.1], percent_off: 10, valid_from: 2026-10-01,
   source: order form 1}
"""
OFFER = """
contracts:
- {contract_id: house, service_provider: openai, models: [house-1], prices_per_mtok_usd: {input: 3},
   valid_from: 2026-10-01, source: offer 2}
- {contract_id: small, service_provider: openai, models: [gpt-4.1-mini], percent_off: 50, valid_from: 2026-10-01,
   source: offer 2}
"""


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = init_home(tmp_path / "acme")
    accounts = "service_provider,billing_account_id,gateway,gateway_provider,valid_from\n"
    (home.config / "billing_accounts.csv").write_text(f"{accounts}openai,org-1,litellm,openai,2026-01-01\n")
    (home.config / "contracts.yml").write_text(CURRENT)
    publish_calls(home, CALLS)
    compiled = home.warehouse / "dbt/target/compiled/inferledger/models/int_usage_priced.sql"
    compiled.parent.mkdir(parents=True)
    compiled.write_text(pricing_sql(lambda name: f'"work"."main"."{name}"'))
    return home


def publish_calls(home: Home, calls: list[dict[str, Any]]) -> None:
    """The mart of calls as its contract says, with literal calls; counts that are not given are 0."""
    columns = {column["name"]: column["data_type"] for column in marts()["fct_usage"]["columns"]}
    counted = {name: 0 for name, kind in columns.items() if kind in ("bigint", "decimal(18,6)")}
    with duckdb.connect(str(home.published / "marts.duckdb")) as connection:
        connection.execute(f"create table fct_usage ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
        for call in calls:
            row = {
                **counted,
                "service_provider": "openai",
                "host": "direct",
                "region": "unknown",
                "service_tier": "standard",
                "billing_status": "billed",
                "started_at": datetime(2026, 10, 31, 23, 59, 59),
                "total_input_tokens": call["input_uncached_tokens"],
                **call,
            }
            row["usage_date"] = row["started_at"].date()
            places = ", ".join(f"${name}" for name in row)
            connection.execute(f"insert into fct_usage ({', '.join(row)}) values ({places})", row)


def diff(home: Home, *arguments: str) -> Result:
    return CliRunner().invoke(cli, ["prices", "diff", *arguments, "--home", str(home.root)])


def lines(home: Home, a: str, b: str, by: str = "model") -> dict[str, Mapping[str, Any]]:
    """The lines by their last name, and `all`."""
    result = diff(home, a, b, "--month", "2026-10", "--by", by, "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["month"], found["self_hosted_calls"]) == ("2026-10-01", 1)
    named = {line["model"] if by == "model" else line["tenant_id"]: line for line in found["lines"]}
    return {**named, "all": found["total"]}


def amounts(line: Mapping[str, Any]) -> tuple[int, list[Decimal | None], int, int]:
    names = ("a_usd", "b_usd", "difference_usd", "difference_percent")
    exact = [None if line[name] is None else Decimal(line[name]) for name in names]
    return line["calls"], exact, line["unpriced_a"], line["unpriced_b"]


def test_ten_percent_off_one_model_changes_that_model_only(home: Home) -> None:
    found = lines(home, "list", "current")
    assert {name: amounts(line) for name, line in found.items()} == {
        BIG: (3, [Decimal(30), Decimal(27), Decimal(-3), Decimal(-10)], 0, 0),
        SMALL: (1, [Decimal(2), Decimal(2), Decimal(0), Decimal(0)], 0, 0),
        "house-1": (1, [None, None, None, None], 1, 1),
        "all": (5, [Decimal(32), Decimal(29), Decimal(-3), Decimal("-9.375")], 1, 1),
    }


def test_by_tenant_the_same_calls_add_up_to_the_same_total(home: Home) -> None:
    found = lines(home, "list", "current", "tenant")
    assert {name: amounts(line)[:2] for name, line in found.items()} == {
        "acme": (3, [Decimal(12), Decimal(11), Decimal(-1), Decimal("-8.3333")]),
        "beta": (1, [Decimal(20), Decimal(18), Decimal(-2), Decimal(-10)]),
        "unattributed": (1, [None, None, None, None]),
        "all": (5, [Decimal(32), Decimal(29), Decimal(-3), Decimal("-9.375")]),
    }


def test_a_call_that_only_one_book_prices_is_no_difference(home: Home, tmp_path: Path) -> None:
    """6 for the house's model under the offer are neither saved nor lost: nobody knows what it costs otherwise."""
    offer = tmp_path / "offer.yml"
    offer.write_text(OFFER)
    found = lines(home, "current", str(offer))
    assert amounts(found["house-1"]) == (1, [None, Decimal(6), None, None], 1, 0)
    # 27 + 2 and 30 + 1 + 6.
    assert amounts(found["all"]) == (5, [Decimal(29), Decimal(37), Decimal(2), Decimal("6.8966")], 1, 0)


def test_by_both_every_model_of_a_tenant_is_a_line_dearest_change_first(home: Home) -> None:
    found = diff_prices(home, "list", "current", date(2026, 10, 1), "both")
    assert [(line.model, line.tenant_id, line.difference_usd) for line in found.lines] == [
        (BIG, "beta", Decimal(-2)),
        (BIG, "acme", Decimal(-1)),
        (SMALL, "acme", Decimal(0)),
        ("house-1", "unattributed", None),
    ]


def test_images_and_searches_are_priced_as_in_a_run(home: Home, tmp_path: Path) -> None:
    offer = tmp_path / "offer.yml"
    offer.write_text(
        OFFER.replace("prices_per_mtok_usd: {input: 3}", "prices_per_unit_usd: {image: 0.04, search: 0.01}")
    )
    (home.published / "marts.duckdb").unlink()
    publish_calls(home, [{"model_id": "house-1", "input_uncached_tokens": 0, "images": 3, "searches": 2}])
    found = diff_prices(home, "list", str(offer), date(2026, 10, 1))
    assert found.total.b_usd == Decimal("0.14")


def test_the_table_names_books_and_total_and_what_is_left_out(home: Home) -> None:
    shown = diff(home, "list", "current", "--month", "2026-10")
    assert shown.exit_code == 0
    assert "2026-10: A = list, B = current" in shown.stdout
    total = next(line for line in shown.stdout.splitlines() if line.strip().startswith("all"))
    assert total.split() == ["all", "5", "32.00", "29.00", "-3.00", "-9.38", "%", "1", "1"]
    assert "Left out: 1 call to own nodes" in shown.stdout


def test_the_last_complete_month_is_the_default(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-10-01T00:00:00Z")
    found = diff_prices(home, "list", "list")
    assert (found.month, found.total.calls, found.total.b_usd) == (date(2026, 9, 1), 1, Decimal(2))


def test_a_month_without_calls_has_an_empty_total(home: Home) -> None:
    found = diff_prices(home, "list", "current", date(2026, 7, 1))
    assert (found.lines, found.total.calls, found.total.a_usd) == ([], 0, None)


@pytest.mark.parametrize(
    ("book", "text", "message"),
    [
        ("lists", None, "lists names no price book"),
        ("offer.yml", "contracts: [{contract_id: x}]", "source"),
        ("offer.yml", OFFER.replace("openai", "opanai"), "did you mean 'openai'"),
    ],
)
def test_a_wrong_book_is_refused_and_says_why(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, book: str, text: str | None, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if text:
        Path(book).write_text(text)
    refused = diff(home, "current", book)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert message in refused.output


def test_without_a_warehouse_it_says_what_to_run(home: Home) -> None:
    next(home.warehouse.rglob("int_usage_priced.sql")).unlink()
    refused = diff(home, "list", "current")
    assert refused.exit_code == 2
    assert "inferledger run" in refused.output


def test_marts_of_an_older_version_say_what_to_run(home: Home) -> None:
    with duckdb.connect(str(home.published / "marts.duckdb")) as connection:
        connection.execute("alter table fct_usage drop column images")
    refused = diff(home, "list", "current")
    assert refused.exit_code == 2
    assert "fct_usage lacks images; `inferledger run`" in refused.output


def test_a_month_is_compared_under_two_public_books_and_a_used_version(home: Home, tmp_path: Path) -> None:
    """The model's output at 10 in place of 8: 2 more for each of its 3 million tokens, 1.80 after 10 % off."""
    version = versions.current(home, load_settings(home))
    versions.note_use(home, version)
    models = [{"id": BIG, "match": {"equals": BIG}, "prices": {"input_mtok": 2, "output_mtok": 10}}]
    path = tmp_path / "data.json"
    path.write_text(json.dumps([{"id": "openai", "name": "OpenAI", "api_pattern": "openai", "models": models}]))
    stored.take_in(home, date(2026, 11, 18), path, accept=True)
    for before, after in (("installed", "current"), (version.version[:6], "1"), (version.version, "2026-11-18")):
        found = lines(home, before, after)
        assert amounts(found[BIG])[1] == [Decimal(27), Decimal("32.4"), Decimal("5.4"), Decimal(20)]
        assert amounts(found[SMALL])[1][2] == 0
    # The version keeps its contracts, whatever the file says today.
    (home.config / "contracts.yml").write_text("contracts: []")
    assert amounts(lines(home, version.version, "installed")[BIG])[1][:2] == [Decimal(27), Decimal(30)]
    listed = CliRunner().invoke(cli, ["prices", "books", "--home", str(home.root), "--json"])
    books = [(one["kind"], one["name"].split(" (")[0], one["is_current"]) for one in json.loads(listed.stdout)["books"]]
    assert books == [("public", "data.json", True), ("version", "genai-prices 0.2.3", False)]
