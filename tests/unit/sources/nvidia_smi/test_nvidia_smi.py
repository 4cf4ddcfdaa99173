from datetime import datetime
from pathlib import Path

import polars as pl
import pytest

from sources.contracts import validate_lake_table
from sources.nvidia_smi.feed import SAMPLES
from tests.unit.sources.landed import LandedHome

PAYLOAD = next(Path("examples/payloads/nvidia_smi/samples").glob("*.csv"))
HEADER = "timestamp, uuid, index, utilization.gpu [%], power.draw [W]"
BERLIN = '{"zone": "Europe/Berlin"}'


def ingest(home: LandedHome, *lines: str, name: str = "node-1_2026-08-10.csv", sidecar: str | None = BERLIN) -> str:
    """What is said of the file; nothing when it was read."""
    home.land(f"nvidia_smi/samples/{name}", "\n".join(lines) + "\n")
    if sidecar is not None:
        home.land(f"nvidia_smi/samples/{name}.meta.json", sidecar)
    summary = home.ingest(feeds=(SAMPLES,))
    return next((reason for _, _, reason in home.rejects()), "failed") if summary.files_failed else ""


def rows(home: LandedHome) -> list[tuple[object, ...]]:
    lake = home.lake("nvidia_smi/samples")
    assert validate_lake_table(home.root, SAMPLES) == []
    return lake.select("sampled_at", "node_id", "gpu_uuid", "metric", "value").sort(pl.all()).rows()


def test_the_payload_becomes_typed_rows(home: LandedHome) -> None:
    said = ingest(
        home, PAYLOAD.read_text().rstrip("\n"), name=PAYLOAD.name, sidecar=Path(f"{PAYLOAD}.meta.json").read_text()
    )
    assert said == ""
    found = rows(home)
    first = (datetime(2026, 8, 10, 7), "gpu-node-2", "GPU-77aa0c10-91d2-4f6e-8a71-3c0b6d2e9f40")
    assert [row[3:] for row in found if row[:3] == first] == [
        ("memory.used [MiB]", 41320.0), ("power.draw [W]", 187.52), ("temperature.gpu", 61.0),
        ("utilization.gpu [%]", 64.0), ("utilization.memory [%]", 31.0),
    ]  # fmt: skip
    # The second GPU has no power reading: no row, not 0.
    assert [row[4] for row in found if row[3] == "power.draw [W]"] == [187.52, 121.0]
    assert home.rejects() == []


@pytest.mark.parametrize("unit", [" %", ""])
def test_units_may_stand_in_the_header_only(home: LandedHome, unit: str) -> None:
    ingest(home, HEADER, f"2026/08/10 09:00:00.500, GPU-1, 0, 64{unit}, [N/A]")
    assert rows(home) == [(datetime(2026, 8, 10, 7, 0, 0, 500_000), "node-1", "GPU-1", "utilization.gpu [%]", 64.0)]


def test_without_a_zone_nothing_is_read_until_one_is_given(home: LandedHome) -> None:
    line = "2026/08/10 09:00:00.000, GPU-1, 0, 64 %, 100 W"
    said = ingest(home, HEADER, line, sidecar=None)
    assert said.startswith(
        "nvidia-smi writes local times without a zone; expected node-1_2026-08-10.csv.meta.json with"
    )
    assert 'found "Mars"' in ingest(home, HEADER, line, sidecar='{"zone": "Mars"}')
    assert ingest(home, HEADER, line, sidecar='{"zone": "UTC"}') == ""
    assert [row[0] for row in rows(home)] == [datetime(2026, 8, 10, 9)] * 2
    assert ingest(home, HEADER, line) == ""
    assert [row[0] for row in rows(home)] == [datetime(2026, 8, 10, 7)] * 2


def test_what_does_not_fit_is_named_by_line_and_field(home: LandedHome) -> None:
    ingest(
        home, HEADER, "2026/03/29 02:30:00.000, GPU-1, 0, 1 %, 1 W", "2026/10/25 02:30:00.000, GPU-1, 0, 1 %, 1 W",
        "2026/08/10 09:00:00.000, GPU-1, 0, 1 %", "yesterday, GPU-1, 0, 1 %, 1 W", HEADER,
        "2026/08/10 09:00:00.000, GPU-1, 0, 101 %, 1 kW", "2026/08/10 09:00:00.000, GPU-1, 0, 5 %, x",
    )  # fmt: skip
    assert [row[3:] for row in rows(home)] == [("utilization.gpu [%]", 5.0)]
    assert sorted(home.rejects()) == [
        (2, "timestamp", "a time that clocks of Europe/Berlin skip"),
        (3, "timestamp", "a time that is two moments in Europe/Berlin"),
        (4, "line", "not a row of 5 fields"),
        (5, "timestamp", 'found "yesterday"; expected a time such as 2026/08/10 09:20:46.000'),
        (7, "unit", 'found "kW" under power.draw [W]'),
        (7, "value", "sentinel 101: a percentage outside 0 to 100"),
        (8, "value", 'found "x"; expected a number'),
    ]


def test_a_file_that_does_not_say_which_gpu_is_refused(home: LandedHome) -> None:
    said = ingest(home, "timestamp, utilization.gpu [%]", "2026/08/10 09:00:00.000, 1 %")
    assert "expected a header of --format=csv with timestamp and uuid in --query-gpu" in said
