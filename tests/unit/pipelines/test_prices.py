"""`inferledger prices`: what a model costs, and what the book lacks."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

from pipelines.cli import cli
from pipelines.prices import show_prices
from sources.home import Home, init_home
from sources.lake import write_current
from sources.pricing.resolve import PRICE_BOOK_SCHEMA, PRICE_KEYS_SCHEMA


def test_a_dated_price_is_shown_for_its_day_with_its_source() -> None:
    # o3 cost 10 / 40 until 2025-06-10, then 2 / 8.
    before, after = (show_prices("openai", "o3", day) for day in (date(2025, 6, 1), date(2025, 7, 1)))
    amounts = {(p.service_tier, p.meter): p.list_usd for p in before.prices}
    assert (amounts["standard", "input_uncached"], amounts["standard", "output"]) == (Decimal(10), Decimal(40))
    amounts = {(p.service_tier, p.meter): p.list_usd for p in after.prices}
    assert (amounts["standard", "input_uncached"], amounts["standard", "output"]) == (Decimal(2), Decimal(8))
    assert all("genai-prices" in p.source for p in after.prices if p.service_tier == "standard")


def test_fast_mode_is_shown_as_a_tier_of_its_own() -> None:
    shown = show_prices("anthropic", "claude-opus-4-8", date(2026, 11, 10))
    inputs = {p.service_tier: p.list_usd for p in shown.prices if p.meter == "input_uncached"}
    assert (inputs["standard"], inputs["fast"]) == (Decimal(5), Decimal(10))


def test_above_its_threshold_a_model_has_prices_of_their_own() -> None:
    shown = show_prices("google", "gemini-2.5-pro", date(2026, 10, 1), tiers=("standard",))
    inputs = {p.above_input_tokens: p.list_usd for p in shown.prices if p.meter == "input_uncached"}
    assert inputs == {0: Decimal("1.25"), 200_000: Decimal("2.5")}


def test_a_price_is_shown_as_it_was_known(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "data.json"
    for day, price in (("2026-10-01", 1.25), ("2026-11-01", 1.5)):
        model = {"id": "gpt-99", "match": {"equals": "gpt-99"}, "prices": {"input_mtok": price}}
        openai = {"id": "openai", "name": "OpenAI", "api_pattern": "openai", "models": [model]}
        path.write_text(json.dumps([openai]))
        monkeypatch.setenv("INFERLEDGER_NOW", f"{day}T06:00:00Z")
        taken = CliRunner().invoke(cli, ["prices", "import", str(path), "--accept", "--home", str(home.root)])
        assert taken.exit_code == 0, taken.output

    def shown(known: str, *more: str) -> str:
        asked = ["gpt-99", "--on", "2026-09-30", "--known", known, *more]
        return CliRunner().invoke(cli, ["prices", "show", *asked, "--json", "--home", str(home.root)]).output

    for known, listed in (("2026-10-31", "1.25"), ("2026-11-01", "1.5")):
        prices = json.loads(shown(known, "--provider", "openai", "--tier", "standard"))["prices"]
        assert prices[0]["list_usd"] == listed
        assert json.loads(shown(known))[0]["input_usd"] == listed
    assert "no price book was known on 2026-09-30" in shown("2026-09-30")


def test_an_unknown_model_has_no_price_and_names_the_nearest() -> None:
    shown = CliRunner().invoke(cli, ["prices", "show", "gpt-5-nanoo", "--provider", "openai"])
    assert shown.exit_code == 1
    assert "nearest: gpt-5-nano" in shown.output


def test_every_host_and_region_is_shown_with_its_spread_over_the_maker() -> None:
    shown = CliRunner().invoke(cli, ["prices", "show", "claude-sonnet-4.6", "--on", "2026-11-01", "--json"])
    assert shown.exit_code == 0, shown.output
    names = ("provider", "region", "model", "input_usd", "output_usd", "output_spread_percent")
    found = [tuple(host[name] for name in names) for host in json.loads(shown.stdout)]
    assert found[:2] == [
        ("anthropic", "any", "claude-sonnet-4-6", "3", "15", None),
        ("anthropic", "us", "claude-sonnet-4-6", "3.30000000", "16.50000000", "10.00"),
    ]
    assert ("aws", "any", "global.anthropic.claude-sonnet-4-6-v1:0", "3", "15", "0.00") in found
    assert ("aws", "any", "regional.anthropic.claude-sonnet-4-6-v1:0", "3.3", "16.5", "10.00") in found
    assert ("google", "*", "claude-sonnet-4-6", "3.30000000", "16.50000000", "10.00") in found
    assert ("openrouter", "any", "anthropic/claude-sonnet-4.6", "3", "15", "0.00") in found


def test_a_model_no_host_serves_exits_with_1() -> None:
    shown = CliRunner().invoke(cli, ["prices", "show", "gpt-5-nanoo"])
    assert (shown.exit_code, "no provider of the book serves 'gpt-5-nanoo'" in shown.stdout) == (1, True)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return init_home(tmp_path / "acme")


def write_prices(home: Home, price_set_id: str | None) -> None:
    row = dict.fromkeys(PRICE_KEYS_SCHEMA) | {
        "service_provider": "openai", "host": "direct", "region": "global", "model_id": "gpt-9",
        "service_tier": "standard", "usage_date": date(2026, 11, 1), "model": "gpt-9", "price_set_id": price_set_id,
        "price_reason": None if price_set_id else "no price for model 'gpt-9' of openai; nearest: gpt-5",
    }  # fmt: skip
    write_current(home.root, "pricing", "price_keys", pl.DataFrame([row], schema=PRICE_KEYS_SCHEMA))
    write_current(home.root, "pricing", "price_book", pl.DataFrame(schema=PRICE_BOOK_SCHEMA))


def test_usage_without_a_price_is_named_and_exits_with_1(home: Home) -> None:
    write_prices(home, None)
    checked = CliRunner().invoke(cli, ["prices", "check", "--home", str(home.root), "--json"])
    assert checked.exit_code == 1
    [gap] = json.loads(checked.stdout)
    assert (gap["kind"], gap["model_id"], gap["first_day"]) == ("usage without a price", "gpt-9", "2026-11-01")
    assert "nearest: gpt-5" in gap["reason"]


def test_a_home_whose_calls_all_have_prices_passes(home: Home) -> None:
    write_prices(home, "set-1")
    checked = CliRunner().invoke(cli, ["prices", "check", "--home", str(home.root)])
    assert (checked.exit_code, checked.stdout) == (0, "every call has a price, and every price a source\n")


def test_before_the_first_run_the_check_says_what_to_do(home: Home) -> None:
    checked = CliRunner().invoke(cli, ["prices", "check", "--home", str(home.root)])
    assert checked.exit_code == 2
    assert "inferledger run" in checked.output


def test_an_import_tells_what_is_new_and_the_prices_shown_are_of_it(home: Home, tmp_path: Path) -> None:
    model = {"id": "gpt-99", "match": {"equals": "gpt-99"}, "prices": {"input_mtok": 1.25}}
    openai = {"id": "openai", "name": "OpenAI", "api_pattern": "openai", "models": [model]}
    path = tmp_path / "data.json"
    path.write_text(json.dumps([openai]))

    def invoke(*arguments: str) -> str:
        result = CliRunner().invoke(cli, ["prices", *arguments, "--home", str(home.root)])
        assert result.exit_code == 0, result.output
        return result.stdout

    refused = CliRunner().invoke(cli, ["prices", "import", str(path), "--home", str(home.root)])
    assert (refused.exit_code, "--accept takes it in" in refused.output) == (2, True)
    taken = invoke("import", str(path), "--accept")
    assert "openai/gpt-99\n" in taken
    assert "nothing changed" in invoke("import", str(path))
    assert "data.json (" in invoke("show", "gpt-99", "--provider", "openai")
    assert "genai-prices" not in invoke("show", "gpt-99", "--provider", "openai", "--tier", "standard")
