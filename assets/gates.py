"""What failed checks stop: a wrong shape stops publishing, a broken limit stops the report, the rest is a warning.

The checks themselves are assets.checks, the contracts of the lake sources.contracts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from assets.checks import CheckResult, check_shape, run_checks
from sources.settings.models import Limits

# Checks of the shape of marts: what breaks them must not reach analysts. The others judge what a good shape holds.
SHAPE_CHECKS = ("_has_rows", "_holds_contract")
EXAMPLES = 3


class CheckError(Exception):
    """Blocking checks failed. Says of each what, where, how many and how to see it."""

    def __init__(self, message: str, results: Sequence[CheckResult]) -> None:
        self.results = tuple(results)
        super().__init__("\n".join([message, *(in_full(result) for result in results)]))


@dataclass(frozen=True)
class Judged:
    """The failed checks of the marts by what they stop, and how many there were in all."""

    shape: tuple[CheckResult, ...]
    limits: tuple[CheckResult, ...]
    warnings: tuple[CheckResult, ...]
    checks: int


def judge(database: Path, limits: Limits, week: date | None = None) -> Judged:
    """Run the checks of one marts.duckdb. With `week`, shares are those of that week alone."""
    results = run_checks(database, limits, week)
    failed = [result for result in results if not result.passed]
    shape = tuple(result for result in failed if result.name.endswith(SHAPE_CHECKS))
    blocking = tuple(result for result in failed if result.blocking and result not in shape)
    warnings = tuple(result for result in failed if not result.blocking and result not in shape)
    return Judged(shape, blocking, warnings, len(results))


def require_shape(database: Path, unchecked: Mapping[str, str]) -> None:
    """CheckError when analysts must not get these marts."""
    if failed := [result for result in check_shape(database, unchecked) if not result.passed]:
        raise CheckError(f"{len(failed)} checks of the new marts failed; nothing was published", failed)


def require_limits(database: Path, limits: Limits, week: date | None) -> Judged:
    """CheckError when no report may be written of these marts; else everything there is to warn of."""
    judged = judge(database, limits, week)
    if failed := (*judged.shape, *judged.limits):
        raise CheckError(f"{len(failed)} blocking checks failed; no report is written", failed)
    return judged


def in_short(result: CheckResult) -> str:
    """A failed check in one line."""
    return f"{result.name}: {result.what} ({result.where}: {result.count})"


def in_full(result: CheckResult) -> str:
    """A failed check: what is wrong, where, how often, some examples and the command that shows all."""
    lines = [f"{result.name}: {result.what} ({result.where}: {result.count})"]
    lines += [
        f"    {', '.join(f'{name}={value}' for name, value in row.items())}" for row in result.examples[:EXAMPLES]
    ]
    return "\n".join([*lines, f"    see: {result.how_to_see}"])
