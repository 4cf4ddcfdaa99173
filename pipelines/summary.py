"""The week in one table: what `inferledger run` ends with. Reads the published marts."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from assets.marts import open_marts, rows


@dataclass(frozen=True)
class TenantWeek:
    """One tenant in one week, or all of them. Ratios are of these sums, None where there is nothing to divide by."""

    tenant_id: str | None
    tenant_name: str | None
    calls: int
    cost_usd: Decimal
    previous_week_cost_usd: Decimal | None
    resolved_tasks: int
    outcome_known_cost_usd: Decimal | None
    cogs_cost_usd: Decimal | None
    revenue_usd: Decimal | None

    @property
    def cost_change(self) -> Decimal | None:
        change = _ratio(self.cost_usd, self.previous_week_cost_usd)
        return None if change is None else change - 1

    @property
    def cost_per_resolved_task_usd(self) -> Decimal | None:
        return _ratio(self.outcome_known_cost_usd, self.resolved_tasks)

    @property
    def cost_per_revenue_dollar(self) -> Decimal | None:
        return _ratio(self.cogs_cost_usd, self.revenue_usd)


def _ratio(numerator: Decimal | None, denominator: Decimal | int | None) -> Decimal | None:
    return numerator / denominator if numerator is not None and denominator else None


def week_table(database: Path, week: date) -> tuple[list[TenantWeek], TenantWeek]:
    """Each tenant with calls or cost in the week, the dearest first, and all of them together."""
    with open_marts(database) as marts:
        *tenants, total = [TenantWeek(**row) for row in rows(marts, _WEEK, {"week": week})]
    return [tenant for tenant in tenants if tenant.calls or tenant.cost_usd], total


# Tasks of unknown outcome are outside of numerator and denominator; revenue is compared with cogs only.
_WEEK = """
    with tasks as (
        select
            tenant_id,
            count(*) filter (where is_resolved) as resolved_tasks,
            sum(cost_usd) filter (where is_outcome_known) as outcome_known_cost_usd
        from fct_tasks
        where ended_week_start = $week
        group by tenant_id
    ),
    revenue as (
        select tenant_id, sum(revenue_usd) as revenue_usd, sum(cogs_cost_usd) as cogs_cost_usd
        from revenue_efficiency_weekly
        where week_start = $week
        group by tenant_id
    )
    select
        tenant_id,
        tenant_name,
        coalesce(sum(calls), 0)::bigint as calls,
        coalesce(sum(total_cost_usd), 0)::decimal(38, 12) as cost_usd,
        sum(previous_week_cost_usd) as previous_week_cost_usd,
        coalesce(sum(resolved_tasks), 0)::bigint as resolved_tasks,
        sum(outcome_known_cost_usd) as outcome_known_cost_usd,
        sum(cogs_cost_usd) as cogs_cost_usd,
        sum(revenue_usd) as revenue_usd
    from cost_per_tenant_weekly
    left join tasks using (tenant_id)
    left join revenue using (tenant_id)
    where week_start = $week
    group by grouping sets ((tenant_id, tenant_name), ())
    order by grouping(tenant_id), cost_usd desc, tenant_id
"""
