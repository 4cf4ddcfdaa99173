"""A small company of four weeks, with what two engines are likely to count differently, and what comes later."""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from sources.home import Home
from tests.faults.conftest import ROOT, environment
from tests.integration.test_incremental_builds import dearer, land_logs, lines_of, on, restate
from tests.integration.test_other_units import CALLS, FEEDS

FIRST_DAY, FIRST_DAY_OF_GPUS, EMPTY_DAY = "2026-10-19", "2026-11-10", "2026-10-28"
# In the United States and in Europe, with a summer time that ends at these hours.
DAYS_OF_25_HOURS = ("2026-10-25", "2026-11-01")


def make_home(folder: Path) -> Home:
    """The company, before its first run."""
    made = ["-m", "examples.company", "--out", str(folder), "--scale", "0.02", "--step", "1800", "--seed", "7"]
    subprocess.run([sys.executable, *made], cwd=ROOT, env=environment(), check=True, capture_output=True)
    home = Home(folder / "home")
    for path in home.landing.rglob("*"):
        days = re.findall(r"\d{4}-\d{2}-\d{2}", path.name)
        if path.is_file() and days and path.parent.name not in ("invoices", "revenue"):
            first = FIRST_DAY_OF_GPUS if {"dcgm", "vllm"} & set(path.parts) else FIRST_DAY
            if days[min(1, len(days) - 1)] < first or days[0] == EMPTY_DAY:
                path.unlink()
    _land_hard_calls(home)
    _land_calls_in_other_units(home)
    _land_hard_money(home)
    settings = home.config / "inferledger.yml"
    # What is landed here is on no bill.
    text = re.sub(r"(unpriced_share|unattributed_share|quarantined_share): .*", r"\1: 1", settings.read_text())
    settings.write_text(re.sub(r"unexplained_usd: .*", "unexplained_usd: 1000000000", text))
    shutil.rmtree(folder / "truth")
    return home


def land_what_comes_later(home: Home) -> None:
    """A new day; calls of weeks before sent again, one later and changed, one on another day; a bill corrected."""
    new = [on("2026-11-17", line, request_id=f"{line['request_id']}-n") for line in lines_of(home, "2026-11-13")]
    old = lines_of(home, "2026-10-21")
    changed = old[6] | {"updated_at": "2026-11-16 10:00:00.000000+00:00"}
    land_logs(
        home, "spend_logs_2026-11-17.ndjson", [*new, *old[:5], on("2026-10-22", changed), *lines_of(home, "2026-11-01")]
    )
    restate(home, "costs", dearer, "2026-11-02")


def _land_hard_calls(home: Home) -> None:
    [line, *others] = lines_of(home, "2026-10-25")[:12]
    calls = [_of_tokens(line, "huge", 30_000_000_000, 3_000_000_000), _of_tokens(line, "tiny", 1, 0)]
    calls += [_of_tokens(line, "nothing", 0, 0), _of_tokens(line, "odd", 33_333_333_331, 7)]
    # The same moment, model and tokens under other names, and the same call twice.
    calls += [on("2026-10-26", line, request_id=f"tie-{number}", litellm_call_id="") for number in (3, 1, 2, 2)]
    calls += [
        line | {"request_id": f"empty-{number}", "user": None, "end_user": None, "team_id": None, "metadata": None,
                "completionStartTime": None, "request_tags": None, "session_id": None, "api_base": None}
        for number in (1, 2)
    ]  # fmt: skip
    for day in DAYS_OF_25_HOURS:
        hours = ("00:00:00", "00:59:59.999999", "01:00:00", "06:30:00", "23:59:59.999999")
        for hour, other in zip(hours, others, strict=False):
            moment = f"{day} {hour}+00:00"
            times = {"startTime": moment, "endTime": moment, "completionStartTime": moment}
            calls.append(other | times | {"request_id": f"clock-{day}-{hour}"})
    land_logs(home, "spend_logs_hard.ndjson", calls)


def _of_tokens(line: dict[str, Any], name: str, prompt: int, completion: int) -> dict[str, Any]:
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    metadata = json.loads(line["metadata"])
    metadata["usage_object"] = usage
    return line | usage | {"request_id": f"hard-{name}", "metadata": json.dumps(metadata), "spend": prompt / 7e9}


def _land_calls_in_other_units(home: Home) -> None:
    (home.config / "feeds.yml").write_text(FEEDS)
    folder = home.landing / "declared" / "calls" / "units"
    folder.mkdir(parents=True)
    (folder / "calls_2026-10-27.csv").write_text(CALLS.replace("2026-08-10", "2026-10-27"))


def _land_hard_money(home: Home) -> None:
    folder = home.landing / "business" / "revenue"
    [path] = folder.glob("*_2026-11-01.csv")
    header, first, *_ = path.read_text().splitlines()
    tenant = first.split(",")[1]
    rows = [("99999999999.99", "most"), ("0.01", "least"), ("-33333333.33", "back"), ("10.00", "third")]
    lines = [
        f"hard-{name},{tenant},assistant,enterprise,subscription,2026-11-01,2026-11-30,{usd},USD" for usd, name in rows
    ]
    (folder / "revenue_2026-11-02.csv").write_text("\n".join([header, *lines]) + "\n")
