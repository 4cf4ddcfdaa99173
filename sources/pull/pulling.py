"""Pulling a provider's reports into landing, window by window of days, from where the last pull got to."""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from sources import clock
from sources.home import Home, HomeError
from sources.pull.http import Api
from sources.pull.reports import PROVIDERS, Report, holds_results, read_report
from sources.pull.watermark import Watermark, read_watermark, sync_folder, write_synced, write_watermark
from sources.settings.models import PullRule

# advance(windows done, windows in all, what is asked for now)
Advance = Callable[[int, int, str], None]


@dataclass
class Pulled:
    """What one pull of one table brought."""

    feed: str
    table: str
    account_id: str
    # Of several reports that land in one table.
    report: str = ""
    first_day: date | None = None
    last_day: date | None = None
    files: int = 0
    # Of a log; a report has pages.
    rows: int | None = None


def pulls_folder(home: Home) -> Path:
    """Where the watermarks are."""
    return home.root / "pulls"


def provider_api(rule: PullRule, environment: Mapping[str, str] = os.environ) -> Api:
    """The API of a rule with its key from the environment."""
    provider = PROVIDERS[rule.feed]
    variable = rule.key_variable or provider.key_variable
    key = environment.get(variable, "").strip()
    if not key:
        raise HomeError(f"{variable} is not set: pulling {rule.feed} needs an admin key in it")
    if not (key.isascii() and key.isprintable() and " " not in key):
        raise HomeError(f"{variable} holds characters no key has, such as a space or a line break")
    return Api(rule.base_url or provider.base_url, variable, key, provider.headers(key))


def prometheus_api(rule: PullRule, environment: Mapping[str, str] = os.environ) -> Api:
    """The server of a rule, with a bearer token where the rule names one."""
    key = environment.get(rule.key_variable, "").strip() if rule.key_variable else ""
    if rule.key_variable and not (key and key.isascii() and key.isprintable() and " " not in key):
        raise HomeError(f"{rule.key_variable} is not set to a token: pulling prometheus needs the one its rule names")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return Api(rule.base_url or "", rule.key_variable or "", key, headers)


def pull_report(home: Home, rule: PullRule, report: Report, api: Api, advance: Advance) -> Pulled:
    """Everything of one report that has not landed, and the last days again, as providers restate them."""
    account = rule.account_id
    folder = home.landing / rule.feed / report.table / account
    folder.mkdir(parents=True, exist_ok=True)
    tidy(folder)
    marks = pulls_folder(home)
    marks.mkdir(exist_ok=True)
    table = f"{report.table}.{report.name}" if report.name else report.table
    mark_file = marks / f"{rule.feed}.{table}.{account}.json"
    mark = read_watermark(mark_file)
    if mark is None or rule.first < mark.first:
        mark = Watermark(rule.first, rule.first)
    pulled = Pulled(rule.feed, report.table, account, report.name)
    today = clock.now().date()
    windows = list(_windows(rule, report, mark, today))
    for number, (first, end) in enumerate(windows):
        advance(number, len(windows), f"{first}")
        retrieved_at = clock.now()
        pages = read_report(api, report, first, end)
        # Few accounts use all services: those that report apart leave no file until there was any use. From then on
        # nothing is an answer too, as what was reported of a day may be taken back.
        if report.name and not holds_results(pages) and not any(folder.glob(f"{report.name}_*")):
            pages = []
        else:
            _land(folder, report, first, end, retrieved_at, pages)
        mark = Watermark(rule.first, max(mark.settled, min(end, today - timedelta(days=rule.again_days))))
        write_watermark(mark_file, mark)
        pulled.first_day, pulled.last_day = pulled.first_day or first, end - timedelta(days=1)
        pulled.files += len(pages)
    return pulled


def _windows(rule: PullRule, report: Report, mark: Watermark, today: date) -> Iterator[tuple[date, date]]:
    """The days that have ended and are to be asked for, cut at Mondays so that full weeks have the same name always."""
    if report.is_of_now:
        yield today, today + timedelta(days=1)
        return
    day = max(rule.first, mark.settled - timedelta(days=mark.settled.weekday()))
    if report.oldest_days is not None:
        day = max(day, today - timedelta(days=report.oldest_days))
    while day < today:
        monday = day + timedelta(days=7 - day.weekday())
        end = min(monday, day + timedelta(days=report.window_days), today)
        yield day, end
        day = end


def _land(folder: Path, report: Report, first: date, end: date, retrieved_at: datetime, pages: list[bytes]) -> None:
    """All pages of a window appear at once: a file, or a folder where there are several."""
    days = f"{report.name}{'_' if report.name else ''}{first}_{end - timedelta(days=1)}"
    # Landed by a pull that was killed before it could write its watermark, this very second.
    while list(folder.glob(f"{days}__retrieved-{_stamp(retrieved_at)}*")):
        retrieved_at += timedelta(seconds=1)
    name = f"{days}__retrieved-{_stamp(retrieved_at)}"
    target = folder / (f"{name}.json" if len(pages) == 1 else name)
    temporary = folder / f".{target.name}.part"
    if len(pages) == 1:
        write_synced(temporary, pages[0])
    else:
        temporary.mkdir()
        for number, page in enumerate(pages, 1):
            write_synced(temporary / f"{days}__page-{number}__retrieved-{_stamp(retrieved_at)}.json", page)
        sync_folder(temporary)
    temporary.rename(target)
    sync_folder(folder)


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"


def tidy(folder: Path) -> None:
    """What a killed pull had not finished."""
    for left in folder.glob(".*.part"):
        if left.is_dir():
            shutil.rmtree(left)
        else:
            left.unlink()
