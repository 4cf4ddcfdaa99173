"""`config check --diff` on a built home whose rules and maps were changed since."""

import json
import shutil
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from assets.marts import open_marts, rows
from pipelines.cli import cli
from sources.home import Home
from tests.conftest import Company


@pytest.fixture
def home(company_of: Callable[[int], Company], tmp_path: Path) -> Home:
    """The settings of a built home, to be changed, beside what it has built."""
    built = company_of(7).home
    home = Home(tmp_path)
    shutil.copytree(built.config, home.config)
    home.lake.symlink_to(built.lake)
    home.warehouse.symlink_to(built.warehouse)
    home.published.symlink_to(built.published)
    return home


def moves(home: Home) -> list[dict[str, Any]]:
    result = CliRunner().invoke(cli, ["config", "check", "--diff", "--json", "--home", str(home.root)])
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_settings_as_they_were_built_move_nothing(home: Home) -> None:
    assert moves(home) == []


def test_a_changed_rule_moves_what_it_takes_and_nothing_else(home: Home) -> None:
    path = home.config / "allocation.yml"
    allocation = yaml.safe_load(path.read_text())
    [idle] = [rule for rule in allocation["rules"] if rule.get("charge_category") == "gpu_idle"]
    idle.update(method="direct", to={"tenant": "atlas-bank"})
    path.write_text(yaml.safe_dump(allocation, sort_keys=False))
    with open_marts(home.published / "marts.duckdb") as marts:
        charged = {
            row["posting_period"]: row["usd"]
            for row in rows(marts, """
                select posting_period, sum(amount_usd) as usd from fct_charges
                where charge_category = 'gpu_idle' group by posting_period
            """)
        }  # fmt: skip
    assert charged
    found = {(move["posting_period"], move["target_id"]): Decimal(move["moved_usd"]) for move in moves(home)}
    assert found == {
        (period, who): usd * sign
        for period, usd in charged.items()
        for who, sign in (("atlas-bank", 1), ("unattributed", -1))
    }


def give_a_key_to(home: Home, tenant: str) -> Decimal:
    """A key of no tenant becomes this one's: what its calls cost that are nobody's so far."""
    path = home.config / "api_keys.csv"
    header, *lines = path.read_text().splitlines()
    key, nobody, *rest = lines[0].split(",")
    assert nobody == ""
    path.write_text("\n".join([header, ",".join([key, tenant, *rest]), *lines[1:]]) + "\n")
    with open_marts(home.published / "marts.duckdb") as marts:
        query = """
            select sum(effective_cost_usd) as usd from fct_usage
            where api_key_id = $key and unattributed_reason = 'no_tag_and_key_of_no_tenant'
        """
        [row] = rows(marts, query, {"key": key})
    assert row["usd"] > 0
    return Decimal(row["usd"])


def moved_by_target(home: Home) -> dict[str, Decimal]:
    found: dict[str, Decimal] = {}
    for move in moves(home):
        found[move["target_id"]] = found.get(move["target_id"], Decimal(0)) + Decimal(move["moved_usd"])
    return found


def test_a_key_given_to_a_tenant_moves_its_calls(home: Home) -> None:
    usd = give_a_key_to(home, "brightmart")
    found = moved_by_target(home)
    assert found["brightmart"] >= usd
    assert sum(found.values()) == 0


@pytest.mark.parametrize("metric", ["tokens", "calls", "requests"])
def test_what_is_shared_by_calls_goes_by_the_maps_of_now(home: Home, metric: str) -> None:
    path = home.config / "allocation.yml"
    allocation = yaml.safe_load(path.read_text())
    for rule in allocation["rules"]:
        if rule["method"] == "proportional":
            rule["metric"] = metric
    path.write_text(yaml.safe_dump(allocation, sort_keys=False))
    by_metric = moved_by_target(home)
    usd = give_a_key_to(home, "brightmart")
    # Its calls, and for them a larger share of what no call carries.
    assert moved_by_target(home)["brightmart"] - by_metric.get("brightmart", 0) > usd


def test_a_home_that_was_never_built_has_nothing_to_compare_with(tmp_path: Path) -> None:
    CliRunner().invoke(cli, ["init", str(tmp_path)])
    result = CliRunner().invoke(cli, ["config", "check", "--home", str(tmp_path)])
    assert (result.exit_code, result.output) == (0, f"{tmp_path / 'config'}: every file can be used\n")
    result = CliRunner().invoke(cli, ["config", "check", "--diff", "--home", str(tmp_path)])
    assert result.exit_code == 2
    assert "`inferledger run` builds it" in result.output
