"""For any charges, weights and chains: each step hands on what it got, to the last digit, and each time the same."""

import json
from collections import defaultdict
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any, get_args

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sources.settings.models import COMPANY_METRICS, Allocation, Metric
from tests.integration.allocated import allocate, charge, metric, part

PICO = Decimal(1).scaleb(-12)
# Nothing, a pico-dollar, thirds, a credit, a bill of a hundred million.
amounts = st.integers(-(10**20), 10**20).map(lambda n: n * PICO) | st.sampled_from(
    [Decimal(text) for text in ("0", "0.000000000001", "-0.000000000001", "0.01", "-3", "100000000")]
)
# Of USD; with what counts as none, and with credit notes.
weights = st.integers(-(10**6), 10**18).map(lambda n: n * Decimal("0.00000001")) | st.sampled_from(
    [Decimal(text) for text in ("0", "0.000000001", "0.00000001", "-5", "1", "1", "10000000000")]
)
tenant_ids = st.sampled_from(["acme", "globex", "initech", "unattributed"])
product_ids = st.sampled_from(["chat", "search", "unattributed"])
fallbacks = st.sampled_from(
    [
        {"fallback": "even"},
        {"fallback": "unattributed"},
        {"fallback": "fixed", "fallback_shares": [{"tenant": "globex", "share": "0.333333"}]},
    ]
)
scopes = st.sampled_from(["account", "product", "company"])


def weighed(method: str, **values: Any) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(
        lambda fallback, scope: {"method": method, "scope": scope, **values, **fallback}, fallbacks, scopes
    )


def ends(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    """A rule's method and its targets, of one kind."""
    to = {"to": {kind: ["*"]}}
    cost = {"metric": "billed_cost_usd"}
    fixed = [{kind: "one", "share": "0.142857"}, {kind: "two", "share": "0.5"}]
    return st.one_of(
        st.just({"method": "even", **to}),
        st.just({"method": "fixed", "shares": fixed}),
        weighed("proportional", **cost, **to),
        weighed("proportional", **cost, to={kind: ["acme", "chat", "cc-1"]}),
        weighed("tiered", **cost, **to, floor_share="0.123457"),
        weighed("blended", **to, token_share="0.7"),
    )


POOLS = [{"pool": "a", "share": "0.7"}, {"pool": "b", "share": "0.299999"}]
chains = st.tuples(
    st.just({"rule_id": "in", "method": "fixed", "shares": POOLS}),
    st.one_of(ends("product"), ends("cost_center")).map(lambda rule: {"rule_id": "a", "from": {"pool": ["a"]}, **rule}),
    ends("tenant").map(lambda rule: {"rule_id": "b", "from": {"pool": ["b"]}, **rule}),
    ends("tenant").map(lambda rule: {"rule_id": "products", "from": {"product": ["*"]}, **rule}),
).map(list)  # fmt: skip
straight = ends("tenant").map(lambda rule: [{"rule_id": "only", **rule}])
metric_rows = st.lists(
    st.builds(
        lambda who, product, quantity, name, account: metric(
            who,
            quantity,
            metric=name,
            product_id=product,
            billing_account_id=account,
            hour_start=datetime(2026, 8, 10, 9),
        ),
        tenant_ids,
        product_ids,
        weights,
        st.sampled_from(["billed_cost_usd", "weighted_tokens"]),
        st.sampled_from(["org", "other"]),
    ),
    max_size=8,
)
# To allocate costs what planning its SQL costs, however many charges there are: an example is many rule files at once,
# each with charges of its own, so that a few examples are hundreds of chains.
worlds = st.lists(
    st.tuples(
        st.lists(st.tuples(amounts, amounts, product_ids), min_size=1, max_size=5),
        straight | chains,
        st.sampled_from(get_args(Metric)),
    ),
    min_size=20,
    max_size=40,
)
SLOW = settings(max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
World = tuple[list[tuple[Decimal, Decimal, str]], list[dict[str, Any]], str]


def sums(found: list[dict[str, Any]], *names: str) -> dict[Any, list[Decimal]]:
    totals: dict[Any, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in found:
        key = tuple(row[name] for name in names)
        totals[key] = [totals[key][0] + row["amount_usd"], totals[key][1] + row["effective_amount_usd"]]
    return totals


def steps_of(through_rules: str | None, rule_id: str | None, target_type: str, target_id: str) -> str:
    return f"{f'{through_rules} > ' if through_rules else ''}{rule_id}:{target_type}/{target_id} > "


def steps(row: dict[str, Any]) -> str:
    """The whole way of a part, its last step among them."""
    return steps_of(row["through_rules"], row["rule_id"], row["target_type"], row["target_id"])


def rules_of(world: int, rules: list[dict[str, Any]], metric_name: str) -> list[dict[str, Any]]:
    """The rules for the charges of one world only, weighed by this metric where they were by cost."""
    text = json.dumps(rules).replace("billed_cost_usd", metric_name)
    text = text.replace('"account"', '"company"') if metric_name in COMPANY_METRICS else text
    for pool in ("a", "b"):
        text = text.replace(f'"pool": "{pool}"', f'"pool": "{pool}-{world}"')
        text = text.replace(f'"pool": ["{pool}"]', f'"pool": ["{pool}-{world}"]')
    named: list[dict[str, Any]] = json.loads(text)
    return [{**rule, "rule_id": f"{rule['rule_id']}-{world}", "match": {"meter": str(world)}} for rule in named]


@SLOW
@given(worlds, metric_rows)
def test_every_step_hands_on_exactly_what_it_got(together: list[World], metrics: list[dict[str, Any]]) -> None:
    files = [rules_of(number, rules, name) for number, (_, rules, name) in enumerate(together)]
    metrics = [
        row | {"metric": row["metric"].replace("billed_cost_usd", name)} for row in metrics for name in get_args(Metric)
    ]
    money = {
        f"{world}-{n}": (str(world), *values)
        for world, (charged, _, _) in enumerate(together)
        for n, values in enumerate(charged)
    }
    charges = [charge(id_, amount, meter=world) for id_, (world, amount, _, _) in money.items()]
    parts = [
        part(id_, amount, effective_amount_usd=effective, product_id=product)
        for id_, (_, amount, effective, product) in money.items()
    ]

    def allocated(steps: int, back: int = 1) -> list[dict[str, Any]]:
        """By the first rules of each chain, its rows in order or backwards."""
        rules = Allocation.model_validate({"rules": [rule for file in files for rule in file[:steps]]})
        return allocate(rules, charges[::back], metrics[::back], parts[::back])

    found = allocated(len(POOLS) + 2)
    assert sums(found, "charge_id") == {(id_,): [amount, other] for id_, (_, amount, other, _) in money.items()}
    # Without the last rules of a chain its parts end one step before: they must be what those rules then shared out.
    of_charge: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in found:
        of_charge[row["charge_id"]].append(row)
    for number in range(1, len(POOLS) + 2):
        stopped = [row for row in allocated(number) if row["target_type"] in ("pool", "product", "cost_center")]
        for way, expected in sums(stopped, "charge_id", "through_rules", "rule_id", "target_type", "target_id").items():
            passed = [row for row in of_charge[way[0]] if steps(row).startswith(steps_of(*way[1:]))]
            assert list(sums(passed, "charge_id").values()) == [expected]
    # The same however the rows come.
    assert allocated(len(POOLS) + 2, -1) == found


@settings(SLOW, max_examples=6)
@given(st.lists(st.tuples(amounts, st.lists(st.integers(0, 10**18), min_size=3, max_size=3)), min_size=20, max_size=60))
def test_nobody_is_off_by_a_pico_dollar(accounts: list[tuple[Decimal, list[int]]]) -> None:
    names = ["acme", "globex", "initech"]
    metrics = [
        metric(name, n * Decimal("0.00000001"), billing_account_id=str(account))
        for account, (_, units) in enumerate(accounts)
        for name, n in zip(names, units, strict=True)
    ]
    charges = [charge(str(n), amount, billing_account_id=str(n)) for n, (amount, _) in enumerate(accounts)]
    rule = {"rule_id": "r", "method": "proportional", "metric": "billed_cost_usd", "fallback": "unattributed"}
    got: dict[str, dict[str, Fraction]] = defaultdict(dict)
    for row in allocate(Allocation.model_validate({"rules": [rule]}), charges, metrics):
        got[row["charge_id"]][row["target_id"]] = Fraction(row["amount_usd"])
    for account, (amount, units) in enumerate(accounts):
        of_account = got[str(account)]
        if not sum(units):
            assert of_account == {"unattributed": Fraction(amount)}
        for name, n in zip(names, units, strict=True):
            if n:
                assert abs(of_account[name] - Fraction(amount) * n / sum(units)) < Fraction(PICO)


def test_opencost_883_a_split_by_zero_weights_deletes_nothing() -> None:
    """opencost/opencost PR 883: 27 USD of idle cost vanished where no workload had a weight."""
    for fallback, expected in (("even", {Decimal(9)}), ("unattributed", {Decimal(27)})):
        rule = {"rule_id": "idle", "method": "proportional", "metric": "gpu_seconds", "fallback": fallback}
        weights = [metric(name, 0, metric="gpu_seconds") for name in ("acme", "globex")]
        found = allocate(
            Allocation.model_validate({"rules": [rule]}), [charge("idle", 27, charge_category="gpu_idle")], weights
        )
        assert sum(row["amount_usd"] for row in found) == 27
        assert {row["amount_usd"] for row in found} == expected


def test_opencost_1124_filtering_after_sharing_does_not_change_idle() -> None:
    """opencost/opencost 1124: namespaces of 28, 36 and 18 USD, idle 20 and 10; filtered, idle had 4.896 too much."""
    direct = {"acme": Decimal(28), "globex": Decimal(36), "initech": Decimal(18)}
    rule = {"rule_id": "idle", "charge_category": "gpu_idle", "method": "proportional", "metric": "billed_cost_usd"}
    rules = Allocation.model_validate({"rules": [{**rule, "fallback": "even", "scope": "company"}]})
    idle = [charge("idle-1", 20, charge_category="gpu_idle"), charge("idle-2", 10, charge_category="gpu_idle")]
    used = [charge("used", 82, charge_category="gpu_busy")]
    parts = [part("used", amount, tenant_id=tenant) for tenant, amount in direct.items()]
    found = allocate(rules, [*idle, *used], [metric(tenant, amount) for tenant, amount in direct.items()], parts)
    totals = sums(found, "cost_component", "tenant_id")
    for tenant, amount in direct.items():
        assert totals["direct", tenant][0] == amount
        assert abs(totals["idle", tenant][0] - 30 * amount / 82) < 2 * PICO
    # What a filter shows of each tenant adds up to the whole.
    assert sum((totals["idle", tenant][0] for tenant in direct), Decimal(0)) == 30
    assert sum((amount for amount, _ in totals.values()), Decimal(0)) == 112


def test_llm_d_1646_usage_reservation_and_idle_views_each_total_the_bill() -> None:
    """llm-d 1646: a node of 10.00 USD, 3.75 used, 1.25 held and not used, 5.00 idle."""
    charges = [
        charge("used", "3.75", charge_category="gpu_busy"),
        charge("held", "1.25", charge_category="gpu_idle", meter="reserved"),
        charge("idle", "5.00", charge_category="gpu_idle", meter="idle"),
    ]
    parts = [part("used", "2.50", tenant_id="acme"), part("used", "1.25", tenant_id="globex")]
    weights = [metric("acme", "2.50"), metric("globex", "1.25")]
    by_use = {"method": "proportional", "metric": "billed_cost_usd", "fallback": "even"}
    held = {"rule_id": "held", "match": {"meter": "reserved"}, "method": "direct", "to": {"tenant": "globex"}}
    views: list[tuple[list[dict[str, Any]], dict[str, str]]] = [
        ([], {"acme": "2.50", "globex": "1.25", "unattributed": "6.25"}),
        ([held], {"acme": "2.50", "globex": "2.50", "unattributed": "5.00"}),
        ([held, {"rule_id": "idle", **by_use}], {"acme": "5.833333333334", "globex": "4.166666666666"}),
    ]
    for rules, expected in views:
        found = allocate(Allocation.model_validate({"rules": rules}), charges, weights, parts)
        totals = {tenant: billed for (tenant,), (billed, _) in sums(found, "tenant_id").items()}
        assert totals == {tenant: Decimal(amount) for tenant, amount in expected.items()}
        assert sum(totals.values()) == Decimal("10.00")
