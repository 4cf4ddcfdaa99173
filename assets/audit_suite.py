"""What an auditor is promised of the published marts: frames (queries over them) and what must hold of their rows.

Sums are taken and subtracted in DuckDB, in decimals: what leaves it as a float is a difference that must be exactly 0,
a share or a count. How the promises are run is assets.audit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Expectation:
    """An expectation by its Great Expectations class, so that naming it does not import the library."""

    kind: str
    claim: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class Frame:
    """A table of the suite: a query over the marts and what must hold of its rows."""

    name: str
    sql: str
    expectations: tuple[Expectation, ...]


def _unique(column: str, claim: str) -> Expectation:
    return Expectation("ExpectColumnValuesToBeUnique", claim, {"column": column})


def _filled(column: str, claim: str) -> Expectation:
    return Expectation("ExpectColumnValuesToNotBeNull", claim, {"column": column})


def _zero(column: str, claim: str) -> Expectation:
    return Expectation("ExpectColumnValuesToBeBetween", claim, {"column": column, "min_value": 0, "max_value": 0})


def _share(column: str, claim: str) -> Expectation:
    return Expectation("ExpectColumnValuesToBeBetween", claim, {"column": column, "min_value": 0, "max_value": 1})


def _one_of(column: str, allowed: Sequence[str], claim: str) -> Expectation:
    return Expectation("ExpectColumnValuesToBeInSet", claim, {"column": column, "value_set": list(allowed)})


def _rows(claim: str) -> Expectation:
    return Expectation("ExpectTableRowCountToBeBetween", claim, {"min_value": 1})


SUITE: tuple[Frame, ...] = (
    Frame(
        "weekly_cost",
        """
        with tenants as (
            select week_start, sum(total_cost_usd) as cost,
                count(*) filter (where tenant_id = 'unattributed') as unattributed_rows
            from cost_per_tenant_weekly group by week_start
        ),
        features as (select week_start, sum(total_cost_usd) as cost from cost_per_feature_weekly group by week_start),
        models as (select week_start, sum(total_cost_usd) as cost from cost_per_model_weekly group by week_start),
        cells as (select week_start, sum(effective_cost_usd) as cost from unit_economics_weekly group by week_start),
        ledger as (select week_start, sum(effective_amount_usd) as cost from fct_allocations group by week_start)
        select
            week_start, unattributed_rows,
            cast(tenants.cost - coalesce(features.cost, 0) as double) as tenants_less_features_usd,
            cast(tenants.cost - coalesce(models.cost, 0) as double) as tenants_less_models_usd,
            cast(tenants.cost - coalesce(cells.cost, 0) as double) as tenants_less_unit_economics_usd,
            cast(tenants.cost - coalesce(ledger.cost, 0) as double) as tenants_less_ledger_usd
        from tenants
        left join features using (week_start)
        left join models using (week_start)
        left join cells using (week_start)
        left join ledger using (week_start)
        order by week_start
        """,
        (
            _rows("There is at least one week of cost."),
            _filled("week_start", "Every cost has a week."),
            _zero("tenants_less_features_usd", "Cost by tenant and by feature are the same sum."),
            _zero("tenants_less_models_usd", "Cost by tenant and by model are the same sum."),
            _zero("tenants_less_unit_economics_usd", "Cost by tenant is the sum of unit_economics_weekly."),
            _zero("tenants_less_ledger_usd", "Cost by tenant is the sum of the allocation ledger."),
            Expectation(
                "ExpectColumnValuesToBeBetween",
                "The unattributed row is there at most once a week.",
                {"column": "unattributed_rows", "min_value": 0, "max_value": 1},
            ),
        ),
    ),
    Frame(
        "charges",
        """
        select charge_id, charge_status, posting_period,
            cast(any_value(amount_usd) - coalesce(sum(placed_usd), 0) as double) as charged_less_placed_usd
        from (
            select charges.charge_id, charges.charge_status, charges.posting_period, charges.amount_usd,
                allocations.amount_usd as placed_usd
            from fct_charges as charges
            left join fct_allocations as allocations using (charge_id)
        )
        group by charge_id, charge_status, posting_period
        """,
        (
            _rows("There is at least one charge."),
            _unique("charge_id", "A charge stands once."),
            _zero("charged_less_placed_usd", "The ledger places every charge to the last decimal."),
            _one_of("charge_status", ["estimated", "anchored"], "A charge is estimated or anchored to a bill."),
            _filled("posting_period", "Every charge has a posting period."),
        ),
    ),
    Frame(
        "chargeback",
        """
        select posting_period, count(*) filter (where currency <> 'USD' or currency is null) as lines_not_in_usd,
            cast(sum(amount_usd) - (
                select coalesce(sum(amount_usd), 0) from fct_allocations
                where fct_allocations.posting_period = chargeback_lines.posting_period
            ) as double) as chargeback_less_ledger_usd
        from chargeback_lines
        group by posting_period
        order by posting_period
        """,
        (
            _rows("There is at least one month to charge back."),
            _zero("chargeback_less_ledger_usd", "Chargeback lines of a month are the month's allocation ledger."),
            _zero("lines_not_in_usd", "Chargeback lines are in USD."),
        ),
    ),
    Frame(
        "allocations",
        "select allocation_id, cost_component, cast(share as double) as share, tenant_id from fct_allocations",
        (
            _unique("allocation_id", "An allocation stands once."),
            _filled("tenant_id", "Every allocation names a tenant or says unattributed."),
            _one_of(
                "cost_component", ["direct", "shared", "idle", "unattributed"], "Four components make up the cost."
            ),
            _share("share", "A share lies between 0 and 1."),
        ),
    ),
    Frame(
        "revenue",
        """
        select band, inference_margin + cost_per_revenue_dollar as margin_and_cost,
            week_start || ' ' || tenant_id || ' ' || product_id || ' ' || plan as key
        from revenue_efficiency_weekly
        """,
        (
            _unique("key", "Week, tenant, product and plan stand once."),
            _one_of("band", ["healthy", "watch", "risk"], "A band is healthy, watch or risk, or there is no revenue."),
            Expectation(
                "ExpectColumnValuesToBeBetween",
                "Margin and cost per revenue dollar add up to one.",
                {"column": "margin_and_cost", "min_value": 1 - 1e-9, "max_value": 1 + 1e-9},
            ),
        ),
    ),
    Frame(
        "cache",
        "select cache_hit_rate, band from cache_efficiency_weekly",
        (
            _share("cache_hit_rate", "A hit rate lies between 0 and 1."),
            _one_of("band", ["good", "fair", "poor"], "A band is good, fair or poor, or the model has no cache."),
        ),
    ),
    Frame(
        "tasks",
        """
        select week_start, cast(sum(resolved_tasks) - sum(tasks) as double) as resolved_less_tasks,
            cast(sum(period_cost_usd) - sum(tasks_ended_cost_usd) + sum(tasks_ended_cost_in_other_periods_usd)
                - sum(open_tasks_cost_usd) - sum(no_task_cost_usd) as double) as bridge_gap_usd
        from cost_per_task_weekly
        group by week_start
        """,
        (
            _zero("bridge_gap_usd", "The bridge from tasks to the week's cost closes."),
            Expectation(
                "ExpectColumnValuesToBeBetween",
                "Not more tasks are resolved than ended.",
                {"column": "resolved_less_tasks", "max_value": 0},
            ),
        ),
    ),
    Frame(
        "gpu",
        """
        select utilisation,
            cast(
                cost_usd - busy_cost_usd - warm_idle_cost_usd - reserved_unused_cost_usd - unallocated_cost_usd
                - overhead_cost_usd - unobserved_cost_usd as double
            ) as unplaced_usd
        from gpu_cost_hourly
        """,
        (
            _share("utilisation", "A GPU is busy between never and always."),
            _zero("unplaced_usd", "Busy, idle and unobserved cost make up the cost of the hour."),
        ),
    ),
)
