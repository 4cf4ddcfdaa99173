"""How a home stands: feeds, files and pulls, what is missing, was set aside, has no price or no tenant.

Reads the ledger export and the published marts; changes nothing and takes no lock, so it answers during a run.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from assets.accounting.snapshots import snapshots
from assets.kept import why_calls_stay, why_samples_stay
from assets.marts import open_marts, rows
from assets.publish import DATABASE, current_manifest
from assets.warehouse import applied_inputs
from pipelines.lock import read_holder
from pipelines.next_run import NextRun, next_run
from sources import clock
from sources.home import Home, HomeError
from sources.lake import ledger_path
from sources.ledger import FileLedger
from sources.memory import connect
from sources.pull.pulling import pulls_folder
from sources.registry import FEEDS
from sources.settings import load_settings


@dataclass(frozen=True)
class FeedStatus:
    """One table of one feed. `last_event_at` is the newest event in its files, UTC."""

    feed: str
    table_name: str
    files: int
    failed_files: int
    rows_kept: int
    rows_quarantined: int
    missing_files: int
    last_event_at: datetime | None
    age_hours: float | None


@dataclass(frozen=True)
class PullStatus:
    """How far a pull has come: a report has every day before `up_to` when it was final, a log every row before it."""

    name: str
    up_to: str | None
    files: int | None
    advanced_at: datetime


@dataclass(frozen=True)
class Unpriced:
    """Calls of a model without a price and why. `reported_usd` is what the gateway's log says they cost, if it does."""

    service_provider: str
    model: str
    reason: str
    calls: int
    tokens: int
    reported_usd: Any


@dataclass(frozen=True)
class Unattributed:
    """Cost that ends on no tenant: of calls and why they have none, or a kind of charge."""

    reason: str
    cost_usd: Any


@dataclass(frozen=True)
class OpenAnomaly:
    """An incident nobody has acknowledged, by its dearest anomaly, with what it cost above what was to be expected.

    `others` are anomalies of other scopes and kinds that are the same thing.
    """

    kind: str
    scope: str
    scope_id: str
    impact_usd: Any
    root_cause: str
    others: int


@dataclass(frozen=True)
class WeekStatus:
    """The last complete week with data in the published marts."""

    week: str
    calls: int
    cost_usd: Any
    unpriced_calls: int
    unpriced_tokens: int
    unattributed_usd: Any
    report: Path | None
    # From the first day of the week to the newest data, largest first.
    unpriced: list[Unpriced]
    unattributed: list[Unattributed]
    anomalies: list[OpenAnomaly]


@dataclass(frozen=True)
class PeriodStatus:
    """A posting period: open (not over), estimated or anchored (as its bills are), or closed."""

    period: str
    state: str
    amount_usd: Any
    estimated_usd: Any
    corrections_usd: Any
    closed_at: str | None


@dataclass(frozen=True)
class ExpiredFiles:
    """Landed files of a table that went for their age; the lake has their rows."""

    feed: str
    table_name: str
    files: int
    size_bytes: int


@dataclass(frozen=True)
class ExpiredSamples:
    """From which day on the lake has samples, and the lake files of earlier ones; what those say is kept."""

    samples_from: date | None = None
    lake_files: tuple[ExpiredFiles, ...] = ()


@dataclass(frozen=True)
class ExpiredCalls:
    """From which day on the lake has calls, and the lake files of earlier ones; what was made of those is kept."""

    calls_from: date | None = None
    lake_files: tuple[ExpiredFiles, ...] = ()


@dataclass(frozen=True)
class Status:
    """Everything `inferledger status` says."""

    home: Path
    in_use_by: str | None
    version_id: str | None
    published_at: str | None
    is_up_to_date: bool
    feeds: list[FeedStatus]
    pulls: list[PullStatus]
    failed: list[dict[str, Any]]
    missing: list[dict[str, Any]]
    expired: list[ExpiredFiles]
    expired_samples: ExpiredSamples
    expired_calls: ExpiredCalls
    # Why none go although the settings have them go.
    samples_stay: str | None
    calls_stay: str | None
    week: WeekStatus | None
    periods: list[PeriodStatus]
    next_run: NextRun | None


def read_status(home: Home) -> Status:
    """The status as of the last run."""
    manifest, applied, holder = current_manifest(home), applied_inputs(home), read_holder(home.root)
    pulls = _pulls(home)
    with connect() as connection:
        for table in ("files", "expected_files"):
            path = home.lake / "meta" / table / "current.parquet"
            if not path.is_file():
                held_by = str(holder) if holder else None
                return Status(
                    home.root,
                    held_by,
                    None,
                    None,
                    False,
                    [],
                    pulls,
                    [],
                    [],
                    [],
                    ExpiredSamples(),
                    ExpiredCalls(),
                    *_stay(home),
                    None,
                    [],
                    None if holder else next_run(home),
                )
            # Read at once: a run that is going on replaces the file.
            connection.register(table, pl.read_parquet(path).to_arrow())
        feeds = [_feed(row) for row in rows(connection, _FEEDS)]
        failed, missing = rows(connection, _FAILED), rows(connection, _MISSING)
    samples, calls = _expired_lake(home)
    samples_stay, calls_stay = _stay(home)
    return Status(
        home=home.root,
        in_use_by=str(holder) if holder else None,
        version_id=manifest.version_id if manifest else None,
        published_at=manifest.published_at if manifest else None,
        is_up_to_date=bool(manifest and applied and applied.version_id == manifest.version_id),
        feeds=feeds,
        pulls=pulls,
        failed=failed,
        missing=missing,
        expired=_expired(home),
        expired_samples=samples,
        expired_calls=calls,
        samples_stay=samples_stay,
        calls_stay=calls_stay,
        week=_week(home) if manifest else None,
        periods=_periods(home) if manifest else [],
        next_run=None if holder else next_run(home),
    )


def _has_ledger(home: Home) -> bool:
    """False too of one that this process may not open."""
    return ledger_path(home.root).is_file() and os.access(home.lake, os.W_OK)


def _expired_lake(home: Home) -> tuple[ExpiredSamples, ExpiredCalls]:
    if not _has_ledger(home):
        return ExpiredSamples(), ExpiredCalls()
    calls = {(table.feed, table.table) for table in FEEDS if table.is_calls}
    with FileLedger(ledger_path(home.root)) as ledger:
        found = [(table, ExpiredFiles(*table, *counts)) for table, counts in ledger.expired_lake_files().items()]
        calls_from = max((day for day, _ in ledger.kept_calls()), default=None)
        return (
            ExpiredSamples(
                max(ledger.kept_samples(), default=None), tuple(file for table, file in found if table not in calls)
            ),
            ExpiredCalls(calls_from, tuple(file for table, file in found if table in calls)),
        )


def _stay(home: Home) -> tuple[str | None, str | None]:
    """Why samples and calls stay; none of settings that a run would refuse, as it says so."""
    try:
        settings = load_settings(home)
    except HomeError:
        return None, None
    return why_samples_stay(settings), why_calls_stay(home, settings) if _has_ledger(home) else None


def _expired(home: Home) -> list[ExpiredFiles]:
    if not _has_ledger(home):
        return []
    with FileLedger(ledger_path(home.root)) as ledger:
        return [ExpiredFiles(*table, *counts) for table, counts in sorted(ledger.expired().items())]


def last_complete_monday(moment: datetime) -> Any:
    """The Monday of the last ISO week that is over, in UTC."""
    return moment.date() - timedelta(days=moment.weekday() + 7)


def _pulls(home: Home) -> list[PullStatus]:
    """What the marks in <home>/pulls say: of a report, of LiteLLM's log, or of files at an address."""
    found = []
    for path in sorted(pulls_folder(home).glob("*.json")):
        try:
            said = json.loads(path.read_bytes())
            moment = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            name = said.get("place") or path.stem
            files = len(said["files"]) if "files" in said else None
        except (OSError, ValueError, TypeError, AttributeError):
            continue  # the pull that finds it like that asks for everything again
        found.append(PullStatus(name, said.get("settled") or said.get("start_time"), files, moment))
    return found


def _feed(row: dict[str, Any]) -> FeedStatus:
    last = row["last_event_at"]
    age = (clock.now() - last.replace(tzinfo=UTC)) / timedelta(hours=1) if last else None
    return FeedStatus(**row, age_hours=round(age, 1) if age is not None else None)


def _week(home: Home) -> WeekStatus | None:
    with open_marts(home.published / DATABASE) as marts:
        found = rows(marts, _WEEK, {"last": last_complete_monday(clock.now())})
        if not found:
            return None
        row = found[0]
        since = {"since": row.pop("week_start")}
        unpriced = [Unpriced(**reason) for reason in rows(marts, _UNPRICED, since)]
        unattributed = [Unattributed(**reason) for reason in rows(marts, _UNATTRIBUTED, since)]
        anomalies = [OpenAnomaly(**anomaly) for anomaly in rows(marts, _ANOMALIES, since)]
    week = f"{since['since']:%G-W%V}"
    report = home.reports / week / "weekly.html"
    return WeekStatus(
        week=week,
        report=report if report.is_file() else None,
        unpriced=unpriced,
        unattributed=unattributed,
        anomalies=anomalies,
        **row,
    )


def _periods(home: Home) -> list[PeriodStatus]:
    closed = {snapshot.period: snapshot.closed_at for snapshot in snapshots(home)}
    this_month = f"{clock.now():%Y-%m}"
    with open_marts(home.published / DATABASE) as marts:
        found = rows(marts, _PERIODS)
    return [
        PeriodStatus(
            **row,
            state="closed"
            if row["period"] in closed
            else "open"
            if row["period"] >= this_month
            else "estimated"
            if row["estimated_usd"]
            else "anchored",
            closed_at=closed.get(row["period"]),
        )
        for row in found
    ]


_ANOMALIES = """
    with spans as (
        select
            kind, scope, scope_id,
            sum(impact_usd) as impact_usd,
            max_by(root_cause, usage_date) as root_cause,
            max_by(incident, usage_date) as incident
        from anomalies_daily
        where usage_date >= $since and state = 'open'
        group by kind, scope, scope_id, model
    ),
    ranked as (
        select
            *,
            row_number() over (
                partition by incident order by impact_usd desc, kind, scope, scope_id, root_cause
            ) as place,
            count(*) over (partition by incident) - 1 as others
        from spans
    )
    select kind, scope, scope_id, impact_usd, root_cause, others
    from ranked
    where place = 1
    order by impact_usd desc, kind, scope, scope_id, root_cause
"""
_PERIODS = """
    select
        posting_period as period,
        sum(amount_usd) as amount_usd,
        coalesce(sum(amount_usd) filter (where posted_status = 'estimated'), 0) as estimated_usd,
        coalesce(sum(amount_usd) filter (where posted_status = 'correction'), 0) as corrections_usd
    from fct_allocations
    group by posting_period
    order by posting_period
"""
_FEEDS = """
    with landed as (
        select
            feed, table_name,
            count(*) filter (where status = 'committed') as files,
            count(*) filter (where status = 'failed') as failed_files,
            coalesce(sum(rows_kept) filter (where status = 'committed'), 0)::bigint as rows_kept,
            coalesce(sum(rows_quarantined) filter (where status = 'committed'), 0)::bigint as rows_quarantined,
            max(last_event_at) filter (where status = 'committed') as last_event_at
        from files
        group by feed, table_name
    ),
    expected as (
        select feed, table_name, count(*) filter (where not has_arrived) as missing_files
        from expected_files
        group by feed, table_name
    )
    select
        feed, table_name,
        coalesce(files, 0) as files, coalesce(failed_files, 0) as failed_files, coalesce(rows_kept, 0) as rows_kept,
        coalesce(rows_quarantined, 0) as rows_quarantined, coalesce(missing_files, 0) as missing_files, last_event_at
    from landed
    full join expected using (feed, table_name)
    order by feed, table_name
"""
_FAILED = """
    select feed, table_name, file_name, reason
    from files
    where status = 'failed'
    order by feed, table_name, file_name
"""
_MISSING = """
    select feed, table_name, file_name, expected_date
    from expected_files
    where not has_arrived
    order by expected_date, feed, table_name, file_name
"""
_WEEK = """
    select
        week_start,
        sum(calls)::bigint as calls,
        sum(total_cost_usd) as cost_usd,
        sum(unpriced_calls)::bigint as unpriced_calls,
        sum(unpriced_tokens)::bigint as unpriced_tokens,
        sum(unattributed_cost_usd) as unattributed_usd
    from cost_per_tenant_weekly
    where week_start <= $last
    group by week_start
    order by week_start desc
    limit 1
"""
_UNPRICED = """
    select
        service_provider, model, unpriced_reason as reason,
        count(*) as calls,
        sum(total_input_tokens + total_output_tokens)::bigint as tokens,
        sum(reported_cost_usd) as reported_usd
    from fct_usage
    where pricing_status = 'unpriced' and usage_date >= $since
    group by service_provider, model, unpriced_reason
    order by calls desc, service_provider, model, reason
"""
# Charges of usage hold calls, whose reasons are known, and nothing else but what GPUs did past the gateway.
_UNATTRIBUTED = """
    with calls as (
        select
            case when host = 'self_hosted' then 'gpu_busy' else 'usage' end as charge_category,
            unattributed_reason as reason,
            sum(effective_cost_usd) as cost_usd
        from fct_usage
        where tenant_id = 'unattributed' and usage_date >= $since
        group by all
    ),
    charges as (
        select charge_category, sum(effective_amount_usd) as cost_usd
        from fct_allocations
        where cost_component = 'unattributed' and usage_date >= $since
        group by charge_category
    ),
    known as (
        select charge_category, sum(cost_usd) as cost_usd
        from calls
        group by charge_category
    ),
    reasons as (
        select 'calls: ' || reason as reason, sum(cost_usd) as cost_usd
        from calls
        group by reason
        union all
        select 'charges: ' || charge_category as reason, charges.cost_usd - coalesce(known.cost_usd, 0) as cost_usd
        from charges
        left join known using (charge_category)
    )
    select reason, cost_usd
    from reasons
    where cost_usd <> 0
    order by cost_usd desc, reason
"""
