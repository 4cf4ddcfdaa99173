"""An owned GPU cut into MIG slices, from landing to TCO: capital is charged once, and to whose slices it paid for."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from sources.home import Home, init_home
from tests.built import built_marts

SCRAPE = Path("tests/unit/sources/dcgm/run_ai/mig_four_slices.prom.txt")
MIDNIGHT = datetime(2026, 8, 10, tzinfo=UTC)
# One of the four real slices is idle and bound to nobody; the others work all day.
BUSY = {"8": "1", "5": "1", "7": "1", "9": "0"}
NODE = """
nodes:
- node_id: nvidia-dcgm-exporter-tl46n
  service_provider: own-hardware
  billing_account_id: rack-7
  gpus: 1
  owned:
    capex_usd: "14000"
    residual_usd: "1400"
    life_years: "4"
    discount_rate: "0.08"
    power_kw: "0.7"
    usd_per_kwh: "0.11"
    pue: "1.3"
  valid_from: 2026-08-10
deployments:
- {deployment_id: chat, node_id: nvidia-dcgm-exporter-tl46n, model_id: qwen, model: qwen, valid_from: 2026-08-10,
   slices: [{gpu: GPU-473571f2-fb37-ef7e-50fe-9885b74a23cd, slice: "8"}],
   weights: &weights {input: "1", cache_read: "0.1", output: "4"}}
- {deployment_id: search, node_id: nvidia-dcgm-exporter-tl46n, model_id: bge, model: bge, valid_from: 2026-08-10,
   slices: [{gpu: GPU-473571f2-fb37-ef7e-50fe-9885b74a23cd, slice: "5"},
            {gpu: GPU-473571f2-fb37-ef7e-50fe-9885b74a23cd, slice: "7"}], weights: *weights}
"""
SETTINGS = {
    "gpu_rates.yml": NODE,
    "billing_accounts.csv": """service_provider,billing_account_id,gateway,gateway_provider,settlement_lag_days,currency
own-hardware,rack-7,declared:gate,own,1,USD
""",
    "tenants.csv": """tenant_id,tenant_name,plan,cost_center,is_free_plan
acme,Acme,pro,CC-1,false
birch,Birch,pro,CC-2,false
""",
    "features.csv": "feature_id,feature_name,product_id,product_name\nask,Ask,chat,Chat\nfind,Find,search,Search\n",
    "allocation.yml": """rule_version: "1"
rules:
- {rule_id: idle, charge_category: gpu_idle, method: unattributed, valid_from: 2020-01-01}
- {rule_id: unlogged, charge_category: unlogged_traffic, method: unattributed, valid_from: 2020-01-01}
""",
    "feeds.yml": """
feeds:
- name: gate
  table: calls
  columns: {response_id: id, started_at: time, gateway_provider: {always: own}, model_id: model, input_tokens: input,
            output_tokens: output, tag_tenant: tenant, tag_feature: feature}
""",
}  # fmt: skip


def telemetry() -> str:
    """GR_ENGINE_ACTIVE of the real scrape's slices, twice an hour until the next day begins."""
    series = []
    for line in SCRAPE.read_text().splitlines():
        if line.startswith("DCGM_FI_PROF_GR_ENGINE_ACTIVE{"):
            labels = dict(re.findall(r'(\w+)="([^"]*)"', line))
            moments = (int(MIDNIGHT.timestamp()) + 1800 * number for number in range(50))
            values = [[moment, BUSY[labels["GPU_I_ID"]]] for moment in moments]
            series.append({"metric": labels | {"__name__": "DCGM_FI_PROF_GR_ENGINE_ACTIVE"}, "values": values})
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": series}})


def calls() -> str:
    """One an hour of each tenant and product."""
    rows = ["id,time,model,input,output,tenant,feature"]
    for number in range(24):
        at = MIDNIGHT + timedelta(hours=number, minutes=5)
        for model, tenant, feature in (("qwen", "acme", "ask"), ("bge", "birch", "find")):
            rows.append(f"{model}-{number},{at:%Y-%m-%dT%H:%M:%SZ},{model},1000,{number},{tenant},{feature}")
    return "\n".join(rows) + "\n"


@pytest.fixture(scope="module")
def marts(tmp_path_factory: pytest.TempPathFactory) -> duckdb.DuckDBPyConnection:
    home: Home = init_home(tmp_path_factory.mktemp("owned") / "home")
    for name, text in SETTINGS.items():
        (home.config / name).write_text(text)
    for path, text in {
        "dcgm/samples/query_range_2026-08-10_2026-08-11.json": telemetry(),
        "declared/calls/gate/calls_2026-08-10.csv": calls(),
    }.items():
        (home.landing / path).parent.mkdir(parents=True, exist_ok=True)
        (home.landing / path).write_text(text)
    return built_marts(home, "tco_monthly", "self_hosting_weekly")


# 12,600 USD over 48 months, the day one of 31 of the first; by the capital recovery factor a year, the day one of 365.
DEPRECIATION = Decimal(12600) / (48 * 31)
GROWTH = Decimal("1.08") ** 4
CAPITAL = Decimal("0.08") * GROWTH / (GROWTH - 1) * (14000 - 1400 / GROWTH) / 365
POWER = Decimal("0.7") * 24 * Decimal("1.3") * Decimal("0.11")


def test_economic_tco_of_bound_slices_is_the_node_once(marts: duckdb.DuckDBPyConnection) -> None:
    rows = marts.execute("""
        select product_id, cash_usd, economic_usd from tco_monthly where line = 'inference' order by product_id
    """).fetchall()
    sevenths = {"chat": 1, "search": 3, "unattributed": 3}
    assert [product for product, _, _ in rows] == list(sevenths)
    for product, cash, economic in rows:
        part = Decimal(sevenths[product]) / 7
        # Slices are sevenths to the pico-dollar in the books, and to a millionth in what is over them.
        assert cash == pytest.approx((DEPRECIATION + POWER) * part, abs=Decimal("1e-8"))
        assert economic == pytest.approx((CAPITAL + POWER) * part, abs=Decimal("1e-5"))
    assert sum(row[1] for row in rows) == pytest.approx(DEPRECIATION + POWER, abs=Decimal("1e-11"))
    assert sum(row[2] for row in rows) == pytest.approx(CAPITAL + POWER, abs=Decimal("1e-9"))


def test_tenants_have_what_their_slices_cost(marts: duckdb.DuckDBPyConnection) -> None:
    """By the book: the same money as the cash view, and no seventh twice."""
    weeks = marts.execute("""
        select deployment_id, tenant_id, sum(gpu_cost_usd) from self_hosting_weekly where gpu_cost_usd > 0
        group by all order by all""").fetchall()
    assert [(deployment, tenant) for deployment, tenant, _ in weeks] == [
        ("chat", "acme"), ("search", "birch"), ("unattributed", "unattributed"),
    ]  # fmt: skip
    cash = dict(marts.execute("select product_id, cash_usd from tco_monthly where line = 'inference'").fetchall())
    assert [usd for _, _, usd in weeks] == [cash[name] for name in ("chat", "search", "unattributed")]
