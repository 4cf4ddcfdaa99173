"""`python -m examples.traces`: write a home with the gateway logs of real traces."""

import argparse
import shutil
import sys
from pathlib import Path

from examples.traces import gateway, settings
from examples.traces.requests import TraceError, read

DESCRIPTION = """Turn real request traces into LiteLLM gateway logs, in a home ready for `inferledger run`.

Token counts, times, models and sessions are the recorded ones; what had to be invented is marked `invented-`.
"""
EPILOG = """example:
  python -m examples.traces --traces ../shared/data/traces --out /tmp/traces && inferledger run --home /tmp/traces/home

The same traces give the same bytes. An earlier build in DIR is replaced."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m examples.traces",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--traces", type=Path, required=True, metavar="DIR", help="folder with the traces")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write home/ to")
    options = parser.parse_args()
    home = options.out / "home"
    marker = options.out / "made_by_examples_traces"
    try:
        requests = read(options.traces)
    except TraceError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    if home.exists() and not marker.exists():
        sys.stderr.write(f"error: {home} exists and was not written by this command; choose an empty folder\n")
        return 2
    for folder in (home / "config", home / "landing"):
        shutil.rmtree(folder, ignore_errors=True)
    options.out.mkdir(parents=True, exist_ok=True)
    marker.touch()
    settings.write(home / "config", requests["provider"].unique().sort())
    written = gateway.write(home / "landing", requests)
    sys.stdout.write(f"{sum(written.values()):,} log lines in {len(written)} files\nhome: {home}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
