"""`inferledger pull prometheus` against a real server (Debian's package) that is killed and comes back."""

import json
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from urllib.request import urlopen

import duckdb
import pytest

from sources.dcgm.feed import SAMPLES
from sources.home import Home, init_home
from sources.ingest import ingest
from sources.kube_state_metrics.feed import SAMPLES as POD_LABELS
from sources.pull import PullError, prometheus
from sources.pull.pulling import prometheus_api
from sources.settings.models import PullRule

FIXTURE = Path("tests/unit/sources/dcgm/run_ai/mig_two_profiles.prom.txt")
ENERGY = "DCGM_FI_DEV_TOTAL_ENERGY_CONSUMPTION"
STEP_MJ = 1000
POD = 'kube_pod_labels{namespace="inference",pod="vllm-0",label_team="search"} 1'


class Exporter:
    """The fixture's scrape; the energy of its GPU grows by the same with each time it is asked."""

    def __init__(self) -> None:
        lines = FIXTURE.read_text().splitlines()
        text = "\n".join(line for line in lines if line.startswith("DCGM_") or line.startswith("#")) + f"\n{POD}"
        numbers = count(1)
        self.served: list[int] = []
        exporter = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                value = next(numbers) * STEP_MJ
                exporter.served.append(value)
                body = "\n".join(
                    f"{line.rpartition(' ')[0]} {value}" if line.startswith(ENERGY) else line
                    for line in text.splitlines()
                )
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write(f"{body}\n".encode())

            def log_message(self, *_: Any) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class Server:
    """A Prometheus of its own, on its own folder."""

    def __init__(self, folder: Path, target: str) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{free.getsockname()[1]}"
        self.url = f"http://{self.address}"
        job = {"job_name": "dcgm", "honor_labels": True, "static_configs": [{"targets": [target]}]}
        config = {"global": {"scrape_interval": "500ms", "scrape_timeout": "400ms"}, "scrape_configs": [job]}
        (folder / "prometheus.yml").write_text(json.dumps(config))
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        binary = shutil.which("prometheus")
        assert binary is not None, "the Debian package prometheus is not installed; `make test` installs it"
        self.process = subprocess.Popen(
            [
                binary, f"--config.file={self.folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.folder / 'data'}", f"--web.listen-address={self.address}",
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        for _ in range(300):
            try:
                with urlopen(f"{self.url}/-/ready") as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.1)
        raise AssertionError("Prometheus did not get ready")

    def kill(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process = None

    def raw(self, end: datetime) -> list[int]:
        """What the server itself holds of the first slice's energy, up to then."""
        query = {"query": f'{ENERGY}{{GPU_I_ID="7"}}[1h]', "time": f"{end.timestamp():.3f}"}
        with urlopen(f"{self.url}/api/v1/query?{urlencode(query)}") as answer:
            result = json.load(answer)["data"]["result"]
        return [int(float(value)) for series in result for _, value in series["values"]]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Server, Exporter]]:
    exporter = Exporter()
    folder = tmp_path / "prometheus"
    folder.mkdir()
    server = Server(folder, f"127.0.0.1:{exporter.server.server_port}")
    yield server, exporter
    server.kill()
    exporter.server.shutdown()
    exporter.server.server_close()


def pull(home: Home, server: Server, feed: str = "dcgm") -> int:
    rule = PullRule.model_validate(
        {"feed": "prometheus", "account_id": "cluster", "from": f"{datetime.now(UTC):%Y-%m-%d}", "base_url": server.url}
    )
    return prometheus.pull_samples(home, rule, feed, prometheus_api(rule), lambda *_: None).files


def landed_energy(home: Home) -> list[int]:
    ingest(home.root, now=datetime.now(UTC), hash_key=b"key", currencies=["USD"], feeds=(SAMPLES,))
    rows = (
        duckdb.connect()
        .execute(
            f"select cast(value as bigint) from '{home.lake}/dcgm/samples/*.parquet' "
            "where metric = ? and mig_instance_id = '7'",
            [ENERGY],
        )
        .fetchall()
    )
    return [value for (value,) in rows]


def wait_for(exporter: Exporter, scrapes: int) -> None:
    target = len(exporter.served) + scrapes
    for _ in range(600):
        if len(exporter.served) >= target:
            return
        time.sleep(0.05)
    raise AssertionError("the server stopped scraping")


def test_no_sample_comes_twice_and_none_is_lost(
    tmp_path: Path, server: tuple[Server, Exporter], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("INFERLEDGER_NOW", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sources.pull.prometheus.SETTLING", timedelta(seconds=2))
    monkeypatch.setattr("sources.pull.http.ATTEMPTS", 1)
    prometheus_server, exporter = server
    home = init_home(tmp_path / "home")
    mark = home.root / "pulls/prometheus.dcgm.cluster.json"
    prometheus_server.start()
    wait_for(exporter, 10)
    assert pull(home, prometheus_server) == 1
    # A pull that landed its file and was killed before it wrote its mark.
    before = mark.read_bytes()
    wait_for(exporter, 8)
    assert pull(home, prometheus_server) == 1
    mark.write_bytes(before)
    wait_for(exporter, 4)
    prometheus_server.kill()
    with pytest.raises(PullError, match="no connection"):
        pull(home, prometheus_server)
    prometheus_server.start()
    wait_for(exporter, 8)
    time.sleep(2.5)
    assert pull(home, prometheus_server) >= 1
    until = datetime.fromisoformat(json.loads(mark.read_bytes())["settled"])
    held, landed = prometheus_server.raw(until), landed_energy(home)
    assert sorted(landed) == sorted(held)
    assert [value for value, times in Counter(landed).items() if times > 1] == []
    # Samples of before and after the kill.
    assert len(landed) > 20
    assert set(landed) <= set(exporter.served)
    assert pull(home, prometheus_server, "kube_state_metrics") >= 1
    ingest(home.root, now=datetime.now(UTC), hash_key=b"key", currencies=["USD"], feeds=(POD_LABELS,))
    files = f"{home.lake}/{POD_LABELS.feed}/*/*.parquet"
    named = duckdb.connect().execute(f"select distinct namespace, pod, pod_labels from '{files}'")
    assert named.fetchall() == [("inference", "vllm-0", "|team=search|")]


MIDNIGHT = datetime(2026, 8, 10, tzinfo=UTC)
HELD = [(MIDNIGHT.timestamp() + number / 2, "1") for number in range(-3600, 3601)]


class Refusing(BaseHTTPRequestHandler):
    """Answers as a server that refuses long ranges; it holds a sample each half second around midnight."""

    longest = 150

    def do_GET(self) -> None:
        asked = {name: text for name, [text] in parse_qs(urlsplit(self.path).query).items()}
        end, seconds = float(asked["time"]), int(asked["query"].rpartition("[")[2].removesuffix("s]"))
        is_refused = seconds > self.longest
        values = [pair for pair in HELD if end - seconds < pair[0] <= end]
        result = [{"metric": {"__name__": ENERGY}, "values": values}]
        said: dict[str, Any] = {"status": "success", "data": {"resultType": "matrix", "result": result}}
        if is_refused:
            said = {"status": "error", "error": "query processing would load too many samples"}
        self.send_response(422 if is_refused else 200)
        self.end_headers()
        self.wfile.write(json.dumps(said).encode())

    def log_message(self, *_: Any) -> None:
        """Quiet."""


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("INFERLEDGER_NOW", "2026-08-10T00:32:00Z")
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def landed_from(home: Home, url: str, first: str) -> list[float]:
    """The times of all landed samples after a pull from a day on."""
    said = {"feed": "prometheus", "account_id": "c", "from": first, "base_url": url}
    rule = PullRule.model_validate(said)
    prometheus.pull_samples(home, rule, "dcgm", prometheus_api(rule), lambda *_: None)
    pages = [json.loads(path.read_bytes()) for path in (home.landing / "dcgm/samples/c").glob("*.json")]
    return sorted(pair[0] for page in pages for result in page["data"]["result"] for pair in result["values"])


def test_windows_of_a_server_that_refuses_long_ones_leave_nothing_between_them(tmp_path: Path, refusing: str) -> None:
    # A window begins after its first moment, so the first one begins a second before midnight.
    expected = [at for at, _ in HELD if at > MIDNIGHT.timestamp() - 1]
    assert MIDNIGHT.timestamp() in expected
    assert landed_from(init_home(tmp_path / "home"), refusing, "2026-08-10") == expected


def test_an_earlier_first_day_brings_what_came_before_and_nothing_twice(
    tmp_path: Path, refusing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Refusing, "longest", 86400)
    home = init_home(tmp_path / "home")
    landed_from(home, refusing, "2026-08-10")
    for first in ("2026-08-09", "2026-08-10", "2026-08-09"):
        assert landed_from(home, refusing, first) == [at for at, _ in HELD]
