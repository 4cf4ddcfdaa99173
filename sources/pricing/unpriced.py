"""Models in the logs that no price was found for: which, why, and where the first call of each stands.

What the marts make of such calls, and from which share on they stop a report, is not decided here.
"""

from typing import NamedTuple

import polars as pl

from sources.home import Home
from sources.lake import lake_file, lake_folder, ledger_path
from sources.ledger import FileLedger
from sources.memory import connect
from sources.pricing.build import gateway_files, load_calls
from sources.pricing.resolve import SELF_HOSTED
from sources.settings import Settings


class UnpricedCalls(NamedTuple):
    """Calls of one model and tier without a price for one reason; path and row are of the first."""

    path: str
    row_number: int
    service_provider: str
    model_id: str
    service_tier: str
    calls: int
    reason: str


def unpriced_models(home: Home, settings: Settings) -> list[str]:
    """A sentence for each model, tier and reason in the pricing tables, naming file and row of the first such call."""
    return [
        f"{one.path}, row {one.row_number}: model {one.model_id!r}, {one.service_tier} tier, "
        f"{one.calls:,} of its calls: {one.reason}"
        for one in unpriced_calls(home, settings)
    ]


def unpriced_calls(home: Home, settings: Settings) -> list[UnpricedCalls]:
    """The calls of each model, tier and reason in the pricing tables, most first."""
    keys = pl.read_parquet(lake_folder(home.root) / "pricing" / "price_keys" / "current.parquet")
    unpriced = keys.filter(pl.col("price_set_id").is_null() & (pl.col("host") != SELF_HOSTED))
    if unpriced.is_empty():
        return []
    with FileLedger(ledger_path(home.root)) as ledger:
        rows = ledger.rows("status = 'committed'")
    landed = pl.DataFrame({"file_hash": [row.identity for row in rows], "path": [row.path for row in rows]})
    gateways = gateway_files(home)
    # Of several landed files there may be one lake file.
    lake: dict[tuple[str, str], set[str]] = {}
    for row in rows:
        if (row.feed, row.table_name) in gateways and not row.is_expired:
            lake.setdefault((row.feed, row.table_name), set()).add(str(lake_file(home.root, row)))
    with connect(limit=settings.limits.memory) as connection:
        files = {table: sorted(paths) for table, paths in lake.items()}
        if not load_calls(files, settings, connection, ("file_hash", "row_number")):
            return []
        connection.register("unpriced", unpriced.to_arrow())
        connection.register("files", landed.to_arrow())
        found = connection.execute(_CALLS).fetchall()
    return [UnpricedCalls(f"landing/{path}", *row) for path, *row in found]


_CALLS = """
    with reasons as (
        select distinct service_provider, model_id, service_tier, usage_date, price_reason from unpriced
    )
    select
        min_by(files.path, (files.path, calls.row_number)),
        min_by(calls.row_number, (files.path, calls.row_number)),
        calls.service_provider,
        calls.model_id,
        calls.service_tier,
        count(*),
        reasons.price_reason
    from calls
    inner join reasons using (service_provider, model_id, service_tier, usage_date)
    inner join files using (file_hash)
    group by calls.service_provider, calls.model_id, calls.service_tier, reasons.price_reason
    order by count(*) desc, calls.model_id, calls.service_tier, reasons.price_reason
"""
