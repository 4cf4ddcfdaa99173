"""Each hour and each charge is in one line, and the lines add up to the ledger and to what people cost by day."""

from calendar import monthrange
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.dbt_project.tco import ledger, month_of, rows_of_tco

FIRST = date(2026, 8, 10)
LINES = ("people", "inference", "supporting_layer", "storage_network_ci", "model_updates", "security_compliance")


def api(usd: str, day: date = FIRST, **named: Any) -> dict[str, Any]:
    return {"usage_date": day, "usd": usd, "host": "direct", "charge_category": "usage", "model": "m", **named}


def cells(rows: list[dict[str, Any]], column: str = "cash_usd") -> dict[tuple[str, str], Any]:
    return {(row["product_id"], row["line"]): row[column] for row in rows if row[column]}


def test_a_charge_is_in_the_line_of_its_rule_else_inference() -> None:
    rules: list[dict[str, Any]] = [
        {"rule_id": "v", "line": "supporting_layer", "category": "e", "model": "e", "service_provider": "openai"},
        {"rule_id": "d", "line": "storage_network_ci", "category": "disks", "meter": "gb", "product_id": "chat"},
        {"rule_id": "s", "line": "security_compliance", "category": "scan", "billing_scope_id": "s",
         "valid_from": FIRST + timedelta(days=1)},
    ]  # fmt: skip
    charges = [
        api("1", model="e", service_provider="openai", product_id="chat"),
        api("2", model="e", service_provider="other", product_id="chat"),
        api("4", meter="gb", product_id="mail"),
        api("8", billing_scope_id="s"),
        api("16", FIRST + timedelta(days=1), billing_scope_id="s"),
    ]
    rows = rows_of_tco("tco_monthly", **ledger(charges), tco_charge_rules=rules)
    assert cells(rows) == {
        ("chat", "supporting_layer"): 1, ("chat", "inference"): 2, ("chat", "storage_network_ci"): 4,
        ("unattributed", "inference"): 8, ("unattributed", "security_compliance"): 16,
    }  # fmt: skip
    assert cells(rows, "token_bill_usd") == {("chat", "inference"): 2, ("unattributed", "inference"): 8}
    assert {row["product_id"]: row["token_bill_share"] for row in rows} == {"chat": 2 / 7, "unattributed": 8 / 24}


def part(
    charge: str, usd: str, product: str = "unattributed", method: str = "direct", version: str = "0"
) -> dict[str, Any]:
    """A part of a charge in the ledger; a rule has a version, a call's own product has none."""
    return {"charge_id": charge, "usage_date": FIRST, "product_id": product, "effective_amount_usd": Decimal(usd),
            "method": method, "rule_version": version}  # fmt: skip


def called(usd: str, purpose: str, product: str, tenant: str = "acme", charge: str = "usage:m") -> dict[str, Any]:
    """Calls of one charge and tenant that do the same."""
    return {"group_id": charge.removeprefix("usage:"), "is_metered": charge.startswith("usage:"), "purpose": purpose,
            "product_id": product, "tenant_id": tenant, "effective_amount_usd": Decimal(usd)}  # fmt: skip


GUARD: dict[str, Any] = {"rule_id": "g", "line": "supporting_layer", "category": "guardrails", "purpose": "guardrail"}


def test_calls_of_a_purpose_leave_the_line_the_rest_of_their_charge_is_in() -> None:
    """20 USD: chat's 7 with a guardrail's 2, mail's 5, and 8 without a tenant, of which 2 guard, shared 6 to 2."""
    calls = [
        called("5", "serve", "chat"), called("2", "guardrail", "chat"), called("5", "router", "mail"),
        called("6", "serve", "chat", "unattributed"), called("2", "guardrail", "chat", "unattributed"),
        # An own node's day: 4 of 12 are the guardrail's, the rest no call's.
        called("4", "guardrail", "mail", charge="gpu:n"), called("9", "guardrail", "chat", charge="usage:e"),
    ]  # fmt: skip
    rules = [
        GUARD,
        {"rule_id": "e", "line": "storage_network_ci", "category": "e", "meter": "e", "product_id": "news"},
        {"rule_id": "r", "line": "supporting_layer", "category": "router", "purpose": "router", "product_id": "chat",
         "valid_from": FIRST + timedelta(days=1)},
    ]  # fmt: skip
    rows = rows_of_tco(
        "tco_monthly",
        fct_charges=[
            {"charge_id": charge, "usage_date": FIRST, "meter": charge[-1]}
            for charge in ("usage:m", "usage:e", "gpu:n")
        ],
        int_gpu_charges=[
            {"charge_id": "gpu:n", "usage_date": FIRST, "pool_id": "n", "charge_category": "gpu_busy",
             "amount_usd": Decimal(12)}
        ],
        int_allocations=[
            part("usage:m", "7", "chat"), part("usage:m", "5", "mail"),
            part("usage:m", "6", "chat", "proportional", "3f"), part("usage:m", "2", "news", "direct", "3f"),
            part("gpu:n", "4", "mail"), part("gpu:n", "8", method="unattributed"),
            # All of it is a guardrail's: the rule of the meter finds nothing left of it.
            part("usage:e", "9", "chat"),
        ],
        int_charge_calls=calls,
        tco_charge_rules=rules,
    )  # fmt: skip
    assert cells(rows) == {
        ("chat", "inference"): 5 + Decimal("4.5"), ("chat", "supporting_layer"): 2 + Decimal("1.5") + 9,
        ("mail", "inference"): 5, ("mail", "supporting_layer"): 4,
        ("news", "inference"): Decimal("1.5"), ("news", "supporting_layer"): Decimal("0.5"),
        ("unattributed", "inference"): 8,
    }  # fmt: skip
    assert cells(rows, "gpu_usd") == {("unattributed", "inference"): 8}
    assert cells(rows, "token_bill_usd") == {
        ("chat", "inference"): Decimal("9.5"), ("mail", "inference"): 5, ("news", "inference"): Decimal("1.5"),
    }  # fmt: skip


usd_of_calls = st.decimals("0", "1000", places=12)


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(
            usd_of_calls, st.sampled_from(["serve", "guardrail", "eval"]), st.sampled_from(["chat", "mail"]),
            st.sampled_from(["acme", "unattributed"]),
        ),
        min_size=1, max_size=8,
    ),
    st.integers(0, 10**6),
)  # fmt: skip
def test_calls_of_purposes_move_money_and_make_none(
    calls: list[tuple[Decimal, str, str, str]], millionths: int
) -> None:
    rows = [called(str(usd), *named) for usd, *named in calls]
    direct = {product: [row for row in rows if row["product_id"] == product and row["tenant_id"] == "acme"]
              for product in ("chat", "mail")}  # fmt: skip
    shared = sum((row["effective_amount_usd"] for row in rows if row["tenant_id"] != "acme"), Decimal(0))
    first = (shared * millionths / 10**6).quantize(Decimal("1e-12"), rounding="ROUND_DOWN")
    ledger_parts = [part("usage:m", str(sum(row["effective_amount_usd"] for row in of)), product)
                    for product, of in direct.items() if of]  # fmt: skip
    ledger_parts += [part("usage:m", str(usd), product, "even", "1a")
                     for product, usd in (("chat", first), ("news", shared - first))]  # fmt: skip
    found = rows_of_tco(
        "tco_monthly",
        fct_charges=[{"charge_id": "usage:m", "usage_date": FIRST}],
        int_allocations=ledger_parts,
        int_charge_calls=rows,
        tco_charge_rules=[GUARD, {"rule_id": "v", "line": "model_updates", "category": "eval", "purpose": "eval"}],
    )
    assert sum(row["cash_usd"] for row in found) == sum(usd for usd, *_ in calls)
    assert min(row["cash_usd"] for row in found) >= 0
    for line, purpose in (("supporting_layer", "guardrail"), ("model_updates", "eval")):
        moved = sum(row["cash_usd"] for row in found if row["line"] == line)
        # What rules share out is cut after twelve decimals, once a product.
        assert 0 <= sum(usd for usd, said, *_ in calls if said == purpose) - moved <= Decimal("2e-12")


def test_the_fully_loaded_margin_has_every_line_of_a_whole_month() -> None:
    """August is covered, September has a day; mail has no revenue, and some of news' has no rate."""
    first = date(2026, 8, 1)
    charges = [api("10", product_id="chat"), api("1", product_id="mail"), api("2", product_id="news")]
    people = [{"role": "a", "product_id": "chat", "line": "people", "loaded_usd_per_year": Decimal(240),
               "share": Decimal(1), "is_serving": False}]  # fmt: skip
    revenue = [
        {"service_date": day, "product_id": product, "amount_usd": usd and Decimal(usd)}
        for day, product, usd in [
            (first, "chat", "30"), (FIRST, "chat", "10"), (date(2026, 9, 1), "chat", "99"), (first, "news", "5"),
            (FIRST, "news", None),
        ]
    ]  # fmt: skip
    rows = rows_of_tco("tco_monthly", **month_of(charges, first, date(2026, 9, 1)), people=people, fct_revenue=revenue)
    found = {
        (row["month_start"].month, row["product_id"]): (row["revenue_usd"], row["fully_loaded_inference_margin"])
        for row in rows
    }
    # 10 of inference and 240 / 12 of people on 40 of revenue.
    assert found[8, "chat"] == (40, 0.25)
    assert found[9, "chat"] == (99, None)
    assert found[8, "mail"] == found[8, "news"] == (None, None)


def test_people_count_by_the_covered_days_of_the_month() -> None:
    """The ledger covers 22 of 31 days of August; the second role works 11 of them."""
    people = [
        {"role": "a", "product_id": "chat", "line": "people", "loaded_usd_per_year": Decimal(3720),
         "share": Decimal("0.5")},
        {"role": "b", "line": "people", "loaded_usd_per_year": Decimal(372), "share": Decimal(1),
         "valid_from": date(2026, 8, 21)},
    ]  # fmt: skip
    rows = rows_of_tco("tco_monthly", **month_of([], FIRST, date(2026, 8, 31)), people=people)
    assert cells(rows) == {("chat", "people"): 110, ("unattributed", "people"): 11}
    assert {(row["covered_days"], row["is_complete"]) for row in rows} == {(22, False)}


def test_hours_of_a_role_leave_its_line_and_bought_ones_do_not() -> None:
    people = [{"role": "SRE", "line": "people", "loaded_usd_per_year": Decimal(208_000), "share": Decimal("0.5")}]
    updates = [
        {"update_id": "u1", "update_date": date(2026, 9, 5), "engineer_hours": Decimal(10), "role": "SRE"},
        {"update_id": "u2", "update_date": date(2026, 9, 6), "engineer_hours": Decimal(3), "usd_per_hour": Decimal(50)},
        {
            "update_id": "u3",
            "update_date": date(2026, 10, 1),
            "engineer_hours": Decimal(9),
            "usd_per_hour": Decimal(50),
        },
    ]
    rows = rows_of_tco(
        "tco_monthly",
        **month_of([], date(2026, 9, 1), date(2026, 9, 30)),
        people=people,
        tco_model_updates=[row | {"hours_per_year": 2080} for row in updates],
    )
    whole = Decimal(104_000) / 12
    assert cells(rows) == {
        ("unattributed", "people"): whole.quantize(Decimal("1e-12"), rounding="ROUND_DOWN") - 1000,
        ("unattributed", "model_updates"): 1150,
    }


def test_owned_nodes_differ_by_who_carries_their_book_cost() -> None:
    """Two days of a node: 3 in the books of the first, 4 by the capital recovery factor; the second is written off."""
    second = FIRST + timedelta(days=1)
    charges = [
        {**api("1", product_id="chat"), "pool_id": "own", "charge_category": "gpu_busy"},
        {**api("2", product_id="unattributed"), "pool_id": "own", "charge_category": "gpu_idle"},
        {**api("0", second), "pool_id": "own", "charge_category": "gpu_idle"},
    ]
    days = [{"usage_date": day, "node_id": "n"} for day in (FIRST, second)]
    rows = rows_of_tco(
        "tco_monthly",
        **ledger(charges),
        int_gpu_node_shares=[
            day | {"pool_id": "own", "begins_at": 0, "ends_at": 1, "total_millionths": 1} for day in days
        ],
        int_gpu_node_costs=[
            days[0] | {"book_cost_usd": Decimal(3), "economic_cost_usd": Decimal(0)},
            days[0] | {"book_cost_usd": Decimal(0), "economic_cost_usd": Decimal(4)},
            days[1] | {"book_cost_usd": Decimal(0), "economic_cost_usd": Decimal(5)},
        ],
    )
    third = Decimal("0.333333333333")
    assert cells(rows, "economic_usd") == {("chat", "inference"): 1 + third, ("unattributed", "inference"): 8 - third}
    assert cells(rows) == {("chat", "inference"): 1, ("unattributed", "inference"): 2}


def task(feature: str, is_resolved: bool, is_known: bool = True) -> dict[str, Any]:
    return {"feature_id": feature, "ended_date": FIRST, "is_resolved": is_resolved, "is_outcome_known": is_known}


def test_bad_answers_are_valued_where_a_feature_says_how_and_counted_where_not() -> None:
    tasks = [
        task("a", False),
        task("a", False),
        task("a", True),
        task("b", False),
        task("c", False),
        task("c", False, False),
    ]
    tasks += [task("d", True), task("gone", False)]
    features = [{"feature_id": name, "product_id": f"p-{name if name > 'b' else 'ab'}"} for name in "abcd"]
    remediation = [
        {"feature_id": "a", "usd_per_wrong_answer": Decimal("6.50")},
        {"feature_id": "c", "usd_per_wrong_answer": Decimal(1), "valid_from": FIRST + timedelta(days=1)},
    ]
    rows = rows_of_tco(
        "tco_monthly",
        **ledger([api("5", product_id="p-none")]),
        fct_tasks=tasks,
        dim_features=features,
        tco_remediation=remediation,
    )
    names = ("economic_usd", "judged_answers", "wrong_answers", "unvalued_wrong_answers", "cash_usd")
    found = {row["product_id"]: tuple(row[name] for name in names) for row in rows if row["line"] == "bad_answers"}
    assert found == {
        "p-ab": (13, 4, 3, 1, 0), "p-c": (None, 1, 1, 1, 0), "p-d": (0, 1, 0, 0, 0),
        "p-none": (None, None, None, None, 0), "unattributed": (None, 1, 1, 1, 0),
    }  # fmt: skip


def test_the_months_ahead_go_on_from_the_last_complete_one() -> None:
    """September is whole, October is not: October to December are estimates, of whole months."""
    charges = [
        api("30", date(2026, 9, 2), product_id="chat"),
        api("6", date(2026, 9, 2), product_id="chat", meter="gb"),
        api("99", date(2026, 10, 1), product_id="chat"),
    ]
    people = [
        {"role": "a", "product_id": "chat", "line": "people", "loaded_usd_per_year": Decimal(1200), "share": Decimal(1),
         "valid_to": date(2026, 12, 1)},
        {"role": "b", "product_id": "new", "line": "people", "loaded_usd_per_year": Decimal(372), "share": Decimal(1),
         "valid_from": date(2026, 12, 31)},
    ]  # fmt: skip
    update = {
        "update_date": date(2026, 11, 3),
        "engineer_hours": Decimal(2),
        "usd_per_hour": Decimal(50),
        "product_id": "chat",
    }
    rows = rows_of_tco(
        "tco_projection_monthly",
        **month_of(charges, date(2026, 9, 1), date(2026, 10, 4)),
        people=people,
        tco_charge_rules=[{"rule_id": "d", "line": "storage_network_ci", "category": "disks", "meter": "gb"}],
        tco_model_updates=[{"update_id": "u", "hours_per_year": 2080, **update}],
        fct_tasks=[{**task("a", False), "ended_date": date(2026, 9, 5)}],
        dim_features=[{"feature_id": "a", "product_id": "chat"}],
        tco_remediation=[{"feature_id": "a", "usd_per_wrong_answer": Decimal(60)}],
        tco_horizon=[
            {"month_number": number, "inference_factor": Decimal("1.1") ** number, "growth_percent": Decimal(10)}
            for number in (1, 2, 3)
        ],
    )
    found = {
        (row["month_start"].month, row["product_id"], row["line"]): (row["cash_usd"], row["economic_usd"])
        for row in rows
        if row["economic_usd"]
    }
    inference = {10: Decimal("34.1"), 11: Decimal("36.3"), 12: Decimal("41.261")}
    assert found == {
        **{(month, "chat", "inference"): (usd, usd) for month, usd in inference.items()},
        **{(month, "chat", "bad_answers"): (0, 2 * usd) for month, usd in inference.items()},
        (10, "chat", "storage_network_ci"): (Decimal("6.2"), Decimal("6.2")),
        (11, "chat", "storage_network_ci"): (6, 6),
        (12, "chat", "storage_network_ci"): (Decimal("6.2"), Decimal("6.2")),
        (10, "chat", "people"): (100, 100),
        (11, "chat", "people"): (100, 100),
        (12, "new", "people"): (1, 1),
        (11, "chat", "model_updates"): (100, 100),
    }
    assert {row["base_month_start"] for row in rows} == {date(2026, 9, 1)}


amounts = st.decimals("-1000", "100000", places=12)
charge_lists = st.lists(
    st.builds(
        lambda usd, day, product, meter: api(str(usd), FIRST + timedelta(days=day), product_id=product, meter=meter),
        amounts, st.integers(0, 80), st.sampled_from(["chat", "mail", "unattributed"]), st.sampled_from("xyz"),
    ),
    min_size=1, max_size=12,
)  # fmt: skip
shares = st.decimals("0.000001", "1", places=6)
people_lists = st.lists(
    st.builds(
        lambda usd, share, line, start, days: {
            "role": "r", "line": line, "loaded_usd_per_year": usd, "share": share, "is_serving": False,
            "valid_from": date(2026, 7, 1) + timedelta(days=start),
            "valid_to": date(2026, 7, 1) + timedelta(days=start + days),
        },
        st.decimals("0", "10000000", places=2), shares, st.sampled_from(LINES), st.integers(0, 120),
        st.integers(1, 200),
    ),
    max_size=5,
)  # fmt: skip
rule_lists = st.lists(st.tuples(st.sampled_from("xyz"), st.sampled_from(LINES[2:])), unique_by=lambda rule: rule[0])


@settings(max_examples=25, deadline=None)
@given(charge_lists, people_lists, rule_lists)
def test_the_lines_add_up_to_the_ledger_and_to_people_by_day(
    charges: list[dict[str, Any]], people: list[dict[str, Any]], rules: list[tuple[str, str]]
) -> None:
    said = [{"rule_id": meter, "line": line, "category": "c", "meter": meter} for meter, line in rules]
    rows = rows_of_tco("tco_monthly", **ledger(charges), people=people, tco_charge_rules=said)
    days = [charge["usage_date"] for charge in charges]
    covered = [min(days) + timedelta(days=number) for number in range((max(days) - min(days)).days + 1)]
    for month in {day.replace(day=1) for day in covered}:
        of_month = [row for row in rows if row["month_start"] == month]
        billed = [Decimal(charge["usd"]) for charge in charges if charge["usage_date"].replace(day=1) == month]
        assert sum(row["billed_usd"] for row in of_month) == sum(billed)
        assert all(row["cash_usd"] == row["billed_usd"] + row["people_usd"] + row["stated_usd"] for row in of_month)
        by_day = sum(
            Fraction(row["loaded_usd_per_year"]) * Fraction(row["share"]) / 12 / monthrange(day.year, day.month)[1]
            for day in covered
            for row in people
            if day.replace(day=1) == month and row["valid_from"] <= day < row["valid_to"]
        )
        # Each row of people.csv is cut after twelve decimals.
        assert 0 <= by_day - Fraction(sum(row["people_usd"] for row in of_month)) < Fraction(len(people) + 1, 10**12)
        assert len(of_month) == 7 * len({row["product_id"] for row in of_month})
