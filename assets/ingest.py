"""The steps before the warehouse: settings, landed files, their contracts, prices and the ledger's tables.

What a settings file, a landed file or a price is, sources say; here is only in which order they are taken in.
"""

from collections.abc import Callable

import polars as pl

from sources import clock
from sources.home import Home
from sources.ingest import IngestSummary, ingest
from sources.lake import ledger_path
from sources.landing import discover
from sources.ledger import FileLedger
from sources.meta import export_meta
from sources.pricing.build import build_prices
from sources.registry import FEEDS
from sources.settings import Settings, compile_settings

# progress(done, total, name)
Progress = Callable[[int, int, str], None]


def take_in(home: Home, settings: Settings, progress: Progress) -> IngestSummary:
    """Compile the settings into the lake and read every landed file that was not read yet."""
    compile_settings(home, settings)
    return ingest(
        home.root,
        now=clock.now(),
        hash_key=home.hash_key(),
        currencies={rate.currency for rate in settings.fx_rates} | {"USD"},
        feeds=FEEDS,
        progress=progress,
    )


def derive(home: Home, settings: Settings) -> str:
    """Resolve the prices of what came in and write what the ledger knows for the warehouse; says what was resolved."""
    prices = build_prices(home, settings)
    export_meta(home.root, settings.expected_files(clock.now()))
    unpriced = prices.price_keys.filter(pl.col("price_set_id").is_null()).height
    text = f"{prices.price_sets['price_set_id'].n_unique()} price sets for {prices.price_keys.height} keys in use"
    return f"{text}, {unpriced} without a price" if unpriced else text


def in_words(summary: IngestSummary) -> str:
    """What came in, in a few words."""
    parts = [f"{summary.files_new} new files, {summary.rows_kept:,} rows kept"] if summary.files_new else []
    parts += [f"{summary.rows_quarantined:,} rows in quarantine"] if summary.rows_quarantined else []
    parts += [f"{summary.files_failed} files could not be read"] if summary.files_failed else []
    parts += [f"{summary.files_duplicate} files known under another name"] if summary.files_duplicate else []
    return ", ".join(parts) or "no new files"


def pending(home: Home) -> list[str]:
    """Landed files that were not read as they are now, each with a stamp that changes when its bytes may have."""
    candidates, _ = discover(home.landing, FEEDS)
    with FileLedger(ledger_path(home.root)) as ledger:
        new = [one for one in candidates if ledger.seen(one.landing_path, one.stamp) is None]
    return [f"{one.landing_path} {one.stamp}" for one in new]
