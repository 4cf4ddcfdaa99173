"""Settings are read exactly, or refused with every problem named by file, line and field."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from sources.home import Home, HomeError, init_home
from sources.settings import ENGINE_VARIABLE, ExpectedFile, Settings, SettingsError, engine_of, load_settings

ACCOUNTS = """service_provider,billing_account_id,gateway,gateway_provider,settlement_lag_days,currency,valid_from
openai,org-1,litellm,openai,,USD,2026-08-01
northgpu,ng-01,litellm,hosted_vllm,3,EUR,2026-08-01
"""
KEYS = "api_key_id,tenant_id,team_id,environment,valid_from,valid_to\n"
TENANTS = "tenant_id,tenant_name,plan,cost_center,is_free_plan\nacme,Acme Ltd,pro,CC-1,false\nbeta,Beta,free,,true\n"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = init_home(tmp_path / "home")
    (home.config / "billing_accounts.csv").write_text(ACCOUNTS)
    (home.config / "tenants.csv").write_text(TENANTS)
    return home


@pytest.fixture
def problems(home: Home) -> Callable[[str, str], list[str]]:
    """Writes one settings file and answers with the problems it brings."""

    def write(name: str, text: str) -> list[str]:
        (home.config / name).write_text(text)
        with pytest.raises(SettingsError) as caught:
            load_settings(home)
        return [str(problem) for problem in caught.value.problems]

    return write


def load_with(home: Home, name: str, text: str) -> Settings:
    (home.config / name).write_text(text)
    return load_settings(home)


def test_a_fresh_home_has_valid_settings(tmp_path: Path) -> None:
    settings = load_settings(init_home(tmp_path))
    assert settings.limits.unpriced_share == Decimal("0.001")
    assert settings.tenants == ()
    assert {rule.charge_category for rule in settings.allocation_rules} == {
        "credit",
        "fee",
        "fx",
        "rounding",
        "non_token",
        "shortfall",
        "gpu_idle",
        "unlogged_traffic",
    }


TERM = "terms:\n- term_id: t\n  service_provider: openai\n  source: s\n"


@pytest.mark.parametrize("name", ["contracts.yml", "gpu_rates.yml", "feeds.yml", "inferledger.yml", "self_hosting.yml"])
def test_the_commented_yaml_examples_are_valid(home: Home, name: str) -> None:
    text = (home.config / name).read_text()
    empty = {
        "contracts.yml": ["contracts", "terms"],
        "gpu_rates.yml": ["nodes", "deployments"],
        "feeds.yml": ["feeds"],
        "self_hosting.yml": ["workloads"],
        "inferledger.yml": ["delivery", "expected_files", "pulls", "report_audiences"],
    }
    for key in empty[name]:
        text = text.replace(f"{key}: []\n", f"{key}:\n")
    lines = [line[2:] if line.startswith(("# - ", "#   ")) and ":" in line else line for line in text.splitlines()]
    (home.config / "features.csv").write_text(
        "feature_id,feature_name,product_id,product_name\nanswers,Answers,search,Search\n"
    )
    accounts = ACCOUNTS + "northgpu,northgpu-01,litellm,vllm,,USD,\nopenai,org-example,helicone,openai,,USD,\n"
    accounts += "own-hardware,rack-7,litellm,own_vllm,,USD,\n"
    accounts += "anthropic,org-example,helicone,anthropic,,USD,\n"
    (home.config / "billing_accounts.csv").write_text(accounts)
    head = (
        0 if name == "inferledger.yml" else next(n for n, line in enumerate(lines) if not line.startswith(("#", "  ")))
    )
    load_with(home, name, "\n".join(lines[head:]) + "\n")


@pytest.mark.parametrize(
    "name",
    [
        "tenants.csv",
        "features.csv",
        "teams.csv",
        "kubernetes_pods.csv",
        "api_keys.csv",
        "billing_accounts.csv",
        "fx_rates.csv",
    ],
)
def test_the_commented_csv_examples_are_valid(tmp_path: Path, name: str) -> None:
    home = init_home(tmp_path)
    for file in ("tenants.csv", "teams.csv", name):
        text = (home.config / file).read_text()
        header = next(line for line in text.splitlines() if not line.startswith("#"))
        example = text.splitlines()[-1].removeprefix("# ")
        (home.config / file).write_text(f"{header}\n{example}\n")
    load_settings(home)


@pytest.mark.parametrize("written", ['"12.50"', "12.50", "'12.50'"])
def test_numbers_keep_the_digits_that_were_written(home: Home, written: str) -> None:
    text = (
        f"contracts:\n- {{contract_id: c, service_provider: openai, models: [x], percent_off: {written}, source: s}}\n"
    )
    percent_off = load_with(home, "contracts.yml", text).contracts[0].percent_off
    assert str(percent_off) == "12.50"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("{tenant: nobody}", "found 'nobody'; allowed: one of tenants.csv"),
        ("{product: nothing}", "found 'nothing'; allowed: one of features.csv"),
        ("{tenant: acme, product: search}", "set, or product, and not both"),
        ("{}", "set, or product, and not both"),
    ],
)
def test_a_report_is_for_one_tenant_or_one_product_that_there_is(
    problems: Callable[[str, str], list[str]], written: str, said: str
) -> None:
    (found,) = problems("inferledger.yml", f"company: X\nreport_audiences:\n- {written}\n")
    assert said in found
    assert "inferledger.yml, line 3" in found


def test_a_price_that_no_double_holds_is_exact(home: Home) -> None:
    rates = "prices_per_mtok_usd: {input: 0.12345678, output: 1234567890.12345678}"
    text = f"contracts:\n- {{contract_id: c, service_provider: openai, models: [x], {rates}, source: s}}\n"
    prices = load_with(home, "contracts.yml", text).contracts[0].prices_per_mtok_usd
    assert prices is not None
    assert prices.output == Decimal("1234567890.12345678")


def test_cost_plus_and_multiple_are_one_factor(home: Home) -> None:
    (home.config / "markups.csv").write_text("tenant_id,cost_plus_percent,multiple\nacme,12.5,\n,,3\n")
    assert [row.price_factor for row in load_settings(home).markups] == [Decimal("1.125"), 3]


def test_two_accounts_that_say_as_much_are_decided_by_one_that_says_more(home: Home) -> None:
    (home.config / "gl_map.csv").write_text(
        "cost_nature,service_provider,account\n,,5000\ncogs,,5100\n,openai,5200\ncogs,openai,5300\nr_and_d,,6100\n"
        "r_and_d,openai,6200\n"
    )
    assert [row.account for row in load_settings(home).gl_accounts] == ["5000", "5100", "5200", "5300", "6100", "6200"]


def test_settlement_lag_comes_from_the_account_then_the_provider(home: Home) -> None:
    settings = load_with(home, "inferledger.yml", "company: c\nsettlement_lag_days: {openai: 2}\n")
    assert [settings.settlement_lag_days(account) for account in settings.billing_accounts] == [2, 3]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        (
            "inferledger.yml",
            "company: c\nlimits:\n  unpriced_shar: 0.1\n",
            "inferledger.yml, line 3, limits.unpriced_shar: found an unknown name; allowed: "
            "ingest_processes, journal_rounding_usd, lock_wait_seconds, materiality_usd, memory, quarantined_share, "
            "spill_folder, threads, unattributed_share, unexplained_usd, unpriced_share; "
            "did you mean 'unpriced_share'?",
        ),
        (
            "inferledger.yml",
            "display_time_zone: UTC\n",
            "inferledger.yml, line 1, company: found nothing; allowed: a value for company",
        ),
        (
            "inferledger.yml",
            "company: c\nlimits: {unpriced_share: 12%}\n",
            "inferledger.yml, line 2, limits.unpriced_share: found '12%'; allowed: a number such as 2.49",
        ),
        (
            "inferledger.yml",
            "company: c\nretention: {samples_days: 61, gpu_5m_days: 30}",
            "inferledger.yml, line 2, retention.samples_days: found '61'; allowed: greater than or equal to 62",
        ),
        (
            "inferledger.yml",
            "company: c\nretention: {calls_days: 61}",
            "inferledger.yml, line 2, retention.calls_days: found '61'; allowed: greater than or equal to 62",
        ),
        (
            "inferledger.yml",
            "company: c\nretention: {samples_days: 89}",
            "inferledger.yml, line 2, retention: found a mapping; allowed: samples_days of at least gpu_5m_days, 90",
        ),
        (
            "inferledger.yml",
            "company: c\nsettlement_lag_days: {openai: 9223372036854775808}\n",
            "inferledger.yml, line 2, settlement_lag_days.openai: found '9223372036854775808'; "
            "allowed: a number below 2^63, which is what the lake's counts hold",
        ),
        (
            "inferledger.yml",
            "company: c\ndisplay_time_zone: Europe/Berln\n",
            "inferledger.yml, line 2, display_time_zone: found 'Europe/Berln'; "
            "allowed: a time zone name such as Europe/Berlin",
        ),
        (
            "inferledger.yml",
            "company: c\ncompany: d\n",
            "inferledger.yml, line 2, company: found the name again; allowed: each name once (first on line 1)",
        ),
        (
            "inferledger.yml",
            "company: [c\n",
            "inferledger.yml, line 2: found no YAML (did not find expected ',' or ']'); allowed: YAML",
        ),
        (
            "inferledger.yml",
            "company: c\nexpected_files:\n"
            "- {feed: litellm, table: spend_logs, cadence: weekly, from: 2026-08-11, name: 'a_{date}'}\n",
            "inferledger.yml, line 3, expected_files[0].from: found Tuesday 2026-08-11; "
            "allowed: a Monday, for cadence weekly",
        ),
        (
            "inferledger.yml",
            "company: c\nsettlement_lag_days:\n  opena: 2\n",
            "inferledger.yml, line 3, settlement_lag_days: found 'opena'; "
            "allowed: a service_provider of billing_accounts.csv; did you mean 'openai'?",
        ),
        (
            "inferledger.yml",
            "- company: c\n",
            "inferledger.yml, line 1: found a list; allowed: names with their values",
        ),
        (
            "contracts.yml",
            f"{TERM}  kind: minimum\n  usd_per_call: 0.01\n",
            "contracts.yml, line 2, terms[0].amount_usd: found nothing; "
            "allowed: minimum says amount_usd, above 0, and none of the others",
        ),
        (
            "contracts.yml",
            f"{TERM}  kind: commitment\n  amount_usd: 1000\n",
            "contracts.yml, line 2, terms[0].valid_to: found nothing; allowed: the day a commitment ends",
        ),
        (
            "contracts.yml",
            f"{TERM}  kind: volume_discount\n"
            "  bands: [{above_usd: 20, percent_off: 1}, {above_usd: 10, percent_off: 2}]\n",
            "contracts.yml, line 2, terms[0].bands: found 20, 10; allowed: bands in rising order of above_usd",
        ),
        (
            "contracts.yml",
            f"{TERM}  kind: call_fee\n  usd_per_call: 0.01\n{TERM.removeprefix('terms:' + chr(10))}"
            "  kind: minimum\n  amount_usd: 5\n",
            "contracts.yml, line 7, term_id: found t; allowed: a name no other term has",
        ),
        (
            "contracts.yml",
            "contracts:\n- contract_id: c\n  service_provider: opneai\n  models: [x]\n  percent_off: 5\n  source: s\n",
            "contracts.yml, line 2, service_provider: found 'opneai'; "
            "allowed: one of billing_accounts.csv; did you mean 'openai'?",
        ),
        (
            "contracts.yml",
            "contracts:\n- {contract_id: c, service_provider: openai, models: [x], source: s}\n",
            "contracts.yml, line 2, contracts[0].percent_off: found neither; "
            "allowed: either percent_off or prices_per_mtok_usd and prices_per_unit_usd",
        ),
        (
            "contracts.yml",
            "contracts:\n- {contract_id: c, service_provider: openai, models: [x], percent_off: 5, source: s}\n"
            "- {contract_id: c, service_provider: openai, models: [y], percent_off: 5, source: s}\n",
            "contracts.yml, line 3, contract_id: found c valid from 1970-01-01; allowed: spans that do not overlap "
            "(line 2 holds from 1970-01-01 to 9999-12-31)",
        ),
        (
            "gpu_rates.yml",
            "nodes:\n- {node_id: n, service_provider: northgpu, "
            "billing_account_id: ng-1, gpus: 8, usd_per_gpu_hour: 2}\n",
            "gpu_rates.yml, line 2, billing_account_id: found 'northgpu / ng-1'; allowed: one of billing_accounts.csv; "
            "did you mean 'northgpu / ng-01'?",
        ),
        (
            "gpu_rates.yml",
            "nodes:\n- {node_id: n, service_provider: northgpu, "
            "billing_account_id: ng-01, gpus: 8, usd_per_gpu_hour: 2}\ndeployments:\n"
            "- {deployment_id: a, node_id: n, model_id: m, model: m, gpus: 1, "
            "weights: {input: 1, cache_read: 0, output: 4}}\n"
            "- {deployment_id: b, node_id: n, model_id: k, model: k, weights: {input: 1, cache_read: 0, output: 4}}\n",
            "gpu_rates.yml, line 5, gpus: found nothing; allowed: a value, since a of n (line 4) has one",
        ),
        (
            "gpu_rates.yml",
            "nodes:\n- {node_id: n, service_provider: northgpu, "
            "billing_account_id: ng-01, gpus: 8, usd_per_gpu_hour: 2}\ndeployments:\n"
            "- {deployment_id: a, node_id: n, model_id: m, model: m, slices: [{gpu: g, slice: '7'}], "
            "weights: {input: 1, cache_read: 0, output: 4}}\n"
            "- {deployment_id: b, node_id: n, model_id: k, model: k, gpus: 1, "
            "weights: {input: 1, cache_read: 0, output: 4}}\n",
            "gpu_rates.yml, line 5, slices: found nothing; allowed: a value, since a of n (line 4) has one",
        ),
        (
            "gpu_rates.yml",
            "nodes:\n- {node_id: n, service_provider: northgpu, "
            "billing_account_id: ng-01, gpus: 8, usd_per_gpu_hour: 2}\ndeployments:\n"
            "- {deployment_id: a, node_id: n, model_id: m, model: m, slices: [{gpu: g, slice: '7'}], "
            "weights: {input: 1, cache_read: 0, output: 4}}\n"
            "- {deployment_id: b, node_id: n, model_id: k, model: k, slices: [{gpu: g}], "
            "weights: {input: 1, cache_read: 0, output: 4}}\n",
            "gpu_rates.yml, line 5, slices: found g, the whole GPU; allowed: what is not yet bound to a",
        ),
        (
            "inferledger.yml",
            "company: Acme\ndefault_tenant: acmee\n",
            "inferledger.yml, line 2, default_tenant: found 'acmee'; allowed: one of tenants.csv; did you mean 'acme'?",
        ),
        (
            "allocation.yml",
            "rules:\n- {rule_id: r, charge_category: fees, method: even}\n",
            "allocation.yml, line 2, rules[0].charge_category: found 'fees'; allowed: credit, fee, fx, rounding, "
            "non_token, gpu_idle, unlogged_traffic, usage, gpu_busy, commitment, shortfall; did you mean 'fee'?",
        ),
        (
            "cost_nature.yml",
            "rules:\n- {plan: free, cost_nature: cogs}\n- {plan: fre, cost_nature: sales_marketing}\n",
            "cost_nature.yml, line 3, plan: found 'fre'; allowed: one of the plans of tenants.csv; "
            "did you mean 'free'?",
        ),
        (
            "cost_nature.yml",
            "rules:\n- {cost_nature: cogs}\n",
            "cost_nature.yml, line 2, rules[0].cost_nature: found a rule for every call; allowed: environment, plan or "
            "purpose; else it is default",
        ),
        (
            "contracts.yml",
            "terms:\n- {term_id: a, kind: prepaid, service_provider: openai, amount_usd: 5, source: x}\n"
            "- {term_id: b, kind: commitment, service_provider: openai, billing_account_id: org-1, amount_usd: 5, "
            "paid_usd: 4, valid_from: 2026-06-01, valid_to: 2027-01-01, source: x}\n",
            "contracts.yml, line 3, term_id: found 'b'; allowed: days a does not hold; an amount that is topped up is "
            "one term",
        ),
        (
            "contracts.yml",
            "terms:\n- {term_id: a, kind: minimum, service_provider: openai, amount_usd: 5, paid_usd: 4, source: x}\n",
            "contracts.yml, line 2, terms[0].paid_usd: found 4; allowed: only for a commitment or a prepaid amount",
        ),
        (
            "cost_nature.yml",
            "default: opex\n",
            "cost_nature.yml, line 1, default: found 'opex'; allowed: cogs, r_and_d, sales_marketing, g_and_a",
        ),
        (
            "markups.csv",
            "tenant_id,plan,cost_plus_percent,multiple\nacme,,20,3\n",
            "markups.csv, line 2, multiple: found both; allowed: either cost_plus_percent or multiple",
        ),
        (
            "token_budgets.csv",
            "tenant_id,tokens_per_month\nacmee,100\n",
            "token_budgets.csv, line 2, tenant_id: found 'acmee'; allowed: one of tenants.csv; did you mean 'acme'?",
        ),
        (
            "budgets.csv",
            "scope,scope_id,period,amount_usd\ntenant,acmee,month,10\n",
            "budgets.csv, line 2, scope_id: found 'acmee'; allowed: one of tenants.csv; did you mean 'acme'?",
        ),
        (
            "budgets.csv",
            "scope,scope_id,period,amount_usd\nfeature,,day,10\n",
            "budgets.csv, line 2, scope_id: found nothing; allowed: the feature the budget is for",
        ),
        (
            "budgets.csv",
            "scope,scope_id,period,amount_usd\ncompany,acme,day,10\n",
            "budgets.csv, line 2, scope_id: found acme; allowed: nothing, for the company's own budget",
        ),
        (
            "budgets.csv",
            "scope,scope_id,period,amount_usd\ncompany,,month,0\n",
            "budgets.csv, line 2, amount_usd: found '0'; allowed: greater than 0",
        ),
        (
            "model_policy.yml",
            "rules:\n- {policy_id: a, teams: [acmee], allow: false}\n",
            "model_policy.yml, line 2, rules[0].teams: found 'acmee'; allowed: one of teams.csv",
        ),
        (
            "model_policy.yml",
            "rules:\n- {policy_id: a, allow: false}\n",
            "model_policy.yml, line 2, rules[0].policy_id: found a rule for every call; allowed: one of teams, "
            "features, environments, models, service_tiers, reasoning_efforts",
        ),
        (
            "model_policy.yml",
            "rules:\n- {policy_id: a, models: [gpt*mini], allow: false}\n",
            "model_policy.yml, line 2, rules[0].models[0]: found 'gpt*mini'; allowed: a name, or its beginning with * "
            "at the end",
        ),
        (
            "model_policy.yml",
            "rate_limits:\n- {service_provider: openai, models: [gpt-5]}\n",
            "model_policy.yml, line 2, rate_limits[0].tokens_per_minute: found nothing; allowed: a value, or "
            "requests_per_minute",
        ),
        (
            "disputes.csv",
            "tenant_id,posting_period,status,reason,opened\nacme,2026-10,open,late,2026-11-03\n",
            "disputes.csv, line 2, chargeback_line_id: found acme 2026-10; allowed: chargeback_line_id alone, or "
            "tenant_id, posting_period and service_provider",
        ),
        (
            "gl_map.csv",
            "cost_nature,service_provider,account\ncogs,,5100\n,openai,5200\n",
            "gl_map.csv, line 3, account: found '5200'; allowed: one row that says most of expense, cost_nature cogs, "
            "service_provider openai (line 2 says as much)",
        ),
        (
            "gl_map.csv",
            "line_type,account,valid_from,valid_to\nclearing,2100,,2026-10-01\nclearing,2150,2026-09-30,\n",
            "gl_map.csv, line 3, account: found '2150'; allowed: one row that says most of clearing, any line "
            "(line 2 says as much)",
        ),
        (
            "gl_map.csv",
            "line_type,cost_center,account\nclearing,CC-1,2150\n",
            "gl_map.csv, line 2, cost_center: found CC-1; allowed: nothing, for line_type clearing",
        ),
        (
            "gl_map.csv",
            "service_provider,account\nopneai,unmapped\n",
            "gl_map.csv, line 2, account: found unmapped; allowed: any other name; this one is reserved",
        ),
        (
            "api_keys.csv",
            KEYS + "k1,acme,,prod,2026-01-01,\n\nk2,acmee,,prod,,\n",
            "api_keys.csv, line 4, tenant_id: found 'acmee'; allowed: one of tenants.csv; did you mean 'acme'?",
        ),
        (
            "api_keys.csv",
            KEYS + "k1,acme,,prod,20260101,\n",
            "api_keys.csv, line 2, valid_from: found '20260101'; allowed: a day as YYYY-MM-DD",
        ),
        (
            "api_keys.csv",
            KEYS + "k1,acme,,,2026-01-01,2026-03-01\nk1,beta,,,2026-02-28,\n",
            "api_keys.csv, line 3, api_key_id: found k1 valid from 2026-02-28; allowed: spans that do not overlap "
            "(line 2 holds from 2026-01-01 to 2026-03-01)",
        ),
        (
            "api_keys.csv",
            KEYS + "k1,acme,,,2026-01-02,2026-01-02\n",
            "api_keys.csv, line 2, valid_to: found 2026-01-02; allowed: a day after valid_from, 2026-01-02",
        ),
        (
            "tenants.csv",
            "tenant_id,tenant_nam,plan\n",
            "tenants.csv, line 1, tenant_nam: found an unknown column; allowed: tenant_id, tenant_name, plan, "
            "cost_center, is_free_plan; did you mean 'tenant_name'?",
        ),
        (
            "tenants.csv",
            TENANTS + "acme,Again,pro,,false\n",
            "tenants.csv, line 4, tenant_id: found 'acme' again; allowed: each once (first on line 2)",
        ),
        (
            "tenants.csv",
            TENANTS + "gamma,Gamma,pro\n",
            "tenants.csv, line 4: found 3 cells; allowed: 5 cells as in the header",
        ),
        (
            "tenants.csv",
            TENANTS + ",Gamma,pro,,false\n",
            "tenants.csv, line 4, tenant_id: found nothing; allowed: a value for tenant_id",
        ),
        (
            "tenants.csv",
            TENANTS + "unattributed,Nobody,pro,,false\n",
            "tenants.csv, line 4, tenant_id: found 'unattributed'; allowed: any other name; this one is reserved",
        ),
        (
            "features.csv",
            "feature_id,feature_name,product_id,product_name\nf,F,p,P\ng,G,p,Q\n",
            "features.csv, line 3, product_name: found 'Q'; allowed: one name a product ('P' on line 2)",
        ),
        (
            "fx_rates.csv",
            "currency,rate_date,usd_per_unit\nEUR,2026-08-03,1.08\nEUR,2026-08-03,1.09\n",
            "fx_rates.csv, line 3, rate_date: found 'EUR 2026-08-03' again; allowed: each once (first on line 2)",
        ),
    ],
)
def test_a_problem_names_file_line_field_found_and_allowed(
    problems: Callable[[str, str], list[str]], name: str, text: str, expected: str
) -> None:
    assert expected in problems(name, text)


def test_a_broken_tenant_is_not_reported_again_where_it_is_used(
    home: Home, problems: Callable[[str, str], list[str]]
) -> None:
    header = KEYS
    (home.config / "api_keys.csv").write_text(header + "k1,acme,,,,\n")
    found = problems("tenants.csv", "tenant_id,tenant_name,plan,cost_center,is_free_plan\nacme,Acme,pro,,maybe\n")
    assert found == ["tenants.csv, line 2, is_free_plan: found 'maybe'; allowed: true or false"]


def test_all_problems_of_all_files_come_at_once(home: Home, problems: Callable[[str, str], list[str]]) -> None:
    (home.config / "tenants.csv").write_text(
        "tenant_id,tenant_name,plan,cost_center,is_free_plan\na,A,p,,what\nb,B,p,,ever\n"
    )
    (home.config / "allocation.yml").write_text("rules:\n- {rule_id: r, method: odd, charge_category: fee}\n")
    found = problems("contracts.yml", "contract: []\n")
    assert [line.split(",")[0] for line in found] == ["allocation.yml", "contracts.yml", "tenants.csv", "tenants.csv"]


def test_a_raw_key_is_refused_and_not_repeated(problems: Callable[[str, str], list[str]]) -> None:
    found = problems("api_keys.csv", KEYS + "sk-secret,acme,,,,\n")
    assert len(found) == 1
    assert "secret" not in found[0]


def test_expected_files_follow_the_clock(home: Home) -> None:
    daily = "{feed: litellm, table: spend_logs, cadence: daily, from: 2026-08-10, name: 's_{date}.gz', lag_days: 1}"
    weekly = (
        "{feed: openai, table: costs, cadence: weekly, from: 2026-08-10, name: '{date}_{end}__*.json', lag_days: 3}"
    )
    ended = "{feed: business, table: tasks, cadence: daily, from: 2026-08-10, until: 2026-08-10, name: 't_{date}.csv'}"
    settings = load_with(home, "inferledger.yml", f"company: c\nexpected_files: [{daily}, {weekly}, {ended}]\n")
    assert settings.expected_files(datetime(2026, 8, 12, 6, tzinfo=UTC)) == [
        ExpectedFile("litellm", "spend_logs", date(2026, 8, 10), "s_2026-08-10.gz", date(2026, 8, 10)),
        ExpectedFile("litellm", "spend_logs", date(2026, 8, 11), "s_2026-08-11.gz", date(2026, 8, 11)),
        ExpectedFile("business", "tasks", date(2026, 8, 10), "t_2026-08-10.csv", date(2026, 8, 10)),
    ]
    costs = [file for file in settings.expected_files(datetime(2026, 8, 26, tzinfo=UTC)) if file.feed == "openai"]
    assert [file.file_name for file in costs] == ["2026-08-10_2026-08-16__*.json", "2026-08-17_2026-08-23__*.json"]
    assert len([f for f in settings.expected_files(datetime(2026, 8, 25, tzinfo=UTC)) if f.feed == "openai"]) == 1


def test_the_engine_is_what_the_environment_says_else_the_settings(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    assert engine_of(home) == "duckdb"
    settings = home.config / "inferledger.yml"
    settings.write_text(settings.read_text().replace("engine: duckdb", "engine: spark"))
    assert engine_of(home) == "spark"
    monkeypatch.setenv(ENGINE_VARIABLE, "duckdb")
    assert engine_of(home) == "duckdb"
    monkeypatch.setenv(ENGINE_VARIABLE, "Spark")
    with pytest.raises(HomeError, match="INFERLEDGER_ENGINE='Spark': expected one of duckdb, spark"):
        engine_of(home)
