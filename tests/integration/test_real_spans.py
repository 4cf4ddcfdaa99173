"""Traces that OpenTelemetry and Langfuse really wrote: every model call with the tokens its source tells."""

import os
import warnings
from pathlib import Path

import pytest

from tests.unit.sources.landed import LandedHome

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "llm"
COUNTS = ("input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "output_tokens", "reasoning_tokens")


def read(home: LandedHome, table: str, folder: Path) -> list[tuple[int, ...]] | None:
    """Counts of the calls in the files of `folder`; None, said aloud, where the data is not (CI must have it)."""
    files = sorted(folder.glob("*.json*"))
    if not files:
        assert not os.environ.get("CI"), f"{folder} is missing"
        warnings.warn(f"{folder} is missing: nothing was compared", stacklevel=2)
        return None
    for file in files:
        home.land(f"{table}/{file.name}", file.read_bytes())
    home.ingest()
    assert home.rejects() == []
    calls = home.lake(table).sort("started_at").to_dicts()
    return [tuple(row[name] for name in COUNTS) for row in calls if not row["is_rollup"]]


@pytest.fixture
def home(tmp_path: Path) -> LandedHome:
    return LandedHome(tmp_path / "home")


def test_spans_of_agents_are_not_counted(home: LandedHome) -> None:
    calls = read(home, "otel/spans", DATA / "otlp")
    assert calls in (None, [(300, 75, 40, 150, 0), (500, 100, 30, 200, 50)])


def test_generations_of_four_frameworks(home: LandedHome) -> None:
    calls = read(home, "langfuse/observations", DATA / "langfuse")
    expected = [
        (31, 0, 0, 96, 0),
        # Gemini's total is 2,061 = 6 + 2,055: its 1,104 of reasoning are inside the output.
        (6, 0, 0, 951, 1104),
        (55, 0, 0, 15, 0),
        (85, 0, 0, 29, 0),
        (19, 0, 0, 29, 0),
        (5, 0, 0, 53, 0),
        (5, 0, 0, 56, 0),
        (5, 0, 0, 94, 0),
    ]
    assert calls in (None, expected)
