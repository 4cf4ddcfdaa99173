"""Analysts who query what is published while a run publishes anew: each look at one whole version, and how long it is.

`python -m benchmarks.analysts DATABASE` is one of them: it looks again and again, and prints a line of JSON each time.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from subprocess import Popen

import duckdb

from benchmarks.measure import ROOT

ANALYSTS = 10
# Looks of each analyst before the run begins and after it has ended.
_LOOKS = 5
_PAUSE_SECONDS = 0.2
COSTS = """
    select tenant_id, model, sum(effective_cost_usd) as cost_usd
    from unit_economics_weekly
    where week_start > (select max(week_start) from unit_economics_weekly) - interval 84 day
    group by tenant_id, model
"""
# Two marts that agree in every version: each call is in a week.
AGREE = """
    select (select count(*) from fct_usage) as calls, (select sum(calls) from unit_economics_weekly) as weekly_calls
"""


def look(database: Path) -> dict[str, float]:
    """One look, over a connection of its own: when, how long it took, and what the marts say that have to agree."""
    start = time.perf_counter()
    with duckdb.connect(str(database), read_only=True, config={"threads": 1}) as marts:
        marts.execute(COSTS).fetchall()
        [(calls, weekly_calls)] = marts.execute(AGREE).fetchall()
    return {"at": time.time(), "seconds": time.perf_counter() - start, "calls": calls, "weekly": int(weekly_calls)}


def watched(database: Path, folder: Path, run: Callable[[], object]) -> dict[str, float]:
    """Looks of ten analysts before and during a run that publishes. RuntimeError where one fails or sees a mixture."""
    with _analysts(database, folder) as looks:
        _wait_until(lambda: min(map(len, looks())) >= _LOOKS)
        begun = time.time()
        run()
        ended = time.time()
        counts = [len(lines) for lines in looks()]
        _wait_until(lambda: all(len(lines) >= before + 2 for lines, before in zip(looks(), counts, strict=True)))
        found = looks()
    if mixed := [line for lines in found for line in lines if line["calls"] != line["weekly"]]:
        raise RuntimeError(f"{len(mixed)} looks saw two versions in one: {mixed[0]}")
    if any(len({line["calls"] for line in lines}) != 2 for lines in found):
        raise RuntimeError("an analyst did not see one version before the run and one after it")
    before = [line["seconds"] for lines in found for line in lines if line["at"] < begun]
    during = [line["seconds"] for lines in found for line in lines if begun <= line["at"] < ended]
    return {
        "analysts": len(found),
        "looks_during_the_run": len(during),
        "median_ms_before": round(statistics.median(before) * 1000, 1),
        "median_ms_during": round(statistics.median(during) * 1000, 1),
        "slow_down": round(statistics.median(during) / statistics.median(before), 2),
    }


@contextmanager
def _analysts(database: Path, folder: Path) -> Iterator[Callable[[], list[list[dict[str, float]]]]]:
    """The analysts at work; what is given tells the looks of each so far."""
    files = [folder / f"analyst-{number}.jsonl" for number in range(ANALYSTS)]
    command = [sys.executable, "-m", "benchmarks.analysts", str(database)]
    processes = []
    for path in files:
        with path.open("w") as file:
            processes.append(Popen(command, cwd=ROOT, stdout=file))

    def looks() -> list[list[dict[str, float]]]:
        if any(process.poll() is not None for process in processes):
            raise RuntimeError("an analyst's query failed")
        # The last line may be half written.
        return [[json.loads(line) for line in path.read_text().split("\n")[:-1]] for path in files]

    try:
        yield looks
    finally:
        for process in processes:
            process.kill()
            process.wait()


def _wait_until(is_so: Callable[[], bool]) -> None:
    while not is_so():
        time.sleep(_PAUSE_SECONDS)


def main(arguments: list[str]) -> int:
    while True:
        sys.stdout.write(json.dumps(look(Path(arguments[0]))) + "\n")
        sys.stdout.flush()
        time.sleep(_PAUSE_SECONDS)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
