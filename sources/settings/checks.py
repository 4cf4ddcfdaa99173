"""Turns settings text into typed rows and checks what holds between rows and files.

Every problem is collected; none stops the reading of the rest.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from sources.settings.foreign import monthly_rate
from sources.settings.gpu_rates import GpuDeployment, GpuNode, GpuRates
from sources.settings.models import (
    AnomalyState,
    ApiKey,
    BillingAccount,
    Budget,
    Contract,
    Contracts,
    ContractTerm,
    CostNatures,
    Dated,
    Dispute,
    Feature,
    FxRate,
    General,
    GlAccount,
    KubernetesPod,
    Markup,
    PlanRow,
    Strict,
    Team,
    Tenant,
    TokenBudget,
)
from sources.settings.text import Document, Path_, Problem, Sheet, did_you_mean, dotted

Row = TypeVar("Row", bound=Strict)
DatedRow = TypeVar("DatedRow", bound=Dated)
Placed = tuple[int, Row]
# Ids of another file; None when that file could not be read, so that one mistake is not reported twice.
Ids = Collection[str] | None

# Marts say 'unattributed' where nobody is known; a tenant of that name would hide it.
RESERVED_ID = "unattributed"


def parse_document(document: Document, model: type[Row]) -> Row | None:
    """The document as its model, or None after adding to its problems."""
    if document.problems and document.data is None:
        return None
    try:
        return model.model_validate(document.data if document.data is not None else {})
    except ValidationError as error:
        for details in error.errors():
            path = _without_union_tags(details["loc"], document)
            field, line = dotted(path), document.line_of(path)
            document.problems.append(_problem(document.file, line, field, details, model))
        return None


def parse_sheet(sheet: Sheet, model: type[Row]) -> list[Placed[Row]]:
    """The rows of the sheet as models, each with its line; bad rows become problems of the sheet."""
    rows: list[Placed[Row]] = []
    for line, cells in sheet.rows:
        try:
            rows.append((line, model.model_validate(cells)))
        except ValidationError as error:
            for details in error.errors():
                field = dotted(details["loc"])
                sheet.problems.append(_problem(sheet.file, line, field, details, model))
    return rows


def _without_union_tags(path: Path_, document: Document) -> Path_:
    return (
        tuple(part for end, part in enumerate(path, 1) if isinstance(part, int) or path[:end] in document.lines) or path
    )


def _problem(file: str, line: int, field: str, details: ErrorDetails, model: type[Strict]) -> Problem:
    kind, context, found = details["type"], details.get("ctx", {}), _shown(details["input"])
    if kind == "row":
        name = f"{field}.{context['field']}" if field else context["field"]
        return Problem(file, line, name, context["found"], context["allowed"])
    if kind == "missing":
        return Problem(file, line, field, "nothing", f"a value for {details['loc'][-1]}")
    if kind == "extra_forbidden":
        names = sorted(_names(_model_at(model, details["loc"][:-1])))
        last = str(details["loc"][-1])
        return Problem(file, line, field, "an unknown name", ", ".join(names) + did_you_mean(last, names))
    if kind == "literal_error":
        options = [option.strip("' ") for option in str(context["expected"]).replace(" or ", ", ").split(",")]
        return Problem(file, line, field, found, ", ".join(options) + did_you_mean(str(details["input"]), options))
    if kind in ("model_type", "dict_type"):
        return Problem(file, line, field, found, "names with their values")
    if kind == "bool_parsing":
        return Problem(file, line, field, found, "true or false")
    if kind == "value_error":
        return Problem(file, line, field, found, str(context["error"]))
    return Problem(file, line, field, found, details["msg"].removeprefix("Input should be "))


def _shown(value: Any) -> str:
    if isinstance(value, str):
        # Raw keys must not reach a log through an error message.
        return "a raw key (sk-...)" if value.startswith("sk-") else repr(value)
    if value is None:
        return "nothing"
    return "a list" if isinstance(value, list) else "a mapping" if isinstance(value, dict) else repr(value)


def _names(model: type[Strict]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def _model_at(model: type[Strict], path: Path_) -> type[Strict]:
    """The model a path of an error leads to."""
    for part in path:
        if isinstance(part, str):
            annotation = next(
                (info.annotation for name, info in model.model_fields.items() if (info.alias or name) == part), None
            )
            model = next(_models_in(annotation), model)
    return model


def _models_in(annotation: Any) -> Iterator[type[Strict]]:
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _models_in(argument)


def duplicates(file: str, field: str, rows: Iterable[Placed[Row]], key: Callable[[Row], str]) -> Iterator[Problem]:
    """Ids that stand on more than one row."""
    first: dict[str, int] = {}
    for line, row in rows:
        value = key(row)
        if value in first:
            yield Problem(file, line, field, f"{value!r} again", f"each once (first on line {first[value]})")
        first.setdefault(value, line)


def overlaps(
    file: str, field: str, rows: Iterable[Placed[DatedRow]], key: Callable[[DatedRow], tuple[str, ...]]
) -> Iterator[Problem]:
    """Rows of one key whose validity overlaps."""
    by_key: dict[tuple[str, ...], list[Placed[DatedRow]]] = defaultdict(list)
    for line, row in rows:
        by_key[key(row)].append((line, row))
    for name, group in by_key.items():
        group.sort(key=lambda placed: (placed[1].valid_from, placed[0]))
        for (line, row), (next_line, next_row) in itertools.pairwise(group):
            if next_row.valid_from < row.valid_to:
                found = f"{' / '.join(name)} valid from {next_row.valid_from}"
                allowed = f"spans that do not overlap (line {line} holds from {row.valid_from} to {row.valid_to})"
                yield Problem(file, max(line, next_line), field, found, allowed)


def unknown_ids(
    file: str, field: str, placed: Iterable[tuple[int, str | None]], known: Ids, where: str
) -> Iterator[Problem]:
    """References to ids that another file does not have."""
    for line, value in placed:
        if known is not None and value is not None and value not in known:
            yield Problem(file, line, field, repr(value), f"one of {where}{did_you_mean(value, known)}")


def check_tenants(tenants: Sequence[Placed[Tenant]]) -> Iterator[Problem]:
    for line, tenant in tenants:
        if tenant.tenant_id == RESERVED_ID:
            yield Problem("tenants.csv", line, "tenant_id", repr(RESERVED_ID), "any other name; this one is reserved")
    yield from duplicates("tenants.csv", "tenant_id", tenants, lambda row: row.tenant_id)


def check_teams(teams: Sequence[Placed[Team]], tenant_ids: Ids) -> Iterator[Problem]:
    file = "teams.csv"
    yield from overlaps(file, "team_id", teams, lambda row: (row.team_id,))
    yield from unknown_ids(file, "tenant_id", ((n, row.tenant_id) for n, row in teams), tenant_ids, "tenants.csv")


def check_kubernetes_pods(pods: Sequence[Placed[KubernetesPod]], tenant_ids: Ids) -> Iterator[Problem]:
    used = ((n, row.tenant_id) for n, row in pods)
    yield from unknown_ids("kubernetes_pods.csv", "tenant_id", used, tenant_ids, "tenants.csv")


def check_api_keys(keys: Sequence[Placed[ApiKey]], tenant_ids: Ids, team_ids: Ids) -> Iterator[Problem]:
    file = "api_keys.csv"
    yield from overlaps(file, "api_key_id", keys, lambda row: (row.api_key_id,))
    yield from unknown_ids(file, "tenant_id", ((n, row.tenant_id) for n, row in keys), tenant_ids, "tenants.csv")
    yield from unknown_ids(file, "team_id", ((n, row.team_id) for n, row in keys), team_ids, "teams.csv")


def check_features(features: Sequence[Placed[Feature]]) -> Iterator[Problem]:
    file = "features.csv"
    yield from duplicates(file, "feature_id", features, lambda row: row.feature_id)
    names: dict[str, tuple[int, str]] = {}
    for line, row in features:
        if row.feature_id == RESERVED_ID:
            yield Problem(file, line, "feature_id", repr(RESERVED_ID), "any other name; this one is reserved")
        first_line, name = names.setdefault(row.product_id, (line, row.product_name))
        if name != row.product_name:
            allowed = f"one name a product ({name!r} on line {first_line})"
            yield Problem(file, line, "product_name", repr(row.product_name), allowed)


def check_accounts(accounts: Sequence[Placed[BillingAccount]], rates: Sequence[Placed[FxRate]]) -> Iterator[Problem]:
    key = "gateway_provider"
    yield from overlaps("billing_accounts.csv", key, accounts, lambda row: (row.gateway, row.gateway_provider))
    for line, row in accounts:
        if row.gateway == "declared":
            yield Problem(
                "billing_accounts.csv", line, "gateway", "'declared'", "declared:<name of the feed in feeds.yml>"
            )
    yield from duplicates("fx_rates.csv", "rate_date", rates, lambda row: f"{row.currency} {row.rate_date}")


def check_gl_map(accounts: Sequence[Placed[GlAccount]], providers: Ids) -> Iterator[Problem]:
    file = "gl_map.csv"
    used = ((line, row.service_provider) for line, row in accounts)
    yield from unknown_ids(file, "service_provider", used, providers, "billing_accounts.csv")
    rows = [row for _, row in accounts]
    for (line, row), (other_line, other) in itertools.combinations(accounts, 2):
        both = row.place | other.place
        start, end = max(row.valid_from, other.valid_from), min(row.valid_to, other.valid_to)
        is_tie = (
            row.line_type == other.line_type
            and len(row.place) == len(other.place)
            and both == other.place | row.place
            and start < end
        )
        # A row that says what both say decides between them.
        if is_tie and not any(
            third.line_type == row.line_type
            and third.place == both
            and len(both) > len(row.place)
            and third.valid_from <= start
            and third.valid_to >= end
            for third in rows
        ):
            shown = ", ".join(f"{key} {value}" for key, value in sorted(both.items())) or "any line"
            allowed = f"one row that says most of {row.line_type}, {shown} (line {line} says as much)"
            yield Problem(file, other_line, "account", repr(other.account), allowed)


def check_statements(
    markups: Sequence[Placed[Markup]],
    budgets: Sequence[Placed[TokenBudget]],
    disputes: Sequence[Placed[Dispute]],
    tenant_ids: Ids,
    plans: Ids,
    providers: Ids,
) -> Iterator[Problem]:
    where = "tenants.csv"
    yield from overlaps(
        "markups.csv", "tenant_id", markups, lambda row: (row.tenant_id or "any", row.plan or "any plan")
    )
    yield from unknown_ids("markups.csv", "tenant_id", ((n, row.tenant_id) for n, row in markups), tenant_ids, where)
    yield from unknown_ids(
        "markups.csv", "plan", ((n, row.plan) for n, row in markups), plans, "the plans of tenants.csv"
    )
    file = "token_budgets.csv"
    yield from overlaps(file, "tenant_id", budgets, lambda row: (row.tenant_id,))
    yield from unknown_ids(file, "tenant_id", ((n, row.tenant_id) for n, row in budgets), tenant_ids, where)
    file = "disputes.csv"
    yield from duplicates(file, "chargeback_line_id", disputes, lambda row: row.scope)
    yield from unknown_ids(file, "tenant_id", ((n, row.tenant_id) for n, row in disputes), tenant_ids, where)
    used = ((n, row.service_provider) for n, row in disputes)
    yield from unknown_ids(file, "service_provider", used, providers, "billing_accounts.csv")


def check_budgets(
    budgets: Sequence[Placed[Budget]], tenant_ids: Ids, product_ids: Ids, feature_ids: Ids, key_ids: Ids
) -> Iterator[Problem]:
    """Models and users are not listed anywhere: a budget of one that never calls stays at 0."""
    file = "budgets.csv"
    yield from overlaps(
        file, "scope_id", budgets, lambda row: (row.scope, row.scope_id or "all of it", f"a {row.period}")
    )
    for scope, ids, where in (
        ("tenant", tenant_ids, "tenants.csv"),
        ("product", product_ids, "features.csv"),
        ("feature", feature_ids, "features.csv"),
        ("key", key_ids, "api_keys.csv"),
    ):
        used = ((n, row.scope_id) for n, row in budgets if row.scope == scope)
        yield from unknown_ids(file, "scope_id", used, ids, where)


def check_plan(rows: Sequence[Placed[PlanRow]]) -> Iterator[Problem]:
    """A plan says once what an account costs in a month."""
    yield from duplicates(
        "plan.csv", "account", rows, lambda row: f"{row.account} of {row.month}, planned on {row.planned_on}"
    )


def check_anomaly_states(
    states: Sequence[Placed[AnomalyState]], tenant_ids: Ids, feature_ids: Ids, key_ids: Ids
) -> Iterator[Problem]:
    """A state of one that is not listed would never be seen; models are not listed anywhere."""
    file = "anomaly_states.csv"
    yield from overlaps(file, "scope_id", states, lambda row: (row.scope, row.scope_id or "all of it", row.kind))
    for scope, ids, where in (
        ("tenant", tenant_ids, "tenants.csv"),
        ("feature", feature_ids, "features.csv"),
        ("key", key_ids, "api_keys.csv"),
    ):
        used = ((n, row.scope_id) for n, row in states if row.scope == scope)
        yield from unknown_ids(file, "scope_id", used, ids, where)


def _placed(document: Document, name: str, rows: Sequence[Row]) -> list[Placed[Row]]:
    return [(document.line_of((name, index)), row) for index, row in enumerate(rows)]


def check_contracts(
    document: Document, contracts: Contracts, providers: Ids, rates: Sequence[FxRate]
) -> Iterator[Problem]:
    rows = _placed(document, "contracts", contracts.contracts)
    terms = _placed(document, "terms", contracts.terms)
    priced: list[Placed[Contract | ContractTerm]] = [*rows, *terms]
    for line, row in priced:
        if row.currency != "USD" and monthly_rate(rates, row.currency, row.valid_from.replace(day=1)) is None:
            allowed = f"a currency with a rate in fx_rates.csv in or before {row.valid_from:%Y-%m}, or USD"
            yield Problem(document.file, line, "currency", row.currency, allowed)
    yield from overlaps(document.file, "contract_id", rows, lambda row: (row.contract_id,))
    # A term is named by its key alone in the marts: two spans of one would be added up.
    seen: set[str] = set()
    for line, term in terms:
        if term.term_id in seen:
            yield Problem(document.file, line, "term_id", term.term_id, "a name no other term has")
        seen.add(term.term_id)
    yield from _spread_twice(document, terms)
    yield from _deployed_twice(document, terms)
    used = [(line, row.service_provider) for line, row in rows] + [(line, row.service_provider) for line, row in terms]
    yield from unknown_ids(document.file, "service_provider", used, providers, "billing_accounts.csv")


def _spread_twice(document: Document, terms: Sequence[Placed[ContractTerm]]) -> Iterator[Problem]:
    """Terms the same usage would be drawn from."""
    paid = [(line, term) for line, term in terms if term.is_paid_before]
    for (_, one), (line, other) in itertools.combinations(paid, 2):
        accounts = {one.billing_account_id, other.billing_account_id}
        if (
            one.service_provider == other.service_provider
            and (len(accounts) == 1 or None in accounts)
            and max(one.valid_from, other.valid_from) < min(one.valid_to, other.valid_to)
        ):
            allowed = f"days {one.term_id} does not hold; an amount that is topped up is one term"
            yield Problem(document.file, line, "term_id", repr(other.term_id), allowed)


def _deployed_twice(document: Document, terms: Sequence[Placed[ContractTerm]]) -> Iterator[Problem]:
    """Deployments of two terms on the same day: a call would be counted twice."""
    for (_, one), (line, other) in itertools.combinations(terms, 2):
        both = sorted(set(one.deployments) & set(other.deployments))
        if (
            both
            and one.service_provider == other.service_provider
            and max(one.valid_from, other.valid_from) < min(one.valid_to, other.valid_to)
        ):
            yield Problem(document.file, line, "deployments", repr(both[0]), f"days {one.term_id} does not hold")


def account_name(row: BillingAccount | GpuNode) -> str:
    return f"{row.service_provider} / {row.billing_account_id}"


def check_gpu_rates(document: Document, rates: GpuRates, accounts: Ids) -> Iterator[Problem]:
    nodes = _placed(document, "nodes", rates.nodes)
    deployments = _placed(document, "deployments", rates.deployments)
    yield from overlaps(document.file, "node_id", nodes, lambda row: (row.node_id,))
    yield from overlaps(document.file, "deployment_id", deployments, lambda row: (row.deployment_id, row.node_id))
    used = ((line, row.node_id) for line, row in deployments)
    yield from unknown_ids(document.file, "node_id", used, [row.node_id for _, row in nodes], "the nodes of this file")
    yield from _shared_half(document.file, deployments)
    yield from _bound_twice(document.file, deployments)
    billed = ((line, account_name(row)) for line, row in nodes)
    yield from unknown_ids(document.file, "billing_account_id", billed, accounts, "billing_accounts.csv")


def _shared_half(file: str, deployments: Sequence[Placed[GpuDeployment]]) -> Iterator[Problem]:
    """A node of which some deployments are given GPUs, or slices, and others, at the same time, something else."""
    given = [(line, row) for line, row in deployments if row.kind != "tokens"]
    for line, row in deployments:
        beside = (
            (other_line, other)
            for other_line, other in given
            if other.node_id == row.node_id and other.kind != row.kind and _are_together(row, other)
        )
        if row.kind != "slices" and (first := next(beside, None)):
            allowed = f"a value, since {first[1].deployment_id} of {row.node_id} (line {first[0]}) has one"
            yield Problem(file, line, first[1].kind, "nothing", allowed)


def _bound_twice(file: str, deployments: Sequence[Placed[GpuDeployment]]) -> Iterator[Problem]:
    """A slice, or a GPU and a slice of it, that are two deployments' at the same time."""
    bound = [(line, row, one) for line, row in deployments for one in row.slices]
    for number, (line, row, one) in enumerate(bound):
        for _, other, taken in bound[:number]:
            is_same = one.gpu == taken.gpu and (one.slice == taken.slice or None in (one.slice, taken.slice))
            if is_same and row.node_id == other.node_id and _are_together(row, other):
                found = f"{one.gpu}, {one.slice or 'the whole GPU'}"
                yield Problem(file, line, "slices", found, f"what is not yet bound to {other.deployment_id}")


def _are_together(one: GpuDeployment, other: GpuDeployment) -> bool:
    return one.valid_from < other.valid_to and other.valid_from < one.valid_to


def check_cost_natures(document: Document, natures: CostNatures, plans: Ids) -> Iterator[Problem]:
    used = [(line, plan) for line, rule in _placed(document, "rules", natures.rules) for plan in rule.plan]
    known = None if plans is None else {*plans, RESERVED_ID}
    yield from unknown_ids(document.file, "plan", used, known, "the plans of tenants.csv")


def check_general(
    document: Document,
    general: General,
    landing_tables: Iterable[tuple[str, str]],
    providers: Ids,
    accounts: Ids,
    tenant_ids: Ids,
    product_ids: Ids,
) -> Iterator[Problem]:
    chosen = _placed(document, "report_audiences", general.report_audiences)
    yield from unknown_ids(document.file, "tenant", ((n, row.tenant) for n, row in chosen), tenant_ids, "tenants.csv")
    products = ((n, row.product) for n, row in chosen)
    yield from unknown_ids(document.file, "product", products, product_ids, "features.csv")
    yield from duplicates(document.file, "report_audiences", chosen, lambda row: f"{row.kind} {row.id}")
    line = document.line_of(("default_tenant",))
    yield from unknown_ids(document.file, "default_tenant", [(line, general.default_tenant)], tenant_ids, "tenants.csv")
    for name in general.settlement_lag_days:
        # Only what looks like a slip: the defaults name providers that a home may have no account with.
        if providers and name not in providers and (near := did_you_mean(name, providers)):
            line = document.line_of(("settlement_lag_days", name))
            allowed = f"a service_provider of billing_accounts.csv{near}"
            yield Problem(document.file, line, "settlement_lag_days", repr(name), allowed)
    tables = [f"{feed}/{table}" for feed, table in landing_tables]
    for index, rule in enumerate(general.expected_files):
        named = f"{rule.feed}/{rule.table}"
        if named not in tables:
            line = document.line_of(("expected_files", index))
            allowed = ", ".join(tables) + did_you_mean(named, tables)
            yield Problem(document.file, line, f"expected_files[{index}].table", repr(named), allowed)
    pulls = _placed(document, "pulls", general.pulls)
    yield from duplicates(document.file, "account_id", pulls, lambda row: f"{row.feed} / {row.account_id}")
    # LiteLLM and Prometheus bill nobody: their servers have names of their own.
    pulled = (
        (line, f"{row.feed} / {row.account_id}") for line, row in pulls if row.feed not in ("litellm", "prometheus")
    )
    yield from unknown_ids(document.file, "account_id", pulled, accounts, "billing_accounts.csv")
