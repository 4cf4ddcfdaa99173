"""What is done with posting periods: closing them, and asking what was said about one at a time."""

from collections.abc import Mapping
from pathlib import Path

from assets.accounting.accrual import Accrual, write_accrual
from assets.accounting.closing import Closing, close_period
from assets.accounting.history import Diff, diff, moment_of
from pipelines.run import published
from sources import clock
from sources.home import Home
from sources.settings import load_settings


def close(
    home: Home,
    period: str,
    *,
    preparer: str,
    approver: str,
    overrides: Mapping[str, str],
    is_dry_run: bool,
    command: str,
) -> Closing:
    """Close one posting period, unless its checklist blocks it."""
    with published(home, command) as (settings, manifest):
        return close_period(
            home,
            settings,
            manifest,
            period,
            preparer=preparer,
            approver=approver,
            overrides=overrides,
            is_dry_run=is_dry_run,
        )


def compare(home: Home, period: str, before: str, after: str | None) -> Diff:
    """What was said about a month's usage at two times, the second now when not given. Only reads."""
    until = moment_of(after) if after else clock.now()
    return diff(home, period, moment_of(before), until, load_settings(home).limits)


def accrue(home: Home, period: str, out: Path | None, command: str) -> Accrual:
    """Write the accrual memo of one posting period from the published marts."""
    with published(home, command):
        return write_accrual(home, period, out)
