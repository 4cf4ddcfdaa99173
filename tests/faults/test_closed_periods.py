"""A month that is closed stays as it was, whatever comes: late logs, another contract, another rule, a kill.

What changed is posted in the next month, names what it corrects, and makes both months together what a home without any
closing says.
"""

import gzip
import json
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from assets.accounting.snapshots import sha256
from sources.home import Home
from tests.faults.conftest import copy_of, inferledger, published_rows, start

LATER = "2026-11-18T09:00:00Z"
PEOPLE = ("--preparer", "ann", "--approver", "bob")
REASON = "a log was cut off; its cost is billed as unlogged traffic"
LATE_LOG = "spend_logs_2026-10-20_late.ndjson.gz"
LEDGER = ("fct_allocations", "chargeback_lines")
# What the ledger is made of when it is read: what today's data say, and what is closed.
LEDGER_TABLES = ("fct_allocation_parts", "fct_closed_allocations")
JOURNAL = "journal_lines"
# Plans are held against what is posted.
PLAN = "plan_actual_monthly"
# What of a closed posting may not be what it was: that it is closed now.
SAME = "* exclude (status, posted_status)"


def close(home: Home, period: str) -> "subprocess.CompletedProcess[str]":
    return inferledger(home, "close", period, *PEOPLE, "--override", f"files={REASON}")


def later(home: Home, *arguments: str) -> str:
    """An `inferledger` command of the same day, some hours later."""
    done = inferledger(home, *arguments, now=LATER)
    assert done.returncode == 0, done.stderr
    return done.stdout


def disturb(home: Home) -> None:
    """A log that comes late, a contract that costs more, and a rule that moves the idle GPU hours."""
    folder = home.landing / "litellm/spend_logs"
    lines = gzip.decompress((folder / "spend_logs_2026-10-20.ndjson.gz").read_bytes()).splitlines(keepends=True)
    # Every second call once more under another id, so that the bill is shared otherwise.
    late = b"".join(lines[::2]).replace(b"chatcmpl-", b"chatcmpl-late-").replace(b"msg_", b"msg_late")
    (folder / LATE_LOG).write_bytes(gzip.compress(late, mtime=0))
    contracts, rules = home.config / "contracts.yml", home.config / "allocation.yml"
    priced: Any = yaml.safe_load(contracts.read_text())
    priced["contracts"][0]["percent_off"] = "5"
    contracts.write_text(yaml.safe_dump(priced))
    ruled: Any = yaml.safe_load(rules.read_text())
    idle = next(rule for rule in ruled["rules"] if rule["rule_id"] == "gpu-idle")
    idle |= {"method": "even"}
    rules.write_text(yaml.safe_dump({**ruled, "rule_version": "2"}, sort_keys=False))


def files_of(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): sha256(path) for path in sorted(folder.rglob("*")) if path.is_file()}


def query(home: Home, sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect(str((home.published / "marts.duckdb").resolve()), read_only=True) as connection:
        return connection.execute(sql).fetchall()


@pytest.fixture
def closed(run_home: Home) -> Home:
    """August to October closed; the last close was killed on its way and typed again."""
    for period in ("2026-08", "2026-09"):
        done = close(run_home, period)
        assert done.returncode == 0, done.stdout + done.stderr
    process = start(run_home, "close", "2026-10", *PEOPLE, "--override", f"files={REASON}")
    while not (run_home.closed / ".2026-10.tmp").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (run_home.closed / "2026-10").exists()
    done = close(run_home, "2026-10")
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(path.name for path in run_home.closed.iterdir()) == ["2026-08", "2026-09", "2026-10"]
    return run_home


def test_a_closed_month_stays_and_what_comes_later_is_posted_in_the_next(closed: Home, tmp_path: Path) -> None:
    again = close(closed, "2026-10")
    assert again.returncode == 2
    assert "2026-10 is closed already" in again.stderr
    snapshot = closed.closed / "2026-10"
    manifest = json.loads((snapshot / "manifest.json").read_text())
    (override,) = [check for check in manifest["checklist"] if check["override"]]
    assert (override["name"], override["override"]) == ("files", REASON)
    before = files_of(closed.closed)
    disturb(closed)
    fresh = copy_of(closed, tmp_path / "fresh")
    shutil.rmtree(fresh.closed)
    told = later(closed, "run", "--no-report")
    assert re.search(
        rf"litellm/spend_logs/{LATE_LOG}: has \d+ rows? of 2026-10, the first in row \d+; that month is closed", told
    )
    assert "2026-10 is closed: its corrections in 2026-11 changed by" in told
    later(fresh, "run", "--no-report")

    assert files_of(closed.closed) == before
    for mart in LEDGER:
        was, columns = f"read_parquet('{snapshot}/{mart}.parquet')", SAME if mart == LEDGER[0] else "* exclude (status)"
        now = f"select {columns} from {mart} where posting_period = '2026-10'"
        for one, other in ((now, f"select {columns} from {was}"), (f"select {columns} from {was}", now)):
            assert query(closed, f"({one}) except ({other})") == []
        assert query(closed, f"select distinct status from {mart} where posting_period = '2026-10'") == [("closed",)]
    was, now = f"from read_parquet('{snapshot}/{JOURNAL}.parquet')", f"from {JOURNAL} where posting_period = '2026-10'"
    assert query(closed, f"({was}) except ({now})") == query(closed, f"({now}) except ({was})") == []
    assert query(closed, f"select count(*) > 10 {was}") == [(True,)]
    chargeback = (snapshot / "exports/chargeback/chargeback.csv").read_bytes()
    later(closed, "export", "chargeback", "--period", "2026-10", "--out", str(tmp_path / "out"))
    assert (tmp_path / "out/chargeback.csv").read_bytes() == chargeback
    assert (closed.reports / "2026-10/chargeback.csv").read_bytes() == chargeback

    corrections = f"""
        select count(*),
            count(*) filter (where original.allocation_id is null and correction.corrects_id <> usage_month)
        from (
            select *, strftime(usage_date, '%Y-%m') as usage_month from fct_allocations where status = 'correction'
        ) as correction
        left join read_parquet('{closed.closed}/*/fct_allocations.parquet') as original
            on correction.corrects_id = original.allocation_id
        where correction.posting_period = '2026-11'
    """
    ((number, nameless),) = query(closed, corrections)
    assert number > 100
    assert nameless == 0
    categories = "select distinct charge_category from fct_allocations where status = 'correction'"
    assert {"usage", "gpu_idle"} <= {category for (category,) in query(closed, categories)}, "the late log, the rule"
    totals = """
        select usage_date, charge_id, tenant_id, cost_component, sum(amount_usd), sum(effective_amount_usd)
        from fct_allocations group by all having sum(amount_usd) <> 0 or sum(effective_amount_usd) <> 0 order by all
    """
    assert query(closed, totals) == query(fresh, totals)
    posted = (*LEDGER, *LEDGER_TABLES, JOURNAL, PLAN, "data_status")
    others = {mart: rows for mart, rows in published_rows(closed).items() if mart not in posted}
    assert {mart for mart, rows in published_rows(fresh).items() if others.get(mart, rows) != rows} == set()

    found = json.loads(later(closed, "diff", "2026-10", "--as-of", "2026-11-18T06:00Z", "--json"))
    assert {row["posting_period"] for row in found["rows"] if row["after_status"] == "correction"} == {"2026-11"}
    causes = {cause["cause"] for cause in found["causes"]}
    assert {f"log or fact came: litellm/spend_logs/{LATE_LOG}", "changed: allocation rules"} <= causes
    assert "changed: prices (price book or contracts)" in causes
    assert "closed 2026-11-18T06:00:00+00:00" in later(closed, "status")
    path = snapshot / "fct_charges.parquet"
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b"x")
    stopped = inferledger(closed, "run")
    assert stopped.returncode == 1
    assert "2026-10/fct_charges.parquet: found SHA-256" in stopped.stderr
