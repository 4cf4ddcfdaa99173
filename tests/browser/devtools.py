"""Chromium driven by its own debugging protocol: pages that run scripts are clicked, typed into and looked at."""

import json
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

PATIENCE_SECONDS = 30


class Browser:
    """One page of a headless Chromium. `problems` are console errors, exceptions and what the page's policy forbade."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._number = 0
        self.problems: list[str] = []
        self.requests: list[str] = []

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._socket.recv(timeout=PATIENCE_SECONDS))
            if message.get("id") == self._number:
                assert "error" not in message, message
                result: dict[str, Any] = message["result"]
                return result
            self._note(message["method"], message["params"])

    def _note(self, event: str, told: dict[str, Any]) -> None:
        if event == "Runtime.exceptionThrown":
            self.problems.append(str(told["exceptionDetails"]))
        elif event == "Runtime.consoleAPICalled" and told["type"] in ("error", "warning"):
            self.problems.append(str([argument.get("value") for argument in told["args"]]))
        elif event == "Log.entryAdded" and told["entry"]["level"] in ("error", "warning"):
            self.problems.append(told["entry"]["text"])
        elif event == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])

    def open(self, url: str, width: int = 1280, dark: bool = False) -> None:
        """Load the page anew at this width and wait until its charts are drawn."""
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=scheme)
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600
        )
        self.send("Page.navigate", url="about:blank")
        self.problems, self.requests = [], []
        self.send("Page.navigate", url=url)
        self.wait("document.querySelector('.drawing') && !document.querySelector('.drawing:not(:has(svg))')")

    def wait(self, condition: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not self.ask(f"Boolean({condition})"):
            assert time.monotonic() < end, f"never: {condition}; {self.problems}"
            time.sleep(0.05)

    def ask(self, expression: str) -> Any:
        """The value of an expression in the page; promises are waited for."""
        told = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in told, told["exceptionDetails"]
        return told["result"].get("value")

    def choose(self, select: str, text: str) -> None:
        """Pick an option by what a reader sees."""
        self.ask(
            f"""(() => {{
                const select = document.getElementById({json.dumps(select)});
                select.value = [...select.options].find(option => option.text === {json.dumps(text)}).value;
                select.dispatchEvent(new Event("change"));
            }})()"""
        )
        self.wait(f"document.getElementById({json.dumps(select)}).selectedOptions[0]?.text === {json.dumps(text)}")

    def press(self, key: str, code: int) -> None:
        text = {"Enter": "\r"}.get(key)
        for kind in ("keyDown", "keyUp"):
            extra = {"text": text} if text and kind == "keyDown" else {}
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, **extra)


@contextmanager
def browser(chromium: str, flags: Sequence[str], profile: Path) -> Iterator[Browser]:
    command = [chromium, *flags, f"--user-data-dir={profile}", "--remote-debugging-port=0", "about:blank"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr
        found = next(match for line in process.stderr if (match := re.search(r"ws://(\S+?)/\S+", line)))
        with connect(found.group(0), max_size=None) as root:
            root.send(json.dumps({"id": 1, "method": "Target.getTargets"}))
            targets = json.loads(root.recv(timeout=PATIENCE_SECONDS))["result"]["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        with connect(f"ws://{found.group(1)}/devtools/page/{page}", max_size=None) as socket:
            opened = Browser(socket)
            for domain in ("Page", "Runtime", "Log", "Network"):
                opened.send(f"{domain}.enable")
            yield opened
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_SECONDS)
