"""One pull: every report of every account that inferledger.yml names, each from where it got to.

A report that fails does not stop the others; the pull fails at its end and names it.
"""

from pipelines.lock import home_lock
from pipelines.progress import Progress
from sources.home import Home, HomeError
from sources.pull import PullError
from sources.pull.pulling import Pulled, provider_api, pull_report, pulls_folder
from sources.pull.reports import PROVIDERS
from sources.settings import load_settings


def pull(home: Home, feed: str | None, progress: Progress, command: str) -> list[Pulled]:
    """Pull what is configured, or one feed of it. A run of the home may go on meanwhile; a second pull waits."""
    settings = load_settings(home)
    rules = [rule for rule in settings.general.pulls if feed in (None, rule.feed)]
    if not rules:
        what = "pulls nothing" if feed is None else f"has no pull of {feed}"
        raise HomeError(f"config/inferledger.yml {what}; add it under `pulls`")
    apis = [provider_api(rule) for rule in rules]
    pulled: list[Pulled] = []
    failed: list[str] = []
    folder = pulls_folder(home)
    folder.mkdir(exist_ok=True)
    with home_lock(folder, command, settings.limits.lock_wait_seconds):
        for rule, api in zip(rules, apis, strict=True):
            for report in PROVIDERS[rule.feed].reports:
                with progress.step(f"{rule.feed}/{report.table}") as step:
                    try:
                        pulled.append(pull_report(home, rule, report, api, step.advance))
                        step.result(in_short(pulled[-1]))
                    except PullError as error:
                        failed.append(f"{rule.feed}/{report.table}/{rule.account_id}: {error}")
                        step.result("failed")
    if failed:
        raise PullError("\n".join(failed))
    return pulled


def in_short(pulled: Pulled) -> str:
    """What came, in a few words."""
    if not pulled.files:
        return "nothing new"
    return f"{pulled.first_day} to {pulled.last_day}, {pulled.files} file{'' if pulled.files == 1 else 's'}"
