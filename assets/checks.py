"""Checks that stand between the marts and the report: their contracts, and the company's limits.

Each result says what is wrong, where, in how many rows, and how to see them. A blocking one keeps the report from being
written. The lake is held against its own contracts before the marts are built, in assets.ingest.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from duckdb import DuckDBPyConnection

from assets.marts import open_marts, rows
from assets.publish import NOTHING, was_checked
from sources.settings.models import Limits

if TYPE_CHECKING:
    from assets.contracts import MartContract

EXAMPLES = 5
# The rows to check of marts, where nobody says which: all of each.
_ALL: Mapping[str, str] = MappingProxyType({})
Example = dict[str, Any]


@dataclass(frozen=True)
class CheckResult:
    """One claim about the data. The last fields are empty where it holds."""

    name: str
    passed: bool
    blocking: bool
    description: str
    what: str = ""
    where: str = ""
    count: int = 0
    how_to_see: str = ""
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True)
class _Claim:
    """A check as SQL: `sql` gives the rows that speak against it."""

    name: str
    description: str
    where: str
    sql: str
    what: str
    blocking: bool = True


def run_checks(marts: Path, limits: Limits, week: date | None = None) -> list[CheckResult]:
    """Every check of the published marts. With `week`, the shares are those of that week alone.

    Rows that were held to the contracts of today before they were published hold them.
    """
    from assets.contracts import CONTRACTS

    unchecked = dict.fromkeys((contract.mart for contract in CONTRACTS), NOTHING) if was_checked(marts) else _ALL
    with open_marts(marts) as connection:
        tables = _tables(connection)
        results = _shape_results(connection, tables, marts, unchecked)
        if tables.issuperset(contract.mart for contract in CONTRACTS):
            results += [_found(connection, claim, marts) for claim in _claims(limits, week)]
    return results


def check_shape(marts: Path, unchecked: Mapping[str, str] = _ALL) -> list[CheckResult]:
    """The checks of what no analyst may get otherwise: each mart there, filled, and as its contract says.

    Contracts are of rows, so those that held before hold: `unchecked` says which did not, as a condition by mart.
    """
    with open_marts(marts) as connection:
        return _shape_results(connection, _tables(connection), marts, unchecked)


def _tables(connection: DuckDBPyConnection) -> set[str]:
    return {row["name"] for row in rows(connection, "select table_name as name from information_schema.tables")}


def _shape_results(
    connection: DuckDBPyConnection, tables: set[str], marts: Path, unchecked: Mapping[str, str] = _ALL
) -> list[CheckResult]:
    from assets.contracts import CONTRACTS  # pandera: 2 CPU seconds that only a check needs

    feeds = _feeds_in_use(connection) if "data_status" in tables else set()
    results = []
    for contract in CONTRACTS:
        if contract.mart not in tables:
            results.append(_missing_mart(contract, marts))
            continue
        rows_to_check = unchecked.get(contract.mart, "true")
        results.append(_has_rows(connection, contract, feeds, marts, rows_to_check))
        results.append(_holds_contract(connection, contract, marts, rows_to_check))
    return results


def blocking_failures(results: Sequence[CheckResult]) -> list[CheckResult]:
    return [result for result in results if result.blocking and not result.passed]


def _missing_mart(contract: "MartContract", marts: Path) -> CheckResult:
    return CheckResult(
        name=f"{contract.mart}_has_rows",
        passed=False,
        blocking=True,
        description=f"{contract.mart} is published and not empty",
        what=f"{contract.mart} is not in the published marts",
        where=contract.mart,
        count=1,
        how_to_see=_command(marts, "select table_name from information_schema.tables order by 1"),
    )


def _feeds_in_use(connection: DuckDBPyConnection) -> set[str]:
    sql = "select distinct feed || '.' || table_name as name from data_status where files > 0 or rows_kept > 0"
    return {row["name"] for row in rows(connection, sql)}


def _has_rows(
    connection: DuckDBPyConnection, contract: "MartContract", feeds: set[str], marts: Path, rows_to_check: str
) -> CheckResult:
    """A check on an empty table passes whatever is wrong, so emptiness is a failure of its own."""
    # Where there are any to check, it is enough to look at these: some marts are views over everything.
    filled = any(
        rows(connection, f"select 1 as one from {contract.mart} where {condition} limit 1")
        for condition in dict.fromkeys((rows_to_check, "true"))
    )
    used = sorted(feeds.intersection(contract.feeds))
    [due] = rows(connection, f"select {contract.due_when} as is_due")
    is_unused = not due["is_due"] or (bool(contract.feeds) and not used)
    reason = f"though {', '.join(used)} has rows" if used else "though every run writes it"
    return CheckResult(
        name=f"{contract.mart}_has_rows",
        passed=filled or is_unused,
        blocking=True,
        description=f"{contract.mart} is not empty" + (f" when {' or '.join(used)} has rows" * bool(used)),
        what="" if filled or is_unused else f"{contract.mart} is empty, {reason}",
        where=contract.mart,
        count=int(not filled and not is_unused),
        how_to_see="" if filled or is_unused else _command(marts, "select * from data_status order by status_date"),
    )


def _holds_contract(
    connection: DuckDBPyConnection, contract: "MartContract", marts: Path, rows_to_check: str
) -> CheckResult:
    """pandera says which columns break their rule; DuckDB then counts and shows the rows."""
    name, description = f"{contract.mart}_holds_contract", f"columns of {contract.mart} are there, filled and in range"
    if rows_to_check == NOTHING:
        return CheckResult(name, True, True, description, where=contract.mart)
    present = {row["column_name"] for row in rows(connection, f"describe {contract.mart}")}
    columns = ", ".join(column for column in contract.rules if column in present)
    found = connection.sql(f"select {columns} from {contract.mart} where {rows_to_check}")
    broken = contract.broken(found.pl().lazy())
    if not broken:
        return CheckResult(name, True, True, description, where=contract.mart)
    missing = [column for column in broken if column not in present]
    if missing:
        what = f"{contract.mart} lacks {', '.join(missing)}"
        see = _command(marts, f"describe {contract.mart}")
        return CheckResult(name, False, True, description, what, contract.mart, len(missing), see)
    condition = " or ".join(contract.rules[column].broken_sql(column) for column in broken)
    sql = f"select * from {contract.mart} where ({condition}) and ({rows_to_check})"
    allowed = "; ".join(f"{column} must be {contract.rules[column].text}" for column in broken)
    where = ", ".join(f"{contract.mart}.{column}" for column in broken)
    return _found(connection, _Claim(name, description, where, sql, allowed), marts)


def _claims(limits: Limits, week: date | None) -> list[_Claim]:
    of_week = f"date_trunc('week', {{}}) = date '{week}'" if week else "true"
    return [*_share_claims(limits, of_week), *_ledger_claims(limits), *_file_claims(limits, of_week)]


def _share_claims(limits: Limits, of_week: str) -> list[_Claim]:
    return [
        _Claim(
            name="unpriced_share_within_limit",
            description=f"at most {limits.unpriced_share:f} of the calls have no price",
            where="unit_economics_weekly",
            sql=f"""
                select sum(unpriced_calls) as unpriced_calls, sum(calls) as calls
                from unit_economics_weekly
                where {of_week.format("week_start")}
                having sum(unpriced_calls) > {limits.unpriced_share:f} * sum(calls)
            """,
            what=f"more than limits.unpriced_share = {limits.unpriced_share:f} of the calls have no price, "
            "so every sum of cost is too low",
        ),
        _Claim(
            name="unattributed_share_within_limit",
            description=f"at most {limits.unattributed_share:f} of the cost is unattributed",
            where="cost_per_tenant_weekly",
            sql=f"""
                select sum(unattributed_cost_usd) as unattributed_usd, sum(total_cost_usd) as cost_usd
                from cost_per_tenant_weekly
                where {of_week.format("week_start")}
                having sum(unattributed_cost_usd) > {limits.unattributed_share:f} * sum(total_cost_usd)
            """,
            what=f"more than limits.unattributed_share = {limits.unattributed_share:f} of the cost is unattributed",
            blocking=False,
        ),
    ]


def _ledger_claims(limits: Limits) -> list[_Claim]:
    return [
        _Claim(
            name="variance_is_explained",
            description=f"at most {limits.unexplained_usd:f} USD a provider and month differ without a named cause",
            where="reconciliation_daily",
            sql=f"""
                select service_provider, billing_account_id, cast(date_trunc('month', usage_date) as date) as month,
                    sum(unexplained_usd) as unexplained_usd, sum(variance_usd) as variance_usd
                from reconciliation_daily
                where is_final
                group by service_provider, billing_account_id, date_trunc('month', usage_date)
                having abs(sum(unexplained_usd)) > {limits.unexplained_usd:f}
                order by month, service_provider, billing_account_id
            """,
            what=f"more than limits.unexplained_usd = {limits.unexplained_usd:f} of a month's difference between logs "
            "and bill has no named cause",
        ),
        _Claim(
            name="invoices_are_placed",
            description="tenants, rules and unattributed add up to the invoice, to the last decimal",
            where="fct_allocations",
            sql="""
                with placed as (
                    select charge_id, sum(amount_usd) as usd
                    from fct_allocations
                    group by charge_id
                )
                select invoice_id, sum(coalesce(amount_usd, 0)) as charged_usd, sum(coalesce(usd, 0)) as placed_usd,
                    sum(coalesce(amount_usd, 0)) - sum(coalesce(usd, 0)) as difference_usd
                from fct_charges
                full outer join placed using (charge_id)
                group by invoice_id
                having sum(coalesce(amount_usd, 0)) <> sum(coalesce(usd, 0))
                order by invoice_id
            """,
            what="what the allocation ledger placed of an invoice is not what the invoice charges",
        ),
        _Claim(
            name="journals_balance",
            description="the debits of a journal are its credits",
            where="journal_lines",
            sql="""
                select journal_id, sum(debit_usd) as debit_usd, sum(credit_usd) as credit_usd
                from journal_lines
                group by journal_id
                having coalesce(sum(debit_usd), 0) <> coalesce(sum(credit_usd), 0)
                order by journal_id
            """,
            what="a journal's debits are not its credits",
        ),
        _Claim(
            name="journal_rounding_within_limit",
            description=f"rounding leaves at most {limits.journal_rounding_usd:f} USD in the journals of a month",
            where="journal_lines",
            sql=f"""
                select posting_period, sum(coalesce(debit_usd, credit_usd)) as rounding_usd
                from journal_lines
                where line_type = 'rounding'
                group by posting_period
                having sum(coalesce(debit_usd, credit_usd)) > {limits.journal_rounding_usd:f}
                order by posting_period
            """,
            what=f"more than limits.journal_rounding_usd = {limits.journal_rounding_usd:f} USD of a month's journals "
            "went to the rounding account",
        ),
        _Claim(
            name="journal_lines_have_accounts",
            description="every line of a journal has an account, once gl_map.csv names any",
            where="journal_lines",
            sql="""
                select line_type, cost_nature, service_provider, cost_center,
                    sum(coalesce(debit_usd, 0) - coalesce(credit_usd, 0)) as amount_usd
                from journal_lines
                where account = 'unmapped' and exists (select 1 from journal_lines where account <> 'unmapped')
                group by line_type, cost_nature, service_provider, cost_center
                order by line_type, cost_nature, service_provider, cost_center
            """,
            what="no row of gl_map.csv fits these lines of the journal, so it cannot be exported",
            blocking=False,
        ),
    ]


def _file_claims(limits: Limits, of_week: str) -> list[_Claim]:
    return [
        _Claim(
            name="quarantined_share_within_limit",
            description=f"at most {limits.quarantined_share:f} of a feed's rows are set aside",
            where="data_status",
            sql=f"""
                select feed, table_name, sum(rows_quarantined) as rows_quarantined, sum(rows_read) as rows_read
                from data_status
                where {of_week.format("status_date")}
                group by feed, table_name
                having sum(rows_quarantined) > {limits.quarantined_share:f} * sum(rows_read)
                order by feed, table_name
            """,
            what=f"more than limits.quarantined_share = {limits.quarantined_share:f} of a feed's rows were set aside; "
            "inferledger quarantine show lists them",
        ),
        _Claim(
            name="expected_files_arrived",
            description="every expected file has come",
            where="data_status",
            sql=f"""
                select feed, table_name, status_date, expected_files_missing
                from data_status
                where expected_files_missing > 0 and {of_week.format("status_date")}
                order by status_date, feed, table_name
            """,
            what="an expected file has not come",
            blocking=False,
        ),
    ]


def _found(connection: DuckDBPyConnection, claim: _Claim, marts: Path) -> CheckResult:
    """The claim's result: it holds where its query finds no row."""
    sql = " ".join(claim.sql.split())
    number = int(rows(connection, f"select count(*) as number from ({sql}) as found")[0]["number"])
    return CheckResult(
        name=claim.name,
        passed=number == 0,
        blocking=claim.blocking,
        description=claim.description,
        what=claim.what if number else "",
        where=claim.where,
        count=number,
        how_to_see=_command(marts, sql) if number else "",
        examples=tuple(rows(connection, f"select * from ({sql}) as found limit {EXAMPLES}")) if number else (),
    )


def _command(marts: Path, sql: str) -> str:
    """A shell command, in the project's environment, that shows the rows."""
    program = "import duckdb, sys; duckdb.connect(sys.argv[1], read_only=True).sql(sys.argv[2]).show(max_width=200)"
    return shlex.join(["python", "-c", program, str(marts), sql])
