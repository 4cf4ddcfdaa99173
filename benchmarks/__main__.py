"""`python -m benchmarks`: measure what a run costs, against what is promised."""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from benchmarks import table
from benchmarks.measure import StageError, measure
from benchmarks.telemetry import DAY_FILES, measure_telemetry, show_telemetry

MINIMUM_ROWS = 100_000

DESCRIPTION = """Make gateway logs, run the product's stages on them, each in a fresh process, and compare CPU and
memory with the goals. The yardstick is a bare DuckDB scan of one column of the same plain file.

Exits with 1 when a goal is missed."""


def _rows(text: str) -> int:
    """Fewer rows cost so little beside a run's fixed part that a cost per million calls would be noise."""
    value = int(text)
    if value < MINIMUM_ROWS:
        raise argparse.ArgumentTypeError(f"found {text}, allowed: {MINIMUM_ROWS} and more")
    return value


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def machine() -> str:
    """What matters of this machine, as far as it tells."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    processor = models[0] if models else platform.machine()
    return f"{os.cpu_count()} cores, {processor}, {memory:.0f} GB, Python {platform.python_version()}"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=_rows, default=1_000_000, help="log rows (default 1,000,000)")
    parser.add_argument("--repeats", type=int, default=3, help="how often to scan and ingest (default 3)")
    parser.add_argument(
        "--telemetry-files", type=int, default=2, help=f"files of GPU telemetry, {DAY_FILES} for a day (default 2)"
    )
    parser.add_argument("--dir", type=Path, help="folder for the rows, 4 kB each (default: the system's for such)")
    parser.add_argument("--keep", action="store_true", help="leave the rows and homes there")
    parser.add_argument("--json", action="store_true", help="the result for a script; progress stays on stderr")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="inferledger-bench-", dir=options.dir))
    try:
        telemetry = measure_telemetry(folder, options.telemetry_files, _say)
        measured = measure(folder, options.rows, options.repeats, _say)
    except StageError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    finally:
        if options.keep:
            sys.stderr.write(f"kept: {folder}\n")
        else:
            shutil.rmtree(folder)
    if options.json:
        sys.stdout.write(
            json.dumps(table.as_dict(measured, machine()) | {"telemetry": asdict(telemetry)}, indent=1) + "\n"
        )
    else:
        table.show(measured, machine())
        show_telemetry(telemetry)
    return 0 if telemetry.is_met and all(claim.is_met for claim in table.claims(measured)) else 1


if __name__ == "__main__":
    sys.exit(main())
