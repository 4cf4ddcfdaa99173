"""What the explorer asks of the marts its audience may see, for the weeks it is of."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from duckdb import DuckDBPyConnection

from assets.marts import rows
from assets.reports.queries import COST_EFFECTS, Row

# The three marts one below the other: what a mart does not know of a row is null in its rows.
_FACTS = f"""
with facts as (
    select
        week_start, tenant_id, product_id, feature_id, service_provider as provider_id, model as model_id,
        effective_cost_usd as cost_usd, calls, unpriced_calls,
        input_uncached_tokens + cache_read_tokens + cache_write_5m_tokens + cache_write_1h_tokens
        + input_audio_tokens + input_image_tokens + output_text_tokens + reasoning_tokens + output_audio_tokens
        + output_image_tokens as tokens
    from unit_economics_weekly
    union all by name
    select
        week_start, tenant_id, product_id, feature_id, service_provider as provider_id, model as model_id,
        {", ".join(COST_EFFECTS)}
    from cost_change_weekly
    union all by name
    select
        cache.week_start, cache.tenant_id, coalesce(dim_features.product_id, 'unattributed') as product_id,
        cache.feature_id, cache.service_provider as provider_id, cache.model as model_id,
        cache.total_input_tokens as cacheable_tokens, cache.cache_read_tokens as cached_tokens
    from cache_efficiency_weekly as cache
    left join dim_features using (feature_id)
    where cache.cache_hit_rate is not null
),
shown as (
    select * from facts
    where week_start between $first_week and $last_week
)
"""
_COUNTS = ("calls", "tokens", "cacheable_tokens", "cached_tokens", "unpriced_calls")
_KEYS = "week_start, tenant_id, product_id, feature_id, provider_id, model_id"


def tenant_sizes(marts: DuckDBPyConnection, weeks: Sequence[date]) -> list[Row]:
    """How many rows each tenant would take; the dearest tenant first, those without one before all."""
    return _asked(
        marts,
        _FACTS
        + f"""
        , keys as (
            select tenant_id, sum(cost_usd) as cost_usd from shown group by {_KEYS}
        )
        select tenant_id, count(*) as rows
        from keys
        group by tenant_id
        order by tenant_id <> 'unattributed', sum(cost_usd) desc nulls last, tenant_id
        """,
        weeks,
    )


def facts(marts: DuckDBPyConnection, weeks: Sequence[date], kept: Sequence[str], folded: str) -> list[Row]:
    """One row per week, tenant, product, feature, provider and model; tenants that are not kept are one."""
    counts = ", ".join(f"cast(coalesce(sum({name}), 0) as bigint) as {name}" for name in _COUNTS)
    amounts = ", ".join(f"coalesce(sum({name}), 0) as {name}" for name in ("cost_usd", *COST_EFFECTS))
    sql = f"""
        , folded as (
            select * replace (case when list_contains($kept, tenant_id) then tenant_id else $folded end as tenant_id)
            from shown
        )
        select {_KEYS}, {counts}, {amounts}
        from folded
        group by {_KEYS}
        order by {_KEYS}
    """
    return _asked(marts, _FACTS + sql, weeks, kept=kept, folded=folded)


def margins(marts: DuckDBPyConnection, weeks: Sequence[date], kept: Sequence[str], folded: str) -> list[Row]:
    """Revenue and cost of goods sold per week, tenant and product."""
    return _asked(
        marts,
        """
        select
            week_start,
            case when list_contains($kept, tenant_id) then tenant_id else $folded end as tenant_id,
            product_id,
            coalesce(sum(revenue_usd), 0) as revenue_usd,
            coalesce(sum(cogs_cost_usd), 0) as cogs_cost_usd
        from revenue_efficiency_weekly
        where week_start between $first_week and $last_week
        group by all
        order by all
        """,
        weeks,
        kept=kept,
        folded=folded,
    )


def calls_of_text(marts: DuckDBPyConnection, week: date, kept: Sequence[str], folded: str) -> list[Row]:
    """Calls and tokens of one week, by class; `is_text` is false of own nodes and of more than text."""
    return rows(
        marts,
        """
        with shown as (
            select
                *,
                case when list_contains($kept, tenant_id) then tenant_id else $folded end as shown_tenant_id,
                host <> 'self_hosted' and input_audio_tokens + input_image_tokens + output_audio_tokens
                + output_image_tokens = 0 as is_text
            from unit_economics_weekly
            where week_start = $week and calls > 0
        )
        select
            week_start, shown_tenant_id as tenant_id, product_id, feature_id, service_provider as provider_id,
            model as model_id, is_text,
            cast(sum(calls) as bigint) as calls,
            cast(sum(input_uncached_tokens) as bigint) as input_uncached,
            cast(sum(cache_read_tokens) as bigint) as cache_read,
            cast(sum(cache_write_5m_tokens) as bigint) as cache_write_5m,
            cast(sum(cache_write_1h_tokens) as bigint) as cache_write_1h,
            cast(sum(output_text_tokens) as bigint) as output,
            cast(sum(reasoning_tokens) as bigint) as reasoning
        from shown
        group by all
        order by all
        """,
        {"week": week, "kept": kept, "folded": folded},
    )


def renewals(marts: DuckDBPyConnection) -> dict[str, date]:
    """When the subscriptions of tenants end, for those that have one."""
    sql = """
        select tenant_id, max(renewal_date) as renewal_date from tenant_economics_monthly
        where renewal_date is not null group by tenant_id order by tenant_id
    """
    return {row["tenant_id"]: row["renewal_date"] for row in rows(marts, sql)}


def releases(marts: DuckDBPyConnection, weeks: Sequence[date]) -> list[Row]:
    """The first day of each release of a feature; a release that ran on the first day shown came before it."""
    return _asked(
        marts,
        """
        with first_days as (
            select
                feature_id, coalesce(product_id, 'unattributed') as product_id, app_release,
                min(usage_date) as first_day
            from fct_usage
            where usage_date between $first_week and cast($last_week as date) + 6 and app_release is not null
            group by all
        )
        select *, cast(date_trunc('week', first_day) as date) as week_start
        from first_days
        where app_release not in (
            select app_release from first_days where first_day = (select min(first_day) from first_days)
        )
        order by first_day, feature_id, app_release
        """,
        weeks,
    )


def names(marts: DuckDBPyConnection) -> dict[tuple[str, str], str]:
    """What tenants, products and features are called, by dimension and id."""
    found = rows(
        marts,
        """
        select 'tenant' as dimension, tenant_id as id, tenant_name as name from dim_tenants
        union all
        select distinct 'product', product_id, product_name from dim_features
        union all
        select 'feature', feature_id, feature_name from dim_features
        """,
    )
    return {(row["dimension"], row["id"]): row["name"] for row in found}


def _asked(marts: DuckDBPyConnection, sql: str, weeks: Sequence[date], **parameters: Any) -> list[Row]:
    return rows(marts, sql, {"first_week": weeks[0], "last_week": weeks[-1], **parameters})
