"""The official focus-validator on our FOCUS 1.2 export: `make focus-validator`.

It needs Python 3.12 and an environment of its own: its pins and ours do not go together. It ends with 0 whatever it
finds, so its JUnit file is what is read. Offline it knows FOCUS 1.2 only.
"""

import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from assets.exports import write_export
from tests.unit.assets.exports.focus_marts import build_marts

ROOT = Path(__file__).parents[2]
ENVIRONMENT = ROOT / ".venv" / "focus-validator"
LOCK = Path(__file__).with_name("focus-validator.lock")
PERIOD = "2026-10"
# Two rules ask of every row that its InvoiceId be null, and that it be not: FOCUS_Spec issue 2394.
KNOWN_WRONG = frozenset({"InvoiceId-C-004-C"})
# Rows those two cannot both be asked of, and fees: a rule takes every purchase for one that covers later usage.
BEYOND_ITS_RULES = """
delete from fct_allocations where corrects_id is not null or invoice_id is null or charge_category = 'fee'
"""
# Without declared criteria 136 of its 578 rules are applied.
FEWEST_APPLIED = 100


def main() -> int:
    python = find_python()
    if python is None:
        sys.stdout.write("focus-validator: there is no Python 3.12 here, so the official FOCUS validator was NOT run\n")
        return 0
    command = install(python)
    with TemporaryDirectory() as folder:
        made_up = build_marts(Path(folder) / "marts.duckdb")
        with duckdb.connect(str(made_up)) as connection:
            connection.execute(BEYOND_ITS_RULES)
        marts = {"a made-up month": made_up}
        demo = ROOT / ".demo" / "home" / "published" / "marts.duckdb"
        if demo.is_file():
            marts["the demo"] = demo
        found = 0
        for number, (name, path) in enumerate(marts.items()):
            files = write_export("focus", path, Path(folder) / str(number), PERIOD, "1.2")
            (bill,) = [file for file in files if file.name == "CostAndUsage.parquet"]
            junit = Path(folder) / f"{number}.xml"
            validate(command, bill, junit)
            problems = problems_in(junit.read_text())
            sys.stdout.write("\n  ".join([f"focus-validator: {name}: {len(problems)} problems", *problems]) + "\n")
            found += len(problems)
    return 1 if found else 0


def find_python() -> Path | None:
    """A Python 3.12 that starts: pyenv puts names on the PATH of versions that are not chosen."""
    on_path = [Path(folder) / "python3.12" for folder in os.get_exec_path()]
    of_pyenv = sorted(Path.home().glob(".pyenv/versions/3.12.*/bin/python3.12"))
    for candidate in [*on_path, *of_pyenv]:
        if candidate.is_file() and subprocess.run([candidate, "-c", ""], capture_output=True).returncode == 0:
            return candidate
    return None


def install(python: Path) -> Path:
    """Its own environment, made once for each lock."""
    installed, lock = ENVIRONMENT / "installed.lock", LOCK.read_bytes()
    if not (installed.is_file() and installed.read_bytes() == lock):
        subprocess.run([python, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        uv = [str(Path(sys.executable).with_name("uv")), "pip", "install", "--quiet", "--require-hashes"]
        subprocess.run([*uv, "--python", str(ENVIRONMENT / "bin" / "python"), "-r", str(LOCK)], check=True)
        installed.write_bytes(lock)
    return ENVIRONMENT / "bin" / "focus-validator"


def validate(command: Path, bill: Path, junit: Path) -> None:
    """It opens a file of its own by a path relative to site-packages."""
    (packages,) = ENVIRONMENT.glob("lib/python*/site-packages")
    options = ["--validate-version", "1.2.0.1", "--block-download", "--output-type", "unittest"]
    files = ["--data-file", str(bill), "--output-destination", str(junit)]
    subprocess.run([str(command), *options, *files], cwd=packages, check=True, capture_output=True)


def problems_in(junit: str) -> list[str]:
    """The rules that failed, but those known to be wrong; and a validator that applied next to none."""
    suites = ElementTree.fromstring(junit)
    cases = list(suites.iter("testcase"))
    applied = [case for case in cases if case.find("skipped") is None]
    failed = [
        case.attrib["name"] for case in applied if case.find("failure") is not None or case.find("error") is not None
    ]
    problems = [name for name in failed if name.split(" ")[0] not in KNOWN_WRONG]
    if len(applied) < FEWEST_APPLIED:
        problems.append(f"{len(applied)} of {len(cases)} rules were applied, at least {FEWEST_APPLIED} are to be")
    return problems


if __name__ == "__main__":
    sys.exit(main())
