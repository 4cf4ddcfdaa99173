"""The reports of the providers' admin APIs: where they are asked for, and how one stretch of days is read whole.

A report comes in pages, each with whole JSON. What is asked for is grouped as finely as the feeds' readers can use it.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sources.pull import PullError
from sources.pull.http import Api, Parameters

# Days asked for at once. Seven fit into one page, and are what is lost at most when a pull is killed.
WINDOW_DAYS = 7
# A report of several pages is read until two readings agree.
READINGS = 4
MOST_PAGES = 1000


@dataclass(frozen=True)
class Report:
    """One report of a provider, and the landing table its pages are for."""

    table: str
    path: str
    parameters: Callable[[date, date], Parameters]
    # Tells reports apart that land in one table; a part of the files' names.
    name: str = ""
    # How many days one question covers.
    window_days: int = WINDOW_DAYS
    # How far back the provider answers at all.
    oldest_days: int | None = None
    # The list in an answer: buckets with results, or results.
    records: str = "data"
    # What stands now, of no day: one object in place of the list, asked for once a pull.
    is_of_now: bool = False


@dataclass(frozen=True)
class Provider:
    """A provider with an admin API."""

    feed: str
    base_url: str
    key_variable: str
    headers: Callable[[str], Mapping[str, str]]
    reports: tuple[Report, ...]


def read_report(api: Api, report: Report, first: date, end: date) -> list[bytes]:
    """The pages of the days from `first` up to, not including, `end`, as they came.

    Pages come one after the other, so the report can change between two: a result may stand in both or in neither. One
    page is of one moment; several are taken only when a second reading says the same.
    """
    previous = None
    for _ in range(READINGS):
        pages = _read_pages(api, report, first, end)
        if len(pages) == 1:
            return [body for body, _ in pages]
        results = [_results(page[report.records]) for _, page in pages]
        if results == previous and not _repeats(results):
            return [body for body, _ in pages]
        previous = results
    raise PullError(f"{report.path} {first}: its pages repeat results or changed each of {READINGS} times it was read")


def holds_results(pages: list[bytes]) -> bool:
    """Whether there is anything in the buckets of these pages."""
    return any(bucket.get("results") for page in pages for bucket in json.loads(page)["data"])


def _read_pages(api: Api, report: Report, first: date, end: date) -> list[tuple[bytes, dict[str, Any]]]:
    question = [*report.parameters(first, end)]
    pages: list[tuple[bytes, dict[str, Any]]] = []
    seen: set[str] = set()
    token: str | None = None
    while len(pages) < MOST_PAGES:
        body, page = api.get(report.path, question if token is None else [*question, ("page", token)])
        if not isinstance(page.get(report.records), dict if report.is_of_now else list):
            kind = "object" if report.is_of_now else "list"
            raise PullError(f"{report.path} {first}: the answer has no {kind} `{report.records}`")
        pages.append((body, page))
        if not page.get("has_more"):
            return pages
        token = page.get("next_page")
        if not isinstance(token, str) or token in seen:
            said = "comes twice" if token else "is missing"
            raise PullError(f"{report.path} {first}: page {len(pages)} says there is more, but its next_page {said}")
        seen.add(token)
    raise PullError(f"{report.path} {first}: more than {MOST_PAGES} pages")


def _results(buckets: list[Any]) -> list[str]:
    """The results of a page with their bucket's times, as text to compare."""
    found = []
    for bucket in buckets:
        results = bucket.get("results") if isinstance(bucket, dict) else None
        times = {name: value for name, value in bucket.items() if name != "results"} if results else bucket
        found += [f"{times} {result}" for result in results or [None]]
    return found


def _repeats(pages: list[list[str]]) -> bool:
    """Whether two pages hold the same result; as results are grouped, no two can be alike."""
    distinct = [set(page) for page in pages]
    return sum(map(len, distinct)) > len(set().union(*distinct))


# The usage reports beside completions, all of one table, and what each can be grouped by.
_OPENAI_METERS = {
    **dict.fromkeys(
        ("embeddings", "moderations", "images", "audio_speeches", "audio_transcriptions", "web_search_calls"),
        ("project_id", "api_key_id", "model"),
    ),
    "file_search_calls": ("project_id", "api_key_id"),
    "vector_stores": ("project_id",),
    "code_interpreter_sessions": ("project_id",),
}


def _openai(path: str, table: str, *groups: str, name: str = "") -> Report:
    def parameters(first: date, end: date) -> Parameters:
        return [
            ("start_time", str(int(_midnight(first).timestamp()))),
            ("end_time", str(int(_midnight(end).timestamp()))),
            ("bucket_width", "1d"),
            ("limit", str(WINDOW_DAYS)),
            *(("group_by", group) for group in groups),
        ]

    return Report(table, f"/organization/{path}", parameters, name)


def _anthropic(path: str, table: str, *groups: str) -> Report:
    def parameters(first: date, end: date) -> Parameters:
        return [
            ("starting_at", f"{_midnight(first):%Y-%m-%dT%H:%M:%SZ}"),
            ("ending_at", f"{_midnight(end):%Y-%m-%dT%H:%M:%SZ}"),
            ("bucket_width", "1d"),
            ("limit", str(WINDOW_DAYS)),
            *(("group_by[]", group) for group in groups),
        ]

    return Report(table, f"/organizations/{path}", parameters)


def _openrouter(path: str, table: str) -> Report:
    """A day at a time, of the last thirty; an answer is one page."""
    return Report(table, f"/{path}", lambda first, end: [("date", f"{first}")], window_days=1, oldest_days=30)


def _vercel(path: str, table: str) -> Report:
    """Both days are part of the answer, which is one page."""

    def parameters(first: date, end: date) -> Parameters:
        days = [("start_date", f"{first}"), ("end_date", f"{end - timedelta(days=1)}")]
        return [*days, ("date_part", "day"), ("group_by", "model")]

    return Report(table, f"/{path}", parameters, records="results")


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


PROVIDERS: Mapping[str, Provider] = {
    provider.feed: provider
    for provider in (
        Provider(
            "openai",
            "https://api.openai.com/v1",
            "OPENAI_ADMIN_KEY",
            lambda key: {"Authorization": f"Bearer {key}"},
            (
                _openai(
                    "usage/completions", "usage_completions", "project_id", "api_key_id", "model", "batch",
                    "service_tier",
                ),
                _openai("costs", "costs", "project_id", "line_item", "api_key_id"),
                *(
                    _openai(f"usage/{name}", "usage_meters", *groups, name=name)
                    for name, groups in _OPENAI_METERS.items()
                ),
            ),
        ),
        Provider(
            "anthropic",
            "https://api.anthropic.com/v1",
            "ANTHROPIC_ADMIN_KEY",
            # The beta is what grouping by speed needs.
            lambda key: {
                "x-api-key": key, "anthropic-version": "2023-06-01", "anthropic-beta": "fast-mode-2026-02-01",
            },
            (
                _anthropic(
                    "usage_report/messages", "usage_messages", "api_key_id", "workspace_id", "model", "service_tier",
                    "context_window", "speed",
                ),
                _anthropic("cost_report", "cost_report", "workspace_id", "description"),
            ),
        ),
        Provider(
            "openrouter",
            "https://openrouter.ai/api/v1",
            "OPENROUTER_MANAGEMENT_KEY",
            lambda key: {"Authorization": f"Bearer {key}"},
            (
                _openrouter("activity", "activity"),
                Report("credits", "/credits", lambda first, end: [], is_of_now=True),
            ),
        ),
        Provider(
            "vercel",
            "https://ai-gateway.vercel.sh/v1",
            "AI_GATEWAY_API_KEY",
            lambda key: {"Authorization": f"Bearer {key}"},
            (_vercel("report", "report"),),
        ),
    )
}  # fmt: skip
