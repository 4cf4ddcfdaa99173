"""One pull: every report of every account that inferledger.yml names, each from where it got to.

A report that fails does not stop the others; the pull fails at its end and names it.
"""

from collections.abc import Callable, Iterator
from functools import partial

from pipelines.lock import home_lock
from pipelines.progress import Progress
from sources.home import Home, HomeError
from sources.pull import PullError
from sources.pull.litellm import database_of, pull_spend_logs
from sources.pull.pulling import Advance, Pulled, provider_api, pull_report, pulls_folder
from sources.pull.reports import PROVIDERS
from sources.settings import load_settings
from sources.settings.models import PullRule


def pull(home: Home, feed: str | None, progress: Progress, command: str) -> list[Pulled]:
    """Pull what is configured, or one feed of it. A run of the home may go on meanwhile; a second pull waits."""
    settings = load_settings(home)
    rules = [rule for rule in settings.general.pulls if feed in (None, rule.feed)]
    if not rules:
        what = "pulls nothing" if feed is None else f"has no pull of {feed}"
        raise HomeError(f"config/inferledger.yml {what}; add it under `pulls`")
    jobs = [job for rule in rules for job in _jobs(home, rule)]
    pulled: list[Pulled] = []
    failed: list[str] = []
    folder = pulls_folder(home)
    folder.mkdir(exist_ok=True)
    with home_lock(folder, command, settings.limits.lock_wait_seconds):
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


def _jobs(home: Home, rule: PullRule) -> Iterator[tuple[str, str, Callable[[Advance], Pulled]]]:
    """What a rule pulls, by landing table and account. Keys are looked for now, before anything is asked."""
    if rule.feed == "litellm":
        yield "litellm/spend_logs", rule.account_id, partial(pull_spend_logs, home, rule, database_of(rule))
        return
    api = provider_api(rule)
    for report in PROVIDERS[rule.feed].reports:
        yield f"{rule.feed}/{report.table}", rule.account_id, partial(pull_report, home, rule, report, api)


def in_short(pulled: Pulled) -> str:
    """What came, in a few words."""
    if not pulled.files:
        return "nothing new"
    files = f"{pulled.files} file{'' if pulled.files == 1 else 's'}"
    rows = "" if pulled.rows is None else f", {pulled.rows:,} rows"
    return f"{pulled.first_day} to {pulled.last_day}, {files}{rows}"
