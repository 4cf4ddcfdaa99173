"""Walks a published number back: through the allocations it is the sum of, to charges, calls, files and rows.

Every step is added up again and compared with the number, exactly. Reads the published marts only.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

import duckdb

from assets.marts import open_marts, rows
from assets.publish import DATABASE
from sources.home import Home
from sources.meta import calls_from

TOP = 10
ZERO = Decimal(0)
# The dimensions that calls and allocations share; a null in either is published as this word.
UNATTRIBUTED = "unattributed"
_DIMENSIONS = (
    "tenant_id", "product_id", "feature_id", "service_provider", "host", "model", "environment", "plan",
)  # fmt: skip


@dataclass(frozen=True)
class Mart:
    """A mart whose numbers are sums of allocations: its key, its number, and what of an allocation adds up to it."""

    keys: tuple[str, ...]
    number: str
    amount: str = "effective_amount_usd"
    where: str = "true"
    # What rounding may leave between a row of the mart and its allocations.
    tolerance_usd: Decimal = ZERO
    column: str | None = None


_UNIT_ECONOMICS = "effective_cost_usd"
# What an allocation of calls' own cost is called, also where the calls have no tenant.
CALLS_RULE = "direct"
MARTS: Mapping[str, Mart] = {
    "cost_per_tenant_weekly": Mart(("week_start", "tenant_id"), "total_cost_usd"),
    "cost_per_feature_weekly": Mart(("week_start", "feature_id"), "total_cost_usd"),
    "cost_per_model_weekly": Mart(("week_start", "service_provider", "host", "model"), "total_cost_usd"),
    "unit_economics_daily": Mart(("usage_date", *_DIMENSIONS), _UNIT_ECONOMICS),
    "unit_economics_weekly": Mart(("week_start", *_DIMENSIONS), _UNIT_ECONOMICS),
    "unit_economics_monthly": Mart(("month_start", *_DIMENSIONS), _UNIT_ECONOMICS),
    "chargeback_lines": Mart(
        (
            "chargeback_line_id",
            "posting_period",
            "invoice_id",
            "charge_id",
            "charge_category",
            "tenant_id",
            "cost_center",
            "product_id",
            "feature_id",
            "service_provider",
            "billing_account_id",
            "model",
            "rule_id",
            "method",
            "status",
            "dispute_status",
            "usage_date",
            "corrects_period",
        ),
        "amount_usd",
        "amount_usd",
    ),
    # Of a journal the lines that hold postings; the others are their other side.
    "journal_lines": Mart(
        (
            "journal_id",
            "line_no",
            "posting_period",
            "kind",
            "account",
            "cost_center",
            "cost_nature",
            "tenant_id",
            "service_provider",
            "billing_account_id",
            "source_invoice_id",
        ),
        "coalesce(debit_usd, -credit_usd)",
        "amount_usd",
        "line_type in ('expense', 'fx')",
        Decimal("0.01"),
        "debit_usd - credit_usd",
    ),
}
# A part of a charge stands in the line of its journal that has the same of these.
_SAME_LINE = """
    part.journal_id = line.journal_id and part.journal_line_type = line.line_type and part.tenant_id = line.tenant_id
    and coalesce(part.cost_center, 'unattributed') = line.cost_center and part.cost_nature = line.cost_nature
    and part.invoice_id is not distinct from line.source_invoice_id
"""
# Columns of an export that its mart has in another form.
_WRITTEN_AS = {"corrects_period": "case when status = 'correction' then strftime(usage_date, '%Y-%m') end"}
_PERIODS = ("usage_date", "week_start", "month_start")


class ExplainError(Exception):
    """There is no such number, or none that is a sum of allocations."""


@dataclass(frozen=True)
class Explanation:
    """A number and everything it comes from. The sums hold when `differences` is empty."""

    mart: str
    key: dict[str, str]
    column: str
    number: Decimal
    allocations_usd: Decimal
    components: list[dict[str, Any]]
    charges: list[dict[str, Any]]
    charge_count: int
    calls: dict[str, Any]
    top_calls: list[dict[str, Any]]
    files: list[dict[str, Any]]
    file_count: int
    differences: list[str]
    # The first day with single calls, where the number has days before, whose calls have gone.
    calls_from: date | None


def explain(home: Home, mart: str, key_text: str, top: int = TOP) -> Explanation:
    """Explain the number of `mart` at a key such as week_start=2026-W46,tenant_id=acme."""
    if mart not in MARTS:
        raise ExplainError(f"{mart}: no mart that can be walked back; allowed are {', '.join(MARTS)}")
    key = parse_key(MARTS[mart], mart, key_text)
    with open_marts(home.published / DATABASE) as marts:
        return _explain(marts, mart, key, top, calls_from(home.root))


def parse_key(mart: Mart, name: str, text: str) -> dict[str, str]:
    """The key as column and value; a week may be written 2026-W46."""
    key = {}
    for part in text.split(","):
        column, separator, value = (piece.strip() for piece in part.partition("="))
        if not separator or column not in mart.keys:
            raise ExplainError(f"{part.strip()!r} is no key of {name}; write {','.join(f'{k}=...' for k in mart.keys)}")
        key[column] = _day(column, value) if column in _PERIODS else value
    return key


def _day(column: str, value: str) -> str:
    try:
        return date.fromisoformat(f"{value}-1" if "W" in value and column == "week_start" else value).isoformat()
    except ValueError:
        raise ExplainError(f"{column}: found {value!r}; write a day such as 2026-11-09, or a week: 2026-W46") from None


def _explain(
    marts: duckdb.DuckDBPyConnection, name: str, key: dict[str, str], top: int, there_from: date | None
) -> Explanation:
    mart = MARTS[name]
    number, tolerance = _number(marts, name, mart, key)
    marts.execute(f"create temp table allocated as {_allocations_sql(name, key, mart.amount)}", key)
    (total,) = rows(marts, "select coalesce(sum(amount), 0) as usd from allocated")
    charges = rows(marts, _CHARGES)
    marts.execute(f"create temp table explained_calls as {_calls_sql(name, key)}", {} if _is_ledger(name) else key)
    (calls,) = rows(marts, _CALLS)
    files = rows(marts, _FILES)
    differences = []
    if abs(total["usd"] - number) > tolerance:
        differences.append(f"allocations add up to {total['usd']}, not to {number}")
    # A line of the ledger holds one meter of a call, so its calls cost more than it.
    placed = ZERO if _is_ledger(name) else calls["direct_usd"] + _moved_usd(marts, key)
    (first,) = rows(marts, "select min(usage_date) as day from allocated")
    have_gone = bool(there_from and first["day"] and first["day"] < there_from)
    if not _is_ledger(name) and not have_gone and calls["effective_cost_usd"] != placed:
        differences.append(f"calls cost {calls['effective_cost_usd']}, their allocations are {placed}")
    return Explanation(
        mart=name,
        key=key,
        column=mart.column or mart.number,
        number=number,
        allocations_usd=total["usd"],
        components=rows(marts, _COMPONENTS),
        charges=_with_rest(charges, top, "amount_usd"),
        charge_count=len(charges),
        calls=calls,
        top_calls=rows(marts, _TOP_CALLS.format(top=top)),
        files=files[:top],
        file_count=len(files),
        differences=differences,
        calls_from=there_from if have_gone else None,
    )


def _number(marts: duckdb.DuckDBPyConnection, name: str, mart: Mart, key: dict[str, str]) -> tuple[Decimal, Decimal]:
    """The number, and how far from its allocations rounding may have moved it."""
    condition = _rows_with(key)
    query = f"select count(*) as found, sum({mart.number}) as number from {name} where {mart.where} and {condition}"
    (found,) = rows(marts, query, key)
    if not found["found"]:
        raise ExplainError(f"{name} has no row with {_written(key)}{_values(marts, name, key)}")
    return found["number"] or ZERO, found["found"] * mart.tolerance_usd


def _moved_usd(marts: duckdb.DuckDBPyConnection, key: dict[str, str]) -> Decimal:
    """What rules put on somebody else of calls that have no tenant."""
    if any(key.get(column, UNATTRIBUTED) != UNATTRIBUTED for column in ("tenant_id", "plan")):
        return ZERO
    others = {column: value for column, value in key.items() if column not in ("tenant_id", "plan")}
    (moved,) = rows(
        marts,
        f"""
            select coalesce(sum(effective_amount_usd), 0) as usd from fct_allocations
            where rule_id <> '{CALLS_RULE}' and charge_category = 'usage' and {_condition(others) or "true"}
        """,
        others,
    )
    usd: Decimal = moved["usd"]
    return usd


def _values(marts: duckdb.DuckDBPyConnection, name: str, key: dict[str, str]) -> str:
    """Which value of the key is not there, and what is."""
    for column, value in key.items():
        known = [
            "" if row["value"] is None else str(row["value"])
            for row in rows(
                marts,
                f"select distinct {_WRITTEN_AS.get(column, column)} as value from {name} order by 1 desc limit 20",
            )
        ]
        if value not in known:
            return f"; {column} is one of {', '.join(known)}{', ...' if len(known) == 20 else ''}"
    return ""


def _written(key: Mapping[str, str]) -> str:
    return ",".join(f"{column}={value}" for column, value in key.items())


def _is_ledger(name: str) -> bool:
    return name in ("chargeback_lines", "journal_lines")


def _rows_with(key: Mapping[str, str]) -> str:
    """The rows of a mart with the values of a key, as exports write them: nothing where there is none."""
    return " and ".join(
        f"coalesce(cast({_WRITTEN_AS.get(column, column)} as varchar), '') = ${column}" for column in key
    )


def _condition(key: Mapping[str, str]) -> str:
    """The rows of calls or of allocations that a mart's key stands for."""
    expressions = {
        "month_start": "cast(cast(date_trunc('month', usage_date) as date) as varchar)",
        **{column: f"coalesce({column}, '{UNATTRIBUTED}')" for column in _DIMENSIONS},
    }
    return " and ".join(f"{expressions.get(column, f'cast({column} as varchar)')} = ${column}" for column in key)


def _allocations_sql(name: str, key: Mapping[str, str], amount: str) -> str:
    if not _is_ledger(name):
        return f"select *, {amount} as amount from fct_allocations where {_condition(key)}"
    condition = _rows_with(key)
    if name == "journal_lines":
        lines = f"""
            select part.allocation_id from explain_allocations as part
            semi join (select * from journal_lines where {MARTS[name].where} and {condition}) as line on {_SAME_LINE}
        """
    else:
        lines = f"select chargeback_line_id from chargeback_lines where {condition}"
    return f"select *, {amount} as amount from fct_allocations where allocation_id in ({lines})"


def _calls_sql(name: str, key: Mapping[str, str]) -> str:
    if not _is_ledger(name):
        return f"select * from fct_usage where {_condition(key)}"
    same = " and ".join(
        f"coalesce(fct_usage.{column}, '{UNATTRIBUTED}') = coalesce(allocated.{column}, '{UNATTRIBUTED}')"
        for column in _DIMENSIONS
    )
    return f"""
        select * from fct_usage
        semi join allocated
            on fct_usage.usage_date = allocated.usage_date and allocated.rule_id = '{CALLS_RULE}' and {same}
    """


_COMPONENTS = """
    select cost_component, method, rule_id, count(*) as allocations, sum(amount) as amount_usd
    from allocated
    group by cost_component, method, rule_id
    order by abs(sum(amount)) desc, cost_component, method, rule_id
"""
_CHARGES = """
    select
        allocated.charge_id, charge.charge_category, charge.service_provider, charge.billing_account_id, charge.model,
        charge.meter, charge.usage_date, charge.charge_status, charge.amount_usd as charge_usd,
        sum(allocated.amount) as amount_usd, charge.source_file_hash, charge.source_row_number
    from allocated
    left join fct_charges as charge using (charge_id)
    group by all
    order by abs(sum(allocated.amount)) desc, charge_id
"""
_CALLS = f"""
    select
        count(*) as calls,
        coalesce(sum(effective_cost_usd), 0) as effective_cost_usd,
        count(*) filter (where effective_cost_usd is null) as calls_without_cost,
        (select coalesce(sum(amount), 0) from allocated where rule_id = '{CALLS_RULE}') as direct_usd
    from explained_calls
"""
_TOP_CALLS = """
    select
        call_id, started_at, tenant_id, feature_id, model, effective_cost_usd, attribution_method,
        coalesce(file.file_name, explained_calls.file_hash) as file_name, row_number
    from explained_calls
    left join dim_files as file using (file_hash)
    order by effective_cost_usd desc nulls last, call_id
    limit {top}
"""
_FILES = """
    with sources as (
        select file_hash, count(*) as calls, sum(effective_cost_usd) as calls_usd, 0 as charges, null as charges_usd
        from explained_calls
        group by file_hash
        union all
        select coalesce(charge.source_file_hash, ''), 0, null, count(distinct charge_id), sum(allocated.amount)
        from allocated
        inner join fct_charges as charge using (charge_id)
        group by coalesce(charge.source_file_hash, '')
    )
    select
        coalesce(file.feed || '/' || file.table_name, '') as feed,
        coalesce(file.file_name, nullif(file_hash, ''), 'rates in the settings') as file_name,
        sum(calls)::bigint as calls,
        sum(calls_usd) as calls_usd,
        sum(charges)::bigint as charges,
        sum(charges_usd) as charges_usd
    from sources
    left join dim_files as file using (file_hash)
    group by all
    order by greatest(coalesce(abs(sum(calls_usd)), 0), coalesce(abs(sum(charges_usd)), 0)) desc, file_name
"""


def _with_rest(found: list[dict[str, Any]], top: int, amount: str) -> list[dict[str, Any]]:
    """The largest, and one row for all others, so that what is shown adds up to the number."""
    rest = found[top:]
    if not rest:
        return found
    name = f"{len(rest)} more charges"
    return [*found[:top], {"charge_id": name, amount: sum((row[amount] for row in rest), ZERO)}]
