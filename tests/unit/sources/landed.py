"""A home with landed files, ingested as a run would, for the tests of the ingest layer."""

import json
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import yaml

from sources.compaction import Compacted, compact
from sources.declared.feed import with_mappings
from sources.ingest import IngestSummary, ingest
from sources.lake import ledger_path
from sources.ledger import FileLedger, LedgerRow
from sources.meta import export_meta, show_quarantine
from sources.registry import FEEDS
from sources.settings.models import DeclaredFeeds

NOW = datetime(2026, 11, 18, 6, tzinfo=UTC)
HASH_KEY = b"a key for tests"
ROOT = Path(__file__).parents[3]
PAYLOADS = ROOT / "examples" / "payloads"
GUIDE = (ROOT / "docs" / "how-to" / "feeds" / "declared.md").read_text()
# What the guide's worked example says in feeds.yml; the payloads of the declared feed are its files.
MAPPING = textwrap.dedent(GUIDE.split("```yaml\n")[1].split("```")[0])
MAPPED_FEEDS = with_mappings(FEEDS, DeclaredFeeds.model_validate(yaml.load(MAPPING, Loader=yaml.BaseLoader)).feeds)


@dataclass(frozen=True)
class LandedHome:
    root: Path

    def land(self, path: str, content: str | bytes) -> Path:
        """Put a file into landing, whole, as a sender does."""
        target = self.root / "landing" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content.encode() if isinstance(content, str) else content)
        return target

    def ingest(self, **changes: Any) -> IngestSummary:
        options: dict[str, Any] = {
            "now": NOW,
            "hash_key": HASH_KEY,
            "currencies": {"USD", "EUR"},
            "feeds": MAPPED_FEEDS,
        } | changes
        return ingest(self.root, **options)

    def merge(self, at_least: int = 2) -> list[Compacted]:
        """Merge the small files of the lake, as `inferledger compact` does."""
        with FileLedger(ledger_path(self.root)) as ledger, duckdb.connect() as connection:
            return compact(self.root, ledger, MAPPED_FEEDS, connection, at_least)

    def lake(self, table: str) -> pl.DataFrame:
        """The rows of a table as the warehouse sees them: every Parquet in its folder."""
        return pl.read_parquet(self.root / "lake" / table / "*.parquet")

    def ledger(self) -> list[LedgerRow]:
        with FileLedger(ledger_path(self.root)) as ledger:
            return ledger.rows()

    def meta(self, table: str, expected: tuple[tuple[str, str, date, str, date], ...] = ()) -> pl.DataFrame:
        export_meta(self.root, expected)
        return pl.read_parquet(self.root / "lake" / "meta" / table / "current.parquet")

    def rejects(self) -> list[tuple[int | None, str, str]]:
        """(line, field, reason) of everything in quarantine."""
        return [(s.reject.line_number, s.reject.field, s.reject.reason) for s in show_quarantine(self.root)]

    def bytes(self) -> dict[str, bytes]:
        """Every file of the lake but the ledger, by path."""
        lake = self.root / "lake"
        return {str(p.relative_to(lake)): p.read_bytes() for p in sorted(lake.rglob("*.parquet"))}


def log_row(**changes: Any) -> dict[str, Any]:
    """A good row of LiteLLM's spend log."""
    return {
        "request_id": "resp-1",
        "litellm_call_id": "call-1",
        "call_type": "acompletion",
        "api_key": "0" * 64,
        "model": "gpt-5.4-mini",
        "startTime": "2026-08-10 09:00:00.000000",
        "endTime": "2026-08-10 09:00:02.000000",
        "prompt_tokens": 100,
        "completion_tokens": 20,
        "total_tokens": 120,
        "spend": 0.001,
        "status": "success",
        "cache_hit": "False",
        "custom_llm_provider": "openai",
        "session_id": "trace-1",
        "request_tags": "[]",
        "metadata": "{}",
    } | changes


def log_lines(*rows: Mapping[str, Any] | str) -> str:
    """Rows as NDJSON; a text stands for itself."""
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)


def with_usage(prompt: int = 100, completion: int = 20, **usage: Any) -> dict[str, Any]:
    """A row with this usage object in its metadata."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return log_row(**counts, metadata=json.dumps({"usage_object": counts | usage}))
