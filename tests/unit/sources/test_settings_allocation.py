"""What is wrong with the rules of allocation.yml is said with its line; what is right becomes tables."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sources.home import Home, init_home
from sources.settings import SettingsError, config_tables, load_settings
from sources.settings.allocation import match_rows, rule_rows, target_rows

POOL = "- {rule_id: fill, charge_category: fee, method: direct, to: {pool: platform}}\n"
EVEN = "method: even"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = init_home(tmp_path)
    (home.config / "tenants.csv").write_text(
        "tenant_id,tenant_name,plan,cost_center\nacme,Acme,pro,cc-1\nglobex,Globex,pro,\n"
    )
    (home.config / "features.csv").write_text(
        "feature_id,feature_name,product_id,product_name\nqa,Q,chat,Chat\nfind,F,search,Search\n"
    )
    return home


@pytest.fixture
def problems(home: Home) -> Callable[[str], list[str]]:
    def write(rules: str) -> list[str]:
        (home.config / "allocation.yml").write_text(f"rules:\n{rules}")
        with pytest.raises(SettingsError) as raised:
            load_settings(home)
        return [str(problem).removeprefix("allocation.yml, ") for problem in raised.value.problems]

    return write


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        (
            "- {rule_id: r, method: direct, to: {tenant: acmee}}\n",
            "line 2, rules[0].to.tenant: found 'acmee'; allowed: one of tenants.csv; did you mean 'acme'?",
        ),
        (
            "- rule_id: r\n  method: fixed\n  shares:\n  - {tenant: acme, share: 0.5}\n  - {product: chet, share: "
            "0.5}\n",
            "line 6, rules[0].shares[1].product: found 'chet'; allowed: one of the products of features.csv; "
            "did you mean 'chat'?",
        ),
        (
            "- {rule_id: r, method: even, to: {cost_center: cc-11}}\n",
            "line 2, rules[0].to.cost_center: found 'cc-11'; allowed: one of the cost centers of tenants.csv and "
            "teams.csv; "
            "did you mean 'cc-1'?",
        ),
        (
            POOL,
            "line 2, rules[0].to.pool: found 'platform'; allowed: a pool that a rule takes on while this one is "
            "valid, with "
            "`from: {pool: platform}`",
        ),
        (
            POOL + "- {rule_id: take, from: {pool: platfrom}, method: even}\n",
            "line 3, rules[1].from.pool: found 'platfrom'; allowed: a pool that another rule charges; "
            "did you mean 'platform'?",
        ),
        (
            POOL + "- {rule_id: take, from: {pool: platform}, method: direct, to: {pool: platform}}\n",
            "line 3, rules[1].rule_id: found the cycle take > take; allowed: rules that never lead back to themselves",
        ),
        (
            "- {rule_id: a, from: {product: chat}, method: even, to: {product: '*'}}\n",
            "line 2, rules[0].rule_id: found the cycle a > a; allowed: rules that never lead back to themselves",
        ),
        (
            POOL
            + "- {rule_id: b, from: {pool: platform}, method: even, to: {product: '*'}}\n"
            + "- {rule_id: c, from: {product: chat}, method: even, to: {cost_center: cc-1}}\n"
            + "- {rule_id: d, from: {cost_center: '*'}, method: even}\n",
            "line 2, rules[0].rule_id: found the chain fill > b > c > d; allowed: chains of at most 3 rules",
        ),
        (
            "- {rule_id: r, method: fixed, shares: [{tenant: acme, share: 0.7}, {tenant: globex, share: 0.301}]}\n",
            "line 2, rules[0].shares: found shares that add up to 1.001; allowed: shares that add up to 1 at most; "
            "what is "
            "left of 1 stays unattributed",
        ),
        (
            "- {rule_id: r, method: fixed, shares: [{tenant: acme, share: 0.7}, {tenant: acme, share: 0.2}]}\n",
            "line 2, rules[0].shares: found tenant 'acme' again; allowed: each target once",
        ),
        (
            "- {rule_id: r, method: tiered, metric: tokens, floor_share: 0.51, fallback: even}\n",
            "line 2, rules[0].floor_share: found 0.51 for each of 2 targets, 1.02 together; allowed: floors that add "
            "up to 1 "
            "at most",
        ),
        (
            f"- {{rule_id: a, match: {{model: [x, y]}}, {EVEN}}}\n- {{rule_id: b, match: {{model: [y, x]}}, {EVEN}}}\n",
            "line 3, rules[1].rule_id: found 'b' for the same charges as 'a'; allowed: spans that do not overlap "
            "(line 2 "
            "holds from 1970-01-01 to 9999-12-31)",
        ),
        (
            f"- {{rule_id: a, charge_category: fee, {EVEN}}}\n- {{rule_id: a, charge_category: fx, {EVEN}}}\n",
            "line 3, rules[1].rule_id: found a valid from 1970-01-01; allowed: spans that do not overlap (line 2 is "
            "the same "
            "rule)",
        ),
        (
            "- {rule_id: r, method: proportional, metric: token, fallback: even}\n",
            "line 2, rules[0].metric: found 'token'; allowed: billed_cost_usd, effective_cost_usd, tokens, "
            "provisioned_tokens, calls, requests, "
            "gpu_seconds, tasks, revenue_usd, active_users; did you mean 'tokens'?",
        ),
        (
            "- {rule_id: r, method: proportional, metric: tokens}\n",
            "line 2, rules[0].fallback: found nothing; allowed: even, unattributed or fixed, for method "
            "proportional: who "
            "pays when nobody has any of the metric",
        ),
        (
            "- {rule_id: r, method: proportional, fallback: even}\n",
            "line 2, rules[0].metric: found nothing; allowed: a value for proportional and tiered, and only there",
        ),
        (
            "- {rule_id: r, method: direct}\n",
            "line 2, rules[0].to: found *; allowed: the one target of method direct, or by_tag: "
            "the tag that names it",
        ),
        (
            "- {rule_id: r, method: even, to: {tenant: acme, product: chat}}\n",
            "line 2, rules[0].to.tenant: found tenant and product; allowed: one of tenant, product, cost_center, pool",
        ),
        (
            "- {rule_id: r, method: proportional, metric: tasks, scope: account, fallback: even}\n",
            "line 2, rules[0].scope: found account; allowed: product or company: tasks belongs to no billing account",
        ),
        (
            "- {rule_id: r, match: {tag: {'te\"am': ml}}, method: direct, to: {tenant: acme}}\n",
            "line 2, rules[0].match.tag.te\"am: found 'te\"am'; allowed: a tag without any of \" | = % and backslash",
        ),
        (
            POOL + "- {rule_id: p, match: {tag: {team: ml}}, from: {pool: platform}, method: even}\n",
            "line 3, rules[1].match.tag: found team; allowed: no tag where a rule has `from`: bills have tags",
        ),
        (
            "- {rule_id: r, method: even, by_tag: customer}\n",
            "line 2, rules[0].by_tag: found customer; allowed: a tag for method direct without `from`, and only there",
        ),
        (
            "- {rule_id: r, method: direct, by_tag: customer, to: {tenant: acme}}\n",
            "line 2, rules[0].to: found acme; allowed: all tenants, products or cost centers, such as {tenant: '*'}: "
            "the tag names one",
        ),
        (
            f"- {{rule_id: a, match: {{tag: {{x: [1, 2], y: z}}}}, {EVEN}}}\n"
            f"- {{rule_id: b, match: {{tag: {{y: z, x: [2, 1]}}}}, {EVEN}}}\n",
            "line 3, rules[1].rule_id: found 'b' for the same charges as 'a'; allowed: spans that do not overlap "
            "(line 2 holds from 1970-01-01 to 9999-12-31)",
        ),
    ],
)  # fmt: skip
def test_a_wrong_rule_is_named_with_its_line(problems: Callable[[str], list[str]], rules: str, expected: str) -> None:
    assert expected in problems(rules)


def test_a_rule_that_ended_may_be_followed_by_another_for_the_same_charges(home: Home) -> None:
    (home.config / "allocation.yml").write_text(
        "rules:\n- {rule_id: r, charge_category: fee, method: even, valid_to: 2026-09-01}\n"
        "- {rule_id: r, charge_category: fee, method: unattributed, valid_from: 2026-09-01}\n"
        "- {rule_id: forth, from: {product: chat}, method: direct, to: {product: search}, valid_to: 2026-09-01}\n"
        "- {rule_id: back, from: {product: search}, method: direct, to: {product: chat}, valid_from: 2026-09-01}\n"
    )
    assert [rule.rule_id for rule in load_settings(home).allocation_rules] == ["r", "r", "forth", "back"]


def test_a_list_in_a_match_is_a_row_for_each_of_its_values(home: Home) -> None:
    (home.config / "allocation.yml").write_text(
        "rules:\n- {rule_id: r, match: {charge_category: [fee, fx], team: t}, method: fixed,"
        " shares: [{tenant: acme, share: 0.5}]}\n"
        "- {rule_id: p, from: {product: [chat, search]}, method: blended, fallback: fixed,"
        " fallback_shares: [{pool: x, share: 1}]}\n- {rule_id: x, from: {pool: '*'}, method: even}\n"
    )
    rules = load_settings(home).allocation_rules
    matches = [(row["rule_order"], row["from_type"], row["from_id"], row["charge_category"], row["team_id"])
               for row in match_rows(rules)]  # fmt: skip
    assert matches == [
        (1, "charge", None, "fee", "t"), (1, "charge", None, "fx", "t"), (2, "product", "chat", None, None),
        (2, "product", "search", None, None), (3, "pool", None, None, None),
    ]  # fmt: skip
    assert [tuple(map(str, row.values())) for row in target_rows(rules)] == [
        ("1", "False", "tenant", "acme", "0.5"), ("2", "True", "pool", "x", "1"),
    ]  # fmt: skip
    assert [(row["metric"], row["scope"], row["fallback"]) for row in rule_rows(rules, "1")] == [
        (None, "account", "unattributed"), ("weighted_tokens", "account", "fixed"), (None, "account", "unattributed"),
    ]  # fmt: skip


def test_a_rule_by_tag_is_a_rule_for_each_that_the_tag_can_name(home: Home) -> None:
    (home.config / "allocation.yml").write_text(
        "rules:\n- {rule_id: a, match: {tag: {env: [prod, 'a_b']}}, method: direct, by_tag: customer}\n"
        "- {rule_id: b, match: {tag: {env: dev}}, method: direct, by_tag: product, to: {product: '*'}}\n"
    )
    tables = config_tables(load_settings(home))
    assert tables["allocation_tags"].rows() == [("customer",), ("env",), ("product",)]
    assert tables["allocation_matches"].select("rule_order", "tags").rows() == [
        (1, "%|customer=acme|%|env=a!_b|%"),
        (1, "%|customer=acme|%|env=prod|%"),
        (2, "%|customer=globex|%|env=a!_b|%"),
        (2, "%|customer=globex|%|env=prod|%"),
        (3, "%|env=dev|%|product=chat|%"),
        (4, "%|env=dev|%|product=search|%"),
    ]
    assert tables["allocation_targets"].select("rule_order", "target_type", "target_id").rows() == [
        (1, "tenant", "acme"), (2, "tenant", "globex"), (3, "product", "chat"), (4, "product", "search"),
    ]  # fmt: skip


def test_a_mistake_inside_a_rule_hides_no_mistake_between_others(problems: Callable[[str], list[str]]) -> None:
    found = problems(
        "- {rule_id: bad, method: proportional, metric: token, fallback: even}\n"
        "- {rule_id: fill, charge_category: fee, method: direct, to: {pool: platform}}\n"
        "- {rule_id: twice, charge_category: fee, method: even, to: {tenant: [acme, acme]}}\n"
        "- {rule_id: again, charge_category: fee, method: even}\n"
        "- {rule_id: out, from: {product: chat}, method: direct, to: {product: chat}}\n"
        "- {rule_id: gone, charge_category: credit, method: direct, to: {tenant: acmee}}\n"
    )
    starts = [problem.partition(" found ")[0] for problem in found]
    # That nobody takes the pool on may be the fault of the rule that cannot be read.
    assert starts == [
        "line 2, rules[0].metric:",
        "line 4, rules[2].rule_id:",
        "line 4, rules[2].to:",
        "line 5, rules[3].rule_id:",
        "line 5, rules[3].rule_id:",
        "line 6, rules[4].rule_id:",
        "line 7, rules[5].to.tenant:",
    ]
