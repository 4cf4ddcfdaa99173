"""Files other systems take in, written from the published marts only.

Every export is a module of this package with `write(marts, out_dir, period, dialect, data_version)`, which returns the
paths it wrote. Modules are imported when they are asked for, as the command line reads this list for its help.
"""

import re
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path


class ExportError(Exception):
    """The export cannot be written for what was asked."""


@dataclass(frozen=True)
class Export:
    """What the files are for, and the forms they come in, the first when none is asked for."""

    summary: str
    dialects: tuple[str, ...] = ()
    # Whether the files say that their period is closed.
    tells_closing: bool = False
    # Whether a closed period keeps them; caps are of the day they are written.
    is_kept: bool = True


EXPORTS = {
    "caps": Export("what is left of every budget of config/budgets.csv, for a gateway to read", is_kept=False),
    "chargeback": Export("the chargeback: what each tenant owes of each invoice of a month"),
    "focus": Export("the ledger of a month as FOCUS bills", ("1.4", "1.2", "1.5-draft"), tells_closing=True),
    "statements": Export("a statement of a month for each tenant and each cost center, with its own lines only"),
    "journal": Export(
        "the journal of a month: balanced entries by the accounts of config/gl_map.csv",
        ("neutral", "quickbooks", "xero", "netsuite", "oracle"),
    ),
}


def dialect_of(name: str, dialect: str | None) -> str | None:
    """The form of an export that is meant; None where it has but one."""
    dialects = EXPORTS[name].dialects
    if dialect is not None and dialect not in dialects:
        raise ExportError(f"dialect: found {dialect!r}, allowed for {name}: {', '.join(dialects) or 'none'}")
    return dialect or next(iter(dialects), None)


def write_export(
    name: str,
    marts: Path,
    out_dir: Path,
    period: str,
    dialect: str | None = None,
    data_version: str | None = None,
    is_closing: bool = False,
) -> list[Path]:
    """Write the files of one export for one posting period ('2026-10') to `out_dir`, its manifest last.

    `is_closing` for the files of a snapshot: the marts do not know of it yet.
    """
    if not re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])", period):
        raise ExportError(f"period: found {period!r}, allowed is a month such as 2026-10")
    chosen = dialect_of(name, dialect)
    told = {"is_closing": is_closing} if EXPORTS[name].tells_closing else {}
    write = import_module(f"assets.exports.{name}").write
    paths: list[Path] = write(marts, out_dir, period, chosen, data_version, **told)
    return paths
