"""Settings become config tables with exact types, the same bytes each time."""

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from sources.home import Home, init_home
from sources.settings import SettingsError, compile_settings, load_settings
from sources.settings.tables import CONFIG_SCHEMAS


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = init_home(tmp_path / "home")
    files = {
        "tenants.csv": "tenant_id,tenant_name,plan,is_free_plan\nbeta,Beta,free,true\nacme,Acme,pro,false\n",
        "teams.csv": "team_id,tenant_id,valid_from\nt1,acme,2026-08-01\n",
        "kubernetes_pods.csv": """namespace,pod,tenant_id,deployment_id,valid_from
llama,llama-*,acme,llama,2026-08-01
*,,beta,,
""",
        "api_keys.csv": """api_key_id,tenant_id,team_id,valid_from,valid_to
k1,acme,t1,2026-08-01,2026-09-01
k1,beta,,2026-09-01,
""",
        "billing_accounts.csv": """service_provider,billing_account_id,gateway,gateway_provider
ngpu,n1,litellm,hosted_vllm
""",
        "fx_rates.csv": "currency,rate_date,usd_per_unit\nEUR,2026-08-03,1.08123456\n",
        "contracts.yml": """
terms:
- {term_id: least, kind: minimum, service_provider: ngpu, amount_usd: 250, source: s}
- {term_id: volume, kind: volume_discount, service_provider: ngpu, source: s,
   bands: [{above_usd: 10, percent_off: 2.5}, {above_usd: 20, percent_off: 4}]}
""",
        "gpu_rates.yml": """
nodes: [{node_id: n, service_provider: ngpu, billing_account_id: n1, gpus: 8, usd_per_gpu_hour: 2.49}]
deployments:
- {deployment_id: d, node_id: n, model_id: llama, model: llama-3.3, weights: {input: 1, cache_read: 0.1, output: 4}}
""",
    }
    for name, text in files.items():
        (home.config / name).write_text(text)
    return home


def table(home: Home, name: str) -> pl.DataFrame:
    return pl.read_parquet(home.lake / "config" / name / "current.parquet")


def test_every_config_table_has_its_columns_and_types(home: Home) -> None:
    compile_settings(home, load_settings(home))
    for name, schema in CONFIG_SCHEMAS.items():
        assert dict(table(home, name).schema) == schema


def test_pods_keep_the_order_of_their_rows(home: Home) -> None:
    compile_settings(home, load_settings(home))
    assert table(home, "kubernetes_pods").select("rule_order", "namespace", "pod", "tenant_id").rows() == [
        (1, "llama", "llama-*", "acme"),
        (2, "*", "*", "beta"),
    ]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ("Llama,*,acme,,", "namespace"), ("llama,*,nobody,,", "tenant_id"), ("*,*,acme,team,", "label_value"),
        ("*,*,acme,,search", "label"), ("*,*,acme,app.io/team,x", "label"),
    ],
)  # fmt: skip
def test_a_pod_of_no_tenant_or_no_name_is_refused(home: Home, row: str, field: str) -> None:
    (home.config / "kubernetes_pods.csv").write_text(f"namespace,pod,tenant_id,label,label_value\n{row}\n")
    with pytest.raises(SettingsError, match=f"kubernetes_pods.csv, line 2, {field}"):
        load_settings(home)


def test_empty_settings_give_empty_typed_tables(tmp_path: Path) -> None:
    home = init_home(tmp_path)
    compile_settings(home, load_settings(home))
    assert table(home, "api_keys").schema == pl.Schema(CONFIG_SCHEMAS["api_keys"])
    assert table(home, "api_keys").height == 0


def test_rows_carry_what_the_files_say(home: Home) -> None:
    compile_settings(home, load_settings(home))
    keys = table(home, "api_keys").select("tenant_id", pl.col("valid_from", "valid_to").cast(pl.String))
    assert keys.rows() == [("acme", "2026-08-01", "2026-09-01"), ("beta", "2026-09-01", "9999-12-31")]
    assert table(home, "tenants")["tenant_id"].to_list() == ["acme", "beta"]
    assert table(home, "billing_accounts")["settlement_lag_days"].to_list() == [1]
    node = table(home, "gpu_nodes").select(pl.col("usd_per_gpu_hour").cast(pl.String)).item()
    assert node == "2.49000000"
    weights = table(home, "gpu_deployments").select(pl.col("^.*_weight$").cast(pl.String)).row(0)
    assert weights == ("1.000000", "0.100000", "4.000000")
    rules = table(home, "allocation_rules").sort("rule_order")
    assert rules["rule_order"].to_list() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert rules["rule_version"].unique().to_list() == ["1"]
    assert table(home, "settings").rows() == [("My company", "UTC", None, 90)]


def test_a_limit_is_no_row_of_the_lake_so_a_new_one_builds_nothing_anew(home: Home) -> None:
    compile_settings(home, load_settings(home))
    before = table(home, "settings")
    path = home.config / "inferledger.yml"
    assert "unpriced_share: 0.001" in path.read_text()
    path.write_text(path.read_text().replace("unpriced_share: 0.001", "unpriced_share: 0.002"))
    compile_settings(home, load_settings(home))
    assert table(home, "settings").equals(before)


def test_a_rule_of_cost_nature_is_a_row_for_each_combination_and_the_default_is_the_last(home: Home) -> None:
    def natures() -> list[tuple[object, ...]]:
        compile_settings(home, load_settings(home))
        return table(home, "cost_nature_rules").select(pl.exclude("valid_from", "valid_to")).rows()

    shipped = natures()
    (home.config / "cost_nature.yml").unlink()
    assert natures() == shipped
    assert shipped[-1] == (3, None, None, None, "cogs")
    assert {row[1] for row in shipped[:-2]} == {"dev", "eval", "staging", "test"} | {None}
    (home.config / "cost_nature.yml").write_text(
        "default: g_and_a\nrules:\n"
        "- {plan: [free, unattributed], purpose: [eval, serve], cost_nature: sales_marketing}\n"
    )
    combinations = [("free", "eval"), ("free", "serve"), ("unattributed", "eval"), ("unattributed", "serve")]
    assert natures() == [
        *((1, None, plan, purpose, "sales_marketing") for plan, purpose in combinations),
        (2, None, None, None, "g_and_a"),
    ]


def test_the_same_settings_give_the_same_bytes(home: Home) -> None:
    def compiled() -> dict[str, bytes]:
        compile_settings(home, load_settings(home))
        return {name: (home.lake / "config" / name / "current.parquet").read_bytes() for name in CONFIG_SCHEMAS}

    first = compiled()
    rows = (home.config / "tenants.csv").read_text().splitlines()
    (home.config / "tenants.csv").write_text("\n".join([rows[0], *reversed(rows[1:])]) + "\n")
    assert compiled() == first


def test_contract_terms_and_their_bands_are_tables_of_their_own(home: Home) -> None:
    compile_settings(home, load_settings(home))
    terms, bands = table(home, "contract_terms"), table(home, "discount_bands")
    assert terms.select("term_id", "kind", "amount_usd", "usd_per_call").rows() == [
        ("least", "minimum", Decimal(250), None),
        ("volume", "volume_discount", None, None),
    ]
    assert bands.rows() == [("volume", Decimal(10), Decimal("2.5")), ("volume", Decimal(20), Decimal(4))]
