"""`python -m examples.company`: write the made-up company to a folder."""

import argparse
import sys
import time
from pathlib import Path

from examples.company.build import OutputError, build

DESCRIPTION = """Write the raw exports, settings and true costs of Northwind AI, a made-up company.

DIR/home/config    settings of the company: tenants, keys, contracts, rates, rules
DIR/home/landing   14 weeks (2026-08-10 to 2026-11-15, UTC) of gateway logs, provider bills, GPU telemetry
                   and business facts, in the formats those systems really export
DIR/truth          what really happened: calls.parquet, invoices.csv, gpu_hours.csv, incidents.csv
"""
EPILOG = """examples:
  python -m examples.company --out .demo                        about 300,000 calls
  python -m examples.company --out /tmp/small --scale 0.05      a small one, for a quick look

The same seed, scale and step give the same bytes. An earlier build in DIR is replaced."""


def _scale(text: str) -> float:
    value = float(text)
    if not 0.02 <= value <= 5:
        raise argparse.ArgumentTypeError(f"found {text}, allowed: 0.02 to 5")
    return value


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m examples.company",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write to")
    parser.add_argument(
        "--scale", type=_scale, default=1.0, help="number of calls, 1 = about 300,000 (default 1; 0.02 to 5)"
    )
    parser.add_argument("--seed", type=int, default=7, help="another seed, another company history (default 7)")
    parser.add_argument(
        "--step", type=int, choices=(300, 1800), default=300, help="seconds between samples of telemetry (default 300)"
    )
    options = parser.parse_args()
    began = time.process_time()

    def say(text: str) -> None:
        sys.stderr.write(f"[{time.process_time() - began:5.1f} s] {text}\n")

    try:
        summary = build(options.out, scale=options.scale, seed=options.seed, report=say, step_seconds=options.step)
    except OutputError as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    say("done")
    costs = ", ".join(f"{provider} {usd} USD" for provider, usd in summary.cost_usd.items())
    sys.stdout.write(
        f"{summary.attempts:,} call attempts, {summary.log_lines:,} log lines, {summary.incidents} incidents\n"
        f"true cost: {costs}\nhome: {options.out / 'home'}\ntruth: {options.out / 'truth'}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
