"""What is done with posting periods while the home is held: closing them."""

from collections.abc import Mapping

from assets.accounting.closing import Closing, close_period
from pipelines.run import published
from sources.home import Home


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
