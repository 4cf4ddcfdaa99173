"""What each settings file may say: one pydantic model per file or row.

Only what a single value or row must be. What holds between rows and files (overlaps, unknown ids) is checked in
`sources.settings.checks`.
"""

import hashlib
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, Self
from zoneinfo import available_timezones

import duckdb
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

FIRST_DAY = date(1970, 1, 1)
OPEN_END = date(9999, 12, 31)


def _iso_date(value: Any) -> Any:
    """Only YYYY-MM-DD: pydantic would read 20260810 as seconds since 1970."""
    if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
        raise ValueError("a day as YYYY-MM-DD")
    return value


def _plain_number(value: Any) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", value):
        raise ValueError("a number such as 2.49")
    return value


def _countable(value: int) -> int:
    if value >= 2**63:
        raise ValueError("a number below 2^63, which is what the lake's counts hold")
    return value


def _tag_name(value: str) -> str:
    """As the bill spells it; these would end the name where the bill's tags are looked into."""
    if set(value) & set('"\\|=%'):
        raise ValueError('a tag without any of " | = % and backslash')
    return value


def one_or_more(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


Day = Annotated[date, BeforeValidator(_iso_date)]
Name = Annotated[str, Field(min_length=1)]
TagName = Annotated[Name, AfterValidator(_tag_name)]
OneOrMore = Annotated[list[Name], BeforeValidator(one_or_more)]
Price = Annotated[Decimal, BeforeValidator(_plain_number), Field(ge=0, max_digits=18, decimal_places=8)]
Percent = Annotated[Decimal, BeforeValidator(_plain_number), Field(ge=0, le=100, decimal_places=6)]
Share = Annotated[Decimal, BeforeValidator(_plain_number), Field(ge=0, le=1, decimal_places=6)]
Weight = Annotated[Decimal, BeforeValidator(_plain_number), Field(ge=0, max_digits=9, decimal_places=6)]
# Of a year, as a share of today: -0.3 is 30 % less a year later.
Change = Annotated[Decimal, BeforeValidator(_plain_number), Field(gt=-1, le=10, decimal_places=6)]
Count = Annotated[int, BeforeValidator(_plain_number), AfterValidator(_countable), Field(ge=0)]
Factor = Annotated[Decimal, BeforeValidator(_plain_number), Field(gt=0, le=1_000_000, decimal_places=9)]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Engine = Literal["duckdb", "spark"]
Table = Literal["calls", "bills"]
Nature = Literal["cogs", "r_and_d", "sales_marketing", "g_and_a"]
ChargeCategory = Literal[
    "credit", "fee", "fx", "rounding", "non_token", "gpu_idle", "unlogged_traffic", "usage", "gpu_busy",
    "commitment", "shortfall",
]  # fmt: skip
Metric = Literal[
    "billed_cost_usd", "effective_cost_usd", "tokens", "provisioned_tokens", "calls", "requests", "gpu_seconds",
    "tasks", "revenue_usd", "active_users",
]  # fmt: skip
Method = Literal["direct", "fixed", "proportional", "blended", "tiered", "even", "unattributed"]
Scope = Literal["account", "product", "company"]
Reason = Literal["unknown_tenant", "no_tag_and_no_key", "no_tag_and_key_of_no_tenant"]
Tier = Literal["any", "standard", "batch", "flex", "priority", "fast"]


WEIGHED = ("proportional", "blended", "tiered")
# A tenant has them, not the account that a call was billed to.
COMPANY_METRICS = ("tasks", "revenue_usd", "active_users")
KINDS = ("tenant", "product", "cost_center", "pool")
ANY = "*"


def row_error(field: str, found: object, allowed: str) -> PydanticCustomError:
    """A problem of one field that only shows beside another field of its row."""
    return PydanticCustomError("row", "{allowed}", {"field": field, "found": str(found), "allowed": allowed})


class Strict(BaseModel):
    """No unknown names, no changes after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)


class Dated(Strict):
    """Holds from valid_from up to, not including, valid_to."""

    valid_from: Day = FIRST_DAY
    valid_to: Day = OPEN_END

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.valid_to <= self.valid_from:
            raise row_error("valid_to", self.valid_to, f"a day after valid_from, {self.valid_from}")
        return self


class Tenant(Strict):
    tenant_id: Name
    tenant_name: Name
    plan: Name
    cost_center: str | None = None
    is_free_plan: bool = False


class Feature(Strict):
    feature_id: Name
    feature_name: Name
    product_id: Name
    product_name: Name


class Team(Dated):
    team_id: Name
    tenant_id: Name
    cost_center: str | None = None


# Names of Kubernetes, and * for any number of their characters.
PodPattern = Annotated[str, Field(pattern=r"^[a-z0-9.*-]+$")]


class KubernetesPod(Dated):
    """Whose the pods are that telemetry names for a GPU; of several rows that fit a pod the first counts."""

    namespace: PodPattern
    pod: PodPattern = "*"
    # A label of the pod and its value, as telemetry has them; any pod where both are empty.
    label: Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")] | None = None
    label_value: Annotated[str, Field(pattern=r"^[^|]+$")] | None = None
    tenant_id: Name
    deployment_id: str | None = None

    @model_validator(mode="after")
    def _has_both_or_none(self) -> Self:
        if (self.label is None) != (self.label_value is None):
            field, other = ("label", "label_value") if self.label is None else ("label_value", "label")
            raise row_error(field, "nothing", f"a value, since {other} has one")
        return self


class ApiKey(Dated):
    api_key_id: Name
    tenant_id: str | None = None
    team_id: str | None = None
    environment: str | None = None

    @field_validator("api_key_id")
    @classmethod
    def _is_no_secret(cls, value: str) -> str:
        if value.startswith("sk-"):
            raise ValueError("the SHA-256 of the key as the gateway logs it, never the key itself")
        return value


class BillingAccount(Dated):
    service_provider: Name
    billing_account_id: Name
    gateway: Name
    gateway_provider: Name
    settlement_lag_days: Count | None = None
    currency: Currency = "USD"


class FxRate(Strict):
    currency: Currency
    rate_date: Day
    usd_per_unit: Annotated[Price, Field(gt=0)]


class TokenPrices(Strict):
    """Amounts per million tokens; what is left out keeps its public price."""

    input: Price | None = None
    cache_read: Price | None = None
    cache_write: Price | None = None
    cache_write_1h: Price | None = None
    input_audio: Price | None = None
    input_image: Price | None = None
    output: Price | None = None
    output_audio: Price | None = None
    output_image: Price | None = None


class UnitPrices(Strict):
    """Amounts for one of each; what is left out keeps its public price."""

    search: Price | None = None
    image: Price | None = None
    audio_hour: Price | None = None
    video_second: Price | None = None
    million_characters: Price | None = None
    page: Price | None = None
    request: Price | None = None
    # A million tokens held in the provider's cache for an hour.
    cache_storage_mtok_hour: Price | None = None


class Contract(Dated):
    """What the company pays in place of the public price."""

    contract_id: Name
    service_provider: Name
    models: Annotated[list[Name], Field(min_length=1)]
    service_tier: Tier = "any"
    percent_off: Percent | None = None
    prices_per_mtok_usd: TokenPrices | None = None
    prices_per_unit_usd: UnitPrices | None = None
    # Of the prices in a currency, which fx_rates.csv converts by the month.
    currency: Currency = "USD"
    prices_per_mtok_in_currency: TokenPrices | None = None
    prices_per_unit_in_currency: UnitPrices | None = None
    source: Name

    @model_validator(mode="after")
    def _says_one_price(self) -> Self:
        in_usd = self.prices_per_mtok_usd is not None or self.prices_per_unit_usd is not None
        in_currency = self.prices_per_mtok_in_currency is not None or self.prices_per_unit_in_currency is not None
        if (self.percent_off is None) == (not in_usd and not in_currency):
            found = "neither" if self.percent_off is None else "both"
            raise row_error("percent_off", found, "either percent_off or prices_per_mtok_usd and prices_per_unit_usd")
        if in_usd and in_currency:
            raise row_error("prices_per_mtok_in_currency", "both", "prices in USD or in the currency, not in both")
        if in_currency != (self.currency != "USD"):
            allowed = (
                "another currency than USD, and prices in it (prices_per_mtok_in_currency, prices_per_unit_in_currency)"
            )
            raise row_error("currency", self.currency, allowed)
        if in_currency and self.valid_from == FIRST_DAY:
            raise row_error("valid_from", "nothing", "the first day of prices in a foreign currency")
        return self

    @property
    def fixed_prices(self) -> dict[str, Decimal]:
        return named_prices(self.prices_per_mtok_usd, self.prices_per_unit_usd)


def named_prices(*prices: TokenPrices | UnitPrices | None) -> dict[str, Decimal]:
    """The prices that are given, by the name they are published by."""
    return {name: price for given in prices if given for name, price in given.model_dump(exclude_none=True).items()}


class DiscountBand(Strict):
    """Off the whole month's usage once it is above this."""

    above_usd: Price | None = None
    above_in_currency: Price | None = None
    percent_off: Percent

    @model_validator(mode="after")
    def _says_where_it_begins(self) -> Self:
        if (self.above_usd is None) == (self.above_in_currency is None):
            found = "neither" if self.above_usd is None else "both"
            raise row_error("above_usd", found, "either above_usd or, of a term in another currency, above_in_currency")
        return self


# Amounts of a term, in USD and in the term's currency.
TERM_AMOUNTS = {
    "amount_usd": "amount_in_currency",
    "paid_usd": "paid_in_currency",
    "used_before_usd": "used_before_in_currency",
    "usd_per_call": "per_call_in_currency",
    "usd_per_unit_hour": "per_unit_hour_in_currency",
}


class ContractTerm(Dated):
    """What a contract adds to the prices of calls: an amount by the month or over its whole time."""

    term_id: Name
    kind: Literal["commitment", "prepaid", "minimum", "volume_discount", "call_fee", "usage_fee", "provisioned"]
    service_provider: Name
    billing_account_id: Name | None = None
    amount_usd: Price | None = None
    paid_usd: Price | None = None
    used_before_usd: Price | None = None
    bands: list[DiscountBand] = []
    usd_per_call: Price | None = None
    # On top of the month's usage, such as a gateway's fee on credits.
    percent_of_usage: Percent | None = None
    # Capacity paid by the hour: how many units, and the models whose provisioned calls they serve.
    units: Annotated[Count, Field(ge=1)] | None = None
    usd_per_unit_hour: Price | None = None
    # What the price book calls a unit, whose list price stands beside.
    capacity: Name | None = None
    models: list[Name] = []
    # Models as called that are provisioned whatever tier the log says, such as a deployment with a name of its own.
    deployments: list[Name] = []
    # Of the amounts in a currency, which fx_rates.csv converts.
    currency: Currency = "USD"
    amount_in_currency: Price | None = None
    paid_in_currency: Price | None = None
    used_before_in_currency: Price | None = None
    per_call_in_currency: Price | None = None
    per_unit_hour_in_currency: Price | None = None
    source: Name

    @model_validator(mode="after")
    def _says_what_its_kind_needs(self) -> Self:
        self._is_in_one_currency()
        own = {
            "volume_discount": ("bands",),
            "call_fee": ("usd_per_call",),
            "usage_fee": ("percent_of_usage",),
            "provisioned": ("units", "usd_per_unit_hour", "models"),
        }
        needed = own.get(self.kind, ("amount_usd",))
        for field in (
            "amount_usd",
            "bands",
            "usd_per_call",
            "percent_of_usage",
            "units",
            "usd_per_unit_hour",
            "models",
        ):
            value = self._amount(field)
            if field == "models" and self.deployments:
                continue
            if (field in needed) != bool(value):
                found = value if value else "nothing"
                raise row_error(field, found, f"{self.kind} says {', '.join(needed)}, above 0, and none of the others")
        if self.kind == "commitment" and self.valid_to == OPEN_END:
            raise row_error("valid_to", "nothing", "the day a commitment ends")
        if (paid := self._amount("paid_usd")) is not None and self.kind not in ("commitment", "prepaid"):
            raise row_error("paid_usd", paid, "only for a commitment or a prepaid amount")
        if self.capacity is not None and self.kind != "provisioned":
            raise row_error("capacity", self.capacity, "only for provisioned capacity")
        if self.deployments and self.kind != "provisioned":
            raise row_error("deployments", ", ".join(self.deployments), "only for provisioned capacity")
        limits = [band.above_usd or band.above_in_currency or Decimal(0) for band in self.bands]
        if limits != sorted(set(limits)):
            raise row_error("bands", ", ".join(map(str, limits)), "bands in rising order of above_usd")
        return self

    def _amount(self, field: str) -> Any:
        """An amount by its name in USD, in whatever currency it is."""
        value = getattr(self, field)
        return getattr(self, TERM_AMOUNTS[field]) if value is None and field in TERM_AMOUNTS else value

    def _is_in_one_currency(self) -> None:
        in_usd = [field for field in TERM_AMOUNTS if getattr(self, field) is not None]
        in_usd += [f"bands[{number}].above_usd" for number, band in enumerate(self.bands) if band.above_usd is not None]
        in_currency = [field for field in TERM_AMOUNTS.values() if getattr(self, field) is not None]
        in_currency += ["bands"] if any(band.above_in_currency is not None for band in self.bands) else []
        if self.currency == "USD" and in_currency:
            raise row_error("currency", "USD", f"the currency of {in_currency[0]}, another than USD")
        if self.currency != "USD" and (in_usd or not in_currency):
            found = in_usd[0] if in_usd else "no amount in it"
            raise row_error(
                "currency", f"{self.currency} and {found}", "amounts in the currency (amount_in_currency, ...)"
            )
        if self.currency != "USD" and self.valid_from == FIRST_DAY:
            raise row_error("valid_from", "nothing", "the first day of an amount in a foreign currency")

    @property
    def is_paid_before(self) -> bool:
        """Usage is drawn from it, not billed."""
        return self.kind == "prepaid" or self._amount("paid_usd") is not None


class Contracts(Strict):
    contracts: list[Contract] = []
    terms: list[ContractTerm] = []


class RuleMatch(Strict):
    """Which charges a rule is for; what is left out may be anything."""

    charge_category: Annotated[list[ChargeCategory], BeforeValidator(one_or_more)] = []
    service_provider: OneOrMore = []
    billing_account_id: OneOrMore = []
    billing_scope_id: OneOrMore = []
    host: OneOrMore = []
    model: OneOrMore = []
    meter: OneOrMore = []
    invoice: OneOrMore = []
    team: OneOrMore = []
    api_key: OneOrMore = []
    product: OneOrMore = []
    feature: OneOrMore = []
    environment: OneOrMore = []
    reason: Annotated[list[Reason], BeforeValidator(one_or_more)] = []
    tag: dict[TagName, OneOrMore] = {}

    @property
    def values(self) -> dict[str, list[str]]:
        """What each field may be; tags as the texts that a charge's tags must be like."""
        return self.model_dump(exclude={"tag"}) | {"tag": tag_patterns(self.tag)}


def tag_patterns(tags: Mapping[str, Sequence[str]]) -> list[str]:
    """For LIKE with escape !, against what the model int_charge_tags makes of a charge's tags; * is any value."""
    names = sorted(tags)
    combined = itertools.product(*(tags[name] for name in names))
    return ["".join(map(_tag_pattern, names, values)) + "%" for values in combined] if tags else []


def _tag_pattern(name: str, value: str) -> str:
    return f"%|{_like(name)}={'%|' if value == ANY else _like(value.replace('%', '%25').replace('|', '%7C')) + '|'}"


def _like(text: str) -> str:
    return re.sub(r"([!%_])", r"!\1", text)


class Targets(Strict):
    """Ids of one kind; * stands for all of it."""

    tenant: OneOrMore = []
    product: OneOrMore = []
    cost_center: OneOrMore = []
    pool: OneOrMore = []

    @model_validator(mode="after")
    def _names_one_kind(self) -> Self:
        given = [kind for kind, ids in self if ids]
        if len(given) != 1:
            raise row_error("tenant", " and ".join(given) or "nothing", f"one of {', '.join(KINDS)}")
        return self

    @property
    def kind(self) -> str:
        return next(kind for kind, ids in self if ids)

    @property
    def ids(self) -> list[str]:
        """The ids that are named; none of them when the rule means all."""
        ids: list[str] = getattr(self, self.kind)
        return [] if ids == [ANY] else ids


class Portion(Strict):
    """A fixed share of one target."""

    tenant: Name | None = None
    product: Name | None = None
    cost_center: Name | None = None
    pool: Name | None = None
    share: Annotated[Share, Field(gt=0)]

    @model_validator(mode="after")
    def _names_one_target(self) -> Self:
        given = [kind for kind in KINDS if getattr(self, kind)]
        if len(given) != 1:
            raise row_error("tenant", " and ".join(given) or "nothing", f"one of {', '.join(KINDS)}")
        return self

    @property
    def target(self) -> tuple[str, str]:
        return next((kind, getattr(self, kind)) for kind in KINDS if getattr(self, kind))


class AllocationRule(Dated):
    rule_id: Name
    charge_category: ChargeCategory | None = None
    match: RuleMatch = RuleMatch()
    source: Annotated[Targets | None, Field(alias="from")] = None
    method: Method
    metric: Metric | None = None
    to: Targets = Targets(tenant=[ANY])
    by_tag: TagName | None = None
    shares: list[Portion] = []
    scope: Scope | None = None
    window_days: Annotated[Count, Field(ge=1, le=366)] | None = None
    floor_share: Annotated[Share, Field(gt=0)] | None = None
    token_share: Share = Decimal("0.7")
    fallback: Literal["even", "unattributed", "fixed"] | None = None
    fallback_shares: list[Portion] = []

    @model_validator(mode="after")
    def _says_what_its_method_needs(self) -> Self:
        if self.charge_category and self.match.charge_category:
            raise row_error("charge_category", self.charge_category, "charge_category here or in match, not both")
        _needs(self, "metric", self.method in ("proportional", "tiered"), "proportional and tiered")
        _needs(self, "floor_share", self.method == "tiered", "tiered")
        _needs(self, "shares", self.method == "fixed", "fixed")
        _needs(self, "fallback_shares", self.fallback == "fixed", "fallback fixed")
        if self.method in WEIGHED and self.fallback is None:
            allowed = (
                f"even, unattributed or fixed, for method {self.method}: who pays when nobody has any of the metric"
            )
            raise row_error("fallback", "nothing", allowed)
        if self.by_tag is not None:
            self._can_go_by_tag(self.by_tag)
        elif self.method == "direct" and len(self.to.ids) != 1:
            allowed = "the one target of method direct, or by_tag: the tag that names it"
            raise row_error("to", ", ".join(self.to.ids) or ANY, allowed)
        if self.match.tag and self.source is not None:
            raise row_error("match.tag", ", ".join(self.match.tag), "no tag where a rule has `from`: bills have tags")
        if self.method in WEIGHED and self.to.kind == "pool":
            raise row_error("to", "pool", "tenant, product or cost_center: a pool has no usage of its own")
        if self.to.kind == "pool" and not self.to.ids:
            raise row_error("to", ANY, "the names of pools")
        if self.source is not None and self.source.kind == "tenant":
            raise row_error("from", "tenant", "product, cost_center or pool: what a tenant carries stays with it")
        if self.metric in COMPANY_METRICS and self.scope == "account":
            raise row_error("scope", "account", f"product or company: {self.metric} belongs to no billing account")
        return self

    def _can_go_by_tag(self, tag: str) -> None:
        if self.method != "direct" or self.source is not None:
            raise row_error("by_tag", tag, "a tag for method direct without `from`, and only there")
        if self.to.kind == "pool" or self.to.ids:
            allowed = "all tenants, products or cost centers, such as {tenant: '*'}: the tag names one"
            raise row_error("to", ", ".join(self.to.ids) or self.to.kind, allowed)
        if tag in self.match.tag:
            raise row_error("match.tag", tag, "another tag than that of by_tag")

    @property
    def categories(self) -> list[str]:
        return [self.charge_category] if self.charge_category else list(self.match.charge_category)

    @property
    def weights_scope(self) -> str:
        return self.scope or ("company" if self.metric in COMPANY_METRICS else "account")

    @property
    def rank(self) -> tuple[Any, ...]:
        """Rules of one rank take the same charges."""
        matched = self.match.values | {"charge_category": self.categories}
        source = (self.source.kind, *sorted(self.source.ids)) if self.source else ()
        return (source, self.by_tag, *(tuple(sorted(values)) for values in matched.values()))

    @property
    def targets(self) -> Iterator[tuple[tuple[str | int, ...], str, str]]:
        """Where the rule names what it charges: place in the file, kind, and id or * for all of the kind."""
        if self.method == "fixed":
            yield from ((("shares", n, one.target[0]), *one.target) for n, one in enumerate(self.shares))
        elif self.method != "unattributed":
            yield from ((("to", self.to.kind), self.to.kind, id_) for id_ in self.to.ids or [ANY])
        yield from ((("fallback_shares", n, one.target[0]), *one.target) for n, one in enumerate(self.fallback_shares))


def _needs(rule: AllocationRule, field: str, is_needed: bool, of: str) -> None:
    value = getattr(rule, field)
    if is_needed != bool(value):
        raise row_error(field, "a value" if value else "nothing", f"a value for {of}, and only there")


class Allocation(Strict):
    rule_version: Name = "1"
    rules: list[AllocationRule] = []


class CostNatureRule(Dated):
    """What the cost of some calls is to the accountant; a field left out holds for every value of it."""

    environment: OneOrMore = []
    plan: OneOrMore = []
    purpose: OneOrMore = []
    cost_nature: Nature

    @model_validator(mode="after")
    def _is_no_default(self) -> Self:
        if not (self.environment or self.plan or self.purpose):
            raise row_error("cost_nature", "a rule for every call", "environment, plan or purpose; else it is default")
        return self


# What serves customers is cost of revenue; what builds and tests the product is not.
_BUILDS = [
    CostNatureRule(environment=["dev", "test", "staging", "eval"], cost_nature="r_and_d"),
    CostNatureRule(purpose=["eval", "shadow"], cost_nature="r_and_d"),
]


class CostNatures(Strict):
    """cost_nature.yml; a home without it has these rules."""

    default: Nature = "cogs"
    rules: list[CostNatureRule] = _BUILDS


UNMAPPED = "unmapped"


class GlAccount(Dated):
    """The account of the journal's lines of one type, nature, provider and cost center; empty is any."""

    line_type: Literal["expense", "fx", "clearing", "accrued_liability", "rounding"] = "expense"
    cost_nature: Nature | None = None
    service_provider: Name | None = None
    cost_center: Name | None = None
    account: Name
    department: Name | None = None
    class_name: Name | None = None
    intercompany_partner: Name | None = None
    tax_rate: Name | None = None

    @model_validator(mode="after")
    def _says_what_its_lines_have(self) -> Self:
        for field in ("cost_nature", "cost_center"):
            if self.line_type != "expense" and getattr(self, field) is not None:
                raise row_error(field, getattr(self, field), f"nothing, for line_type {self.line_type}")
        if self.account == UNMAPPED:
            raise row_error("account", UNMAPPED, "any other name; this one is reserved")
        return self

    @property
    def place(self) -> dict[str, str]:
        """What a line has to be for this row."""
        keys = ("cost_nature", "service_provider", "cost_center")
        return {key: value for key in keys if (value := getattr(self, key)) is not None}


class Markup(Dated):
    """What a tenant, a plan or everyone is charged for cost."""

    tenant_id: Name | None = None
    plan: Name | None = None
    cost_plus_percent: Annotated[Price, Field(le=10_000, decimal_places=4)] | None = None
    multiple: Annotated[Price, Field(le=1000, decimal_places=6)] | None = None

    @model_validator(mode="after")
    def _says_one_price(self) -> Self:
        if (self.cost_plus_percent is None) == (self.multiple is None):
            found = "neither" if self.multiple is None else "both"
            raise row_error("multiple", found, "either cost_plus_percent or multiple")
        if self.tenant_id is not None and self.plan is not None:
            raise row_error("plan", self.plan, "nothing, for a row of one tenant")
        return self

    @property
    def price_factor(self) -> Decimal:
        return self.multiple if self.multiple is not None else 1 + (self.cost_plus_percent or 0) / Decimal(100)


class TokenBudget(Dated):
    tenant_id: Name
    tokens_per_month: Count


class Budget(Dated):
    """Money one scope may cost in a day or a month."""

    scope: Literal["company", "tenant", "product", "feature", "model", "user", "key"]
    scope_id: Name | None = None
    period: Literal["day", "month"]
    amount_usd: Annotated[Price, Field(gt=0)]

    @model_validator(mode="after")
    def _names_what_it_is_for(self) -> Self:
        if self.scope == "company" and self.scope_id is not None:
            raise row_error("scope_id", self.scope_id, "nothing, for the company's own budget")
        if self.scope != "company" and self.scope_id is None:
            raise row_error("scope_id", "nothing", f"the {self.scope} the budget is for")
        return self


class PlanRow(Strict):
    """What one account was planned to cost in a month. Later plans are added; those of before stay."""

    planned_on: Day
    month: Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
    account: Name
    amount_usd: Annotated[Decimal, BeforeValidator(_plain_number), Field(max_digits=18, decimal_places=8)]
    requests: Count = 0


class AnomalyState(Dated):
    """What somebody has said of the anomalies of one kind and scope."""

    scope: Literal["company", "tenant", "feature", "model", "key"]
    scope_id: Name | None = None
    kind: Literal["spend", "mix", "cache", "retry", "reasoning", "prompt", "cost_per_task"]
    state: Literal["acknowledged", "muted"]
    who: Name
    why: Name

    @model_validator(mode="after")
    def _names_what_it_is_of(self) -> Self:
        if self.scope == "company" and self.scope_id is not None:
            raise row_error("scope_id", self.scope_id, "nothing, for the company's own")
        if self.scope != "company" and self.scope_id is None:
            raise row_error("scope_id", "nothing", f"the {self.scope} the anomaly is of")
        return self


class Dispute(Strict):
    """A charge that is disputed; of one line of the chargeback, or of all of a tenant, month and provider."""

    chargeback_line_id: Name | None = None
    tenant_id: Name | None = None
    posting_period: Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")] | None = None
    service_provider: Name | None = None
    status: Literal["open", "accepted", "rejected"]
    reason: Name
    opened: Day

    @property
    def scope(self) -> str:
        keys = (self.chargeback_line_id, self.tenant_id, self.posting_period, self.service_provider)
        return " ".join(key for key in keys if key is not None)

    @model_validator(mode="after")
    def _says_what_is_disputed(self) -> Self:
        given = [value is not None for value in (self.tenant_id, self.posting_period, self.service_provider)]
        if any(given) if self.chargeback_line_id else not all(given):
            allowed = "chargeback_line_id alone, or tenant_id, posting_period and service_provider"
            raise row_error("chargeback_line_id", self.scope or "nothing", allowed)
        return self


def _time_format(value: str) -> str:
    try:
        with duckdb.connect() as connection:
            connection.execute("select try_strptime('', $format)", {"format": value})
    except duckdb.Error as error:
        raise ValueError('a format of strptime such as "%d.%m.%Y %H:%M:%S"') from error
    return value


class MappedColumn(Strict):
    """Where a column stands, and what the file writes there. A place alone, or a list of them, is short for `at`."""

    at: OneOrMore = []
    always: Name | None = None
    required: bool = False
    spellings: dict[str, Name] = {}
    otherwise: Name | None = None
    times: Factor | None = None
    unit: Literal["s", "ms", "us", "ns"] | None = None
    format: Annotated[Name, AfterValidator(_time_format)] | None = None
    after: Literal["started_at"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _from_place(cls, value: Any) -> Any:
        return {"at": value} if isinstance(value, str | list) else value


class DeclaredFeed(Strict):
    """One folder of files and how they are read."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")]
    table: Table
    records: Annotated[str, Field(pattern=r"^/.+$")] | None = None
    delimiter: Literal[",", ";", "|", "tab"] = ","
    input_has_cache_read: bool | None = None
    input_has_cache_write: bool | None = None
    output_has_reasoning: bool | None = None
    columns: dict[str, MappedColumn]

    @property
    def key(self) -> str:
        """Another mapping, another key: its files are read again."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


class DeclaredFeeds(Strict):
    feeds: list[DeclaredFeed] = []


class Limits(Strict):
    unpriced_share: Share = Decimal("0.001")
    unattributed_share: Share = Decimal("0.25")
    unexplained_usd: Price = Decimal("1.00")
    journal_rounding_usd: Price = Decimal("0.10")
    quarantined_share: Share = Decimal("0.01")
    materiality_usd: Price = Decimal(0)
    lock_wait_seconds: Count = 600
    memory: Annotated[str, Field(pattern=r"^\d+(\.\d+)?(KB|MB|GB|TB|KiB|MiB|GiB|TiB)$")] = "2GB"
    spill_folder: Name | None = None
    threads: Annotated[Count, Field(ge=1)] = 2
    ingest_processes: Annotated[Count, Field(ge=1)] | None = None


class Retention(Strict):
    published_versions: Annotated[Count, Field(ge=1)] = 3
    gpu_5m_days: Annotated[Count, Field(ge=1)] = 90
    landing_days: Annotated[Count, Field(ge=1)] | None = None
    superseded_days: Annotated[Count, Field(ge=1)] | None = None
    # Days are closed to late samples for 31 days after the last one that goes; a month late is not too late.
    samples_days: Annotated[Count, Field(ge=62)] | None = None
    # The month that is being closed, and the one before it, are always whole.
    calls_days: Annotated[Count, Field(ge=62)] | None = None

    @model_validator(mode="after")
    def _samples_of_five_minutes_stay(self) -> Self:
        if self.samples_days is not None and self.samples_days < self.gpu_5m_days:
            raise ValueError(f"samples_days of at least gpu_5m_days, {self.gpu_5m_days}")
        return self


Above = Annotated[Decimal, BeforeValidator(_plain_number), Field(gt=1, le=1000, decimal_places=6)]


class RiseLimit(Strict):
    """A rise to this many times the week before, of at least so much money a day."""

    factor: Above = Decimal("1.5")
    minimum_usd: Price


class MixLimit(Strict):
    """A model's share of cost that rises by this much of all, or to this many times."""

    points: Share = Decimal("0.10")
    factor: Above = Decimal(5)
    minimum_usd: Price = Decimal(5)


class CacheLimit(Strict):
    """A cache hit rate that falls to this share of the week before."""

    factor: Annotated[Share, Field(lt=1)] = Decimal("0.8")
    minimum_usd: Price = Decimal(2)


class Anomalies(Strict):
    """What counts as an anomaly; benchmarks.anomalies says what the defaults find."""

    spend: RiseLimit = RiseLimit(minimum_usd=Decimal(10))
    mix: MixLimit = MixLimit()
    cache: CacheLimit = CacheLimit()
    retry: RiseLimit = RiseLimit(minimum_usd=Decimal(2))
    reasoning: RiseLimit = RiseLimit(minimum_usd=Decimal(3))
    prompt: RiseLimit = RiseLimit(minimum_usd=Decimal(3))
    cost_per_task: RiseLimit = RiseLimit(minimum_usd=Decimal(5))
    tenant_factor: Above = Decimal(10)
    tenant_day_usd: Price = Decimal(1000)
    spreads: Above = Decimal(10)
    spreads_two_days: Above = Decimal("2.5")

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row per kind."""
        common = self.model_dump(include={"tenant_factor", "tenant_day_usd", "spreads", "spreads_two_days"})
        kinds: dict[str, RiseLimit | MixLimit | CacheLimit] = {
            "spend": self.spend, "mix": self.mix, "cache": self.cache, "retry": self.retry,
            "reasoning": self.reasoning, "prompt": self.prompt, "cost_per_task": self.cost_per_task,
        }  # fmt: skip
        return [{"points": None, "kind": kind} | limit.model_dump() | common for kind, limit in kinds.items()]


class Forecast(Strict):
    """Named lines on top of the forecast's base; the defaults are what the field's practice reserves."""

    price_compression_percent_per_year: Annotated[Percent, Field(lt=100)] = Decimal(30)
    growth_reserve_percent: Percent = Decimal(25)
    hidden_costs_percent: Percent = Decimal(10)

    def rows(self, growth_percent_per_month: Decimal) -> list[dict[str, Any]]:
        """One row per month ahead: what traffic and prices are times today's, and what is held on top."""
        growth, price = 1 + growth_percent_per_month / 100, 1 - self.price_compression_percent_per_year / 100
        reserves = self.model_dump(include={"growth_reserve_percent", "hidden_costs_percent"})
        return [
            {
                "month_number": number,
                "growth_factor": (growth**number).quantize(Decimal("1e-8")),
                "price_factor": (price ** (Decimal(number) / 12)).quantize(Decimal("1e-8")),
                **reserves,
            }
            for number in range(1, 13)
        ]


class ExpectedFileRule(Strict):
    """Files of one feed table that should come, by day or by week."""

    feed: Name
    table: Name
    cadence: Literal["daily", "weekly"]
    first: Annotated[Day, Field(alias="from")]
    until: Day | None = None
    name: Name
    lag_days: Count = 1

    @field_validator("name")
    @classmethod
    def _names_its_day(cls, value: str) -> str:
        unknown = set(re.findall(r"\{([^}]*)\}", value)) - {"date", "end"}
        if "{date}" not in value or unknown:
            raise ValueError("a file name with {date} in it, and {end} where it names the last day")
        return value

    @model_validator(mode="after")
    def _starts_a_week(self) -> Self:
        if self.cadence == "weekly" and self.first.weekday() != 0:
            raise row_error("from", f"{self.first:%A} {self.first}", "a Monday, for cadence weekly")
        return self


# It names a landing folder and a file.
ACCOUNT_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9._-]*$"


class PullRule(Strict):
    """What `inferledger pull` asks one account's API or one proxy's database for."""

    feed: Literal["openai", "anthropic", "openrouter", "vercel", "litellm", "prometheus"]
    account_id: Annotated[str, Field(pattern=ACCOUNT_PATTERN)]
    first: Annotated[Day, Field(alias="from")]
    again_days: Annotated[Count, Field(ge=1)] = 7
    key_variable: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] | None = None
    base_url: str | None = None

    @field_validator("base_url")
    @classmethod
    def _keeps_the_key_secret(cls, value: str | None, info: ValidationInfo) -> str | None:
        # A Prometheus in the same cluster asks for no key.
        if info.data.get("feed") == "prometheus" and not info.data.get("key_variable"):
            if value is not None and not re.match(r"https?://", value):
                raise ValueError("an http:// or https:// address")
            return value
        # http only to this machine, for a proxy or a test.
        if value is not None and not re.match(r"https://|http://(localhost|127\.0\.0\.1)[:/]", value):
            raise ValueError("an https:// address; the key goes there")
        return value

    @model_validator(mode="after")
    def _says_where_prometheus_is(self) -> Self:
        if self.feed == "prometheus" and self.base_url is None:
            raise row_error("base_url", "nothing", "the address of the Prometheus server, for feed prometheus")
        return self


Variable = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")]


class DeliveryRule(Strict):
    """Where reports and failed runs are sent. Secrets stand in the environment, under the names given here."""

    to: Literal["slack", "teams", "email"]
    of: list[Literal["report", "failure"]] = ["report", "failure"]
    link: Annotated[str, Field(pattern=r"^https?://")] | None = None
    webhook_variable: Variable | None = None
    host: Name | None = None
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    sender: Name | None = None
    recipients: list[Name] = []
    user_variable: Variable | None = None
    password_variable: Variable | None = None

    @model_validator(mode="after")
    def _says_where(self) -> Self:
        if self.to == "email":
            missing = [name for name in ("host", "sender", "recipients") if not getattr(self, name)]
        else:
            missing = [] if self.webhook_variable else ["webhook_variable"]
        if missing:
            raise row_error(missing[0], None, f"set for {self.to}")
        if bool(self.user_variable) != bool(self.password_variable):
            raise row_error("password_variable", self.password_variable, "set with user_variable, or neither")
        return self


class ReportAudience(Strict):
    """One tenant or one product that gets a weekly report of its own."""

    tenant: Name | None = None
    product: Name | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Self:
        if (self.tenant is None) == (self.product is None):
            raise row_error("tenant", self.tenant, "set, or product, and not both")
        return self

    @property
    def kind(self) -> Literal["tenant", "product"]:
        return "tenant" if self.tenant else "product"

    @property
    def id(self) -> str:
        return self.tenant or self.product or ""


class General(Strict):
    """inferledger.yml."""

    company: Name
    display_time_zone: str = "UTC"
    default_tenant: Name | None = None
    engine: Engine = "duckdb"
    settlement_lag_days: dict[str, Count] = {}
    limits: Limits = Limits()
    retention: Retention = Retention()
    anomalies: Anomalies = Anomalies()
    forecast: Forecast = Forecast()
    expected_files: list[ExpectedFileRule] = []
    pulls: list[PullRule] = []
    report_audiences: list[ReportAudience] = []
    delivery: list[DeliveryRule] = []

    @field_validator("display_time_zone")
    @classmethod
    def _is_a_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("a time zone name such as Europe/Berlin")
        return value
