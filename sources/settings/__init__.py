"""The settings of a home: read, checked as a whole, and compiled into the lake.

`load_settings` answers with typed settings or with every problem at once. What a value may be stands in `models`, what
holds between files in `checks`.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, get_args

import polars as pl

from sources.home import LANDING_TABLES, Home, HomeError
from sources.lake import write_current
from sources.settings import checks, gpu_rates, tables
from sources.settings.allocation import (
    Entities,
    check_allocation,
    match_rows,
    rule_file,
    rule_rows,
    spelled_out,
    tag_rows,
    target_rows,
)
from sources.settings.declared import check_feeds
from sources.settings.foreign import in_usd, term_rates, terms_in_usd
from sources.settings.gpu_rates import GpuDeployment, GpuNode, GpuRates
from sources.settings.hardware import config_rows as hardware_rows
from sources.settings.models import (
    Allocation,
    AllocationRule,
    AnomalyState,
    ApiKey,
    BillingAccount,
    Budget,
    Contract,
    Contracts,
    ContractTerm,
    CostNatures,
    DeclaredFeed,
    DeclaredFeeds,
    Dispute,
    Engine,
    ExpectedFileRule,
    Feature,
    FxRate,
    General,
    GlAccount,
    KubernetesPod,
    Limits,
    Markup,
    PlanRow,
    Strict,
    Team,
    Tenant,
    TokenBudget,
)
from sources.settings.policy import ModelPolicy, check_policy, policy_rows
from sources.settings.scenarios import Scenarios, check_scenarios
from sources.settings.scenarios import config_rows as scenario_rows
from sources.settings.self_hosting import SelfHosting, check_self_hosting, config_rows
from sources.settings.tco import Person, Tco, check_people, check_tco
from sources.settings.tco import config_rows as tco_rows
from sources.settings.text import Document, Problem, SettingsError, Sheet, read_csv, read_yaml

__all__ = [
    "ExpectedFile",
    "Problem",
    "Settings",
    "SettingsError",
    "compile_settings",
    "engine_of",
    "load_contracts",
    "load_settings",
]

Row = TypeVar("Row", bound=Strict)
Model = TypeVar("Model", bound=Strict)

ENGINE_VARIABLE = "INFERLEDGER_ENGINE"
# A provider that no setting names: most publish a day's bill within the next day.
DEFAULT_SETTLEMENT_LAG_DAYS = 1


class ExpectedFile(NamedTuple):
    """A file that should have come; its name may hold * where only the sender knows the rest."""

    feed: str
    table_name: str
    expected_date: date
    file_name: str
    last_date: date


@dataclass(frozen=True)
class Settings:
    """Everything the settings files of a home say."""

    general: General
    tenants: tuple[Tenant, ...]
    features: tuple[Feature, ...]
    teams: tuple[Team, ...]
    kubernetes_pods: tuple[KubernetesPod, ...]
    api_keys: tuple[ApiKey, ...]
    billing_accounts: tuple[BillingAccount, ...]
    fx_rates: tuple[FxRate, ...]
    gl_accounts: tuple[GlAccount, ...]
    markups: tuple[Markup, ...]
    token_budgets: tuple[TokenBudget, ...]
    budgets: tuple[Budget, ...]
    plan: tuple[PlanRow, ...]
    anomaly_states: tuple[AnomalyState, ...]
    disputes: tuple[Dispute, ...]
    contracts: tuple[Contract, ...]
    contract_terms: tuple[ContractTerm, ...]
    gpu_nodes: tuple[GpuNode, ...]
    gpu_deployments: tuple[GpuDeployment, ...]
    allocation_rules: tuple[AllocationRule, ...]
    rule_version: str
    cost_natures: CostNatures
    declared_feeds: tuple[DeclaredFeed, ...]
    self_hosting: SelfHosting
    people: tuple[Person, ...]
    tco: Tco
    scenarios: Scenarios
    model_policy: ModelPolicy

    @property
    def contracts_usd(self) -> tuple[Contract, ...]:
        """The contracts as calls are priced by them: prices in a foreign currency at the rates of their months."""
        return in_usd(self.contracts, self.fx_rates)

    @property
    def targets(self) -> dict[str, set[str]]:
        """What a rule can mean by all of a kind."""
        centers = [row.cost_center for row in self.tenants]
        return {
            "tenant": {row.tenant_id for row in self.tenants},
            "product": {row.product_id for row in self.features},
            "cost_center": {center for center in (*centers, *(row.cost_center for row in self.teams)) if center},
        }

    @property
    def limits(self) -> Limits:
        return self.general.limits

    def settlement_lag_days(self, account: BillingAccount) -> int:
        """The account's own lag, else its provider's, else the default."""
        if account.settlement_lag_days is not None:
            return account.settlement_lag_days
        return self.general.settlement_lag_days.get(account.service_provider, DEFAULT_SETTLEMENT_LAG_DAYS)

    def expected_files(self, now: datetime) -> list[ExpectedFile]:
        """Every file that should have come by `now`, in the order of the settings and by day."""
        today = now.date()
        return [file for rule in self.general.expected_files for file in _expected(rule, today)]


def _expected(rule: ExpectedFileRule, today: date) -> Iterator[ExpectedFile]:
    step = timedelta(days=1 if rule.cadence == "daily" else 7)
    lag = timedelta(days=rule.lag_days)
    day = rule.first
    while (end := day + step - timedelta(days=1)) + lag <= today and (rule.until is None or day <= rule.until):
        name = rule.name.replace("{date}", f"{day}").replace("{end}", f"{end}")
        yield ExpectedFile(rule.feed, rule.table, day, name, end)
        day += step


class _Reader:
    """Reads the files of one home and collects their problems."""

    def __init__(self, home: Home) -> None:
        self.folder = home.config
        self.problems: list[Problem] = []

    def rows(self, name: str, model: type[Row]) -> list[tuple[int, Row]]:
        """The rows of a CSV file; a file that is not there has none."""
        if not (self.folder / name).is_file():
            return []
        columns = tuple(model.model_fields)
        required = tuple(field for field, info in model.model_fields.items() if info.is_required())
        sheet: Sheet = read_csv(self.folder / name, name, columns, required)
        rows = checks.parse_sheet(sheet, model) if not sheet.problems else []
        self.problems.extend(sheet.problems)
        return rows

    def known(self, name: str, ids: list[str]) -> set[str] | None:
        """The ids of a file, or None when some of its rows could not be read."""
        return None if any(problem.file == name for problem in self.problems) else set(ids)

    def document(self, name: str, model: type[Model], default: Model | None) -> tuple[Document, Model | None]:
        """A YAML file as its model; without the file the default, or a problem when there is none."""
        if not (self.folder / name).is_file():
            if default is None:
                self.problems.append(Problem(name, 0, "", "no such file", "the file; `inferledger init` writes one"))
            return Document(name), default
        document = read_yaml(self.folder / name, name)
        parsed = checks.parse_document(document, model)
        self.problems.extend(document.problems)
        return document, parsed


def engine_of(home: Home) -> Engine:
    """What the home is built with: INFERLEDGER_ENGINE, else what inferledger.yml says."""
    named = os.environ.get(ENGINE_VARIABLE)
    engines: tuple[Engine, ...] = get_args(Engine)
    if named:
        found = [engine for engine in engines if engine == named]
        if not found:
            raise HomeError(f"{ENGINE_VARIABLE}={named!r}: expected one of {', '.join(engines)}")
        return found[0]
    _, general = _Reader(home).document("inferledger.yml", General, None)
    return general.engine if general else "duckdb"


def load_settings(home: Home) -> Settings:
    """The settings of the home; SettingsError with every problem of every file when something is wrong."""
    reader = _Reader(home)
    tenants, features = reader.rows("tenants.csv", Tenant), reader.rows("features.csv", Feature)
    teams, keys = reader.rows("teams.csv", Team), reader.rows("api_keys.csv", ApiKey)
    pods = reader.rows("kubernetes_pods.csv", KubernetesPod)
    accounts, rates = reader.rows("billing_accounts.csv", BillingAccount), reader.rows("fx_rates.csv", FxRate)
    gl_accounts = reader.rows("gl_map.csv", GlAccount)
    markups, token_budgets = reader.rows("markups.csv", Markup), reader.rows("token_budgets.csv", TokenBudget)
    budgets = reader.rows("budgets.csv", Budget)
    planned = reader.rows("plan.csv", PlanRow)
    states = reader.rows("anomaly_states.csv", AnomalyState)
    disputes = reader.rows("disputes.csv", Dispute)
    general_text, general = reader.document("inferledger.yml", General, None)
    contracts_text, contracts = reader.document("contracts.yml", Contracts, Contracts())
    gpu_text, gpu = reader.document("gpu_rates.yml", GpuRates, GpuRates())
    allocation_text, allocation = reader.document("allocation.yml", Allocation, Allocation())
    natures_text, natures = reader.document("cost_nature.yml", CostNatures, CostNatures())
    feeds_text, feeds = reader.document("feeds.yml", DeclaredFeeds, DeclaredFeeds())
    own_text, own = reader.document("self_hosting.yml", SelfHosting, SelfHosting())
    people = reader.rows("people.csv", Person)
    tco_text, tco = reader.document("tco.yml", Tco, Tco())
    scenarios_text, scenarios = reader.document("scenarios.yml", Scenarios, Scenarios())
    policy_text, policy = reader.document("model_policy.yml", ModelPolicy, ModelPolicy())

    problems = reader.problems
    tenant_ids = reader.known("tenants.csv", [row.tenant_id for _, row in tenants])
    plans = reader.known("tenants.csv", [row.plan for _, row in tenants])
    team_ids = reader.known("teams.csv", [row.team_id for _, row in teams])
    providers = reader.known("billing_accounts.csv", [row.service_provider for _, row in accounts])
    account_names = reader.known("billing_accounts.csv", [checks.account_name(row) for _, row in accounts])
    problems.extend(checks.check_tenants(tenants))
    problems.extend(checks.check_teams(teams, tenant_ids))
    problems.extend(checks.check_kubernetes_pods(pods, tenant_ids))
    problems.extend(checks.check_api_keys(keys, tenant_ids, team_ids))
    problems.extend(checks.check_features(features))
    problems.extend(checks.check_accounts(accounts, rates))
    problems.extend(checks.check_gl_map(gl_accounts, providers))
    problems.extend(checks.check_statements(markups, token_budgets, disputes, tenant_ids, plans, providers))
    if contracts is not None:
        problems.extend(checks.check_contracts(contracts_text, contracts, providers, _bare(rates)))
    if gpu is not None:
        problems.extend(checks.check_gpu_rates(gpu_text, gpu, account_names))
    product_ids = reader.known("features.csv", [row.product_id for _, row in features])
    centers = {row.cost_center for _, row in tenants} | {row.cost_center for _, row in teams}
    cost_centers = None if tenant_ids is None or team_ids is None else {name for name in centers if name}
    problems.extend(
        check_allocation(rule_file(allocation_text, allocation), Entities(tenant_ids, product_ids, cost_centers))
    )
    if natures is not None:
        problems.extend(checks.check_cost_natures(natures_text, natures, plans))
    if feeds is not None:
        problems.extend(check_feeds(feeds_text, feeds))
    if own is not None:
        nodes = None if gpu is None else [row.node_id for row in gpu.nodes]
        deployments = None if gpu is None else [row.deployment_id for row in gpu.deployments]
        problems.extend(check_self_hosting(own_text, own, nodes, deployments))
    problems.extend(check_people(people, product_ids))
    feature_ids = reader.known("features.csv", [row.feature_id for _, row in features])
    key_ids = reader.known("api_keys.csv", [row.api_key_id for _, row in keys])
    problems.extend(checks.check_budgets(budgets, tenant_ids, product_ids, feature_ids, key_ids))
    problems.extend(checks.check_plan(planned))
    problems.extend(checks.check_anomaly_states(states, tenant_ids, feature_ids, key_ids))
    if scenarios is not None:
        problems.extend(check_scenarios(scenarios_text, scenarios, feature_ids))
    if policy is not None:
        problems.extend(check_policy(policy_text, policy, team_ids, feature_ids))
    if tco is not None:
        read = None if reader.known("people.csv", []) is None else people
        problems.extend(check_tco(tco_text, tco, read, product_ids, feature_ids, providers))
    if general is not None:
        problems.extend(
            checks.check_general(
                general_text, general, LANDING_TABLES, providers, account_names, tenant_ids, product_ids
            )
        )
    if (
        problems
        or general is None
        or contracts is None
        or gpu is None
        or allocation is None
        or natures is None
        or feeds is None
        or own is None
        or tco is None
        or scenarios is None
        or policy is None
    ):
        raise SettingsError(problems)
    return Settings(
        general=general,
        tenants=_bare(tenants),
        features=_bare(features),
        teams=_bare(teams),
        kubernetes_pods=_bare(pods),
        api_keys=_bare(keys),
        billing_accounts=_bare(accounts),
        fx_rates=_bare(rates),
        gl_accounts=_bare(gl_accounts),
        markups=_bare(markups),
        token_budgets=_bare(token_budgets),
        budgets=_bare(budgets),
        plan=_bare(planned),
        anomaly_states=_bare(states),
        disputes=_bare(disputes),
        contracts=tuple(contracts.contracts),
        contract_terms=tuple(contracts.terms),
        gpu_nodes=tuple(gpu.nodes),
        gpu_deployments=tuple(gpu.deployments),
        allocation_rules=tuple(allocation.rules),
        rule_version=allocation.rule_version,
        cost_natures=natures,
        declared_feeds=tuple(feeds.feeds),
        self_hosting=own,
        people=_bare(people),
        tco=tco,
        scenarios=scenarios,
        model_policy=policy,
    )


def load_contracts(path: Path, settings: Settings) -> tuple[Contract, ...]:
    """Contracts of another file than the home's, in USD, for its providers; SettingsError with every problem in it."""
    document = read_yaml(path, str(path))
    contracts = checks.parse_document(document, Contracts)
    problems = document.problems
    if contracts is not None:
        providers = {row.service_provider for row in settings.billing_accounts}
        problems = [*problems, *checks.check_contracts(document, contracts, providers, settings.fx_rates)]
    if problems or contracts is None:
        raise SettingsError(problems)
    return in_usd(contracts.contracts, settings.fx_rates)


def _bare(placed: list[tuple[int, Row]]) -> tuple[Row, ...]:
    return tuple(row for _, row in placed)


def config_tables(settings: Settings) -> dict[str, pl.DataFrame]:
    """The settings as the config tables of the lake."""
    accounts = [
        row.model_dump() | {"settlement_lag_days": settings.settlement_lag_days(row)}
        for row in settings.billing_accounts
    ]
    terms = terms_in_usd(settings.contract_terms, settings.fx_rates)
    rules = spelled_out(settings.allocation_rules, settings.targets)
    rows: dict[str, list[dict[str, Any]]] = {
        "tenants": tables.dumped(settings.tenants),
        "features": tables.dumped(settings.features),
        "teams": tables.dumped(settings.teams),
        "kubernetes_pods": [
            row.model_dump() | {"rule_order": order} for order, row in enumerate(settings.kubernetes_pods, 1)
        ],
        "api_keys": tables.dumped(settings.api_keys),
        "billing_accounts": accounts,
        "contract_terms": [
            term.model_dump() | {"used_before_usd": term.used_before_usd or Decimal(0)} for term in terms
        ],
        "contract_term_rates": term_rates(settings.contract_terms, settings.fx_rates),
        "discount_bands": [band.model_dump() | {"term_id": term.term_id} for term in terms for band in term.bands],
        "provisioned_deployments": [
            term.model_dump() | {"model_id": model_id} for term in terms for model_id in sorted(set(term.deployments))
        ],
        **gpu_rates.config_rows(settings.gpu_nodes, settings.gpu_deployments),
        "allocation_rules": rule_rows(rules, settings.rule_version),
        "allocation_matches": list(match_rows(rules)),
        "allocation_tags": tag_rows(rules),
        "allocation_targets": list(target_rows(rules)),
        "cost_nature_rules": tables.cost_nature_rows(settings.cost_natures),
        "fx_rates": tables.dumped(settings.fx_rates),
        "gl_map": tables.dumped(settings.gl_accounts),
        "markups": [row.model_dump() | {"price_factor": row.price_factor} for row in settings.markups],
        "token_budgets": tables.dumped(settings.token_budgets),
        "budgets": tables.dumped(settings.budgets),
        "forecast_months": settings.general.forecast.rows(settings.tco.horizon.inference_growth_percent_per_month),
        "anomaly_limits": settings.general.anomalies.rows,
        "plan": tables.dumped(settings.plan),
        "anomaly_states": tables.dumped(settings.anomaly_states),
        "disputes": tables.dumped(settings.disputes),
        "declared_feeds": [
            {"feed_name": feed.name, "table_name": feed.table, "mapping_key": feed.key}
            for feed in settings.declared_feeds
        ],
        "settings": [_general_row(settings)],
        **config_rows(settings.self_hosting),
        **tco_rows(settings.people, settings.tco),
        **policy_rows(settings.model_policy),
        **scenario_rows(settings.scenarios),
        **hardware_rows(),
    }
    return {table: tables.frame(table, rows[table]) for table in tables.CONFIG_SCHEMAS}


def _general_row(settings: Settings) -> dict[str, Any]:
    """What models read. Limits judge the marts when they are built: a new one must not build them anew."""
    return {
        "company": settings.general.company,
        "display_time_zone": settings.general.display_time_zone,
        "default_tenant_id": settings.general.default_tenant,
        "gpu_5m_days": settings.general.retention.gpu_5m_days,
    }


def compile_settings(home: Home, settings: Settings) -> None:
    """Write every config table of the lake."""
    for table, frame in config_tables(settings).items():
        write_current(home.root, "config", table, frame)
