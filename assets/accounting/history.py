"""What was said about a period at a time: after every publish, by how much each total of postings changed since.

published/posting_history/<number>/ holds totals.parquet (changes, so that a plain sum up to a time is what was said
then), files.parquet (the files that came since) and run.json (the inputs behind them). It is no mart: marts follow from
their inputs, and history does not. A recording is written whole or not at all, and never changes.
"""

import json
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from assets.accounting.snapshots import PeriodError, period_of, snapshots
from assets.marts import open_marts, rows
from assets.publish import DATABASE, Manifest
from assets.version import code_version
from assets.warehouse import Inputs, applied_inputs
from sources import clock
from sources.home import Home
from sources.lake import lake_file, ledger_path
from sources.ledger import FileLedger
from sources.memory import connect
from sources.reading import literal
from sources.settings.models import Limits

_KEYS = """
    posting_period, usage_month, service_provider, billing_account_id, tenant_id, cost_center, charge_category, status
"""
CHANGES = f"""
    select
        {_KEYS}, sum(amount_usd)::decimal(38, 12) as amount_usd,
        sum(effective_amount_usd)::decimal(38, 12) as effective_amount_usd, sum(postings)::bigint as postings
    from (
        select *, strftime(usage_date, '%Y-%m') as usage_month, 1 as postings from fct_allocations
        union all by name
        select {_KEYS}, -amount_usd as amount_usd, -effective_amount_usd as effective_amount_usd, -postings as postings
        from recorded_totals
    )
    group by all
    having sum(amount_usd) <> 0 or sum(effective_amount_usd) <> 0 or sum(postings) <> 0
    order by all
"""
_FILES = """
    select distinct
        feed, table_name, file_name, files.identity, files.retrieved_at is not null as is_bill,
        strftime(days.usage_date, '%Y-%m') as usage_month
    from read_parquet({files}) as files
    inner join read_parquet({days}) as days using (feed, table_name, file_name)
    where files.status = 'committed'
        and (feed, table_name, files.identity) not in (select (feed, table_name, identity) from recorded_files)
    order by all
"""
# What an input that changed means to an accountant; the others keep their names.
_CAUSES = {
    "pricing/price_keys": "prices (price book or contracts)",
    "pricing/price_sets": "prices (price book or contracts)",
    "pricing/price_book": "prices (price book or contracts)",
    "pricing/model_aliases": "names of models",
    "config/allocation_rules": "allocation rules",
    "config/contract_terms": "contract terms",
    "config/contract_term_rates": "contract terms",
    "config/provisioned_deployments": "contract terms",
    "rules": "rules of the code (dbt_project)",
    "engine": "database engine",
    "day": "bills became final with time",
}
# Files are named one by one; that a period was closed is seen in the status.
_NO_CAUSES = ("meta/", "accounting/")


@dataclass(frozen=True)
class LateFile:
    """A file that brought rows for a closed period after it was closed; the first of them, where it can be found."""

    file: str
    period: str
    rows: int
    first_row: int | None

    def in_words(self) -> str:
        first = "" if self.first_row is None else f", the first in row {self.first_row:,}"
        count = f"{self.rows:,} row{'' if self.rows == 1 else 's'}"
        return (
            f"{self.file}: has {count} of {self.period}{first}; that month is closed and stays as it was posted,"
            " what they change is posted as corrections in the next open one"
        )


@dataclass(frozen=True)
class Recording:
    """What changed since the recording before: late files, and corrections by month of the usage."""

    number: int
    late_files: list[LateFile]
    corrections: list[dict[str, Any]]

    def in_words(self) -> list[str]:
        """What a run has to warn of."""
        return [late.in_words() for late in self.late_files] + [
            f"{row['usage_month']} is closed: its corrections in {row['posting_period']} changed by"
            f" {row['amount_usd']:,.2f} USD; operational marts show the month as it is now"
            for row in self.corrections
        ]


@dataclass(frozen=True)
class Cause:
    """Something that changed between two times and may have moved a period."""

    recorded_at: str
    version_id: str
    cause: str


@dataclass(frozen=True)
class Diff:
    """What was said about the usage of a month at two times, where that differs."""

    period: str
    before: str
    after: str
    closed: dict[str, str] | None
    rows: list[dict[str, Any]]
    total_before_usd: Decimal
    total_after_usd: Decimal
    causes: list[Cause]


def history_folder(home: Home) -> Path:
    return home.published / "posting_history"


def record(home: Home, manifest: Manifest) -> Recording | None:
    """Note how the published postings differ from what is noted; None when they do not. The caller holds the home."""
    folder = history_folder(home)
    for path in folder.glob(".*.tmp"):
        shutil.rmtree(path)
    before, published = _runs(home), (home.published / "current").resolve().name
    # The same version may have been published again, with other rows.
    if before and before[-1].get("published", before[-1]["version_id"]) == published:
        return None
    with open_marts(home.published / DATABASE) as connection:
        recorded_totals(connection, home)
        connection.execute(f"create temp table totals as {CHANGES}")
        places = {name: literal(home.lake / "meta" / table / "current.parquet") for name, table in _META.items()}
        connection.execute(f"create temp table new_files as {_FILES.format(**places)}")
        if not rows(connection, "select 1 from totals union all select 1 from new_files limit 1"):
            return None
        number = before[-1]["recording"] + 1 if before else 1
        _write(connection, folder, number, manifest, published, applied_inputs(home))
        files = rows(connection, _LATE.format(**places)) if before else []
        corrections = rows(connection, _CORRECTIONS)
    closed = {snapshot.period for snapshot in snapshots(home)}
    late = [_late_file(home, file) for file in files if file["usage_month"] in closed]
    return Recording(number, late, corrections)


_LATE = """
    select
        feed, table_name, file_name, identity, usage_month,
        cast(sum(days.rows_kept) as bigint) as row_count
    from new_files
    inner join read_parquet({files}) as files using (feed, table_name, file_name, identity)
    inner join read_parquet({days}) as days using (feed, table_name, file_name)
    where files.status = 'committed' and strftime(days.usage_date, '%Y-%m') = usage_month
    group by all
    order by all
"""


def _late_file(home: Home, late: dict[str, Any]) -> LateFile:
    """With its first row of the month: by the one of its times that as many rows are of the month by as it brought."""
    name = f"{late['feed']}/{late['table_name']}/{late['file_name']}"
    with FileLedger(ledger_path(home.root)) as ledger:
        row = ledger.standing(late["feed"], late["table_name"], late["identity"])
    if row is None or not lake_file(home.root, row).is_file():
        return LateFile(name, late["usage_month"], late["row_count"], None)
    path = lake_file(home.root, row)
    schema = pl.read_parquet_schema(path)
    if "row_number" in schema:
        for column in (name for name, kind in schema.items() if kind in (pl.Date, pl.Datetime)):
            is_of_month = pl.col(column).dt.strftime("%Y-%m") == late["usage_month"]
            of_file = pl.scan_parquet(path).filter(pl.col("file_hash") == late["identity"])
            found = of_file.filter(is_of_month).select("row_number").collect()["row_number"]
            if len(found) == late["row_count"]:
                return LateFile(name, late["usage_month"], late["row_count"], int(found.min()))  # type: ignore[arg-type]
    return LateFile(name, late["usage_month"], late["row_count"], None)


_META = {"files": "files", "days": "file_days"}
_CORRECTIONS = """
    select usage_month, posting_period, sum(amount_usd) as amount_usd, sum(postings)::bigint as postings
    from totals
    where status = 'correction'
    group by all
    order by all
"""


def recorded_totals(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    """Name recorded_totals and recorded_files: what the recordings so far say, empty before the first."""
    folder = history_folder(home)
    for name, empty in NO_RECORDS.items():
        found = any(folder.glob(f"[0-9]*/{name}.parquet"))
        source = f"read_parquet({literal(folder / f'[0-9]*/{name}.parquet')})" if found else f"({empty})"
        connection.execute(f"create temp view recorded_{name} as select * from {source}")


NO_RECORDS = {
    "totals": "select posting_period, '' as usage_month, service_provider, billing_account_id, tenant_id, cost_center,"
    " charge_category, status, amount_usd, effective_amount_usd, 0 as postings, now()::timestamp as recorded_at,"
    " 0 as recording from fct_allocations where false",
    "files": "select '' as feed, '' as table_name, '' as identity where false",
}


def _write(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    number: int,
    manifest: Manifest,
    published: str,
    inputs: Inputs | None,
) -> None:
    now = clock.now()
    recorded_at = literal(now.replace(tzinfo=None).isoformat())
    stamp = f"{number} as recording, timestamp {recorded_at} as recorded_at"
    temporary = folder / f".{number:06}.tmp"
    temporary.mkdir(parents=True)
    for table, name in (("totals", "totals"), ("new_files", "files")):
        target = literal(temporary / f"{name}.parquet")
        connection.execute(f"copy (select {stamp}, * from {table}) to {target} (format parquet, compression zstd)")
    run = {
        "recording": number,
        "recorded_at": now.isoformat(),
        "version_id": manifest.version_id,
        "published": published,
        "code_version": code_version(),
        "price_book": manifest.price_book,
        "inputs": dict(inputs.parts) if inputs else {},
    }
    (temporary / "run.json").write_text(json.dumps(run, indent=1) + "\n")
    temporary.rename(folder / f"{number:06}")


def _runs(home: Home) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(history_folder(home).glob("[0-9]*/run.json"))]


def moment_of(text: str) -> datetime:
    """A time as it is typed, UTC unless it says otherwise; a day means its end."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise PeriodError(
            f"as-of: found {text!r}, allowed is a day or time such as 2026-11-05 or 2026-11-05T06:00Z"
        ) from None
    if len(text) == len("2026-11-05"):
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999_999)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def diff(home: Home, period: str, before: datetime, after: datetime, limits: Limits) -> Diff:
    """What changed about a month's usage between two times, by tenant, category and posting period, and why."""
    period_of(period)
    runs = _runs(home)
    if not runs or before < datetime.fromisoformat(runs[0]["recorded_at"]):
        first = f"the first record is of {runs[0]['recorded_at']}" if runs else "`inferledger run` records"
        raise PeriodError(f"as-of: nothing was recorded up to {before.isoformat()}; {first}")
    with connect(limit=limits.memory) as connection:
        folder = history_folder(home)
        totals, files = (literal(folder / f"[0-9]*/{name}.parquet") for name in ("totals", "files"))
        times = {"before": before.replace(tzinfo=None), "after": after.replace(tzinfo=None), "period": period}
        found = rows(connection, _DIFF.format(totals=totals), times)
        new_files = rows(connection, _NEW_FILES.format(files=files), times)
    if not found:
        raise PeriodError(f"{period}: nothing was ever posted for its usage")
    changed = [
        row | {"is_immaterial": abs(row["change_usd"]) <= limits.materiality_usd, "why": _why(row)}
        for row in found
        if row["before_usd"] != row["after_usd"] or row["before_status"] != row["after_status"]
    ]
    closed = next((one.manifest for one in snapshots(home) if one.period == period), None)
    return Diff(
        period,
        before.isoformat(),
        after.isoformat(),
        {name: closed[name] for name in ("closed_at", "preparer", "approver")} if closed else None,
        changed,
        sum((row["before_usd"] for row in found), Decimal(0)),
        sum((row["after_usd"] for row in found), Decimal(0)),
        [*_changed_inputs(runs, before, after), *(Cause(**row) for row in new_files)],
    )


_DIFF = """
    with said as (
        select posting_period, tenant_id, charge_category, status,
            sum(amount_usd) filter (where recorded_at <= $before) as before_usd,
            sum(amount_usd) filter (where recorded_at <= $after) as after_usd,
            sum(postings) filter (where recorded_at <= $before) > 0 as was_there,
            sum(postings) filter (where recorded_at <= $after) > 0 as is_there
        from read_parquet({totals})
        where usage_month = $period
        group by all
    )
    select posting_period, tenant_id, charge_category,
        coalesce(sum(before_usd), 0) as before_usd, coalesce(sum(after_usd), 0) as after_usd,
        coalesce(sum(after_usd), 0) - coalesce(sum(before_usd), 0) as change_usd,
        string_agg(status, '+' order by status) filter (where was_there) as before_status,
        string_agg(status, '+' order by status) filter (where is_there) as after_status
    from said
    group by all
    order by abs(change_usd) desc, posting_period, tenant_id, charge_category
"""
_NEW_FILES = """
    select cast(recorded_at as varchar) as recorded_at, '' as version_id,
        case when is_bill then 'bill came or was restated: ' else 'log or fact came: ' end
            || feed || '/' || table_name || '/' || file_name as cause
    from read_parquet({files})
    where usage_month = $period and recorded_at > $before and recorded_at <= $after
    order by recorded_at, cause
"""


def _why(row: dict[str, Any]) -> str:
    """What the status tells of a change; what came in between stands in the causes."""
    if row["after_status"] == "correction":
        return "correction of a closed period"
    if row["before_status"] != row["after_status"]:
        return f"was {row['before_status'] or 'not there'}, is {row['after_status'] or 'gone'}"
    return f"other data, still {row['after_status']}"


def _changed_inputs(runs: list[dict[str, Any]], before: datetime, after: datetime) -> list[Cause]:
    causes = []
    for earlier, later in pairwise(runs):
        if before < datetime.fromisoformat(later["recorded_at"]) <= after:
            names = Inputs(later["inputs"]).changes_since(Inputs(earlier["inputs"]))
            told = {_CAUSES.get(name, name) for name in names if not name.startswith(_NO_CAUSES)}
            causes += [Cause(later["recorded_at"], later["version_id"], f"changed: {name}") for name in sorted(told)]
    return causes
