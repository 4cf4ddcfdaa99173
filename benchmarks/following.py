"""`python -m benchmarks.following`: what a day of calls costs on top of months of them, against building all anew.

Makes a history, lands one day more, and runs up to the published marts: a new day, a new day with calls of the month
before sent again, and each of them with everything built anew. Runs on a handful of calls tell the fixed cost. Says
which models and tests took most beyond it. Exits 1 when a goal is missed; stops when a mart of a run that follows has
other rows than that of a full one.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path

from benchmarks.__main__ import machine
from benchmarks.analysts import watched
from benchmarks.measure import Stage, run_stage

HISTORY_NOW, NOW = "2026-11-17T06:00:00Z", "2026-11-18T06:00:00Z"
RESENT = 0.02
# CPU beyond the fixed cost, as a share of that of a full build.
GOALS = {"a new day": 1 / 30, "a new day, 2 % sent again": 1 / 5}
# Models and tests that are shown, those that took most by history.
SHOWN = 25


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.following", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=1_000_000, help="calls of history (default 1,000,000)")
    parser.add_argument("--days", type=int, default=250, help="days of history (default 250)")
    parser.add_argument("--dir", type=Path, help="folder for the homes (default: the system's for such)")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="inferledger-history-", dir=options.dir))
    try:
        in_day = options.calls // options.days
        fixed = _follow(folder / "tiny", options.days * 2, options.days, {"a new day": 0.0})
        found = _follow(
            folder / "history", options.calls, options.days, {"a new day": 0.0, "a new day, 2 % sent again": RESENT}
        )
        analysts = _watched(folder, in_day)
    finally:
        shutil.rmtree(folder)
    said = {"machine": machine(), "calls": options.calls, "days": options.days, "new_calls": in_day}
    shares = {}
    floor, ground = _cpu(fixed["a new day"]), _cpu(fixed["a new day: everything"])
    for name, goal in GOALS.items():
        share = (_cpu(found[name]) - floor) / (_cpu(found[f"{name}: everything"]) - ground)
        shares[name] = {"share": round(share, 4), "goal": round(goal, 4), "is_met": share <= goal}
    runs = {
        f"{home}: {name}": {**stage.said["cpu"], "peak_mb": stage.peak_bytes // 1_000_000}
        for home, stages in (("handful", fixed), ("history", found))
        for name, stage in stages.items()
    }
    by_history = {name: _dearest(found[name], fixed["a new day"]) for name in GOALS}
    said |= {"cpu_s": runs, "cpu_s_by_history": by_history, "analysts": analysts, "shares": shares}
    sys.stdout.write(json.dumps(said, indent=1) + "\n")
    return 0 if all(share["is_met"] for share in shares.values()) else 1


def _follow(folder: Path, calls: int, days: int, later: dict[str, float]) -> dict[str, Stage]:
    """The runs of one history by what landed before them, and of one that builds everything of the last anew."""
    base = folder / "base"
    _say(f"{calls:,} calls of {days} days")
    run_stage("history", base, f"{calls}", f"{days}", now=HISTORY_NOW)
    _say("their first run")
    run_stage("follow", base, "full", now=HISTORY_NOW)
    found = {}
    for name, resent in later.items():
        home = folder / name.replace(" ", "-")
        shutil.copytree(base, home, symlinks=True)
        run_stage("next_day", home, f"{calls // days}", f"{calls // days}", f"{resent}")
        _say(name)
        found[name] = run_stage("follow", home, "new", now=NOW)
        if found[name].said["is_full"]:
            raise RuntimeError(f"{name}: everything was built")
        followed = run_stage("rows_of", home).said["rows"]
        shutil.rmtree(home / "published")
        (home / "published").mkdir()
        _say("the same, everything anew")
        found[f"{name}: everything"] = run_stage("follow", home, "full", now=NOW)
        anew = run_stage("rows_of", home).said["rows"]
        if others := sorted(mart for mart, rows in anew.items() if followed.get(mart) != rows):
            raise RuntimeError(f"{name}: other rows than a full build has in {', '.join(others)}")
        shutil.rmtree(home)
    return found


def _watched(folder: Path, in_day: int) -> dict[str, float]:
    """What analysts notice of a run of a new day."""
    home = folder / "history" / "base"
    run_stage("next_day", home, f"{in_day}", f"{in_day}", "0")
    _say("a new day, with analysts at work")
    return watched(home / "published" / "marts.duckdb", folder, lambda: run_stage("follow", home, "new", now=NOW))


def _dearest(run: Stage, handful: Stage) -> dict[str, float]:
    """What models and tests took most beyond what they take of a handful of calls."""
    before: dict[str, float] = handful.said["nodes"]
    beyond = {name: round(seconds - before.get(name, 0.0), 2) for name, seconds in run.said["nodes"].items()}
    return dict(sorted(beyond.items(), key=lambda item: -item[1])[:SHOWN])


def _cpu(stage: Stage) -> float:
    seconds: dict[str, float] = stage.said["cpu"]
    return sum(seconds.values())


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
