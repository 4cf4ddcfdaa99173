"""The rules of allocation.yml: what must hold between them, and their tables in the lake."""

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from pydantic import ValidationError

from sources.settings.models import ANY, Allocation, AllocationRule, Dated, Targets
from sources.settings.text import Document, Path_, Problem, did_you_mean, dotted

# The models unroll a chain this many times.
MAX_STEPS = 3


class Entities(NamedTuple):
    """The ids that a rule can charge, by kind; None where a file could not be read."""

    tenant: Collection[str] | None
    product: Collection[str] | None
    cost_center: Collection[str] | None

    def of(self, kind: str) -> Collection[str] | None:
        found: Collection[str] | None = getattr(self, kind)
        return found


_FILES = {
    "tenant": "tenants.csv", "product": "the products of features.csv",
    "cost_center": "the cost centers of tenants.csv and teams.csv",
}  # fmt: skip


class RuleFile(NamedTuple):
    """The rules of the file that could be read, each with its place in it."""

    document: Document
    rules: Sequence[AllocationRule]
    places: Sequence[int]
    is_whole: bool = True

    def line(self, index: int, *path: str | int) -> int:
        return self.document.line_of(("rules", self.places[index], *path))

    def problem(self, index: int, path: Path_, found: str, allowed: str) -> Problem:
        name = dotted(("rules", self.places[index], *path))
        return Problem(self.document.file, self.line(index, *path), name, found, allowed)


def rule_file(document: Document, allocation: Allocation | None) -> RuleFile:
    """A mistake inside one rule does not hide what is wrong between the others."""
    if allocation:
        return RuleFile(document, allocation.rules, range(len(allocation.rules)))
    given = document.data.get("rules") if isinstance(document.data, dict) else None
    readable = {}
    for place, values in enumerate(given if isinstance(given, list) else []):
        with suppress(ValidationError):
            readable[place] = AllocationRule.model_validate(values)
    return RuleFile(document, list(readable.values()), list(readable), is_whole=False)


def check_allocation(file: RuleFile, entities: Entities) -> Iterator[Problem]:
    for index, rule in enumerate(file.rules):
        yield from _check_targets(file, index, rule, entities)
        yield from _check_shares(file, index, rule, entities)
    if file.is_whole:
        yield from _check_pools_are_filled(file)
    yield from _check_ranks(file)
    yield from _check_chains(file)


def _meet(one: Dated, other: Dated) -> bool:
    return one.valid_from < other.valid_to and other.valid_from < one.valid_to


def _takes(rule: AllocationRule, kind: str, id_: str) -> bool:
    source = rule.source
    return source is not None and source.kind == kind and (not source.ids or id_ == ANY or id_ in source.ids)


def _check_targets(file: RuleFile, index: int, rule: AllocationRule, entities: Entities) -> Iterator[Problem]:
    sources = [(("from", rule.source.kind), rule.source.kind, id_) for id_ in rule.source.ids] if rule.source else []
    for path, kind, id_ in [*rule.targets, *sources]:
        if kind == "pool":
            taken = (_takes(other, kind, id_) and _meet(rule, other) for other in file.rules)
            if file.is_whole and path[0] != "from" and not any(taken):
                allowed = f"a pool that a rule takes on while this one is valid, with `from: {{pool: {id_}}}`"
                yield file.problem(index, path, repr(id_), allowed)
        elif (known := entities.of(kind)) is not None and id_ not in known and id_ != ANY:
            yield file.problem(index, path, repr(id_), f"one of {_FILES[kind]}{did_you_mean(id_, known)}")


def _check_pools_are_filled(file: RuleFile) -> Iterator[Problem]:
    filled = {id_ for rule in file.rules for _, kind, id_ in rule.targets if kind == "pool"}
    for index, rule in enumerate(file.rules):
        for id_ in rule.source.pool if rule.source else ():
            if id_ != ANY and id_ not in filled:
                allowed = f"a pool that another rule charges{did_you_mean(id_, filled)}"
                yield file.problem(index, ("from", "pool"), repr(id_), allowed)


def _check_shares(file: RuleFile, index: int, rule: AllocationRule, entities: Entities) -> Iterator[Problem]:
    for field, shares in (("shares", rule.shares), ("fallback_shares", rule.fallback_shares)):
        total = sum((portion.share for portion in shares), Decimal(0))
        if total > 1:
            allowed = "shares that add up to 1 at most; what is left of 1 stays unattributed"
            yield file.problem(index, (field,), f"shares that add up to {total}", allowed)
        for id_ in _repeated(portion.target for portion in shares):
            yield file.problem(index, (field,), f"{id_[0]} {id_[1]!r} again", "each target once")
    for id_ in _repeated(rule.to.ids):
        yield file.problem(index, ("to",), f"{id_!r} again", "each target once")
    known = rule.to.ids or entities.of(rule.to.kind) or ()
    if rule.floor_share and rule.floor_share * len(known) > 1:
        found = f"{rule.floor_share} for each of {len(known)} targets, {rule.floor_share * len(known)} together"
        yield file.problem(index, ("floor_share",), found, "floors that add up to 1 at most")


def _repeated(values: Iterable[Any]) -> list[Any]:
    listed = list(values)
    return sorted({value for value in listed if listed.count(value) > 1})


def _check_ranks(file: RuleFile) -> Iterator[Problem]:
    for (first, one), (index, other) in itertools.combinations(enumerate(file.rules), 2):
        line = file.line(first, "rule_id")
        if one.rank == other.rank and _meet(one, other):
            found = f"{other.rule_id!r} for the same charges as {one.rule_id!r}"
            allowed = f"spans that do not overlap (line {line} holds from {one.valid_from} to {one.valid_to})"
            yield file.problem(index, ("rule_id",), found, allowed)
        elif one.rule_id == other.rule_id and _meet(one, other):
            found = f"{other.rule_id} valid from {other.valid_from}"
            allowed = f"spans that do not overlap (line {line} is the same rule)"
            yield file.problem(index, ("rule_id",), found, allowed)


def _check_chains(file: RuleFile) -> Iterator[Problem]:
    """Each way a charge can go on from rule to rule: never back to a rule it came from, never too far."""
    rules = file.rules
    for index, rule in enumerate(rules):
        for chain in _chains(rules, (index,), rule.valid_from, rule.valid_to):
            path = ("rule_id",)
            names = " > ".join(rules[step].rule_id for step in chain)
            if chain[-1] == index:
                yield file.problem(index, path, f"the cycle {names}", "rules that never lead back to themselves")
            elif rule.source is None and len(chain) == MAX_STEPS + 1:
                yield file.problem(index, path, f"the chain {names}", f"chains of at most {MAX_STEPS} rules")


def _chains(
    rules: Sequence[AllocationRule], chain: tuple[int, ...], start: date, end: date
) -> Iterator[tuple[int, ...]]:
    for index, rule in enumerate(rules):
        first, last = max(start, rule.valid_from), min(end, rule.valid_to)
        if first < last and any(_takes(rule, kind, id_) for _, kind, id_ in rules[chain[-1]].targets):
            yield (*chain, index)
            if index not in chain:
                yield from _chains(rules, (*chain, index), first, last)


# Column of the models for each name a match may hold.
MATCHED = {
    "charge_category": "charge_category", "service_provider": "service_provider",
    "billing_account_id": "billing_account_id", "billing_scope_id": "billing_scope_id", "host": "host",
    "model": "model", "meter": "meter", "invoice": "invoice_id", "team": "team_id", "api_key": "api_key_id",
    "product": "product_id", "feature": "feature_id", "environment": "environment", "reason": "unattributed_reason",
    "tag": "tags",
}  # fmt: skip


def spelled_out(rules: Iterable[AllocationRule], targets: Mapping[str, Iterable[str]]) -> list[AllocationRule]:
    """A rule by tag as a rule for each target that its tag can name; other rules as they are."""
    return [one for rule in rules for one in (_by_target(rule, targets) if rule.by_tag else [rule])]


def _by_target(rule: AllocationRule, targets: Mapping[str, Iterable[str]]) -> Iterator[AllocationRule]:
    for id_ in sorted(targets[rule.to.kind]):
        match = rule.match.model_copy(update={"tag": rule.match.tag | {rule.by_tag: [id_]}})
        to = Targets.model_validate({rule.to.kind: id_})
        yield rule.model_copy(update={"by_tag": None, "match": match, "to": to})


def tag_rows(rules: Iterable[AllocationRule]) -> list[dict[str, Any]]:
    """The tags that rules look at: no other is taken from the bills."""
    return [{"tag_name": name} for name in sorted({name for rule in rules for name in rule.match.tag})]


def rule_rows(rules: Iterable[AllocationRule], rule_version: str) -> list[dict[str, Any]]:
    """Rules with their place in the file, which is the order they are tried in."""
    return [
        {
            "rule_id": rule.rule_id,
            "rule_order": order,
            "method": rule.method,
            "metric": "weighted_tokens" if rule.method == "blended" else rule.metric,
            "target_type": rule.to.kind,
            "has_named_targets": bool(rule.to.ids),
            "scope": rule.weights_scope,
            "window_days": rule.window_days,
            "floor_share": rule.floor_share or Decimal(0),
            "token_share": rule.token_share,
            "fallback": rule.fallback or "unattributed",
            "valid_from": rule.valid_from,
            "valid_to": rule.valid_to,
            "rule_version": rule_version,
        }
        for order, rule in enumerate(rules, 1)
    ]


def match_rows(rules: Iterable[AllocationRule]) -> Iterator[dict[str, Any]]:
    """One row for each combination of single values that a rule is for; null is anything."""
    anything: list[str | None] = [None]
    for order, rule in enumerate(rules, 1):
        matched = rule.match.values | {"charge_category": rule.categories}
        source = rule.source
        from_ids = source.ids if source else []
        for from_id, *values in itertools.product(*(ids or anything for ids in (from_ids, *map(matched.get, MATCHED)))):
            yield {
                "rule_order": order,
                "from_type": source.kind if source else "charge",
                "from_id": from_id,
                **dict(zip(MATCHED.values(), values, strict=True)),
                "valid_from": rule.valid_from,
                "valid_to": rule.valid_to,
            }


def target_rows(rules: Iterable[AllocationRule]) -> Iterator[dict[str, Any]]:
    """What rules name: targets with their fixed share, or without one where the shares are made from weights."""
    for order, rule in enumerate(rules, 1):
        row = {"rule_order": order, "is_fallback": False}
        for portion in rule.shares:
            yield {**row, "target_type": portion.target[0], "target_id": portion.target[1], "share": portion.share}
        if rule.method not in ("fixed", "unattributed"):
            share = Decimal(1) if rule.method == "direct" else None
            for id_ in rule.to.ids:
                yield {**row, "target_type": rule.to.kind, "target_id": id_, "share": share}
        for portion in rule.fallback_shares:
            target_type, target_id = portion.target
            yield {
                "rule_order": order, "is_fallback": True, "target_type": target_type, "target_id": target_id,
                "share": portion.share,
            }  # fmt: skip
