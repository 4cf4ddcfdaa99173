"""`inferledger prices check`: what is wrong with entries and contracts, each with its place."""

import json
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from pipelines.cli import cli
from pipelines.price_check import check_age, check_entries
from sources.home import Home, init_home
from sources.lake import write_current
from sources.pricing import snapshot
from sources.pricing.entries import PriceEntry, parse_entries, placed_entries
from sources.pricing.resolve import PRICE_BOOK_SCHEMA, PRICE_KEYS_SCHEMA


def entry(entry_id: str, models: str, first: str, end: str, **changes: str) -> tuple[str, PriceEntry]:
    fields = {
        "provider": "openai", "service_tier": "standard", "prices_per_mtok_usd": "{input: 1, output: 4}",
        "source": "https://openai.com/api/pricing", "checked": "2026-09-01",
    } | changes  # fmt: skip
    lines = "".join(f"  {name}: {value}\n" for name, value in fields.items())
    text = f"entries:\n- entry_id: {entry_id}\n  models: [{models}]\n  valid_from: {first}\n  valid_to: {end}\n{lines}"
    return f"{entry_id}.yml, line 2", parse_entries(text)[0]


def found(*entries: tuple[str, PriceEntry]) -> list[tuple[str, str, str, str, str]]:
    return [
        (one.kind, one.where, one.model_id, f"{one.first_day}/{one.last_day}", one.reason)
        for one in check_entries(entries, snapshot.installed())
    ]


def test_the_shipped_entries_neither_overlap_nor_leave_gaps() -> None:
    placed = placed_entries()
    assert list(check_entries(placed, snapshot.installed())) == []
    [place] = [place for place, one in placed if one.entry_id == "openai-batch-gpt-4.1"]
    file, line = place.split(", line ")
    text = (Path(__file__).parents[3] / file).read_text().splitlines()
    assert text[int(line) - 1] == "  - entry_id: openai-batch-gpt-4.1"


def test_two_entries_for_the_same_price_and_days_overlap() -> None:
    one = entry("one", "gpt-99", "2026-01-01", "2026-03-01")
    two = entry("two", '"gpt-9*"', "2026-02-01", "2026-04-01", prices_per_mtok_usd="{output: 5}")
    assert found(one, two) == [
        (
            "entries overlap", "two.yml, line 2", "gpt-99", "2026-02-01/2026-02-28",
            "output: entry two says what one does",
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    "two",
    [
        entry("two", "gpt-99", "2026-03-01", "2026-04-01"),
        entry("two", "gpt-98", "2026-02-01", "2026-04-01"),
        entry("two", "gpt-99", "2026-02-01", "2026-04-01", provider="azure"),
        entry("two", "gpt-99", "2026-02-01", "2026-04-01", service_tier="batch"),
        entry("two", "gpt-99", "2026-02-01", "2026-04-01", prices_per_mtok_usd="{cache_read: 1}"),
    ],
)
def test_other_days_models_tiers_and_meters_do_not_overlap(two: tuple[str, PriceEntry]) -> None:
    assert found(entry("one", "gpt-99", "2026-01-01", "2026-03-01"), two) == []


def test_days_between_two_entries_are_a_gap_where_the_book_has_no_price() -> None:
    def pair(model: str) -> list[tuple[str, str, str, str, str]]:
        return found(entry("one", model, "2026-01-01", "2026-02-01"), entry("two", model, "2026-03-01", "2026-04-01"))

    assert pair("gpt-99") == [
        (
            "gap between entries", "two.yml, line 2", "gpt-99", "2026-02-01/2026-02-28",
            "input, output: between one and two",
        )
    ]  # fmt: skip
    assert pair("gpt-4.1") == []


def test_entries_and_a_book_nobody_looked_at_lately_are_warned_of_while_they_hold() -> None:
    old = entry("old", "gpt-99", "2026-01-01", "9999-12-31", checked="2026-01-01")
    over = entry("over", "gpt-99", "2026-01-01", "2026-02-01", checked="2026-01-01")
    fresh = entry("fresh", "gpt-99", "2026-01-01", "9999-12-31", checked="2026-06-01")
    aged = list(check_age([old, over, fresh], snapshot.installed(), date(2026, 6, 1)))
    assert [(one.level, one.where) for one in aged] == [("warning", "old.yml, line 2")]
    assert [one.where for one in check_age([], snapshot.installed(), date(2027, 6, 1))] == ["public book"]


CONTRACT = "- {{contract_id: {id}, service_provider: openai, models: [{model}], percent_off: 10, source: order form,\n"
DAYS = "   valid_from: {first}, valid_to: {end}}}\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = init_home(tmp_path / "acme")
    accounts = "service_provider,billing_account_id,gateway,gateway_provider,valid_from\n"
    (home.config / "billing_accounts.csv").write_text(f"{accounts}openai,org-1,litellm,openai,2026-01-01\n")
    for table, schema in (("price_keys", PRICE_KEYS_SCHEMA), ("price_book", PRICE_BOOK_SCHEMA)):
        write_current(home.root, "pricing", table, pl.DataFrame(schema=schema))
    return home


def test_a_home_without_contracts_and_gpus_has_nothing_to_check(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-18T06:00:00Z")
    for name in ("contracts.yml", "gpu_rates.yml"):
        (home.config / name).unlink()
    result = CliRunner().invoke(cli, ["prices", "check", "--home", str(home.root)])
    assert (result.exit_code, result.output) == (0, "every call has a price, and every price a source\n")


@pytest.mark.parametrize(
    ("first", "said", "exit_code"),
    [
        ("2026-02-01", None, 0),
        ("2026-01-15", ("error", "contracts overlap", "2026-01-15", "2026-01-31"), 1),
        ("2026-02-10", ("warning", "gap between contracts", "2026-02-01", "2026-02-09"), 0),
    ],
)
def test_contracts_of_the_same_models_follow_each_other(
    home: Home, first: str, said: tuple[str, ...] | None, exit_code: int
) -> None:
    text = "contracts:\n" + "".join(
        (CONTRACT + DAYS).format(id=contract_id, model="gpt-4.1", first=start, end=end)
        for contract_id, start, end in (("old", "2026-01-01", "2026-02-01"), ("new", first, "2026-12-01"))
    )
    (home.config / "contracts.yml").write_text(text)
    checked = CliRunner().invoke(cli, ["prices", "check", "--home", str(home.root), "--stale-days", "9999", "--json"])
    assert checked.exit_code == exit_code, checked.output
    findings = [
        (one["level"], one["kind"], one["first_day"], one["last_day"], one["where"])
        for one in json.loads(checked.stdout)
    ]
    assert findings == ([(*said, "config/contracts.yml, line 4")] if said else [])
