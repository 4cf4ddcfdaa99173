"""Models in the logs that no price was found for: which, why, and where the first call of each stands.

What the marts make of such calls, and from which share on they stop a report, is not decided here.
"""

import duckdb
import polars as pl

from sources.home import Home
from sources.lake import lake_folder, ledger_path, table_folder
from sources.ledger import FileLedger
from sources.pricing.build import STANDARD_TIERS, load_accounts
from sources.pricing.resolve import SELF_HOSTED
from sources.settings import Settings

FEED, TABLE = "litellm", "spend_logs"


def unpriced_models(home: Home, settings: Settings) -> list[str]:
    """A sentence for each model, tier and reason in the pricing tables, naming file and row of the first such call."""
    keys = pl.read_parquet(lake_folder(home.root) / "pricing" / "price_keys" / "current.parquet")
    unpriced = keys.filter(pl.col("price_set_id").is_null() & (pl.col("host") != SELF_HOSTED))
    if unpriced.is_empty():
        return []
    with FileLedger(ledger_path(home.root)) as ledger:
        rows = ledger.rows("status = 'committed' and feed = :feed and table_name = :table", feed=FEED, table=TABLE)
    files = pl.DataFrame({"file_hash": [row.identity for row in rows], "path": [row.path for row in rows]})
    lake = [str(table_folder(home.root, FEED, TABLE) / row.lake_name) for row in rows]
    with duckdb.connect() as connection:
        load_accounts(settings, connection)
        connection.register("unpriced", unpriced.to_arrow())
        connection.register("files", files.to_arrow())
        found = connection.execute(_CALLS, {"lake": lake, "standard": list(STANDARD_TIERS)}).fetchall()
    return [
        f"landing/{path}, row {number}: model {model!r}, {tier} tier, {calls:,} of its calls: {reason}"
        for path, number, model, tier, calls, reason in found
    ]


_CALLS = """
    with reasons as (
        select distinct service_provider, model_id, service_tier, usage_date, price_reason from unpriced
    ),
    logged as (
        select
            gateway_provider, model_id, file_hash, row_number, cast(started_at as date) as usage_date,
            case when is_batch then 'batch' else lower(coalesce(service_tier, '')) end as service_tier
        from read_parquet($lake)
        where model_id in (select model_id from unpriced)
    ),
    calls as (
        select
            coalesce(accounts.service_provider, logged.gateway_provider, '') as service_provider,
            logged.* replace (
                case when list_contains($standard, service_tier) then 'standard' else service_tier end as service_tier
            )
        from logged
        left join accounts
            on logged.gateway_provider = accounts.name
            and logged.usage_date >= accounts.valid_from
            and logged.usage_date < accounts.valid_to
    )
    select
        min_by(files.path, (files.path, calls.row_number)),
        min_by(calls.row_number, (files.path, calls.row_number)),
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
