"""`inferledger pull URL`: files from a disk, a store and a web server land whole, once for each version of them."""

import json
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest

from pipelines.progress import Progress
from pipelines.pull import pull_address
from sources.home import Home, HomeError, init_home
from sources.pull import PullError, objects
from sources.pull.pulling import Pulled
from tests.faults.conftest import start
from tests.unit.sources.landed import PAYLOADS, LandedHome, log_lines, log_row

LOGS = "litellm/spend_logs"
# fault(handler) answers in place of the server; True when it did.
Fault = Callable[[SimpleHTTPRequestHandler], bool]


class Files:
    """A folder on a web server, and what goes wrong with the questions for its files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.url = ""
        self.faults: dict[int, Fault] = {}
        self.asked: list[str] = []


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    files = Files(tmp_path / "web")
    files.folder.mkdir()

    class Handler(SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            files.asked.append(self.path)
            fault = files.faults.get(len(files.asked))
            if fault is None or not fault(self):
                super().do_GET()

        def log_message(self, *_: Any) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(files.folder)))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    files.url = f"http://127.0.0.1:{server.server_port}"
    yield files
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr("sources.pull.objects.time.sleep", waited.append)
    return waited


@pytest.fixture
def home(tmp_path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-11-18T06:00:00Z")
    return init_home(tmp_path / "home")


def pull_from(home: Home, address: str, table: str = LOGS, account: str | None = None) -> Pulled:
    [pulled] = pull_address(home, address, table, account, Progress(), "test")
    return pulled


def landed(home: Home) -> dict[str, bytes]:
    files = sorted(path for path in home.landing.rglob("*") if path.is_file())
    return {str(path.relative_to(home.landing)): path.read_bytes() for path in files}


def log(number: int) -> bytes:
    return log_lines(*(log_row(request_id=f"r{number}-{row}") for row in range(200))).encode()


@pytest.mark.parametrize("place", ["memory", "file"])
def test_a_folder_lands_as_it_is_and_only_what_is_new(place: str, home: Home, tmp_path: Path) -> None:
    url = f"memory://logs-{tmp_path.name}" if place == "memory" else f"file://{tmp_path}/logs"
    for path in ("day-1.jsonl", "2026/08/day-2.jsonl", "notes.txt", ".hidden.jsonl"):
        with (
            fsspec.open(f"{url}/{path}", "wb", auto_mkdir=True)
            if place == "file"
            else fsspec.open(f"{url}/{path}", "wb") as file
        ):
            file.write(log(len(path)))
    assert pull_from(home, url).files == 2
    assert landed(home) == {f"{LOGS}/day-1.jsonl": log(11), f"{LOGS}/2026/08/day-2.jsonl": log(19)}
    assert pull_from(home, url).files == 0
    with fsspec.open(f"{url}/day-1.jsonl", "wb") as file:
        file.write(log(1) + log(2))
    assert pull_from(home, url).files == 1
    assert landed(home)[f"{LOGS}/day-1.jsonl"] == log(1) + log(2)
    # What the user moved away is not brought back.
    (home.landing / LOGS / "day-1.jsonl").unlink()
    assert pull_from(home, url).files == 0
    assert pull_from(home, f"{url}/*.jsonl", account="other").files == 1
    assert f"{LOGS}/other/day-1.jsonl" in landed(home)


def test_a_bill_gets_its_retrieval_time(home: Home, tmp_path: Path) -> None:
    name = "2026-08-10_2026-08-16__retrieved-20260819T060000Z.json"
    [bill] = (PAYLOADS / "openai" / "costs").rglob("*.json")
    store = tmp_path / "store"
    store.mkdir()
    (store / "costs.json").write_bytes(bill.read_bytes())
    (store / name).write_bytes(bill.read_bytes())
    assert pull_from(home, f"file://{store}", "openai/costs", "org-larch").files == 2
    folder = "openai/costs/org-larch"
    assert sorted(landed(home)) == [f"{folder}/{name}", f"{folder}/costs.json", f"{folder}/costs.json.meta.json"]
    lake = LandedHome(home.root)
    assert lake.ingest().files_failed == 0
    retrieved = {f"{moment:%Y-%m-%d}" for moment in lake.lake("openai/costs")["retrieved_at"]}
    assert retrieved == {"2026-08-19", "2026-11-18"}


def test_one_file_and_a_pattern_on_a_web_server(web: Files, home: Home) -> None:
    for number in (1, 2):
        (web.folder / f"day-{number}.jsonl").write_bytes(log(number))
    assert pull_from(home, f"{web.url}/day-1.jsonl?X-Amz-Signature=sesame").files == 1
    assert pull_from(home, f"{web.url}/day-*.jsonl").files == 2
    assert pull_from(home, f"{web.url}/day-*.jsonl").files == 0
    assert landed(home) == {f"{LOGS}/day-{number}.jsonl": log(number) for number in (1, 2)}
    assert not [path for path in home.root.rglob("*") if path.is_file() and b"sesame" in path.read_bytes()]


def cut_in_the_body(handler: SimpleHTTPRequestHandler) -> bool:
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(log(1))))
    handler.end_headers()
    handler.wfile.write(log(1)[:100])
    handler.wfile.flush()
    handler.close_connection = True
    return True


def too_many(handler: SimpleHTTPRequestHandler) -> bool:
    handler.send_error(429)
    return True


def broken(handler: SimpleHTTPRequestHandler) -> bool:
    handler.send_error(500)
    return True


@pytest.mark.parametrize("fault", [cut_in_the_body, too_many, broken])
def test_what_passes_is_tried_again(fault: Fault, web: Files, home: Home, waits: list[float]) -> None:
    (web.folder / "day-1.jsonl").write_bytes(log(1))
    web.faults = {1: fault, 2: fault}
    assert pull_from(home, f"{web.url}/day-1.jsonl").files == 1
    assert len(waits) == 2
    assert landed(home) == {f"{LOGS}/day-1.jsonl": log(1)}


def test_a_file_that_changes_while_it_is_read_is_read_again(web: Files, home: Home, waits: list[float]) -> None:
    file = web.folder / "day-1.jsonl"
    file.write_bytes(log(1))

    def grows(handler: SimpleHTTPRequestHandler) -> bool:
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(log(1))))
        handler.end_headers()
        file.write_bytes(log(1) + log(2))
        handler.wfile.write(log(1))
        return True

    web.faults = {1: grows}
    assert pull_from(home, f"{web.url}/day-1.jsonl").files == 1
    assert len(waits) == 1
    assert landed(home) == {f"{LOGS}/day-1.jsonl": log(1) + log(2)}


def test_what_is_not_there_is_said_without_the_signature(web: Files, home: Home, waits: list[float]) -> None:
    with pytest.raises(PullError) as caught:
        pull_from(home, f"{web.url.replace('//', '//user:barley@')}/none.jsonl?X-Amz-Signature=sesame")
    assert str(caught.value) == f"{LOGS}/: {web.url}/none.jsonl: FileNotFoundError, 6 times"
    assert len(waits) == 5
    with pytest.raises(PullError, match="FileNotFoundError"):
        pull_from(home, f"file://{home.root}/nowhere")


def test_a_killed_pull_is_taken_up(web: Files, home: Home) -> None:
    is_reached, may_end = threading.Event(), threading.Event()
    for number in (1, 2, 3):
        (web.folder / f"day-{number}.jsonl").write_bytes(log(number))

    def hang_in_the_body(handler: SimpleHTTPRequestHandler) -> bool:
        if "day-2" not in handler.path or may_end.is_set():
            return False
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(log(2))))
        handler.end_headers()
        handler.wfile.write(log(2)[:100])
        handler.wfile.flush()
        is_reached.set()
        may_end.wait(60)
        return True

    web.faults = dict.fromkeys(range(1, 100), hang_in_the_body)
    process = start(home, "pull", f"{web.url}/*.jsonl", "--feed", LOGS)
    try:
        assert is_reached.wait(60), process.communicate()
        process.send_signal(signal.SIGKILL)
        process.communicate()
    finally:
        may_end.set()
        process.kill()
    assert {name for name in landed(home) if not name.endswith(".part")} == {f"{LOGS}/day-1.jsonl"}
    assert LandedHome(home.root).ingest().rows_kept == 200
    assert pull_from(home, f"{web.url}/*.jsonl").files == 2
    assert landed(home) == {f"{LOGS}/day-{number}.jsonl": log(number) for number in (1, 2, 3)}


@pytest.mark.parametrize(
    ("address", "table", "account", "message"),
    [
        ("memory://logs", None, None, "--feed says which landing table"),
        ("memory://logs", "litellm/logs", None, "litellm/spend_logs"),
        ("memory://logs", LOGS, "../up", "--account '../up' is no name for a folder"),
        ("nonsense://logs", LOGS, None, "nonsense:// is no kind of address fsspec knows"),
        ("s3://logs", LOGS, None, "s3:// needs a package that is not installed: Install s3fs"),
    ],
)
def test_what_cannot_be_pulled_is_said(
    address: str, table: str | None, account: str | None, message: str, home: Home
) -> None:
    with pytest.raises(HomeError) as caught:
        pull_address(home, address, table, account, Progress(), "test")
    assert message in str(caught.value)


def test_names_that_lead_out_of_landing_are_left() -> None:
    info = {"type": "file", "size": 1}
    listed = dict.fromkeys(("logs/../../evil.jsonl", "logs/a//c.jsonl", "logs/a/b.jsonl", "logs/./d.jsonl"), info)
    assert [file.relative for file in objects._found(None, "logs", listed)] == ["a/b.jsonl"]


def test_the_marks_are_readable(home: Home, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(log(1))
    pull_from(home, f"file://{tmp_path}/a.jsonl")
    [mark] = (home.root / "pulls").glob("*.files.*.json")
    assert json.loads(mark.read_bytes())["place"] == f"file://{tmp_path}/a.jsonl"
