"""Raw samples of a Prometheus server, as the files of query results that the feeds read.

A range selector in an instant query gives what was scraped, at the time it was scraped; query_range gives the last
value at each step, up to five minutes old, and at most 11,000 of them. A window is (begin, end] whatever the server's
version makes of its edges, so no sample lands twice. The landed files, named by their windows, say how far a pull has
come that was killed before its mark was written.
"""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from sources import clock
from sources.home import Home
from sources.pull import PullError
from sources.pull.http import Api
from sources.pull.pulling import Advance, Pulled, pulls_folder, tidy
from sources.pull.watermark import sync_folder, write_synced, write_whole
from sources.settings.models import PullRule

# What each feed reads of a server. Buckets of histograms are most of an engine's series and nothing reads them.
SELECTORS: Mapping[str, str] = {
    "dcgm": '{__name__=~"DCGM_FI_.+"}',
    "vllm": '{__name__=~"(kserve_)?vllm:.+",__name__!~".+_(bucket|created)"}',
    "sglang": '{__name__=~"sglang[:_].+",__name__!~".+_(bucket|created)"}',
    "tgi": '{__name__=~"tgi_.+",__name__!~".+_(bucket|created)"}',
    "triton": '{__name__=~"nv_.+",__name__!~".+_(bucket|created)"}',
    "kube_state_metrics": "kube_pod_labels",
}
# A scrape is stored with the time it began, some seconds after that.
SETTLING = timedelta(minutes=2)
SHORTEST, LONGEST = timedelta(minutes=1), timedelta(days=1)
# A window leaves its first moment out, and is told in whole seconds.
_LEAD = timedelta(seconds=1)
# Bytes of an answer: below, the next window is twice as long, above, half. The answer is held whole.
_SMALL, _LARGE = 4 << 20, 32 << 20
_LANDED = re.compile(r"samples_(\d{8}T\d{6}Z)_(\d{8}T\d{6}Z)\.json$")


def pull_samples(home: Home, rule: PullRule, feed: str, api: Api, advance: Advance) -> Pulled:
    """Every sample of one feed's metrics that has not landed, from the rule's first midnight to two minutes ago."""
    folder = home.landing / feed / "samples" / rule.account_id
    folder.mkdir(parents=True, exist_ok=True)
    tidy(folder)
    pulls_folder(home).mkdir(exist_ok=True)
    mark_file = pulls_folder(home) / f"{rule.feed}.{feed}.{rule.account_id}.json"
    since, landed = _before(rule.first), [end for _, end in _landed(folder)]
    first, settled = _read_mark(mark_file) or (since, since)
    pulled = Pulled(feed, "samples", rule.account_id)
    if since < first:
        begin = max([since, *(end for end in landed if end <= first)])
        for _ in _windows(folder, feed, api, begin, first, pulled, advance):
            pass
        first = since
        _write_mark(mark_file, first, settled)
    begin = max([since, settled, *landed])
    for end in _windows(folder, feed, api, begin, (clock.now() - SETTLING).replace(microsecond=0), pulled, advance):
        _write_mark(mark_file, first, end)
    return pulled


def _windows(
    folder: Path, feed: str, api: Api, begin: datetime, latest: datetime, pulled: Pulled, advance: Advance
) -> Iterator[datetime]:
    """Land the samples between two moments, window by window; gives the end of each."""
    first, length = begin, timedelta(hours=1)
    while begin < latest:
        end = min(begin + length, latest)
        advance(int((begin - first).total_seconds()), int((latest - first).total_seconds()), f"{begin:%Y-%m-%d %H:%M}")
        try:
            body = _ask(api, SELECTORS[feed], begin, end)
        except PullError as error:
            # The server refuses to load so many samples at once.
            if "answered 422" not in str(error) or length <= SHORTEST:
                raise
            length = _half(length)
            continue
        if body is not None:
            _land(folder, begin, end, body)
            pulled.files += 1
            pulled.first_day, pulled.last_day = pulled.first_day or begin.date(), end.date()
        yield end
        begin = end
        size = len(body or b"")
        length = min(LONGEST, length * 2) if size < _SMALL else _half(length) if size > _LARGE else length


def _half(length: timedelta) -> timedelta:
    """In whole seconds, as a range selector and the names of landed files are: what is cut off would be lost."""
    return max(SHORTEST, timedelta(seconds=length // timedelta(seconds=2)))


def _ask(api: Api, selector: str, begin: datetime, end: datetime) -> bytes | None:
    """The samples after `begin` up to and with `end`; None where there are none."""
    seconds = int((end - begin).total_seconds())
    question = [("query", f"{selector}[{seconds}s]"), ("time", f"{end.timestamp():.3f}")]
    _, answer = api.get("/api/v1/query", question)
    data = answer.get("data")
    if answer.get("status") != "success" or not isinstance(data, dict) or data.get("resultType") != "matrix":
        raise PullError(f"{api.base_url}: the answer holds no raw samples; is it the address of a Prometheus server?")
    results = [_after(result, begin.timestamp()) for result in data["result"]]
    kept = [result for result in results if result["values"]]
    if not kept:
        return None
    page = {"status": "success", "data": {"resultType": "matrix", "result": kept}}
    if answer.get("warnings"):
        page["warnings"] = answer["warnings"]
    return json.dumps(page, separators=(",", ":"), ensure_ascii=False).encode()


def _after(result: dict[str, Any], begin: float) -> dict[str, Any]:
    return {"metric": result["metric"], "values": [pair for pair in result["values"] if pair[0] > begin]}


def _land(folder: Path, begin: datetime, end: datetime, body: bytes) -> None:
    target = folder / f"samples_{_stamp(begin)}_{_stamp(end)}.json"
    temporary = folder / f".{target.name}.part"
    write_synced(temporary, body)
    temporary.rename(target)
    sync_folder(folder)


def _landed(folder: Path) -> Iterator[tuple[datetime, datetime]]:
    for path in folder.iterdir():
        if match := _LANDED.fullmatch(path.name):
            begin, end = (datetime.strptime(text, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC) for text in match.groups())
            yield begin, end


def _read_mark(path: Path) -> tuple[datetime, datetime] | None:
    """From when on the last pull asked and where it got to. None where it cannot be read: the landed files tell."""
    try:
        said = json.loads(path.read_bytes())
        return _before(date.fromisoformat(said["first"])), datetime.fromisoformat(said["settled"])
    except (FileNotFoundError, ValueError, LookupError, TypeError):
        return None


def _write_mark(path: Path, first: datetime, settled: datetime) -> None:
    said = {"first": f"{first + _LEAD:%Y-%m-%d}", "settled": f"{settled:%Y-%m-%dT%H:%M:%SZ}"}
    write_whole(path, json.dumps(said).encode())


def _before(day: date) -> datetime:
    """Where the first window of a day begins, for its midnight to be in it."""
    return datetime.combine(day, time(), UTC) - _LEAD


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%SZ}"
