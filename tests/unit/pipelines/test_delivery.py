"""Delivery against real local servers: what arrives, who is asked again, and that no secret is told."""

import email
import json
import os
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from assets.reports.weekly import ReportMeta, write_weekly_report
from pipelines.delivery import DELIVERED, DeliveryError, deliver_once, failure_notice, report_notice, send
from sources.home import Home, init_home
from sources.settings.models import DeliveryRule
from tests.unit.assets.reports.small_marts import build_marts

WEEK = date(2026, 11, 9)
HOOK = "HOOK_URL"
SECRET = "T0P-S3CRET"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = init_home(tmp_path_factory.mktemp("home"))
    marts = build_marts(tmp_path_factory.mktemp("marts") / "marts.duckdb")
    write_weekly_report(marts, home.reports / "2026-W46", WEEK, ReportMeta("run-1", "1", "p", "v"))
    return home


@contextmanager
def webhook(monkeypatch: pytest.MonkeyPatch, *answers: int) -> Iterator[list[Any]]:
    """Answers with the given codes in turn, then 200; its address holds a secret, as webhooks do."""
    received: list[Any] = []
    codes = iter(answers)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            received.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(next(codes, 200))
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on stderr."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv(HOOK, f"http://127.0.0.1:{server.server_port}/{SECRET}")
    try:
        yield received
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def mail_server(refuses_login: bool = False) -> Iterator[tuple[int, list[EmailMessage]]]:
    """Just enough SMTP to take a mail."""
    received: list[EmailMessage] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 local\r\n")
            while line := self.rfile.readline():
                word = line.split()[0].upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = iter(self.rfile.readline, b".\r\n")
                    content = b"".join(one[1:] if one.startswith(b"..") else one for one in lines)
                    received.append(email.message_from_bytes(content, policy=default))
                answers = {b"EHLO": b"250-local\r\n250 AUTH PLAIN", b"QUIT": b"221 bye", b"AUTH": b"235 welcome"}
                if refuses_login:
                    answers[b"AUTH"] = b"535 no"
                self.wfile.write(answers.get(word, b"250 fine") + b"\r\n")
                if word == b"QUIT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], received
        server.shutdown()


def hook(to: str, **more: Any) -> DeliveryRule:
    return DeliveryRule.model_validate({"to": to, "webhook_variable": HOOK, **more})


def mail(port: int, **more: Any) -> DeliveryRule:
    return DeliveryRule.model_validate(
        {"to": "email", "host": "127.0.0.1", "port": port, "sender": "a@x.test", "recipients": ["b@x.test"], **more}
    )


def test_slack_gets_figures_and_a_link(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook(monkeypatch) as received:
        (sent,) = send([hook("slack", link="https://reports.example.com/")], report_notice(home, WEEK))
    assert sent.error == ""
    text = received[0]["text"]
    assert text.startswith("*AI unit economics, 2026-W46*\nInference cost: 322.18\n")
    assert text.endswith("\n<https://reports.example.com/2026-W46/weekly.html|Open the report>")


def test_slack_reads_no_markup_in_what_an_error_says(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook(monkeypatch) as received:
        send([hook("slack")], failure_notice("inferledger run", "tenant <!channel> & co"))
    assert "&lt;!channel&gt; &amp; co" in received[0]["text"]


def test_teams_gets_an_adaptive_card(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook(monkeypatch) as received:
        send([hook("teams", link="https://r.example.com")], report_notice(home, WEEK))
    (attachment,) = received[0]["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    assert attachment["content"]["body"][1]["inlines"][0]["text"] == "Inference cost: 322.18"
    assert attachment["content"]["actions"][0]["url"] == "https://r.example.com/2026-W46/weekly.html"


def test_mail_brings_pdf_and_spreadsheet(home: Home) -> None:
    with mail_server() as (port, received):
        (sent,) = send([mail(port)], report_notice(home, WEEK))
    assert sent.error == ""
    (message,) = received
    assert (message["Subject"], message["To"]) == ("AI unit economics, 2026-W46", "b@x.test")
    attached = {part.get_filename(): part.get_content() for part in message.iter_attachments()}
    assert {str(name): content for name, content in attached.items()} == {
        name: (home.reports / "2026-W46" / name).read_bytes() for name in ("weekly.pdf", "weekly.xlsx")
    }


def test_a_receiver_that_is_busy_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    with webhook(monkeypatch, 503, 429) as received:
        (sent,) = send([hook("slack")], failure_notice("run", "x"), waited.append)
    assert (sent.error, len(received), waited) == ("", 3, [1, 4])


def test_a_receiver_that_says_no_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook(monkeypatch, 403) as received:
        (sent,) = send([hook("slack")], failure_notice("run", "x"), lambda _: None)
    assert (sent.error, len(received)) == ("answered 403", 1)


def test_one_that_fails_keeps_no_other_from_its_notice_and_no_secret_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook(monkeypatch) as received, mail_server(refuses_login=True) as (port, _):
        monkeypatch.setenv("SMTP_PASSWORD", SECRET)
        monkeypatch.setenv("SMTP_USER", "user")
        monkeypatch.setenv("GONE", f"http://127.0.0.1:1/{SECRET}")
        monkeypatch.setenv("NO_ADDRESS", SECRET)
        rules = [
            mail(port, user_variable="SMTP_USER", password_variable="SMTP_PASSWORD"),
            hook("slack", webhook_variable="GONE"),
            hook("teams", webhook_variable="NO_ADDRESS"),
            hook("teams", webhook_variable="NOT_SET"),
            hook("slack"),
        ]
        sent = send(rules, failure_notice("run", "x"), lambda _: None)
    assert [bool(one.error) for one in sent] == [True, True, True, True, False]
    assert len(received) == 1
    assert SECRET not in "\n".join(map(str, sent))
    assert "NOT_SET: not set" in sent[3].error


def test_a_receiver_gets_only_what_it_asked_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    with webhook(monkeypatch) as received:
        assert send([hook("slack", of=["failure"])], report_notice(home, WEEK)) == []
    assert received == []


def test_a_week_goes_to_each_receiver_once_and_again_to_who_was_away(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home.reports / DELIVERED).unlink(missing_ok=True)
    rules = [hook("slack"), hook("teams", webhook_variable="AWAY")]
    with webhook(monkeypatch) as received:
        assert [bool(one.error) for one in deliver_once(home, rules, WEEK)] == [False, True]
        monkeypatch.setenv("AWAY", os.environ[HOOK])
        (second,) = deliver_once(home, rules, WEEK)
        assert (second.receiver, second.error) == ("teams $AWAY", "")
        assert deliver_once(home, rules, WEEK) == []
    assert len(received) == 2


def test_a_report_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError, match="inferledger report --week 2026-W46"):
        report_notice(init_home(tmp_path), WEEK)


@pytest.mark.parametrize(
    "rule",
    [
        {"to": "slack"},
        {"to": "email", "host": "x", "sender": "a@x.test"},
        {"to": "email", "host": "x", "sender": "a@x.test", "recipients": ["b@x.test"], "user_variable": "U"},
        {"to": "slack", "webhook_variable": "https://hooks.example.com/secret"},
    ],
)
def test_a_rule_that_cannot_be_followed_is_refused(rule: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="1 validation error"):
        DeliveryRule.model_validate(rule)
