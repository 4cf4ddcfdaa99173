"""The benchmark's telemetry is what the product reads in production: nothing rejected, in both forms."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import telemetry
from sources.dcgm.feed import SAMPLES
from sources.ingest import ingest


@pytest.mark.parametrize("form", ["text", "json"])
def test_no_sample_is_rejected(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(telemetry, "GPUS", 3)
    samples = telemetry.write_telemetry(tmp_path, form, 2)
    now = datetime(2026, 11, 18, 6, tzinfo=UTC)
    summary = ingest(tmp_path, now=now, hash_key=b"key", currencies=["USD"], feeds=(SAMPLES,))
    assert (summary.rows_kept, summary.rows_quarantined, summary.files_failed) == (samples, 0, 0)
    assert samples == 3 * telemetry.METRICS * 2 * (telemetry.TEXT_STEPS if form == "text" else telemetry.FILE_STEPS)


def test_the_goals_decide() -> None:
    met = telemetry.Telemetry(300_000, 2.0, 10**9, 2, 2_000_000, 2.0, 1_500_000_000, 10**9)
    assert met.is_met
    assert met.day_cpu_s == pytest.approx(115.2)
    assert not telemetry.Telemetry(299_999, 2.0, 10**9, 2, 2_000_000, 2.0, 10**9, 10**9).is_met
    assert not telemetry.Telemetry(300_000, 2.0, 10**9, 2, 2_000_000, 2.0, 1_500_000_001, 10**9).is_met
