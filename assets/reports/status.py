"""Data status: can this week's figures be trusted, and what is still missing. Shown before any chart."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal

from duckdb import DuckDBPyConnection

from assets.reports import status_queries as queries
from assets.reports import text
from sources.settings.models import Limits

Row = Mapping[str, Any]
State = Literal["ok", "note", "warn", "fail"]
ZERO = Decimal(0)


@dataclass(frozen=True)
class StatusLine:
    """One claim about the data: what was looked at, how it stands, in words."""

    name: str
    state: State
    text: str
    details: tuple[str, ...] = ()


@dataclass(frozen=True)
class DataStatus:
    lines: tuple[StatusLine, ...]
    accounts: tuple[Row, ...]
    invoices: tuple[Row, ...]
    data_through: date | None

    @property
    def worst(self) -> State:
        order: tuple[State, ...] = ("ok", "note", "warn", "fail")
        return max((line.state for line in self.lines), key=order.index)


def data_status(
    marts: DuckDBPyConnection, week: date, costs: Row, kept_unattributed: Decimal | None, limits: Limits
) -> DataStatus:
    """The week's data status. `costs` is the week's row of cost_by_week."""
    last = week + timedelta(days=6)
    accounts = queries.placed_by_account(marts, week)
    previous_month = (week.replace(day=1) - timedelta(days=1)).strftime("%Y-%m")
    invoices = queries.invoices(marts, previous_month, last.strftime("%Y-%m"))
    feeds = queries.feed_tables(marts, week)
    missing = queries.missing_files(marts, last)
    lines = (
        _placed(accounts),
        _invoiced(invoices),
        _explained(queries.variance(marts, week), limits),
        _final(accounts, queries.estimated_days(marts, week)),
        _unattributed(kept_unattributed, limits),
        _unpriced(
            sum(row["calls"] for row in feeds),
            sum(row["unpriced_calls"] for row in feeds),
            costs["unpriced_tokens"],
            queries.unpriced_reasons(marts, week),
            limits,
        ),
        _missing(missing, week),
        _complete(feeds, last),
        _readable(feeds),
        _duplicates(feeds),
    )
    return DataStatus(lines, tuple(accounts), tuple(invoices), _reached(feeds))


def audience_status(marts: DuckDBPyConnection, week: date, costs: Row, limits: Limits) -> DataStatus:
    """What can be said of the rows of one tenant or product: are bills final, calls priced, is the week whole."""
    feeds = queries.feed_tables(marts, week)
    reasons = queries.unpriced_reasons(marts, week)
    lines = (
        _final(queries.placed_by_account(marts, week), queries.estimated_days(marts, week)),
        _unpriced(costs["calls"], costs["unpriced_calls"], costs["unpriced_tokens"], reasons, limits)
        if costs["calls"]
        else StatusLine("Calls have a price", "note", "No call of it was logged in this week."),
        _complete(feeds, week + timedelta(days=6)),
    )
    return DataStatus(lines, (), (), _reached(feeds))


def _reached(feeds: Sequence[Row]) -> date | None:
    seen = [row["last_event_at"] for row in feeds if row["last_event_at"] is not None]
    return max(seen).date() if seen else None


def placed(row: Row) -> Decimal:
    amount: Decimal = row["direct_usd"] + row["rule_usd"] + row["idle_usd"] + row["unattributed_usd"]
    return amount


def _placed(accounts: Sequence[Row]) -> StatusLine:
    name = "Every charge is placed"
    if not accounts:
        return StatusLine(name, "fail", "There is no charge in this week.")
    charged, there = sum((r["charged_usd"] for r in accounts), ZERO), sum((placed(r) for r in accounts), ZERO)
    idle, unattributed = (sum((row[part] for row in accounts), ZERO) for part in ("idle_usd", "unattributed_usd"))
    wrong = [row for row in accounts if row["charged_usd"] != placed(row)]
    if wrong:
        names = text.listed([f"{r['service_provider']} {text.usd(r['charged_usd'] - placed(r), 12)}" for r in wrong])
        return StatusLine(name, "fail", f"Charges and the allocation ledger differ: {names}.")
    return StatusLine(
        name,
        "ok",
        f"{text.usd(charged)} charged = {text.usd(there - idle - unattributed)} to tenants, directly or by rule, "
        f"+ {text.usd(idle)} idle + {text.usd(unattributed)} unattributed; difference $0.00, exact to 12 decimals.",
    )


def _invoiced(invoices: Sequence[Row]) -> StatusLine:
    name = "Invoices reconcile"
    real = [row for row in invoices if row["invoice_id"]]
    wrong = [row for row in real if row["charged_usd"] != row["placed_usd"]]
    if wrong:
        names = text.listed([f"{r['invoice_id']} {text.usd(r['charged_usd'] - r['placed_usd'], 12)}" for r in wrong])
        return StatusLine(name, "fail", f"Placed amounts differ from the invoice: {names}.")
    if not real:
        return StatusLine(name, "note", "No invoice of these months has come; bills to date stand in for it.")
    total = sum((row["charged_usd"] for row in real), ZERO)
    months = text.listed(sorted({row["posting_period"] for row in real}))
    return StatusLine(
        name, "ok", f"{text.plural(len(real), 'invoice')} of {months}, {text.usd(total)}, placed to the last decimal."
    )


def _explained(row: Row, limits: Limits) -> StatusLine:
    name = "Logs agree with bills"
    if not row["lines"]:
        return StatusLine(name, "note", "No final bill of this week yet: costs are contracted prices on logged usage.")
    causes = sorted(((row[cause], cause) for cause in queries.CAUSES if row[cause]), key=lambda c: (-abs(c[0]), c[1]))
    named = text.listed([f"{cause.replace('_', ' ')} {text.usd_signed(amount)}" for amount, cause in causes], 5)
    unexplained = row["unexplained_usd"]
    sentence = (
        f"Logs at contracted prices {text.usd(row['metered_usd'])}, billed {text.usd(row['billed_usd'])}: "
        f"{text.usd_signed(row['variance_usd'])} apart"
        + (f" ({named})" if named else "")
        + f"; {text.usd(unexplained)} unexplained."
    )
    return StatusLine(name, "warn" if abs(unexplained) > limits.unexplained_usd else "ok", sentence)


def _final(accounts: Sequence[Row], estimated: Sequence[Row]) -> StatusLine:
    name = "Bills are final"
    days = sum(row["days"] for row in accounts)
    if not estimated:
        return StatusLine(name, "ok", f"All {days} provider days of the week are anchored to their bill.")
    by_provider: dict[str, list[str]] = {}
    for row in estimated:
        by_provider.setdefault(row["service_provider"], []).append(text.short_day(row["usage_date"]))
    by_days: dict[str, list[str]] = {}
    for provider, found in by_provider.items():
        by_days.setdefault(text.listed(found, 7), []).append(provider)
    still = "; ".join(f"{text.listed(providers)} {days_}" for days_, providers in by_days.items())
    open_days = sum(row["estimated_days"] for row in accounts)
    return StatusLine(
        name,
        "note",
        f"{days - open_days} of {days} provider days are anchored to their bill, {open_days} estimated at contracted "
        f"prices: {still}.",
    )


def _unattributed(share: Decimal | None, limits: Limits) -> StatusLine:
    name = "Cost has an owner"
    if share is None:
        return StatusLine(name, "fail", "There is no cost in this week.")
    limit = f"limit {text.percent(limits.unattributed_share)}"
    return StatusLine(
        name,
        "warn" if share > limits.unattributed_share else "ok",
        f"{text.percent(share)} of the cost is unattributed ({limit}).",
    )


def _unpriced(calls: int, unpriced: int, unpriced_tokens: int, reasons: Sequence[Row], limits: Limits) -> StatusLine:
    name = "Calls have a price"
    if not calls:
        return StatusLine(name, "fail", "No call was logged in this week.")
    if not unpriced:
        return StatusLine(name, "ok", f"All {text.count(calls)} calls have a price.")
    why = tuple(f"{r['service_provider']} {r['model']}: {r['reason']} ({text.count(r['calls'])})" for r in reasons[:5])
    if not why:
        why = ("Why is not known any more: the calls of this week have gone (retention.calls_days).",)
    tokens = f", {text.count(unpriced_tokens)} tokens" if unpriced_tokens else ""
    share = Decimal(unpriced) / Decimal(calls)
    return StatusLine(
        name,
        "fail" if share > limits.unpriced_share else "warn",
        f"{text.count(unpriced)} of {text.plural(calls, 'call')} have no price{tokens} "
        f"({text.percent(share, 3)}, limit {text.percent(limits.unpriced_share, 3)}): their cost is in the sums only "
        "where a bill gives it.",
        why,
    )


def _missing(missing: Sequence[Row], week: date) -> StatusLine:
    name = "Files have arrived"
    of_week = [row for row in missing if row["status_date"] >= week]
    earlier = sum(row["files"] for row in missing) - sum(row["files"] for row in of_week)
    before = f" Still missing: {text.plural(earlier, 'file')} of earlier weeks." if earlier else ""
    if not of_week:
        return StatusLine(name, "warn" if earlier else "ok", f"All expected files of the week have come.{before}")
    names = text.listed([f"{r['feed']}/{r['table_name']} of {text.short_day(r['status_date'])}" for r in of_week])
    number = sum(row["files"] for row in of_week)
    return StatusLine(name, "warn", f"{text.plural(number, 'expected file')} missing: {names}.{before}")


def _complete(feeds: Sequence[Row], last: date) -> StatusLine:
    """How far the feeds that carry calls reach: a week that is cut off looks like a cheap one."""
    name = "The week is complete"
    ends = [row["last_event_at"].date() for row in feeds if row["calls"] and row["last_event_at"] is not None]
    if not ends:
        return StatusLine(name, "fail", "No call was logged in this week.")
    if min(ends) < last:
        return StatusLine(
            name, "warn", f"Calls are logged to {text.day(min(ends))} only; the week ends on {text.day(last)}."
        )
    return StatusLine(name, "ok", f"Calls are logged to the end of {text.day(last)}.")


def _readable(feeds: Sequence[Row]) -> StatusLine:
    name = "Files were readable"
    read, aside = sum(row["rows_read"] for row in feeds), sum(row["rows_quarantined"] for row in feeds)
    failed = sum(row["files_failed"] for row in feeds)
    if not aside and not failed:
        return StatusLine(name, "ok", f"None of {text.plural(read, 'row')} was set aside.")
    sentences = []
    if failed:
        sentences.append(f"{text.plural(failed, 'file')} could not be read at all: {_where(feeds, 'files_failed')}.")
    if aside:
        sentences.append(
            f"{text.count(aside)} of {text.plural(read, 'row')} set aside in quarantine: "
            f"{_where(feeds, 'rows_quarantined')}. See inferledger quarantine show."
        )
    return StatusLine(name, "warn", " ".join(sentences))


def _where(feeds: Sequence[Row], key: str) -> str:
    return text.listed([f"{row['feed']}/{row['table_name']} {text.count(row[key])}" for row in feeds if row[key]])


def _duplicates(feeds: Sequence[Row]) -> StatusLine:
    name = "Calls count once"
    dropped: Counter[str] = Counter()
    for row in feeds:
        if row["duplicates_dropped"]:
            dropped[row["duplicate_rule"] or "no rule given"] += row["duplicates_dropped"]
    if not dropped:
        return StatusLine(name, "ok", "No duplicate log row was found.")
    rules = text.listed([f"{text.count(number)} by {rule}" for rule, number in dropped.most_common()])
    return StatusLine(name, "ok", f"{text.plural(dropped.total(), 'duplicate log row')} dropped: {rules}.")
