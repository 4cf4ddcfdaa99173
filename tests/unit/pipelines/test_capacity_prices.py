"""`inferledger prices show` and `check` of capacity: list, market and what the company pays, side by side."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipelines.cli import cli
from pipelines.price_check import check_capacity, placed_rates
from sources.home import Home, init_home
from sources.pricing.capacity import capacity_entries
from sources.settings import load_settings

NODES = """nodes:
- {node_id: n1, service_provider: runpod, billing_account_id: r, gpus: 8, capacity: h100-sxm-80gb,
   usd_per_gpu_hour: "2.79", valid_from: 2026-08-01}
- node_id: n2
  service_provider: coreweave
  billing_account_id: c
  gpus: 8
  capacity: h100-sxm-80gb
  blend: [{rate: reserved, share: "0.5", usd_per_gpu_hour: "4"}, {rate: spot, share: "0.5", usd_per_gpu_hour: "3"}]
  valid_from: 2026-08-01
- {node_id: n3, service_provider: northgpu, billing_account_id: n, gpus: 8, capacity: h100-sxm-80gb,
   usd_per_gpu_hour: "2.49", valid_from: 2026-08-01}
- {node_id: n4, service_provider: runpod, billing_account_id: r, gpus: 1, usd_per_gpu_hour: "1", valid_from: 2026-08-01}
- {node_id: n5, service_provider: runpod, billing_account_id: r, gpus: 1, capacity: h900, usd_per_gpu_hour: "1",
   valid_from: 2026-08-01}
- {node_id: gone, service_provider: runpod, billing_account_id: r, gpus: 1, usd_per_gpu_hour: "1",
   valid_from: 2026-08-01, valid_to: 2026-09-01}
deployments: []
"""
TERMS = """contracts: []
terms:
- {term_id: ptu, kind: provisioned, service_provider: azure, units: 50, usd_per_unit_hour: "0.3561",
   capacity: ptu-global, models: ["gpt-*"], valid_from: 2026-10-01, source: reservation}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-18T06:00:00Z")
    root = tmp_path / "home"
    init_home(root)
    (root / "config" / "gpu_rates.yml").write_text(NODES)
    (root / "config" / "contracts.yml").write_text(TERMS)
    accounts = "service_provider,billing_account_id,gateway,gateway_provider\n"
    providers = {"runpod": "r", "coreweave": "c", "northgpu": "n", "azure": "a"}
    rows = "".join(f"{name},{account},litellm,{name}\n" for name, account in providers.items())
    (root / "config" / "billing_accounts.csv").write_text(accounts + rows)
    return root


def run(*asked: str) -> Result:
    return CliRunner().invoke(cli, ["prices", *asked])


def shown(*asked: str) -> list[dict[str, Any]]:
    result = run("show", *asked, "--json")
    assert result.exit_code == 0, result.output
    found: list[dict[str, Any]] = json.loads(result.output)
    return found


def test_list_market_and_paid_stand_side_by_side(home: Path) -> None:
    found = shown("h100*", "--home", str(home))
    assert [row["service_provider"] for row in found if row["price"] == "list"] == [
        "coreweave", "lambda", "runpod", "coreweave", "aws", "azure",
    ]  # fmt: skip
    [market] = [row for row in found if row["price"] == "market"]
    assert (market["name"], market["usd"], market["up_to_usd"]) == ("h100-sxm-8", "1.875", "3.125")
    # What is paid beside the host's own list on the same terms, else on demand; northgpu has none.
    assert [(row["name"], row["terms"], row["usd"], row["list_usd"]) for row in found if row["price"] == "paid"] == [
        ("n1", "on demand", "2.79", "3.99"),
        ("n2", "reserved", "4", "6.155"),
        ("n2", "spot", "3", "2.46375"),
        ("n3", "on demand", "2.49", None),
    ]


def test_provisioned_units_stand_beside_their_term(home: Path) -> None:
    listed, paid = shown("ptu-global", "--home", str(home))
    assert (listed["usd"], listed["unit"], listed["source"]) == (
        "1.00", "provisioned_unit_hour", "https://prices.azure.com/api/retail/prices",
    )  # fmt: skip
    assert (paid["name"], paid["usd"], paid["list_usd"]) == ("ptu", "0.3561", "1.00")


def test_a_price_is_of_its_day_host_and_what_was_known() -> None:
    def runpod(*more: str) -> list[str]:
        found = shown("h100-sxm-80gb", "--provider", "runpod", *more)
        return [row["usd"] for row in found]

    assert runpod("--on", "2026-10-01") == ["3.49"]
    assert runpod("--on", "2026-11-18") == ["3.99"]
    # Nobody had looked at the later one yet.
    assert run("show", "h100-sxm-80gb", "--provider", "runpod", "--on", "2026-11-18", "--known", "2026-10-20").exit_code


def test_the_table_says_each_price_and_where_it_is_from(home: Path) -> None:
    output = run("show", "ptu*", "--home", str(home), "--on", "2026-11-18").output
    assert "ptu-data-zone" in output
    assert "paid: ptu" in output
    assert "prices.azure.com" in output


def test_rates_without_a_list_price_are_named(home: Path) -> None:
    place, day = Home(home), date(2026, 11, 18)
    rates = placed_rates(place, load_settings(place))
    found = list(check_capacity(rates, capacity_entries(), day, 180))
    assert [(one.kind, one.where, one.model_id, one.reason) for one in found] == [
        (
            "gpu hour without a list price", "config/gpu_rates.yml, line 11", "n3",
            "no price of h100-sxm-80gb at northgpu; the price book has it at aws, azure, coreweave, lambda, runpod",
        ),
        (
            "gpu hour without a list price", "config/gpu_rates.yml, line 13", "n4",
            "names no capacity; the price book has a100-sxm-80gb, b200-sxm-180gb, h100-sxm-80gb, h200-sxm-141gb",
        ),
        (
            "gpu hour without a list price", "config/gpu_rates.yml, line 14", "n5",
            "no price of 'h900'; the price book has a100-sxm-80gb, b200-sxm-180gb, h100-sxm-80gb, h200-sxm-141gb",
        ),
    ]  # fmt: skip
    assert {one.level for one in found} == {"warning"}
    old = [one for one in check_capacity(rates, capacity_entries(), day, 1) if one.kind == "not checked lately"]
    assert [one.model_id for one in old] == ["n1", "n2", "n2", "ptu"]
