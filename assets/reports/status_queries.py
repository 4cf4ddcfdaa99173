"""What the data status section asks of the published marts: are bills placed, files there, calls priced."""

from datetime import date
from typing import Any

from duckdb import DuckDBPyConnection

from assets.marts import rows

Row = dict[str, Any]

# In the order of the metric dictionary: each cause is taken after the ones before it.
CAUSES = (
    "duplicate_logs",
    "unbilled_calls",
    "unlogged_traffic",
    "late_logs",
    "late_bill",
    "token_class_difference",
    "service_tier_difference",
    "gpu_hours_difference",
    "price_difference",
    "non_token_meters",
    "credits_discounts",
    "fees",
    "fx",
    "rounding",
)


def placed_by_account(marts: DuckDBPyConnection, week: date) -> list[Row]:
    """The week's charges against where the allocation ledger put them."""
    return rows(
        marts,
        """
        with charged as (
            select
                service_provider,
                billing_account_id,
                sum(amount_usd) as charged_usd,
                count(distinct usage_date) filter (where charge_status = 'estimated') as estimated_days,
                count(distinct usage_date) as days
            from fct_charges
            where date_trunc('week', usage_date) = $week
            group by service_provider, billing_account_id
        ),
        placed as (
            select
                service_provider,
                billing_account_id,
                coalesce(sum(amount_usd) filter (where cost_component = 'direct'), 0) as direct_usd,
                coalesce(sum(amount_usd) filter (where cost_component = 'shared'), 0) as rule_usd,
                coalesce(sum(amount_usd) filter (where cost_component = 'idle'), 0) as idle_usd,
                coalesce(sum(amount_usd) filter (where cost_component = 'unattributed'), 0) as unattributed_usd
            from fct_allocations
            where date_trunc('week', usage_date) = $week
            group by service_provider, billing_account_id
        )
        select
            service_provider,
            billing_account_id,
            coalesce(charged_usd, 0) as charged_usd,
            coalesce(direct_usd, 0) as direct_usd,
            coalesce(rule_usd, 0) as rule_usd,
            coalesce(idle_usd, 0) as idle_usd,
            coalesce(unattributed_usd, 0) as unattributed_usd,
            coalesce(days, 0) as days,
            coalesce(estimated_days, 0) as estimated_days
        from charged
        full outer join placed using (service_provider, billing_account_id)
        order by charged_usd desc, service_provider, billing_account_id
        """,
        {"week": week},
    )


def estimated_days(marts: DuckDBPyConnection, week: date) -> list[Row]:
    return rows(
        marts,
        """
        select distinct service_provider, usage_date
        from fct_charges
        where date_trunc('week', usage_date) = $week and charge_status = 'estimated'
        order by service_provider, usage_date
        """,
        {"week": week},
    )


def invoices(marts: DuckDBPyConnection, first_month: str, last_month: str) -> list[Row]:
    """Per invoice (or provider, account and month while there is none): charges and what the ledger placed of them.

    By the month of the usage: what a closed month did not have is placed by corrections in a later period.
    """
    return rows(
        marts,
        """
        with charged as (
            select posting_period, service_provider, billing_account_id, coalesce(invoice_id, '') as invoice_id,
                sum(amount_usd) as charged_usd
            from fct_charges
            where posting_period between $first and $last
            group by all
        ),
        placed as (
            select fct_charges.posting_period, fct_charges.service_provider, fct_charges.billing_account_id,
                coalesce(fct_charges.invoice_id, '') as invoice_id, sum(fct_allocations.amount_usd) as placed_usd
            from fct_allocations
            inner join fct_charges using (charge_id)
            where fct_charges.posting_period between $first and $last
            group by all
        )
        select posting_period, service_provider, billing_account_id, invoice_id,
            coalesce(charged_usd, 0) as charged_usd, coalesce(placed_usd, 0) as placed_usd
        from charged
        full outer join placed using (posting_period, service_provider, billing_account_id, invoice_id)
        order by posting_period, service_provider, billing_account_id, invoice_id
        """,
        {"first": first_month, "last": last_month},
    )


def variance(marts: DuckDBPyConnection, week: date) -> Row:
    """Metered (logs) minus billed on the week's final days, split into its named causes."""
    causes = ", ".join(f"coalesce(sum({cause}_usd), 0) as {cause}" for cause in CAUSES)
    return rows(
        marts,
        f"""
        select
            count(*) as lines,
            coalesce(sum(metered_cost_usd), 0) as metered_usd,
            coalesce(sum(billed_cost_usd), 0) as billed_usd,
            coalesce(sum(variance_usd), 0) as variance_usd,
            coalesce(sum(unexplained_usd), 0) as unexplained_usd,
            {causes}
        from reconciliation_daily
        where date_trunc('week', usage_date) = $week and is_final
        """,
        {"week": week},
    )[0]


def feed_tables(marts: DuckDBPyConnection, week: date) -> list[Row]:
    return rows(
        marts,
        """
        select
            feed,
            table_name,
            coalesce(sum(files_failed), 0) as files_failed,
            coalesce(sum(rows_read), 0) as rows_read,
            coalesce(sum(rows_quarantined), 0) as rows_quarantined,
            coalesce(sum(calls), 0) as calls,
            coalesce(sum(unpriced_calls), 0) as unpriced_calls,
            coalesce(sum(duplicates_dropped), 0) as duplicates_dropped,
            max(duplicate_rule) as duplicate_rule,
            max(last_event_at) as last_event_at
        from data_status
        where date_trunc('week', status_date) = $week
        group by feed, table_name
        order by feed, table_name
        """,
        {"week": week},
    )


def missing_files(marts: DuckDBPyConnection, last: date) -> list[Row]:
    """Expected files that have not come, up to the end of the week."""
    return rows(
        marts,
        """
        select feed, table_name, status_date, expected_files_missing as files
        from data_status
        where expected_files_missing > 0 and status_date <= $last
        order by status_date desc, feed, table_name
        """,
        {"last": last},
    )


def unpriced_reasons(marts: DuckDBPyConnection, week: date) -> list[Row]:
    return rows(
        marts,
        """
        select service_provider, model, coalesce(unpriced_reason, 'no reason given') as reason, count(*) as calls
        from fct_usage
        where week_start = $week and pricing_status = 'unpriced'
        group by service_provider, model, unpriced_reason
        order by calls desc, service_provider, model, reason
        """,
        {"week": week},
    )
