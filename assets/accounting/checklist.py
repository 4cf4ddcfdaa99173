"""What must hold before a period is closed. A check that fails blocks it, unless it is overridden with a reason.

The limits are those of the run; a difference no larger than limits.materiality_usd does not block either.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from assets.accounting.snapshots import PeriodError
from assets.marts import open_marts, rows
from sources.settings.models import Limits


@dataclass(frozen=True)
class Check:
    """One claim about a period. `amount_usd` is what is at stake, null where nobody knows it."""

    name: str
    claim: str
    passed: bool
    found: str = ""
    amount_usd: Decimal | None = None
    is_immaterial: bool = False
    override: str | None = None

    @property
    def blocks(self) -> bool:
        return not (self.passed or self.is_immaterial or self.override)


@dataclass(frozen=True)
class _Claim:
    """A check as SQL over the marts. Each row it gives speaks against the claim and says what was found."""

    name: str
    claim: str
    sql: str


PEOPLE = "people"
_CLAIMS = (
    _Claim(
        "unpriced",
        "at most limits.unpriced_share of the calls have no price",
        """
        select count(*) filter (where pricing_status = 'unpriced') || ' of ' || count(*) || ' calls' as found,
            null as amount_usd
        from fct_usage
        where strftime(usage_date, '%Y-%m') = $period
        having count(*) filter (where pricing_status = 'unpriced') > $unpriced_share * count(*)
        """,
    ),
    _Claim(
        "unattributed",
        "at most limits.unattributed_share of the cost has no tenant",
        """
        select 'of ' || sum(effective_amount_usd) || ' USD' as found,
            sum(effective_amount_usd) filter (where cost_component = 'unattributed') as amount_usd
        from fct_allocations
        where posting_period = $period
        having abs(sum(effective_amount_usd) filter (where cost_component = 'unattributed'))
            > $unattributed_share * abs(sum(effective_amount_usd))
        """,
    ),
    _Claim(
        "unexplained",
        "logs and bill of each account differ by at most limits.unexplained_usd without a named cause",
        """
        select service_provider || ' ' || billing_account_id as found, sum(unexplained_usd) as amount_usd
        from reconciliation_daily
        where is_final and strftime(usage_date, '%Y-%m') = $period
        group by service_provider, billing_account_id
        having abs(sum(unexplained_usd)) > $unexplained_usd
        order by found
        """,
    ),
    _Claim(
        "files",
        "every expected file has come and could be read",
        """
        select feed || '/' || table_name || ' ' || status_date || ': ' || sum(expected_files_missing) || ' missing, '
            || sum(files_failed) || ' failed' as found,
            null as amount_usd
        from data_status
        where strftime(status_date, '%Y-%m') = $period
        group by feed, table_name, status_date
        having sum(expected_files_missing) + sum(files_failed) > 0
        order by feed, table_name, status_date
        """,
    ),
    _Claim(
        "bills",
        "every charge rests on a final bill, an invoice or a rent",
        """
        select service_provider || ' ' || billing_account_id || ': ' || count(distinct usage_date) || ' days estimated'
            as found,
            sum(amount_usd) as amount_usd
        from fct_charges
        where posting_period = $period and charge_status = 'estimated'
        group by service_provider, billing_account_id
        order by found
        """,
    ),
    _Claim(
        "invoices",
        "every account that gets invoices has its invoice of the month",
        """
        select service_provider || ' ' || billing_account_id as found, sum(amount_usd) as amount_usd
        from fct_charges
        where posting_period = $period and invoice_id is null and (service_provider, billing_account_id) in (
            select (service_provider, billing_account_id) from fct_charges where invoice_id is not null
        )
        group by service_provider, billing_account_id
        order by found
        """,
    ),
    _Claim(
        "accounts",
        "every provider called is mapped to a billing account",
        """
        select service_provider || ': ' || count(distinct model) || ' models' as found, sum(amount_usd) as amount_usd
        from fct_charges
        where posting_period = $period and billing_account_id = 'unattributed'
        group by service_provider
        order by found
        """,
    ),
    _Claim(
        "journal",
        "every line of the journal has an account, once gl_map.csv names any",
        """
        select line_type || ' ' || service_provider || ' ' || coalesce(cost_nature || ' ' || cost_center, '') as found,
            sum(coalesce(debit_usd, 0) - coalesce(credit_usd, 0)) as amount_usd
        from journal_lines
        where posting_period = $period and account = 'unmapped'
            and exists (select 1 from journal_lines where account <> 'unmapped')
        group by line_type, service_provider, cost_nature, cost_center
        order by found
        """,
    ),
)
NAMES = (*(claim.name for claim in _CLAIMS), PEOPLE)


def run_checklist(
    marts: Path, period: str, limits: Limits, preparer: str, approver: str, overrides: Mapping[str, str]
) -> list[Check]:
    """Every check of a period, from the published marts."""
    if unknown := sorted(set(overrides) - set(NAMES)):
        raise PeriodError(f"override: found {', '.join(unknown)}, allowed are {', '.join(NAMES)}")
    if empty := sorted(name for name, reason in overrides.items() if not reason.strip()):
        raise PeriodError(f'override {empty[0]}: found no reason; write {empty[0]}="why it may be closed nevertheless"')
    shares = {"unpriced_share": limits.unpriced_share, "unattributed_share": limits.unattributed_share}
    values = {"period": period, "unexplained_usd": limits.unexplained_usd, **shares}
    with open_marts(marts) as connection:
        checks = [
            _judged(claim, rows(connection, claim.sql, _named_in(claim.sql, values)), limits) for claim in _CLAIMS
        ]
    is_same = preparer.strip().casefold() == approver.strip().casefold()
    who = Check(PEOPLE, "who approves is not who prepared", not is_same, f"both are {preparer}" if is_same else "")
    return [replace(check, override=overrides.get(check.name)) for check in (*checks, who)]


def _named_in(sql: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if f"${name}" in sql}


def _judged(claim: _Claim, against: list[dict[str, Any]], limits: Limits) -> Check:
    amounts = [row["amount_usd"] for row in against]
    at_stake = None if None in amounts or not amounts else sum(map(abs, amounts), Decimal(0))
    return Check(
        claim.name,
        claim.claim,
        passed=not against,
        found="; ".join(row["found"] for row in against),
        amount_usd=at_stake,
        is_immaterial=at_stake is not None and at_stake <= limits.materiality_usd,
    )
