"""The `inferledger` command. What a command does stands in pipelines, assets and sources; here is how it is typed.

Imports of the heavy libraries stay inside the commands that need them, so that `--help` and a typing error answer at
once. Dagster is never imported from here: it costs 8 CPU seconds.
"""

import sys
from typing import Any

import click

from assets.version import code_version
from pipelines.cli.config import config
from pipelines.cli.forecast import forecast
from pipelines.cli.look import explain, quarantine, status
from pipelines.cli.metrics import metrics
from pipelines.cli.periods import accrual, close, diff
from pipelines.cli.plan import estimate, what_if
from pipelines.cli.prices import prices
from pipelines.cli.pull import pull
from pipelines.cli.self_hosting import capacity, selfhost
from pipelines.cli.setup import doctor, init
from pipelines.cli.tco import tco
from pipelines.cli.work import audit, compact, deliver, explore, export, report, run

EXAMPLES = """\b
Examples:
  inferledger init acme                      lay out a home with commented settings
  inferledger run --home acme                take in new files, build, check, publish, report
  inferledger status --home acme             what has come, what is missing, what has no price
  inferledger report --week 2026-W46         write one week's report again
  inferledger explain cost_per_tenant_weekly week_start=2026-W46,tenant_id=acme
  inferledger prices show gpt-5-nano --provider openai --on 2026-10-31

\b
Exit codes: 0 done, 1 a check failed, 2 wrong usage or settings, 3 the home is in use.
"""

# By name, so that naming an error does not import what may raise it.
EXIT_CODES = {
    "assets.accounting.snapshots.PeriodError": 2,
    "assets.accounting.snapshots.SnapshotError": 1,
    "assets.exports.ExportError": 2,
    "assets.gates.CheckError": 1,
    "assets.ingest.LakeError": 1,
    "assets.marts.MartsError": 2,
    "assets.publish.PublishError": 1,
    "assets.reports.weekly.ReportError": 2,
    "assets.warehouse.WarehouseError": 1,
    "builtins.OSError": 1,
    "pipelines.estimate.EstimateError": 2,
    "pipelines.delivery.DeliveryError": 2,
    "pipelines.explain.ExplainError": 2,
    "pipelines.lock.HomeInUseError": 3,
    "pipelines.metrics.MetricsError": 2,
    "pipelines.self_hosting.SelfHostingError": 2,
    "pipelines.what_if.WhatIfError": 2,
    "sources.home.HomeError": 2,
    "sources.pull.PullError": 1,
}


class WrongUsageError(click.ClickException):
    """Settings, home or arguments have to change first."""

    exit_code = 2


class InUseError(click.ClickException):
    """Another run has the home."""

    exit_code = 3


_MESSAGES = {1: click.ClickException, 2: WrongUsageError, 3: InUseError}


class Commands(click.Group):
    """Turns the errors the layers below raise on purpose into messages and exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Exception as error:
            code = exit_code(error)
            if code is None:
                raise
            raise _MESSAGES[code](str(error)) from error


def exit_code(error: Exception) -> int | None:
    """The exit code of an error that is no fault of the code; None for all others.

    None too where a reader such as `head` has seen enough: click knows how to end then without a word.
    """
    if isinstance(error, BrokenPipeError):
        return None
    names = (f"{kind.__module__}.{kind.__qualname__}" for kind in type(error).__mro__)
    return next((EXIT_CODES[name] for name in names if name in EXIT_CODES), None)


@click.group(cls=Commands, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(code_version(), message="inferledger %(version)s")
def cli() -> None:
    """What AI inference costs, who caused it and what it earned, to the cent.

    A home is one directory with a company's settings and data. Name it with --home DIR or the environment variable
    INFERLEDGER_HOME. Files go to landing/<feed>/<table>/ as they come; `inferledger run` does the rest, and can be
    typed again at any time: it takes in only what is new.
    """


for command in (
    init,
    pull,
    run,
    status,
    report,
    explore,
    deliver,
    accrual,
    close,
    diff,
    export,
    explain,
    metrics,
    selfhost,
    capacity,
    estimate,
    what_if,
    forecast,
    quarantine,
    prices,
    tco,
    config,
    compact,
    audit,
    doctor,
):
    cli.add_command(command)


def main() -> None:
    """Entry point of the console script."""
    sys.exit(cli())
