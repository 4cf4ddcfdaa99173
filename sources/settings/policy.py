"""model_policy.yml: which team may use which model, effort and tier, and how much a provider takes in a minute."""

import itertools
from collections.abc import Collection, Iterable, Iterator
from typing import Annotated, Any, Self

import polars as pl
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from sources.settings.checks import RESERVED_ID
from sources.settings.models import Count, Dated, Name, OneOrMore, Strict, one_or_more, row_error
from sources.settings.text import Document, Problem, did_you_mean

FILE = "model_policy.yml"


def _prefix_at_most(name: str) -> str:
    """A star stands for an end alone: a prefix is compared alike by every engine, a pattern is not."""
    if "*" in name[:-1]:
        raise ValueError("a name, or its beginning with * at the end")
    return name


Patterns = Annotated[list[Annotated[Name, AfterValidator(_prefix_at_most)]], BeforeValidator(one_or_more)]


class PolicyRule(Dated):
    """Whether calls may be made; what a rule does not name, it holds for whatever it is."""

    policy_id: Name
    teams: OneOrMore = Field(default=[])
    features: OneOrMore = Field(default=[])
    environments: OneOrMore = Field(default=[])
    models: Patterns = Field(default=[])
    service_tiers: OneOrMore = Field(default=[])
    reasoning_efforts: OneOrMore = Field(default=[])
    allow: bool
    use_instead: Name | None = None
    reason: Name | None = None

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not any(getattr(self, field) for field in _CONDITIONS):
            raise row_error("policy_id", "a rule for every call", f"one of {', '.join(_CONDITIONS)}")
        if self.allow and self.use_instead:
            raise row_error("use_instead", self.use_instead, "nothing, where calls are allowed")
        return self


class RateLimit(Dated):
    """What a provider takes in a minute, of all keys together."""

    service_provider: Name
    models: Annotated[Patterns, Field(min_length=1)]
    tokens_per_minute: Annotated[Count, Field(ge=1)] | None = None
    requests_per_minute: Annotated[Count, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _limits_something(self) -> Self:
        if self.tokens_per_minute is None and self.requests_per_minute is None:
            raise row_error("tokens_per_minute", "nothing", "a value, or requests_per_minute")
        return self


class ModelPolicy(Strict):
    rules: list[PolicyRule] = Field(default=[])
    rate_limits: list[RateLimit] = Field(default=[])


# Field of a rule, and the column a call is matched by.
_CONDITIONS = {
    "teams": "team_id",
    "features": "feature_id",
    "environments": "environment",
    "models": "model_prefix",
    "service_tiers": "service_tier",
    "reasoning_efforts": "reasoning_effort",
}
_VALIDITY: dict[str, Any] = {"valid_from": pl.Date(), "valid_to": pl.Date()}
POLICY_SCHEMAS: dict[str, dict[str, Any]] = {
    "model_policy_rules": {
        "rule_order": pl.Int32(),
        "policy_id": pl.String(),
        **dict.fromkeys(_CONDITIONS.values(), pl.String()),
        "is_whole_model": pl.Boolean(),
        "is_allowed": pl.Boolean(),
        "use_instead": pl.String(),
        "reason": pl.String(),
        **_VALIDITY,
    },
    "rate_limits": {
        "service_provider": pl.String(),
        "model_prefix": pl.String(),
        "is_whole_model": pl.Boolean(),
        "tokens_per_minute": pl.Int64(),
        "requests_per_minute": pl.Int64(),
        **_VALIDITY,
    },
}


def check_policy(
    document: Document, policy: ModelPolicy, teams: Collection[str] | None, features: Collection[str] | None
) -> Iterator[Problem]:
    """Teams and features that are unknown, and policies that are named twice."""
    names: list[str] = []
    for index, rule in enumerate(policy.rules):
        for field, found, known in (("teams", rule.teams, teams), ("features", rule.features, features)):
            for name in found:
                if known is not None and name not in {*known, RESERVED_ID}:
                    line = document.line_of(("rules", index, field))
                    allowed = f"one of {field}.csv{did_you_mean(name, known)}"
                    yield Problem(FILE, line, f"rules[{index}].{field}", repr(name), allowed)
        if rule.policy_id in names:
            line = document.line_of(("rules", index, "policy_id"))
            yield Problem(FILE, line, f"rules[{index}].policy_id", f"{rule.policy_id!r} again", "each once")
        names.append(rule.policy_id)


def policy_rows(policy: ModelPolicy) -> dict[str, list[dict[str, Any]]]:
    """A row per rule and combination of what it names, null for any; a row per limit and model."""
    rules = [
        dict(zip(_CONDITIONS.values(), values, strict=True))
        | _model(values[tuple(_CONDITIONS).index("models")])
        | {"rule_order": order, "policy_id": rule.policy_id, "is_allowed": rule.allow}
        | {"use_instead": rule.use_instead, "reason": rule.reason}
        | {"valid_from": rule.valid_from, "valid_to": rule.valid_to}
        for order, rule in enumerate(policy.rules, 1)
        for values in itertools.product(*(_or_any(getattr(rule, field)) for field in _CONDITIONS))
    ]
    limits = [row.model_dump() | _model(name) for row in policy.rate_limits for name in row.models]
    return {"model_policy_rules": rules, "rate_limits": limits}


def _or_any(values: Iterable[str]) -> list[str | None]:
    return [*values] or [None]


def _model(name: str | None) -> dict[str, Any]:
    return {
        "model_prefix": name and name.removesuffix("*"),
        "is_whole_model": None if name is None else not name.endswith("*"),
    }
