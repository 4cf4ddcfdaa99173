"""`python -m benchmarks.following`: what a day of calls costs on top of months of them, against building all anew.

Makes a history and runs up to the published marts: on all of it, after a new day, after one more with calls of the
month before sent again, and then with everything built anew, where every mart must have the rows that it had. Runs on a
handful of calls tell the fixed cost, the same new days on histories of fewer calls whether they cost the same; beside
them stands what one takes on the handful just before and after, since the same work takes a machine up to a fifth more
from one hour to the next. Says which models and tests took most beyond the fixed cost, how long a question to months of
calls takes, and what analysts notice of a run. Each run's figures are told as it ends. Exits 1 when a goal is missed:
goals are those of 50 million calls, fewer miss them, as there what a day costs whatever its calls weighs more.
"""

import argparse
import json
import shutil
import sys
import tempfile
from copy import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from benchmarks.__main__ import machine
from benchmarks.analysts import watched
from benchmarks.measure import Stage, run_stage

FIRST_RUN = datetime(2026, 11, 17, 6, tzinfo=UTC)
RESENT = 0.02
# CPU beyond the fixed cost, as a share of that of a full build.
SHARES = {"a new day": 1 / 30, "a day, 2 % sent again": 1 / 5}
# The same days with a fifth and half of the calls, for the same new days; how much more they may cost on all of them.
FEWER, GROWTH = (5, 2), 0.20
# Three that follow each other: on 50 million the smallest models and tests took 24, 20 and 20 CPU seconds of them,
# though they do the same each day, so one day alone tells the machine's noise as growth.
NEW_DAYS = 3
# Wall seconds of an answer from the weekly mart, and from the calls themselves.
ANSWERS = {"unit_economics_weekly": 0.05, "fct_usage": 2.0}
# Resident memory of the full run, at the default `limits.memory` of 2 GB.
PEAK_BYTES = 2_500_000_000
# Models and tests that are shown, those that took most by history.
SHOWN = 25
BESIDE = "the build, beside models and tests"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.following", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=50_000_000, help="calls of history (default 50,000,000)")
    parser.add_argument("--days", type=int, default=250, help="days of history (default 250)")
    parser.add_argument("--dir", type=Path, help="folder for the homes (default: the system's for such)")
    options = parser.parse_args()
    calls, days = options.calls, options.days
    folder = Path(tempfile.mkdtemp(prefix="inferledger-history-", dir=options.dir))
    try:
        handful = History(folder / "handful", days * 2, days, 2)
        untouched = handful.twin(folder / "untouched")
        floor, ground = handful.follow(0.0), handful.follow_anew()
        new_days = dict[int, NewDays]()
        for fewer in FEWER:
            history = History(folder / "fewer", calls // fewer, days, calls // days)
            _, new_days[history.calls] = _beside_a_handful(untouched, history)
            shutil.rmtree(history.home)
        history = History(folder / "history", calls, days, calls // days)
        answers = run_stage("answers", history.home).said["seconds"]
        new_day, new_days[history.calls] = _beside_a_handful(untouched, history)
        followed = dict(zip(SHARES, (new_day, history.follow(RESENT)), strict=True))
        anew = history.follow_anew()
        published = history.home / "published" / "marts.duckdb"
        _say("a new day, with analysts at work")
        analysts = watched(published, folder, lambda: history.follow(0.0))
    finally:
        shutil.rmtree(folder)
    shares = {name: (_cpu(followed[name]) - _cpu(floor)) / (_cpu(anew) - _cpu(ground)) for name in SHARES}
    goals = {
        **{f"share of a full run: {name}": _held(share, SHARES[name]) for name, share in shares.items()},
        "new days, from one history to another": _held(_growth(new_days), GROWTH),
        **{f"seconds of an answer from {mart}": _held(answers[mart], goal) for mart, goal in ANSWERS.items()},
        "resident bytes of the full run": _held(history.first.peak_bytes, PEAK_BYTES),
    }
    runs = {
        "a handful, everything": ground,
        "a handful, a new day": floor,
        "everything": history.first,
        **followed,
        "everything anew": anew,
    }
    said = {
        "machine": machine(),
        "calls": history.calls,
        "days": days,
        "new_calls": history.in_day,
        "cpu_s": {name: stage.said["cpu"] | {"peak_mb": stage.peak_bytes // 10**6} for name, stage in runs.items()},
        "cpu_s_of_new_days_by_calls": {size: days._asdict() for size, days in new_days.items()},
        "cpu_s_by_history": {name: _dearest(stage, floor) for name, stage in followed.items()},
        "analysts": analysts,
        "goals": goals,
    }
    sys.stdout.write(json.dumps(said, indent=1) + "\n")
    return 0 if all(goal["is_met"] for goal in goals.values()) else 1


class NewDays(NamedTuple):
    """CPU seconds of each new day on a history, and those of one on a handful of calls at the same time."""

    cpu_s: list[float]
    handful_cpu_s: float


def _beside_a_handful(handful: "History", history: "History") -> tuple[Stage, NewDays]:
    """The first of the new days on `history`, and what all took, beside one on a handful before and after them."""

    def fixed_cpu_s() -> float:
        twin = handful.twin(handful.home.with_name("twin"))
        found = twin.follow(0.0)
        shutil.rmtree(twin.home)
        return _cpu(found)

    before = fixed_cpu_s()
    found = [history.follow(0.0) for _ in range(NEW_DAYS)]
    return found[0], NewDays([_cpu(day) for day in found], (before + fixed_cpu_s()) / 2)


def _growth(new_days: dict[int, NewDays]) -> float:
    seconds = [sum(days.cpu_s) for days in new_days.values()]
    return max(seconds) / min(seconds) - 1


class History:
    """A home with calls of so many days, which is built when it is made; each run that follows is of one day more."""

    def __init__(self, home: Path, calls: int, days: int, in_day: int) -> None:
        _say(f"{calls:,} calls of {days} days, and their first run")
        self.home, self.calls, self.in_day = home, calls // days * days, in_day
        self._in_history_day, self._day = calls // days, 0
        run_stage("history", home, f"{calls}", f"{days}", now=self._now)
        self.first = self._run("full")

    @property
    def _now(self) -> str:
        return (FIRST_RUN + timedelta(days=self._day)).isoformat()

    def twin(self, home: Path) -> "History":
        """The same history, as far as it has come, in a folder of its own."""
        shutil.copytree(self.home, home, symlinks=True)
        other = copy(self)
        other.home = home
        return other

    def follow(self, resent: float) -> Stage:
        """The run after the next day has landed, with this share of its lines sent again from the days before."""
        self._day += 1
        run_stage("next_day", self.home, *map(str, (self._day, self.in_day, self._in_history_day, resent)))
        _say(f"day {self._day}" + (f", {resent:.0%} sent again" if resent else ""))
        self._remove_versions_but_the_last()
        found = self._run("new")
        if found.said["is_full"]:
            raise RuntimeError(f"day {self._day}: everything was built")
        return found

    def follow_anew(self) -> Stage:
        """The same run as the last, of everything. RuntimeError when a mart comes to have other rows."""
        followed = run_stage("rows_of", self.home).said["rows"]
        shutil.rmtree(self.home / "published")
        (self.home / "published").mkdir()
        _say(f"day {self._day}, everything anew")
        found = self._run("full")
        anew = run_stage("rows_of", self.home).said["rows"]
        if others := sorted(mart for mart in followed | anew if followed.get(mart) != anew.get(mart)):
            raise RuntimeError(f"day {self._day}: other rows than a full build has in {', '.join(others)}")
        _say(f"  {len(anew)} marts and files have the rows they had")
        return found

    def _run(self, how: str) -> Stage:
        found = run_stage("follow", self.home, how, now=self._now)
        _say(f"  {_cpu(found):,.1f} CPU s, {found.peak_bytes / 1e9:.2f} GB")
        return found

    def _remove_versions_but_the_last(self) -> None:
        """Each holds all calls: of tens of millions, those a home keeps would fill the disk."""
        last = (self.home / "published" / "current").resolve()
        for version in (self.home / "published" / "versions").iterdir():
            if version != last:
                shutil.rmtree(version)


def _held(value: float, goal: float) -> dict[str, object]:
    return {"is": round(value, 4), "goal": round(goal, 4), "is_met": value <= goal}


def _dearest(run: Stage, handful: Stage) -> dict[str, float]:
    """What models and tests took most beyond what they take of a handful of calls."""
    before: dict[str, float] = handful.said["nodes"]
    beyond = {name: round(seconds - before.get(name, 0.0), 2) for name, seconds in run.said["nodes"].items()}
    beyond[BESIDE] = round(_beside_nodes(run) - _beside_nodes(handful), 2)
    return dict(sorted(beyond.items(), key=lambda item: -item[1])[:SHOWN])


def _beside_nodes(run: Stage) -> float:
    seconds: float = run.said["cpu"]["build"] - sum(run.said["nodes"].values())
    return seconds


def _cpu(stage: Stage) -> float:
    seconds: dict[str, float] = stage.said["cpu"]
    return sum(seconds.values())


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
