"""One pull: all that inferledger.yml names, or the files at an address, each from where it got to.

What fails does not stop the others; the pull fails at its end and names it.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from pipelines.lock import home_lock
from pipelines.progress import Progress
from sources.home import Home, HomeError
from sources.pull import PullError
from sources.pull.litellm import database_of, pull_spend_logs
from sources.pull.objects import pull_files
from sources.pull.prometheus import SELECTORS, pull_samples
from sources.pull.pulling import Advance, Pulled, prometheus_api, provider_api, pull_report, pulls_folder
from sources.pull.reports import PROVIDERS
from sources.registry import FEEDS
from sources.settings import load_settings
from sources.settings.models import ACCOUNT_PATTERN, PullRule


def pull(home: Home, feed: str | None, progress: Progress, command: str) -> list[Pulled]:
    """Pull what is configured, or one feed of it. A run of the home may go on meanwhile; a second pull waits."""
    settings = load_settings(home)
    rules = [rule for rule in settings.general.pulls if feed in (None, rule.feed)]
    if not rules:
        what = "pulls nothing" if feed is None else f"has no pull of {feed}"
        raise HomeError(f"config/inferledger.yml {what}; add it under `pulls`")
    jobs = [job for rule in rules for job in _jobs(home, rule)]
    with home_lock(_marks(home), command, settings.limits.lock_wait_seconds):
        return _do(jobs, progress)


def pull_address(
    home: Home, address: str, table_name: str | None, account: str | None, progress: Progress, command: str
) -> list[Pulled]:
    """Pull files of one landing table from an address."""
    tables = {f"{table.feed}/{table.table}": table for table in FEEDS}
    if table_name not in tables:
        raise HomeError(f"--feed says which landing table the files are for; one of {', '.join(sorted(tables))}")
    if account is not None and not re.fullmatch(ACCOUNT_PATTERN, account):
        raise HomeError(f"--account {account!r} is no name for a folder; letters, digits, dots, dashes, underscores")
    wait_seconds = load_settings(home).limits.lock_wait_seconds
    job = partial(pull_files, home, address, tables[table_name], account)
    with home_lock(_marks(home), command, wait_seconds):
        return _do([(table_name, account or "", job)], progress)


Job = tuple[str, str, Callable[[Advance], Pulled]]


def _marks(home: Home) -> Path:
    folder = pulls_folder(home)
    folder.mkdir(exist_ok=True)
    return folder


def _do(jobs: Iterable[Job], progress: Progress) -> list[Pulled]:
    pulled: list[Pulled] = []
    failed: list[str] = []
    for table, account, job in jobs:
        with progress.step(table) as step:
            try:
                pulled.append(job(step.advance))
                step.result(in_short(pulled[-1]))
            except PullError as error:
                failed.append(f"{table}/{account}: {error}")
                step.result("failed")
    if failed:
        raise PullError("\n".join(failed))
    return pulled


def _jobs(home: Home, rule: PullRule) -> Iterator[Job]:
    """What a rule pulls, by landing table and account. Keys are looked for now, before anything is asked."""
    if rule.feed == "litellm":
        yield "litellm/spend_logs", rule.account_id, partial(pull_spend_logs, home, rule, database_of(rule))
        return
    if rule.feed == "prometheus":
        server = prometheus_api(rule)
        for feed in SELECTORS:
            yield f"prometheus/{feed}", rule.account_id, partial(pull_samples, home, rule, feed, server)
        return
    api = provider_api(rule)
    for report in PROVIDERS[rule.feed].reports:
        table = "/".join(filter(None, (rule.feed, report.table, report.name)))
        yield table, rule.account_id, partial(pull_report, home, rule, report, api)


def in_short(pulled: Pulled) -> str:
    """What came, in a few words."""
    if not pulled.files:
        return "nothing new"
    days = f"{pulled.first_day} to {pulled.last_day}, " if pulled.first_day else ""
    files = f"{pulled.files} file{'' if pulled.files == 1 else 's'}"
    rows = "" if pulled.rows is None else f", {pulled.rows:,} rows"
    return f"{days}{files}{rows}"
