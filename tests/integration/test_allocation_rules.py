"""Rules of allocation.yml against the SQL that carries them out: who gets how much, by which rule, of which charge."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, get_args

import yaml

from sources.settings.allocation import spelled_out
from sources.settings.models import Allocation, Metric
from tests.integration.allocated import DAY, allocate, charge, metric, part


def rules(text: str) -> Allocation:
    return Allocation.model_validate(
        {"rules": [yaml.load(line, yaml.BaseLoader) for line in text.strip().splitlines()]}
    )


def shares(found: list[dict[str, Any]], *names: str) -> list[tuple[Any, ...]]:
    """The named columns of the parts, with the amount as text."""
    return [(*(row[name] for name in names), f"{row['amount_usd'].normalize():f}") for row in found]


WEIGHTS = [metric("acme", 1), metric("globex", 1), metric("unattributed", 1)]
BY_COST = "method: proportional, metric: billed_cost_usd, fallback: unattributed"


def test_the_first_rule_of_the_file_that_is_valid_takes_a_charge() -> None:
    found = allocate(
        rules(f"""
            {{rule_id: old, charge_category: credit, method: unattributed, valid_to: 2026-08-10}}
            {{rule_id: even, charge_category: credit, method: even, valid_from: 2026-08-10}}
            {{rule_id: later, charge_category: fee, {BY_COST}}}
        """),
        [charge("1", -3, charge_category="credit"), charge("2", 1), charge("3", 7, charge_category="unlogged_traffic")],
        WEIGHTS,
    )
    assert shares(found, "charge_id", "rule_id", "method", "cost_component", "tenant_id", "plan", "cost_center") == [
        ("1", "even", "even", "shared", "acme", "pro", "cc-1", "-1"),
        ("1", "even", "even", "shared", "globex", "free", None, "-1"),
        ("1", "even", "even", "shared", "initech", "pro", "cc-2", "-1"),
        ("2", "later", "proportional", "shared", "acme", "pro", "cc-1", "0.333333333334"),
        ("2", "later", "proportional", "shared", "globex", "free", None, "0.333333333333"),
        ("2", "later", "proportional", "unattributed", "unattributed", "unattributed", None, "0.333333333333"),
        ("3", "direct", "unattributed", "unattributed", "unattributed", "unattributed", None, "7"),
    ]


def test_paid_capacity_is_carried_by_the_calls_that_ran_on_it() -> None:
    """Their own cost is 0, so that by cost those who buy by the token would pay the capacity of the others."""
    found = allocate(
        rules(f"""
            {{rule_id: ptu, match: {{meter: PTU}}, {BY_COST.replace("billed_cost_usd", "provisioned_tokens")}}}
            {{rule_id: rest, charge_category: non_token, {BY_COST}}}
        """),
        [charge("1", 100, charge_category="non_token", meter="PTU"), charge("2", 8, charge_category="non_token")],
        [
            metric("acme", 5),
            *(metric(name, n, metric="provisioned_tokens") for name, n in (("globex", 3), ("acme", 1))),
        ],
    )
    assert shares(found, "charge_id", "rule_id", "tenant_id") == [
        ("1", "ptu", "acme", "25"),
        ("1", "ptu", "globex", "75"),
        ("2", "rest", "acme", "8"),
    ]


def test_what_tenants_calls_cost_stays_theirs_and_what_nobody_carries_can_be_taken() -> None:
    found = allocate(
        rules("""
            {rule_id: key, match: {api_key: [k1, k2]}, method: direct, to: {tenant: acme}}
            {rule_id: reason, match: {reason: unknown_tenant, feature: qa}, method: direct, to: {product: search}}
        """),
        [charge("u", 10, charge_category="usage")],
        parts=[
            part("u", 1, tenant_id="globex", plan="free", api_key_id="k1"),
            part("u", 2, api_key_id="k1", product_id="chat", feature_id="qa", environment="prod"),
            part("u", 3, api_key_id="k2", product_id="chat", feature_id="qa", environment="prod"),
            part("u", 3, api_key_id="k3", feature_id="qa", unattributed_reason="unknown_tenant"),
            part("u", "0.5", api_key_id="k3"),
            part("u", "0.5", api_key_id="k4"),
        ],
    )
    columns = (
        "rule_id",
        "method",
        "cost_component",
        "target_type",
        "target_id",
        "tenant_id",
        "product_id",
        "feature_id",
    )
    assert sorted(shares(found, *columns), key=str) == [
        ("direct", "direct", "direct", "tenant", "globex", "globex", "unattributed", "unattributed", "1"),
        ("direct", "unattributed", *["unattributed"] * 6, "1"),
        ("key", "direct", "direct", "tenant", "acme", "acme", "chat", "qa", "5"),
        ("reason", "direct", "direct", "product", "search", "unattributed", "search", "qa", "3"),
    ]


def test_every_column_of_a_match_must_fit() -> None:
    names = "service_provider, billing_account_id, billing_scope_id, host, model, meter, invoice"
    match = ", ".join(f"{name}: x" for name in names.split(", "))
    every = {name.replace("invoice", "invoice_id"): "x" for name in names.split(", ")}
    charges = [charge("all", 1, **every), *(charge(name, 1, **{**every, name: "y"}) for name in every)]
    found = allocate(rules(f"{{rule_id: r, match: {{{match}}}, method: direct, to: {{tenant: acme}}}}"), charges)
    assert [row["charge_id"] for row in found if row["rule_id"] == "r"] == ["all"]


def test_without_weights_the_declared_fallback_holds() -> None:
    by = "method: proportional, metric: tokens"
    found = allocate(
        rules(f"""
            {{rule_id: a, match: {{meter: a}}, {by}, fallback: even}}
            {{rule_id: b, match: {{meter: b}}, {by}, fallback: unattributed}}
            {{rule_id: c, match: {{meter: c}}, {by}, fallback: fixed, fallback_shares: [{{tenant: acme, share: 0.75}}]}}
        """),
        [charge(meter, 1, meter=meter) for meter in "abc"],
        [metric("acme", 0, metric="tokens"), metric("globex", 5, metric="tokens", billing_account_id="another")],
    )  # fmt: skip
    assert shares(found, "rule_id", "method", "target_id") == [
        ("a", "even", "acme", "0.333333333334"),
        ("a", "even", "globex", "0.333333333333"),
        ("a", "even", "initech", "0.333333333333"),
        ("b", "unattributed", "unattributed", "1"),
        ("c", "fixed", "acme", "0.75"),
        ("c", "fixed", "unattributed", "0.25"),
    ]


def test_fixed_shares_leave_the_rest_where_it_can_be_seen() -> None:
    found = allocate(
        rules("{rule_id: f, method: fixed, shares: [{tenant: acme, share: 0.6}, {cost_center: cc-9, share: 0.3}]}"),
        [charge("1", "0.01")],
    )
    assert shares(found, "target_type", "target_id", "tenant_id", "cost_center", "basis_quantity") == [
        ("cost_center", "cc-9", "unattributed", "cc-9", Decimal("0.3"), "0.003"),
        ("tenant", "acme", "acme", "cc-1", Decimal("0.6"), "0.006"),
        ("unattributed", "unattributed", "unattributed", None, Decimal("0.1"), "0.001"),
    ]


def test_the_scope_says_whose_use_counts() -> None:
    tokens = [
        metric("acme", 3, metric="tokens", product_id="chat"),
        metric("globex", 1, metric="tokens", product_id="search"),
        metric("globex", 4, metric="tokens", product_id="chat", service_provider="anthropic"),
    ]
    by = "method: proportional, metric: tokens, fallback: unattributed"
    found = allocate(
        rules(f"""
            {{rule_id: account, match: {{meter: a}}, {by}}}
            {{rule_id: company, match: {{meter: b}}, {by}, scope: company}}
            {{rule_id: product, match: {{meter: c}}, {by}, scope: product}}
            {{rule_id: some, match: {{meter: d}}, {by}, scope: company, to: {{tenant: [globex, initech]}}}}
            {{rule_id: to-products, match: {{meter: e}}, {by}, scope: company, to: {{product: '*'}}}}
        """),
        [charge(meter, 8, meter=meter) for meter in "abcde"],
        tokens,
        [part("c", 8, product_id="chat")],
    )
    assert shares(found, "rule_id", "target_id") == [
        ("account", "acme", "6"),
        ("account", "globex", "2"),
        ("company", "acme", "3"),
        ("company", "globex", "5"),
        ("product", "acme", "3.428571428572"),
        ("product", "globex", "4.571428571428"),
        ("some", "globex", "8"),
        ("to-products", "chat", "7"),
        ("to-products", "search", "1"),
    ]


def test_a_window_looks_at_the_days_up_to_the_charge() -> None:
    days = [metric(tenant, 1, metric="calls", usage_date=DAY + timedelta(days=n)) for n, tenant in [
        (-7, "initech"), (-6, "globex"), (0, "acme"), (1, "initech"),
    ]]  # fmt: skip
    by = "method: proportional, metric: calls, fallback: unattributed"
    found = allocate(
        rules(f"{{rule_id: w, match: {{meter: w}}, {by}, window_days: 7}}\n{{rule_id: m, {by}}}"),
        [charge("w", 1, meter="w"), charge("m", 1)],
        days,
    )
    assert shares(found, "rule_id", "target_id") == [
        ("m", "acme", "0.25"), ("m", "globex", "0.25"), ("m", "initech", "0.5"), ("w", "acme", "0.5"),
        ("w", "globex", "0.5"),
    ]  # fmt: skip


def test_any_metric_can_weigh() -> None:
    names = get_args(Metric)
    quantities = {"acme": Decimal("0.25"), "globex": Decimal("0.75")} | dict.fromkeys(["initech"], Decimal(0))
    weights = [
        metric(tenant, n if name.endswith(("_usd", "_seconds")) else n * 4, metric=name, service_provider=None)
        for name in names
        for tenant, n in quantities.items()
    ]
    by = "method: proportional, scope: company, fallback: unattributed"
    found = allocate(
        rules("\n".join(f"{{rule_id: {name}, match: {{meter: {name}}}, metric: {name}, {by}}}" for name in names)),
        [charge(name, 8, meter=name) for name in names],
        weights,
    )
    assert shares(found, "rule_id", "target_id") == sorted(
        (name, tenant, amount) for name in names for tenant, amount in [("acme", "2"), ("globex", "6")]
    )


def test_users_count_once_however_often_they_come() -> None:
    users = [
        metric(
            tenant, 1, metric="active_users", user_key=user, usage_date=DAY - timedelta(days=n), service_provider=None
        )
        for tenant, user, n in [("acme", "u1", 0), ("acme", "u1", 1), ("acme", "u2", 2), ("globex", "u3", 3)]
    ]
    found = allocate(
        rules("{rule_id: u, method: proportional, metric: active_users, fallback: even}"), [charge("1", 3)], users
    )
    assert shares(found, "target_id", "basis_quantity") == [("acme", Decimal(2), "2"), ("globex", Decimal(1), "1")]


def test_a_floor_is_for_each_and_the_rest_by_use() -> None:
    found = allocate(
        rules("{rule_id: t, method: tiered, metric: calls, floor_share: 0.1, fallback: even}"),
        [charge("1", 10)],
        [metric("acme", 3, metric="calls"), metric("globex", 1, metric="calls")],
    )
    assert shares(found, "target_id") == [("acme", "6.25"), ("globex", "2.75"), ("initech", "1")]


def test_the_blended_share_of_the_worked_example() -> None:
    """10 % of the tokens and 80 % of the load in peak hours are 0.31 at 0.7 and 0.3."""
    # Of August's 744 hours 706 are quieter than the 38 busiest: the limit is the last of those.
    hours = [datetime(2026, 8, 1) + timedelta(hours=n) for n in range(738)]
    load = [(hour, "acme", 80) for hour in hours[:38]] + [(hour, "globex", 20) for hour in hours[:38]]
    load += [(hour, "globex", 38) for hour in hours[38:]]
    used = [metric(who, n, metric="weighted_tokens", hour_start=at, usage_date=at.date()) for at, who, n in load]
    text = "{rule_id: b, method: blended, fallback: unattributed}"
    assert shares(allocate(rules(text), [charge("1", 1)], used), "target_id") == [("acme", "0.31"), ("globex", "0.69")]
    text = "{rule_id: b, method: blended, token_share: 0.5, fallback: unattributed}"
    assert shares(allocate(rules(text), [charge("1", 1)], used), "target_id") == [("acme", "0.45"), ("globex", "0.55")]


def test_silent_hours_count_so_that_few_busy_ones_are_all_peaks() -> None:
    noon = datetime(2026, 8, 10, 12)
    load = [(noon, "acme", 80), (noon, "globex", 20), (noon + timedelta(hours=1), "globex", 1)]
    used = [metric(who, n, metric="weighted_tokens", hour_start=at) for at, who, n in load]
    text = "{rule_id: b, method: blended, token_share: 0, fallback: unattributed}"
    found = allocate(rules(text), [charge("1", 101)], used)
    assert [round(row["amount_usd"], 6) for row in found] == [80, 21]


def test_a_chain_goes_from_pool_to_products_to_tenants() -> None:
    tokens = [
        metric("acme", 1, metric="tokens", product_id="chat"),
        metric("globex", 3, metric="tokens", product_id="chat"),
        metric("globex", 4, metric="tokens", product_id="search"),
    ]
    by = "method: proportional, metric: tokens, fallback: even"
    found = allocate(
        rules(f"""
            {{rule_id: support, charge_category: fee, method: direct, to: {{pool: platform}}}}
            {{rule_id: platform, from: {{pool: platform}}, {by}, to: {{product: '*'}}}}
            {{rule_id: chat, from: {{product: chat}}, {by}, scope: product}}
        """),
        [charge("1", 10)],
        tokens,
    )
    way = "support:pool/platform"
    assert shares(found, "through_rules", "rule_id", "target_type", "target_id", "tenant_id", "product_id") == [
        (f"{way} > platform:product/chat", "chat", "tenant", "acme", "acme", "chat", "1.25"),
        (f"{way} > platform:product/chat", "chat", "tenant", "globex", "globex", "chat", "3.75"),
        (way, "platform", "product", "search", "unattributed", "search", "5"),
    ]


def test_idle_gpu_time_stays_idle_cost() -> None:
    found = allocate(
        rules("{rule_id: e, match: {meter: a}, method: even}\n{rule_id: n, match: {meter: b}, method: unattributed}"),
        [charge("1", 6, charge_category="gpu_idle", meter="a"), charge("2", 6, charge_category="gpu_idle", meter="b")],
    )
    assert shares(found, "cost_component", "method", "tenant_id", "basis_quantity") == [
        ("idle", "even", "acme", Decimal(1), "2"),
        ("idle", "even", "globex", Decimal(1), "2"),
        ("idle", "even", "initech", Decimal(1), "2"),
        ("idle", "unattributed", "unattributed", None, "6"),
    ]


def test_the_effective_amount_is_split_as_the_billed_one() -> None:
    found = allocate(
        rules(f"{{rule_id: r, {BY_COST}}}"),
        [
            charge("1", -3, effective_amount_usd=Decimal(0)),
            charge("2", 0, effective_amount_usd=Decimal("0.000000000002")),
        ],
        WEIGHTS,
    )
    by_charge = [(row["charge_id"], row["amount_usd"], row["effective_amount_usd"]) for row in found]
    assert by_charge == [("1", Decimal(-1), Decimal(0))] * 3 + [
        ("2", Decimal(0), Decimal(n) / 10**12) for n in (1, 1, 0)
    ]  # fmt: skip


def test_a_rule_takes_what_has_its_tags() -> None:
    tagged = {
        "ml": "|env=prod||team=ml|",
        "ml-dev": "|env=dev||team=ml|",
        "ops": "|team=ops|",
        "odd": "|team=a%7Cb%25_c|",
        "longer": "|team=xml|",
        "none": None,
    }
    found = allocate(
        rules("""
            {rule_id: prod, match: {tag: {team: [ml, search], env: prod}}, method: direct, to: {tenant: acme}}
            {rule_id: team, match: {tag: {team: ml}}, method: direct, to: {tenant: globex}}
            {rule_id: odd, match: {tag: {team: 'a|b%_c'}}, method: direct, to: {tenant: initech}}
            {rule_id: not-so-odd, match: {tag: {team: 'a|b%!c'}}, method: direct, to: {tenant: initech}}
            {rule_id: some, match: {tag: {team: '*'}}, method: direct, to: {cost_center: cc-1}}
        """),
        [charge(name, 1) for name in tagged],
        parts=[part(name, 1, tags=tags, calls=None) for name, tags in tagged.items()],
    )
    assert shares(found, "charge_id", "rule_id", "target_id") == [
        ("longer", "some", "cc-1", "1"),
        ("ml", "prod", "acme", "1"),
        ("ml-dev", "team", "globex", "1"),
        ("none", "direct", "unattributed", "1"),
        ("odd", "odd", "initech", "1"),
        ("ops", "some", "cc-1", "1"),
    ]


def test_a_tag_can_name_who_pays() -> None:
    by_tag = rules("""
        {rule_id: by-tag, match: {charge_category: [fee, unlogged_traffic]}, method: direct, by_tag: customer}
        {rule_id: rest, method: even, to: {tenant: [acme, globex]}}
    """)
    found = allocate(
        by_tag.model_copy(update={"rules": spelled_out(by_tag.rules, {"tenant": ["globex", "acme"]})}),
        [charge("1", 9), charge("2", 2)],
        parts=[
            part("1", 4, tags="|customer=acme|"),
            part("1", 3, tags="|customer=globex|"),
            part("1", 2, tags="|customer=Acme|"),
            part("2", 2),
        ],
    )
    assert shares(found, "charge_id", "rule_id", "method", "tenant_id") == [
        ("1", "by-tag", "direct", "acme", "4"),
        ("1", "by-tag", "direct", "globex", "3"),
        ("1", "rest", "even", "acme", "1"),
        ("1", "rest", "even", "globex", "1"),
        ("2", "rest", "even", "acme", "1"),
        ("2", "rest", "even", "globex", "1"),
    ]
