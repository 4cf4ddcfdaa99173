"""A made-up exporter's feed and the rows its landed files become."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from sources.feed import LandedFile, ReadContext
from sources.prometheus.samples import SampleFeed, label, read_samples
from sources.quarantine import Reject, read_rejects

NOW = datetime(2026, 11, 18, 6, tzinfo=UTC)
PUMPS = SampleFeed(
    prefixes=("pump_",),
    is_row="starts_with(name, 'pump_')",
    metric="name",
    labels={"pump": label("pump"), "site": label("site")},
    required={"pump": "pump"},
    sentinels=(("true", "value = 99", "no reading"),),
)


class Scrape:
    """One landed file, read."""

    def __init__(self, folder: Path, content: str | bytes, name: str, retrieved_at: datetime | None = None) -> None:
        path = folder / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        connection = duckdb.connect()
        connection.execute("set timezone = 'UTC'")
        context = ReadContext(NOW, b"", frozenset(), connection, folder)
        file = LandedFile("pumps", "samples", path, name, "", 0, "the-file", retrieved_at, None)
        out, rejects = folder / "out.parquet", folder / "rejects.parquet"
        self.result = read_samples(PUMPS, file, context, out, rejects)
        self.lake = pl.read_parquet(out)
        self.rejects: list[Reject] = read_rejects(rejects)
        self.tables_left = connection.execute("show tables").fetchall()
        connection.close()

    def column(self, name: str) -> list[Any]:
        return self.lake[name].to_list()

    @property
    def reasons(self) -> list[tuple[int | None, str, str]]:
        return [(reject.line_number, reject.field, reject.reason) for reject in self.rejects]
