"""The command that turns traces into gateway logs, where it must not write. What it writes: tests/integration."""

import subprocess
import sys
from pathlib import Path


def make(traces: Path, out: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "examples.traces", "--traces", str(traces), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True)


def test_missing_traces_are_named_and_nothing_is_written(tmp_path: Path) -> None:
    done = make(tmp_path / "no-traces", tmp_path / "out")
    assert done.returncode == 2
    assert "no-traces has no agentic_coding/requests.parquet" in done.stderr
    assert not (tmp_path / "out").exists()
