"""people.csv and tco.yml: the lines of the total cost of ownership beside what providers bill.

Each hour and each charge is in one line: what two rules would take is a problem that names both.
"""

import itertools
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

import polars as pl
from pydantic import BeforeValidator, Field, model_validator

from sources.settings.models import (
    ChargeCategory,
    Count,
    Dated,
    Day,
    Name,
    OneOrMore,
    Price,
    Share,
    Strict,
    one_or_more,
    row_error,
)
from sources.settings.text import Document, Problem, did_you_mean

PEOPLE = "people.csv"
FILE = "tco.yml"
# What a bad answer costs follows from answers, and what is in no other line is inference.
Line = Literal["people", "inference", "supporting_layer", "storage_network_ci", "model_updates", "security_compliance"]
ChargeLine = Literal["supporting_layer", "storage_network_ci", "model_updates", "security_compliance"]
MONTHS_A_YEAR = 12

Hours = Annotated[Price, Field(gt=0, le=100_000, decimal_places=2)]
Growth = Annotated[Decimal, Field(ge=-90, le=100, decimal_places=4)]


class Person(Dated):
    """Part of a role's working time, for one product or (empty) for all of the company."""

    role: Name
    product_id: Name | None = None
    line: Line = "people"
    loaded_usd_per_year: Price
    share: Annotated[Share, Field(gt=0)] = Decimal(1)
    is_serving: bool = False


class ChargeMatch(Strict):
    """Which charges of the ledger; all that is named has to fit."""

    service_provider: OneOrMore = Field(default=[])
    billing_account_id: OneOrMore = Field(default=[])
    billing_scope_id: OneOrMore = Field(default=[])
    host: OneOrMore = Field(default=[])
    model: OneOrMore = Field(default=[])
    meter: OneOrMore = Field(default=[])
    charge_category: Annotated[list[ChargeCategory], BeforeValidator(one_or_more)] = Field(default=[])
    # Of a charge the part of its calls that are for this; the rest stays where it is.
    purpose: OneOrMore = Field(default=[])

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not any(values for _, values in self):
            raise row_error("service_provider", "a match of every charge", f"one of {', '.join(MATCHED)}")
        return self

    def meets(self, other: "ChargeMatch") -> bool:
        """Whether both can take the same money. Calls of a purpose are taken first, whatever the charge is in."""
        both = ((getattr(self, name), getattr(other, name)) for name in MATCHED)
        return bool(self.purpose) == bool(other.purpose) and all(
            not one or not two or set(one) & set(two) for one, two in both
        )


MATCHED = tuple(ChargeMatch.model_fields)


class ChargeRule(Dated):
    """Billed charges that are no inference, and the product that carries them where it is another than the ledger's."""

    rule_id: Name
    line: ChargeLine
    category: Name
    match: ChargeMatch
    product_id: Name | None = None


class OtherCost(Dated):
    """What comes on no bill that is taken in, by the month."""

    cost_id: Name
    line: ChargeLine
    category: Name
    usd_per_month: Annotated[Price, Field(gt=0)]
    product_id: Name | None = None
    service_provider: Name | None = None
    source: Name


class ModelUpdate(Strict):
    """Work that a changed or ended model made: hours paid for apart, or taken from a role of people.csv."""

    update_id: Name
    day: Annotated[Day, Field(alias="date")]
    product_id: Name | None = None
    engineer_hours: Hours
    usd_per_hour: Annotated[Price, Field(gt=0)] | None = None
    role: Name | None = None

    @model_validator(mode="after")
    def _says_one_rate(self) -> Self:
        if (self.usd_per_hour is None) == (self.role is None):
            found = "neither" if self.role is None else "both"
            raise row_error("usd_per_hour", found, "either usd_per_hour or role, a role of people.csv")
        return self


class Remediation(Dated):
    """What one wrong answer of a feature costs to put right."""

    feature_id: Name
    usd_per_wrong_answer: Price


class Horizon(Strict):
    """How far ahead, and how inference changes from month to month: your own statement, not a measured one."""

    months: Annotated[Count, Field(ge=1, le=24)] = 12
    inference_growth_percent_per_month: Growth = Decimal(0)


class Tco(Strict):
    hours_per_year: Annotated[Count, Field(ge=1000, le=3000)] = 2080
    charges: list[ChargeRule] = Field(default=[])
    costs: list[OtherCost] = Field(default=[])
    model_updates: list[ModelUpdate] = Field(default=[])
    remediation: list[Remediation] = Field(default=[])
    horizon: Horizon = Horizon()


Placed = tuple[int, Person]
Ids = Collection[str] | None


def _meet(one: Dated, other: Dated) -> bool:
    return one.valid_from < other.valid_to and other.valid_from < one.valid_to


def check_people(people: Sequence[Placed], products: Ids) -> Iterator[Problem]:
    """Products that are unknown, and hours that stand twice."""
    for line, row in people:
        yield from _unknown(PEOPLE, line, "product_id", row.product_id, products, "a product of features.csv")
        day = row.valid_from
        # The role's shares only rise on days a row of it begins.
        held = [
            (at, other)
            for at, other in people
            if other.role == row.role
            and other.valid_from <= day < other.valid_to
            and (other.valid_from, at) <= (day, line)
        ]
        total = sum((other.share for _, other in held), Decimal(0))
        if total > 1:
            others = ", ".join(f"line {at} has {other.share} in {other.line}" for at, other in held if at != line)
            found = f"{total} of {row.role!r} on {day}, with {row.share} in {row.line}"
            allowed = f"shares of a role that add up to 1 at most, since an hour is in one line ({others})"
            yield Problem(PEOPLE, line, "share", found, allowed)
    for (line, row), (other_line, other) in itertools.combinations(people, 2):
        keys = ((one.role, one.product_id, one.line) for one in (row, other))
        if _meet(row, other) and len(set(keys)) == 1:
            found = f"{other.role} / {other.line} valid from {other.valid_from}"
            yield Problem(PEOPLE, other_line, "role", found, f"spans that do not overlap (line {line} is the same)")


def check_tco(
    document: Document, tco: Tco, people: Sequence[Placed] | None, products: Ids, features: Ids, providers: Ids
) -> Iterator[Problem]:
    """Ids that are unknown or stand twice, and charges or hours that two rules would take."""
    for name in ("charges", "costs", "model_updates"):
        for index, row in enumerate(getattr(tco, name)):
            line = document.line_of((name, index, "product_id"))
            field = f"{name}[{index}].product_id"
            yield from _unknown(FILE, line, field, row.product_id, products, "a product of features.csv")
    yield from _twice(document, "costs", "cost_id", [row.cost_id for row in tco.costs])
    yield from _twice(document, "model_updates", "update_id", [row.update_id for row in tco.model_updates])
    for index, cost in enumerate(tco.costs):
        if providers and cost.service_provider in providers:
            field, line = f"costs[{index}].service_provider", document.line_of(("costs", index, "service_provider"))
            allowed = "a provider without an account in billing_accounts.csv; what that bills is in the ledger already"
            yield Problem(FILE, line, field, repr(cost.service_provider), allowed)
    yield from _charges_twice(document, tco.charges)
    for index, row in enumerate(tco.remediation):
        field, line = f"remediation[{index}].feature_id", document.line_of(("remediation", index, "feature_id"))
        yield from _unknown(FILE, line, field, row.feature_id, features, "a feature of features.csv")
        for earlier, other in enumerate(tco.remediation[:index]):
            if other.feature_id == row.feature_id and _meet(row, other):
                at = document.line_of(("remediation", earlier, "feature_id"))
                yield Problem(FILE, line, field, f"{row.feature_id!r} again", f"spans that do not overlap (line {at})")
    if people is not None:
        yield from _updates_of_roles(document, tco, [row for _, row in people])


def _unknown(file: str, line: int, field: str, value: str | None, known: Ids, where: str) -> Iterator[Problem]:
    if value is not None and known is not None and value not in known:
        yield Problem(file, line, field, repr(value), f"{where}{did_you_mean(value, known)}")


def _twice(document: Document, name: str, key: str, ids: Sequence[str]) -> Iterator[Problem]:
    for index, id_ in enumerate(ids):
        if id_ in ids[:index]:
            at, first = (document.line_of((name, place, key)) for place in (index, ids.index(id_)))
            yield Problem(FILE, at, f"{name}[{index}].{key}", f"{id_!r} again", f"each once (first on line {first})")


def _charges_twice(document: Document, rules: Sequence[ChargeRule]) -> Iterator[Problem]:
    for (first, one), (index, other) in itertools.combinations(enumerate(rules), 2):
        if _meet(one, other) and one.match.meets(other.match):
            at, line = (document.line_of(("charges", place, "rule_id")) for place in (first, index))
            found = f"{other.rule_id!r}, which takes charges of {one.rule_id!r}"
            allowed = f"a match that takes none of {one.rule_id!r} (line {at}, {one.line}): a charge is in one line"
            yield Problem(FILE, line, f"charges[{index}].match", found, allowed)


def _updates_of_roles(document: Document, tco: Tco, people: Sequence[Person]) -> Iterator[Problem]:
    """Hours of a role come out of the one row of it that holds on the day, and are not more than it has in a month."""
    used: dict[tuple[str, date, Person], Decimal] = {}
    for index, update in enumerate(tco.model_updates):
        if update.role is None:
            continue
        line, field = document.line_of(("model_updates", index, "role")), f"model_updates[{index}].role"
        held = [
            row
            for row in people
            if row.role == update.role
            and row.product_id == update.product_id
            and row.valid_from <= update.day < row.valid_to
        ]
        if len(held) != 1:
            of = update.product_id or "no product"
            found = f"{update.role!r}, of which {len(held)} rows hold on {update.day} for {of}"
            allowed = f"a role with one such row in {PEOPLE}: its hours are moved from there"
            yield Problem(FILE, line, field, found, allowed)
            continue
        key = (update.role, update.day.replace(day=1), held[0])
        used[key] = used.get(key, Decimal(0)) + update.engineer_hours
        month = held[0].share * tco.hours_per_year / MONTHS_A_YEAR
        if used[key] > month:
            found = f"{used[key]} hours of {update.role!r} in {update.day:%Y-%m}"
            yield Problem(
                FILE, line, f"model_updates[{index}].engineer_hours", found, f"at most the {month:.2f} it has"
            )


_TEXT = pl.String()
_VALIDITY: dict[str, Any] = {"valid_from": pl.Date(), "valid_to": pl.Date()}
_USD = pl.Decimal(18, 8)
SCHEMAS: dict[str, dict[str, Any]] = {
    "people": {
        "role": _TEXT, "product_id": _TEXT, "line": _TEXT, "loaded_usd_per_year": _USD, "share": pl.Decimal(9, 6),
        "is_serving": pl.Boolean(), **_VALIDITY,
    },
    "tco_charge_rules": {
        "rule_id": _TEXT, "line": _TEXT, "category": _TEXT, "product_id": _TEXT, **dict.fromkeys(MATCHED, _TEXT),
        **_VALIDITY,
    },
    "tco_costs": {
        "cost_id": _TEXT, "line": _TEXT, "category": _TEXT, "product_id": _TEXT, "usd_per_month": _USD, "source": _TEXT,
        **_VALIDITY,
    },
    "tco_model_updates": {
        "update_id": _TEXT, "update_date": pl.Date(), "product_id": _TEXT, "engineer_hours": pl.Decimal(9, 2),
        "usd_per_hour": _USD, "role": _TEXT, "hours_per_year": pl.Int32(),
    },
    "tco_remediation": {"feature_id": _TEXT, "usd_per_wrong_answer": _USD, **_VALIDITY},
    "tco_horizon": {
        "month_number": pl.Int32(), "inference_factor": pl.Decimal(18, 8), "growth_percent": pl.Decimal(9, 4),
    },
}  # fmt: skip


def config_rows(people: Iterable[Person], tco: Tco) -> dict[str, list[dict[str, Any]]]:
    """The rows of every table of SCHEMAS."""
    updates = [row.model_dump(exclude={"day"}) | {"update_date": row.day} for row in tco.model_updates]
    growth = 1 + tco.horizon.inference_growth_percent_per_month / 100
    return {
        "people": [row.model_dump() for row in people],
        "tco_charge_rules": list(_charge_rows(tco.charges)),
        "tco_costs": [row.model_dump() for row in tco.costs],
        "tco_model_updates": [row | {"hours_per_year": tco.hours_per_year} for row in updates],
        "tco_remediation": [row.model_dump() for row in tco.remediation],
        "tco_horizon": [
            {
                "month_number": number,
                "inference_factor": (growth**number).quantize(Decimal("1e-8")),
                "growth_percent": tco.horizon.inference_growth_percent_per_month,
            }
            for number in range(1, tco.horizon.months + 1)
        ],
    }


def _charge_rows(rules: Iterable[ChargeRule]) -> Iterator[dict[str, Any]]:
    """One row per combination of single values; null is anything."""
    for rule in rules:
        named = rule.model_dump(exclude={"match"})
        for values in itertools.product(*(dict.fromkeys(getattr(rule.match, name) or [None]) for name in MATCHED)):
            yield named | dict(zip(MATCHED, values, strict=True))
