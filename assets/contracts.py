"""What the published marts must hold for the report to be true: columns there, filled, within their range.

Shape and range only. Keys, relations and conservation are dbt tests; assets.checks puts into words what a rule finds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandera.polars as pa
import polars as pl
from pandera.api.polars.types import PolarsData
from pandera.config import ValidationDepth, config_context
from pandera.errors import SchemaErrors

from assets.reports.queries import COST_EFFECTS, FORECAST_LINES
from sources.gateway import is_gateway
from sources.registry import FEEDS

CALL_LOGS = ("litellm.spend_logs", *(table.name for table in FEEDS if is_gateway(table)))
# A contract that fails everywhere would otherwise list every row of a mart.
FAILURES_KEPT = 5


@dataclass(frozen=True)
class Rule:
    """What one column must hold. A null breaks the rule only where `is_required`."""

    is_required: bool = True
    minimum: int | None = None
    maximum: int | None = None
    allowed: tuple[str, ...] | None = None

    @property
    def text(self) -> str:
        parts = ["not null"] if self.is_required else []
        parts += [f">= {self.minimum}"] if self.minimum is not None else []
        parts += [f"<= {self.maximum}"] if self.maximum is not None else []
        parts += [f"one of {', '.join(self.allowed)}"] if self.allowed is not None else []
        return ", ".join(parts)

    def broken_sql(self, column: str) -> str:
        """The condition that holds in the rows that break the rule; a NaN breaks every range."""
        parts = [f"{column} is null"] if self.is_required else []
        if self.minimum is not None or self.maximum is not None:
            parts.append(f"isnan(cast({column} as double))")
        parts += [f"{column} < {self.minimum}"] if self.minimum is not None else []
        parts += [f"{column} > {self.maximum}"] if self.maximum is not None else []
        if self.allowed is not None:
            parts.append(f"{column} not in ({', '.join(repr(value) for value in self.allowed)})")
        return " or ".join(parts)

    def column(self) -> pa.Column:
        checks = []
        if self.minimum is not None or self.maximum is not None:
            checks.append(pa.Check(_no_nan, name="is_a_number", n_failure_cases=FAILURES_KEPT))
        if self.minimum is not None:
            checks.append(pa.Check.ge(self.minimum, n_failure_cases=FAILURES_KEPT))
        if self.maximum is not None:
            checks.append(pa.Check.le(self.maximum, n_failure_cases=FAILURES_KEPT))
        if self.allowed is not None:
            checks.append(pa.Check.isin(self.allowed, n_failure_cases=FAILURES_KEPT))
        return pa.Column(checks=checks, nullable=not self.is_required)


def _no_nan(data: PolarsData) -> pl.LazyFrame:
    return data.lazyframe.select(~pl.col(data.key).cast(pl.Float64).is_nan())


@dataclass(frozen=True)
class MartContract:
    """The rules of one mart. It may be empty without any row of `feeds`, and where `due_when` is false.

    `due_when` is SQL over the published marts.
    """

    mart: str
    rules: Mapping[str, Rule]
    feeds: tuple[str, ...] = CALL_LOGS
    due_when: str = "true"
    schema: pa.DataFrameSchema = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        schema = pa.DataFrameSchema({column: rule.column() for column, rule in self.rules.items()}, name=self.mart)
        object.__setattr__(self, "schema", schema)

    def broken(self, frame: pl.LazyFrame) -> list[str]:
        """The columns whose rule does not hold, in the contract's order.

        A LazyFrame is validated by schema alone unless told otherwise: data checks would be skipped without a word.
        """
        with config_context(validation_depth=ValidationDepth.SCHEMA_AND_DATA):
            try:
                self.schema.validate(frame, lazy=True)
            except SchemaErrors as errors:
                cases = errors.failure_cases
                # a missing column is a case of the whole schema, named where others name the value
                named = pl.when(pl.col("schema_context") == "Column").then("column").otherwise("failure_case")
                names = set(cases.select(named.alias("name"))["name"])
                return [column for column in self.rules if column in names]
        return []


# Rows come of settings that need not be there, and are not published.
NEVER = "false"
KEY = Rule()
SHARE = Rule(is_required=False, minimum=0, maximum=1)
COUNT = Rule(minimum=0)
MONEY = Rule()
NOT_NEGATIVE = Rule(minimum=0)
RATIO = Rule(is_required=False, minimum=0)

_COST = {
    "week_start": KEY,
    "requests": COUNT,
    "calls": COUNT,
    "direct_cost_usd": MONEY,
    "shared_cost_usd": MONEY,
    "idle_cost_usd": MONEY,
    "unattributed_cost_usd": MONEY,
    "total_cost_usd": MONEY,
    # may leave 0 to 1 in a week of credits
    "cost_share": Rule(is_required=False),
    "unpriced_calls": COUNT,
    "unpriced_tokens": COUNT,
}
_TOKENS = (
    "input_uncached_tokens",
    "cache_read_tokens",
    "cache_write_5m_tokens",
    "cache_write_1h_tokens",
    "input_audio_tokens",
    "input_image_tokens",
    "output_text_tokens",
    "reasoning_tokens",
    "output_audio_tokens",
    "output_image_tokens",
)

CONTRACTS: tuple[MartContract, ...] = (
    MartContract("cost_per_tenant_weekly", {"tenant_id": KEY, "tenant_name": KEY, **_COST}),
    MartContract("cost_per_feature_weekly", {"feature_id": KEY, "feature_name": KEY, **_COST}),
    MartContract("cost_per_model_weekly", {"service_provider": KEY, "model": KEY, **_COST}),
    MartContract(
        "unit_economics_weekly",
        {
            "week_start": KEY,
            "tenant_id": KEY,
            "product_id": KEY,
            "feature_id": KEY,
            "service_provider": KEY,
            "model": KEY,
            "environment": KEY,
            "plan": KEY,
            "requests": COUNT,
            "calls": COUNT,
            **dict.fromkeys(_TOKENS, COUNT),
            "effective_cost_usd": MONEY,
            "unpriced_calls": COUNT,
            "unpriced_tokens": COUNT,
        },
    ),
    MartContract(
        "cost_per_task_weekly",
        {
            "week_start": KEY,
            "tenant_id": KEY,
            "feature_id": KEY,
            "task_type": KEY,
            "tasks": COUNT,
            "resolved_tasks": COUNT,
            "outcome_coverage": SHARE,
            "tasks_cost_usd": NOT_NEGATIVE,
            "cost_per_resolved_task_usd": RATIO,
            "period_cost_usd": NOT_NEGATIVE,
        },
        feeds=("business.tasks",),
    ),
    MartContract(
        "fct_tasks",
        {
            "task_id": KEY,
            "tenant_id": KEY,
            "cost_usd": NOT_NEGATIVE,
            "outcome": Rule(allowed=("resolved", "unresolved", "unknown", "abandoned", "open")),
        },
        feeds=("business.tasks",),
    ),
    MartContract(
        "revenue_efficiency_weekly",
        {
            "week_start": KEY,
            "tenant_id": KEY,
            "product_id": KEY,
            "plan": KEY,
            "cogs_cost_usd": MONEY,
            "inference_margin": Rule(is_required=False, maximum=1),
            "band": Rule(is_required=False, allowed=("healthy", "watch", "risk")),
        },
        feeds=("business.revenue",),
    ),
    MartContract(
        "tenant_economics_monthly",
        {
            "month_start": KEY,
            "tenant_id": KEY,
            "revenue_usd": MONEY,
            "cogs_cost_usd": MONEY,
            "inference_margin": Rule(is_required=False, maximum=1),
            "active_users": COUNT,
            "cost_to_acv": Rule(is_required=False),
        },
        feeds=("business.revenue",),
    ),
    MartContract(
        "plan_economics_monthly",
        {"month_start": KEY, "product_id": KEY, "plan": KEY, "revenue_usd": MONEY, "active_users": COUNT},
        feeds=("business.revenue",),
    ),
    MartContract(
        "answer_quality_monthly",
        {
            "month_start": KEY,
            "feature_id": KEY,
            "model": KEY,
            "answers": COUNT,
            "correct_answer_rate": SHARE,
            "correct_answer_rate_low": SHARE,
            "correct_answer_rate_high": SHARE,
        },
        feeds=("business.tasks",),
    ),
    MartContract(
        "cache_efficiency_weekly",
        {
            "week_start": KEY,
            "model": KEY,
            "tenant_id": KEY,
            "feature_id": KEY,
            "total_input_tokens": COUNT,
            "cache_read_tokens": COUNT,
            "cache_write_tokens": COUNT,
            "cache_hit_rate": SHARE,
            "band": Rule(is_required=False, allowed=("good", "fair", "poor")),
        },
        due_when="exists (select 1 from dim_models where has_prompt_cache)",
    ),
    MartContract(
        "cost_change_weekly",
        {
            "week_start": KEY,
            "tenant_id": KEY,
            "feature_id": KEY,
            "previous_week_cost_usd": MONEY,
            "cost_usd": MONEY,
            "cost_change_usd": MONEY,
            **dict.fromkeys(COST_EFFECTS, MONEY),
        },
        due_when="""exists (
            select 1 from (select distinct week_start from unit_economics_weekly) as later
            inner join (select distinct week_start from unit_economics_weekly) as earlier
            on earlier.week_start = later.week_start - 7
        )""",
    ),
    MartContract(
        "reconciliation_daily",
        {
            "usage_date": KEY,
            "service_provider": KEY,
            "billing_account_id": KEY,
            "metered_cost_usd": MONEY,
            "billed_cost_usd": MONEY,
            "variance_usd": MONEY,
            "unexplained_usd": MONEY,
            "is_final": KEY,
        },
        feeds=("openai.costs", "anthropic.cost_report"),
    ),
    MartContract(
        "fct_charges",
        {
            "charge_id": KEY,
            "usage_date": KEY,
            "posting_period": KEY,
            "service_provider": KEY,
            "amount_usd": MONEY,
            "effective_amount_usd": MONEY,
            "charge_status": Rule(allowed=("estimated", "anchored")),
        },
    ),
    MartContract(
        "fct_allocations",
        {
            "charge_id": KEY,
            "target_type": Rule(allowed=("tenant", "product", "cost_center", "pool", "unattributed")),
            "target_id": KEY,
            "tenant_id": KEY,
            "method": Rule(allowed=("direct", "fixed", "proportional", "blended", "tiered", "even", "unattributed")),
            "cost_component": Rule(allowed=("direct", "shared", "idle", "unattributed")),
            "share": SHARE,
            "amount_usd": MONEY,
            "effective_amount_usd": MONEY,
        },
    ),
    MartContract(
        "chargeback_lines",
        {"posting_period": KEY, "tenant_id": KEY, "charge_category": KEY, "amount_usd": MONEY, "currency": KEY},
    ),
    MartContract(
        "gpu_cost_hourly",
        {
            "hour_start": KEY,
            "node_id": KEY,
            "gpu_id": KEY,
            "provisioned_seconds": NOT_NEGATIVE,
            "busy_seconds": NOT_NEGATIVE,
            "utilisation": SHARE,
            "cost_usd": NOT_NEGATIVE,
        },
        feeds=("dcgm.samples",),
    ),
    MartContract(
        "budget_status_daily",
        {
            "usage_date": KEY,
            "scope": Rule(allowed=("company", "tenant", "product", "feature", "model", "user", "key")),
            "scope_id": KEY,
            "period": Rule(allowed=("day", "month")),
            "budget_usd": NOT_NEGATIVE,
            "planned_usd": NOT_NEGATIVE,
            "spent_usd": MONEY,
            "remaining_usd": MONEY,
            "projected_usd": MONEY,
            "status": Rule(allowed=("ok", "alert", "breach")),
        },
        due_when=NEVER,
    ),
    MartContract(
        "forecast_monthly",
        {
            "month_start": KEY,
            "scope": Rule(allowed=("company", "product", "model", "account")),
            "scope_id": KEY,
            "line": Rule(allowed=FORECAST_LINES),
            "status": Rule(allowed=("estimate", "too_little_history")),
            "amount_usd": Rule(is_required=False),
            "low_usd": Rule(is_required=False),
            "high_usd": Rule(is_required=False),
            "method": Rule(allowed=("weighted_weeks", "seasonal_naive")),
            "back_test_error": RATIO,
            "seasonal_naive_error": RATIO,
        },
        due_when=NEVER,
    ),
    MartContract(
        "plan_actual_monthly",
        {
            "planned_on": KEY,
            "quarter_start": KEY,
            "month_start": KEY,
            "account": KEY,
            "status": Rule(allowed=("actual", "so_far", "ahead")),
        },
        due_when=NEVER,
    ),
    MartContract(
        "replan_flags",
        {
            "reason": Rule(allowed=("traffic", "price", "quarter")),
            "scope": Rule(allowed=("company", "product", "model")),
            "scope_id": KEY,
            "is_raised": KEY,
            "words": KEY,
        },
        due_when=NEVER,
    ),
    MartContract(
        "optimization_backlog_weekly",
        {
            "week_start": KEY,
            "saving_rank": Rule(minimum=1),
            "lever": KEY,
            "feature_id": KEY,
            "service_provider": KEY,
            "model": KEY,
            "changed_service_provider": KEY,
            "changed_model": KEY,
            "calls": COUNT,
            "current_cost_usd": NOT_NEGATIVE,
            "changed_cost_usd": NOT_NEGATIVE,
            "saving_usd": NOT_NEGATIVE,
            "risk": Rule(allowed=("none", "low", "medium", "high")),
            "computed_as": KEY,
            "assumption": KEY,
        },
        due_when=NEVER,
    ),
    MartContract(
        "model_policy_violations_weekly",
        {
            "week_start": KEY,
            "policy_id": KEY,
            "team_id": KEY,
            "model": KEY,
            "first_date": KEY,
            "calls": COUNT,
            "cost_usd": MONEY,
            "unpriced_calls": COUNT,
        },
        due_when=NEVER,
    ),
    MartContract(
        "rate_limit_pressure_weekly",
        {
            "week_start": KEY,
            "service_provider": KEY,
            "models": KEY,
            "calls": COUNT,
            "refused_calls": COUNT,
            "refused_share": SHARE,
            "peak_tokens_per_minute": COUNT,
            "minutes_near_limit": COUNT,
        },
    ),
    MartContract(
        "attribution_coverage_weekly",
        {
            "week_start": KEY,
            "team_id": KEY,
            "calls": COUNT,
            "attributed_calls": COUNT,
            "cost_usd": MONEY,
            "attributed_cost_usd": MONEY,
            "default_cost_usd": MONEY,
            "unattributed_cost_usd": MONEY,
        },
    ),
    MartContract(
        "anomalies_daily",
        {
            "usage_date": KEY,
            "kind": Rule(allowed=("spend", "mix", "cache", "retry", "reasoning", "prompt", "cost_per_task")),
            "scope": Rule(allowed=("company", "tenant", "feature", "model", "key")),
            "scope_id": KEY,
            "model": KEY,
            "since_date": KEY,
            "amount_usd": MONEY,
            "expected_usd": MONEY,
            "impact_usd": MONEY,
            "state": Rule(allowed=("open", "expected", "acknowledged", "muted")),
            "incident": KEY,
            "root_cause": KEY,
        },
        due_when=NEVER,
    ),
    MartContract(
        "break_even_monthly",
        {
            "month_start": KEY,
            "workload_id": KEY,
            "comparator_id": KEY,
            "replicas": COUNT,
            "api_cost_per_month_usd": RATIO,
            "self_hosted_cost_per_month_usd": RATIO,
            "throughput_utilisation": RATIO,
            "verdict": Rule(allowed=("self_host", "api", "unknown")),
        },
        due_when=NEVER,
    ),
    MartContract(
        "capacity_weekly",
        {
            "week_start": KEY,
            "workload_id": KEY,
            "p50_tokens_per_second": NOT_NEGATIVE,
            "p95_tokens_per_second": NOT_NEGATIVE,
            "p99_tokens_per_second": NOT_NEGATIVE,
            "replicas_needed": Rule(is_required=False, minimum=0),
        },
        due_when=NEVER,
    ),
    MartContract(
        "architecture_comparison_monthly",
        {
            "month_start": KEY,
            "scenario_id": KEY,
            "alternative_id": KEY,
            "cost_basis": Rule(allowed=("measured", "price_book", "rented", "book", "economic")),
            "answers": COUNT,
            "unpriced_calls": COUNT,
            "cost_usd": Rule(is_required=False),
            "judged_answers": Rule(is_required=False, minimum=0),
        },
        due_when=NEVER,
    ),
    MartContract(
        "tco_monthly",
        {
            "month_start": KEY,
            "product_id": KEY,
            "line": KEY,
            "cash_usd": MONEY,
            "unvalued_wrong_answers": Rule(is_required=False, minimum=0),
        },
    ),
    MartContract(
        "data_status",
        {
            "feed": KEY,
            "table_name": KEY,
            "status_date": KEY,
            "expected_files_missing": COUNT,
            "rows_read": COUNT,
            "rows_quarantined": COUNT,
            "calls": COUNT,
            "unpriced_calls": COUNT,
            "duplicates_dropped": COUNT,
        },
        feeds=(),
    ),
)
